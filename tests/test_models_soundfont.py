"""The soundfont player: pitch, timing, level, and what it says of a file that cannot be played."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Iterator
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
from listening import Pitch, level_db, measure_pitch

from models.errors import GeneratorError, SoundfontError
from models.generator import Samples
from models.instruments import INSTRUMENTS, RANGES, Instrument, Role
from models.soundfont import (
    BLOCK_FRAMES,
    DRUM_CHANNEL,
    SAMPLE_RATE_HZ,
    ChannelSetup,
    SoundfontRenderer,
    TimedNote,
    find_soundfont,
)

NOTE_S = 1.0
SPACING_S = 1.1
CENTS = 10.0
BEATING_CENTS = 15.0


@pytest.fixture(scope="module")
def renderer() -> SoundfontRenderer:
    return SoundfontRenderer()


def _parts() -> Iterator[tuple[str, Role]]:
    for instrument in INSTRUMENTS.values():
        for role in instrument.roles:
            yield instrument.name, role


def _pitches(role: Role) -> list[int]:
    low, high = RANGES[role]
    return list(range(low, high + 1))


def _scale(instrument: Instrument, role: Role) -> list[TimedNote]:
    """One note after the other over the range of a role."""
    return [
        TimedNote(
            start_s=SPACING_S * index,
            end_s=SPACING_S * index + NOTE_S,
            channel=0,
            pitch=pitch + instrument.transpose,
            velocity=100,
        )
        for index, pitch in enumerate(_pitches(role))
    ]


def _note_sound(samples: Samples, index: int) -> Samples:
    """The sound of one note of ``_scale``, after its attack."""
    start_s = SPACING_S * index
    return samples[round((start_s + 0.08) * SAMPLE_RATE_HZ) : round((start_s + NOTE_S) * SAMPLE_RATE_HZ)]


def _heard(samples: Samples, role: Role) -> dict[int, Pitch]:
    return {
        pitch: measure_pitch(_note_sound(samples, index), SAMPLE_RATE_HZ, pitch)
        for index, pitch in enumerate(_pitches(role))
    }


def _wrong_pitches(samples: Samples, role: Role, limit_cents: float) -> dict[int, str]:
    heard = _heard(samples, role)
    return {pitch: str(found) for pitch, found in heard.items() if found.octave != 0 or abs(found.cents) > limit_cents}


@pytest.mark.parametrize(("name", "role"), list(_parts()))
def test_every_instrument_is_in_tune_over_its_range(renderer: SoundfontRenderer, name: str, role: Role) -> None:
    instrument = INSTRUMENTS[name]
    notes = _scale(instrument, role)
    setup = ChannelSetup(channel=0, program=instrument.program)
    samples = renderer.render(notes, [setup], notes[-1].end_s).samples
    assert _wrong_pitches(samples, role, CENTS) == {}


def test_an_organ_that_is_not_transposed_is_heard_an_octave_low(renderer: SoundfontRenderer) -> None:
    note = TimedNote(start_s=0.0, end_s=NOTE_S, channel=0, pitch=64, velocity=100)
    program = INSTRUMENTS["drawbar organ"].program
    samples = renderer.render([note], [ChannelSetup(channel=0, program=program)], NOTE_S).samples
    assert measure_pitch(samples[4000:], SAMPLE_RATE_HZ, 64).octave == -1


def test_a_note_a_quarter_tone_off_is_measured_as_such(renderer: SoundfontRenderer) -> None:
    time_s = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    frequency_hz = 440.0 * 2 ** (50 / 1200)
    tone = sum(np.sin(2 * np.pi * frequency_hz * harmonic * time_s) / harmonic for harmonic in (1, 2, 3, 4))
    samples = np.repeat(np.asarray(tone, dtype=np.float32)[:, None], 2, axis=1)
    assert measure_pitch(samples, SAMPLE_RATE_HZ, 69).cents == pytest.approx(50, abs=0.5)


@pytest.mark.parametrize("name", sorted(INSTRUMENTS))
def test_the_table_holds_each_instruments_loudness(renderer: SoundfontRenderer, name: str) -> None:
    import pyloudnorm

    instrument = INSTRUMENTS[name]
    line = (33, 33, 38, 38, 36, 43, 29, 41) if instrument.roles[0] == "bass" else (60, 62, 64, 67, 69, 72, 76, 72)
    notes = [
        TimedNote(
            start_s=0.5 * index,
            end_s=0.5 * index + 0.45,
            channel=0,
            pitch=pitch + instrument.transpose,
            velocity=90,
        )
        for index, pitch in enumerate(line)
    ]
    samples = renderer.render(notes, [ChannelSetup(channel=0, program=instrument.program)], 4.0).samples
    loudness = pyloudnorm.Meter(SAMPLE_RATE_HZ).integrated_loudness(samples.astype(np.float64))
    assert loudness == pytest.approx(instrument.loudness_lufs, abs=1.0)


def _first_frame(renderer: SoundfontRenderer, start_s: float) -> int:
    """The first frame in which a side stick struck at ``start_s`` is heard."""
    note = TimedNote(start_s=start_s, end_s=start_s + 0.1, channel=DRUM_CHANNEL, pitch=37, velocity=100)
    samples = renderer.render([note], [ChannelSetup(channel=DRUM_CHANNEL)], start_s + 0.2).samples
    return int(np.argmax(np.abs(samples).max(axis=1) > 1e-3))


@pytest.mark.parametrize("frame", [0, 1, 31, 33, 64, 95, 1000, 47999, 48000, 48001, 240031])
def test_a_note_sounds_within_half_a_block_of_its_time(renderer: SoundfontRenderer, frame: int) -> None:
    attack = _first_frame(renderer, 0.0)
    late = _first_frame(renderer, frame / SAMPLE_RATE_HZ) - attack - frame
    assert abs(late) <= BLOCK_FRAMES // 2


def test_a_note_at_the_start_sounds_at_once(renderer: SoundfontRenderer) -> None:
    assert _first_frame(renderer, 0.0) < BLOCK_FRAMES // 2


def test_the_audio_has_the_frames_asked_for(renderer: SoundfontRenderer) -> None:
    assert renderer.render([], [], 0.12345).samples.shape == (round(0.12345 * SAMPLE_RATE_HZ), 2)


def test_the_same_notes_give_the_same_bytes(renderer: SoundfontRenderer) -> None:
    notes = [TimedNote(start_s=0.1 * i, end_s=0.1 * i + 0.3, channel=0, pitch=50 + i, velocity=90) for i in range(12)]
    setup = [ChannelSetup(channel=0, program=49, reverb=90)]
    first, second = (renderer.render(notes, setup, 2.0).samples for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_a_mix_that_would_clip_is_lowered_as_a_whole(renderer: SoundfontRenderer) -> None:
    setups = [ChannelSetup(channel=channel, program=87) for channel in range(3)]
    notes = [
        TimedNote(start_s=0.0, end_s=1.0, channel=channel, pitch=pitch, velocity=127)
        for channel in range(3)
        for pitch in range(36, 56)
    ]
    single = renderer.render(notes[:1], setups, 1.0).samples
    dense = renderer.render(notes, setups, 1.0).samples
    assert 0.1 < np.abs(dense).max() < 0.99
    assert not np.any(np.diff(np.flatnonzero(np.abs(dense[:, 0]) == np.abs(dense).max())) == 1)
    assert np.abs(single).max() > 0.01


def test_a_note_struck_again_is_not_cut_by_the_end_of_the_one_before(renderer: SoundfontRenderer) -> None:
    long = TimedNote(start_s=0.0, end_s=0.6, channel=0, pitch=60, velocity=100)
    again = TimedNote(start_s=0.5, end_s=1.5, channel=0, pitch=60, velocity=100)
    samples = renderer.render([long, again], [ChannelSetup(channel=0, program=16)], 1.5).samples
    late = samples[round(1.2 * SAMPLE_RATE_HZ) : round(1.4 * SAMPLE_RATE_HZ)]
    assert level_db(late) > -40


@pytest.mark.parametrize("duration_s", [0.0, -1.0, float("nan"), 1e6])
def test_a_length_that_cannot_be_made_is_refused(renderer: SoundfontRenderer, duration_s: float) -> None:
    with pytest.raises(GeneratorError, match="seconds cannot be made"):
        renderer.render([], [], duration_s)


def test_a_missing_soundfont_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SoundfontError, match=r"There is no soundfont at .*nothing\.sf2: name an existing"):
        SoundfontRenderer(tmp_path / "nothing.sf2")


def _broken(kind: str) -> bytes:
    bundled = find_soundfont().read_bytes()
    return {
        "empty": b"",
        "text": b"not a soundfont\n" * 100,
        "wav": b"RIFF\x24\x00\x00\x00WAVEfmt ",
        "cut": bundled[: len(bundled) // 2],
    }[kind]


@pytest.mark.parametrize("kind", ["empty", "text", "wav", "cut"])
def test_a_file_that_is_no_soundfont_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "wrong.sf2"
    path.write_bytes(_broken(kind))
    with pytest.raises(SoundfontError, match=r"wrong\.sf2 cannot be played .*use a soundfont in the SF2 format"):
        SoundfontRenderer(path)


def test_a_folder_is_no_soundfont(tmp_path: Path) -> None:
    with pytest.raises(SoundfontError, match="There is no soundfont"):
        find_soundfont(tmp_path)


def test_a_package_without_its_soundfont_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SoundfontError, match=r"TimGM6mb\.sf2 of the package pretty_midi is missing: reinstall"):
        find_soundfont()


def test_a_soundfont_of_the_users_own_is_taken(tmp_path: Path) -> None:
    own = tmp_path / "own.sf2"
    own.write_bytes(find_soundfont().read_bytes())
    assert SoundfontRenderer(own).path == own


def _fluidsynth(notes: list[TimedNote], program: int, folder: Path) -> Samples:
    """The same notes, played by the fluidsynth program."""
    track = mido.MidiTrack([mido.Message("program_change", program=program)])
    for control, value in ((7, 127), (11, 127), (91, 0), (93, 0)):
        track.append(mido.Message("control_change", control=control, value=value))
    last_tick = 0
    for note in notes:
        for time_s, kind in ((note.start_s, "note_on"), (note.end_s, "note_off")):
            tick = round(time_s * 960)
            track.append(mido.Message(kind, note=note.pitch, velocity=note.velocity, time=tick - last_tick))
            last_tick = tick
    source, target = folder / "in.mid", folder / "out.wav"
    mido.MidiFile(type=0, ticks_per_beat=480, tracks=[track]).save(source)
    command = [
        "fluidsynth",
        "-ni",
        "-q",
        "-g",
        "0.5",
        "-F",
        str(target),
        "-r",
        str(SAMPLE_RATE_HZ),
        "-R",
        "0",
        "-C",
        "0",
    ]
    subprocess.run([*command, str(find_soundfont()), str(source)], check=True, capture_output=True, timeout=60)
    samples, rate = soundfile.read(target, dtype="float32", always_2d=True)
    assert rate == SAMPLE_RATE_HZ
    return np.asarray(samples, dtype=np.float32)


@pytest.mark.peer
@pytest.mark.parametrize(("name", "role"), list(_parts()))
def test_fluidsynth_plays_the_same_pitches_and_levels(
    renderer: SoundfontRenderer, tmp_path: Path, name: str, role: Role
) -> None:
    instrument = INSTRUMENTS[name]
    notes = _scale(instrument, role)
    ours = renderer.render(notes, [ChannelSetup(channel=0, program=instrument.program)], notes[-1].end_s).samples
    theirs = _fluidsynth(notes, instrument.program, tmp_path)
    # layers of one sound beat, out of step between the two: single notes may differ, the range as a whole may not
    assert _wrong_pitches(theirs, role, BEATING_CENTS) == {}
    means = [np.mean([found.cents for found in _heard(samples, role).values()]) for samples in (ours, theirs)]
    assert means[1] == pytest.approx(means[0], abs=3.0)
    levels = [level_db(_note_sound(theirs, index)) - level_db(_note_sound(ours, index)) for index in range(len(notes))]
    assert float(np.std(levels)) < 2.0, "the balance over the range"
    assert -1.0 < float(np.mean(levels)) < 4.0, "fluidsynth at gain 0.5 is a little louder"
