"""A soundfont player: timed notes in, audio out.

The notes go through a MIDI file into the `rustysynth` synthesizer (package ``midirenderer``), which needs
no system library and renders the same bytes for the same input. It plays 48 kHz in 16 bits, and starts
notes only at multiples of 64 frames: a note sounds within 32 frames (0.67 ms) of its time.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import midirenderer
import mido
import numpy as np
import soundfile

from models.errors import GeneratorError, SoundfontError
from models.generator import Samples, Waveform
from models.soundfont_file import find_soundfont

SAMPLE_RATE_HZ: Final = 48000
"""The only rate that the renderer plays at."""
BLOCK_FRAMES: Final = 64
"""Events take effect at multiples of this many frames."""
DRUM_CHANNEL: Final = 9
"""General MIDI's percussion channel, counted from 0."""
MAX_RENDER_S: Final = 1800.0
"""Longest audio that one call makes."""

_TICKS_PER_BEAT: Final = 24000  # at 120 a minute one tick is a frame of 48 kHz
_PEAK_LIMIT: Final = 0.99  # the renderer cuts at full scale: a render that comes this near is made again, quieter
_EXPRESSIONS: Final = (127, 64, 32, 16, 8)  # steps of about 12 dB: gain follows the square of the controller


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedNote:
    """A note in seconds from the start of the audio: MIDI channel (from 0), pitch, and velocity from 1 to 127."""

    start_s: float
    end_s: float
    channel: int
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSetup:
    """How a MIDI channel sounds: General MIDI program (from 0), and controllers from 0 to 127.

    The gain of ``volume`` is ``(volume / 127) ** 2``; a ``pan`` of 64 is the middle.
    """

    channel: int
    program: int = 0
    volume: int = 127
    pan: int = 64
    reverb: int = 0


class SoundfontRenderer:
    """Plays notes with a soundfont that it keeps in memory."""

    def __init__(self, soundfont: Path | None = None) -> None:
        """Read and try the soundfont (None: the bundled one). Raises ``SoundfontError``."""
        self.path = find_soundfont(soundfont)
        try:
            self._soundfont = self.path.read_bytes()
        except OSError as error:
            raise SoundfontError(f"The soundfont {self.path} cannot be read: {error.strerror}.") from error
        try:
            midirenderer.render_wave_from(self._soundfont, _midi_bytes((), (), 0.01, expression=127))
        except RuntimeError as error:
            raise SoundfontError(
                f"{self.path} cannot be played ({str(error)[:200]}): use a soundfont in the SF2 format; "
                "compressed ones (.sf3, .sfz) are not read."
            ) from error

    def render(self, notes: Iterable[TimedNote], channels: Sequence[ChannelSetup], duration_s: float) -> Waveform:
        """Audio of ``duration_s`` seconds: stereo at 48 kHz, every sample below full scale.

        A mix that would pass full scale is lowered as a whole, by steps of about 12 dB, and stays lowered.
        Notes of one pitch on one channel end where the next one begins. At most 64 voices sound at a time;
        beyond that the synthesizer drops the quietest. Raises ``GeneratorError``.
        """
        if not 0 < duration_s <= MAX_RENDER_S:
            raise GeneratorError(
                f"Audio of {duration_s:g} seconds cannot be made: ask for more than 0 and at most {MAX_RENDER_S:g}."
            )
        played = _without_overlaps(notes)
        frames = round(duration_s * SAMPLE_RATE_HZ)
        samples: Samples = np.zeros((0, 2), dtype=np.float32)
        for expression in _EXPRESSIONS:
            samples = self._render_once(_midi_bytes(played, channels, duration_s, expression=expression), frames)
            if max(float(samples.max(initial=0.0)), -float(samples.min(initial=0.0))) < _PEAK_LIMIT:
                break
        return Waveform(samples=samples, sample_rate_hz=SAMPLE_RATE_HZ)

    def _render_once(self, midi: bytes, frames: int) -> Samples:
        try:
            wav = midirenderer.render_wave_from(self._soundfont, midi)
        except RuntimeError as error:
            raise GeneratorError(f"The synthesizer failed: {error}. Try another soundfont.") from error
        audio: Samples = soundfile.read(io.BytesIO(wav), dtype="float32", always_2d=True)[0]
        if len(audio) == frames:
            return audio
        samples = np.zeros((frames, 2), dtype=np.float32)
        length = min(frames, audio.shape[0])
        samples[:length] = audio[:length]
        return samples


def _without_overlaps(notes: Iterable[TimedNote]) -> list[TimedNote]:
    """The notes by start; where one pitch is struck again while it sounds, the earlier note ends there."""
    ordered = sorted(notes, key=lambda note: (note.start_s, note.channel, note.pitch))
    following: dict[tuple[int, int], float] = {}
    played: list[TimedNote] = []
    for note in reversed(ordered):
        key = (note.channel, note.pitch)
        end_s = min(note.end_s, following.get(key, note.end_s))
        following[key] = note.start_s
        played.append(replace(note, end_s=end_s) if end_s != note.end_s else note)
    played.reverse()
    return played


def _midi_bytes(
    notes: Sequence[TimedNote], channels: Sequence[ChannelSetup], duration_s: float, *, expression: int
) -> bytes:
    """A format 0 file at 120 quarter notes a minute that lasts ``duration_s``; note-offs before note-ons."""
    file = mido.MidiFile(type=0, ticks_per_beat=_TICKS_PER_BEAT)
    track = mido.MidiTrack()
    file.tracks.append(track)
    for setup in channels:
        track.extend(_setup_messages(setup, expression))
    last_tick = 0
    for tick, message in sorted(_note_messages(notes), key=lambda pair: (pair[0], pair[1].type == "note_on")):
        message.time = tick - last_tick
        track.append(message)
        last_tick = tick
    length = max(0, round(duration_s * SAMPLE_RATE_HZ) - last_tick)
    track.append(mido.MetaMessage("end_of_track", time=length))
    data = io.BytesIO()
    file.save(file=data)
    return data.getvalue()


def _setup_messages(setup: ChannelSetup, expression: int) -> list[mido.Message]:
    """Every controller that colours the sound is set, so that nothing hangs on the synthesizer's defaults."""
    controllers = {7: setup.volume, 10: setup.pan, 11: expression, 91: setup.reverb, 93: 0}
    return [
        mido.Message("program_change", channel=setup.channel, program=setup.program),
        *(
            mido.Message("control_change", channel=setup.channel, control=control, value=value)
            for control, value in controllers.items()
        ),
    ]


def _note_messages(notes: Iterable[TimedNote]) -> Iterable[tuple[int, mido.Message]]:
    for note in notes:
        start_tick = _block_tick(note.start_s)
        end_tick = max(_block_tick(note.end_s), start_tick + BLOCK_FRAMES)
        values = {"channel": note.channel, "note": note.pitch}
        yield start_tick, mido.Message("note_on", velocity=note.velocity, **values)
        yield end_tick, mido.Message("note_off", velocity=0, **values)


def _block_tick(time_s: float) -> int:
    """The tick that makes an event take effect in the block nearest to ``time_s``.

    The synthesizer applies an event at the first block that begins at or after it: half a block earlier
    is the same block, clear of rounding.
    """
    block = round(time_s * SAMPLE_RATE_HZ / BLOCK_FRAMES)
    return max(0, block * BLOCK_FRAMES - BLOCK_FRAMES // 2)
