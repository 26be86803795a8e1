"""A small arranger: from a chart to the notes that each player plays, in seconds.

Drums and melody are played exactly as given. Comping and bass are made here: the prompt chooses the style,
the seed chooses figures, register and feel. A chord change is struck exactly where it stands; only notes
between changes are swung, or moved by the player's hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from midi.chords import Chord, ChordSpan
from midi.drums import voice_named
from midi.pulse import Stroke, strokes_between, strokes_in_span
from midi.time import Beats
from models.bass import bass_notes, root_pitch
from models.feel import Feel
from models.generator import SketchChart
from models.instruments import Instrument
from models.soundfont import DRUM_CHANNEL, ChannelSetup, TimedNote
from models.style_words import Ensemble, choose_ensemble
from models.voicing import Voicing, voice_chords

COMPING_CHANNEL: Final = 0
BASS_CHANNEL: Final = 1
LEAD_CHANNEL: Final = 2

LOUDNESS_LUFS: Final[Mapping[int, float]] = {COMPING_CHANNEL: -32.0, BASS_CHANNEL: -28.5, LEAD_CHANNEL: -28.0}
"""How loud a plain line is on each channel. Four voices together are 3 LU louder: then the comping stands
just under bass and drums, whose kit plays at full volume."""
PANS: Final[Mapping[int, int]] = {COMPING_CHANNEL: 54, BASS_CHANNEL: 64, LEAD_CHANNEL: 72, DRUM_CHANNEL: 64}
BASS_REVERB: Final = 6
DRUM_REVERB: Final = 18
LEAD_REVERB: Final = 40
DRUM_LENGTH_S: Final = 0.5
"""How long a drum's note is held; its sound rings as long as it does."""
STRUM_AT_CHANGE_S: Final = 0.009
STRUM_S: Final = 0.018
"""Time from the first string to the last."""
THIRD_TOUCH: Final = 10
"""Velocity that the third has more than the rest: in low strings and distortion, the fifth harmonic of the root
makes minor chords sound major."""
COLOUR_TOUCH: Final = -14
"""Velocity that sevenths and tensions have less than the tones of the triad."""
ACCENTS: Final[Mapping[str, int]] = {"X": 12, "o": -22}
"""Velocity that a mark adds; other marks add none."""
REGISTER: Final = (60.0, 67.0)
"""Range of the mean pitch that voicings are drawn to; the seed chooses."""
MIN_NOTE_S: Final = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """Everything that is played, sorted by time, and how its channels sound."""

    notes: tuple[TimedNote, ...]
    channels: tuple[ChannelSetup, ...]


def arrange(chart: SketchChart) -> Arrangement:
    """All parts of a chart, in seconds from ``chart.start``. The same chart always gives the same notes."""
    ensemble = choose_ensemble(chart.prompt)
    players = {
        COMPING_CHANNEL: comping(chart, ensemble),
        BASS_CHANNEL: bass(chart, ensemble),
        LEAD_CHANNEL: lead(chart, ensemble),
        DRUM_CHANNEL: drums(chart),
    }
    notes = [note for part in players.values() for note in part]
    return Arrangement(
        notes=tuple(sorted(notes, key=lambda note: (note.start_s, note.channel, note.pitch))),
        channels=_channels(ensemble),
    )


def drums(chart: SketchChart) -> Iterator[TimedNote]:
    """The drums as given: time and velocity unchanged."""
    for hit in chart.drums:
        start_s = _seconds(chart, hit.at)
        yield TimedNote(
            start_s=start_s,
            end_s=start_s + DRUM_LENGTH_S,
            channel=DRUM_CHANNEL,
            pitch=voice_named(hit.voice).note,
            velocity=hit.velocity,
        )


def lead(chart: SketchChart, ensemble: Ensemble) -> Iterator[TimedNote]:
    """The melody as given, up to the end of the chart."""
    for note in chart.melody:
        yield TimedNote(
            start_s=_seconds(chart, note.at),
            end_s=_seconds(chart, min(note.at + note.length, chart.end)),
            channel=LEAD_CHANNEL,
            pitch=_transposed(note.pitch, ensemble.lead),
            velocity=note.velocity,
        )


def comping(chart: SketchChart, ensemble: Ensemble) -> Iterator[TimedNote]:
    """The chords, voice-led, in one of the style's rhythms."""
    style = ensemble.style
    choice = Feel(chart.seed, "comping choice")
    figure = style.comping_figures[choice.index(len(style.comping_figures))]
    played = _played(chart)
    voicings = voice_chords([chord for _, chord in played], voices=style.voices, register=choice.between(*REGISTER))
    strokes = strokes_between(figure, chart.tempo_map, chart.start, chart.end, style.swing)
    hand = Feel(chart.seed, "comping hand")
    for (span, chord), voicing in zip(played, voicings, strict=True):
        for stroke in strokes_in_span(strokes, span.start, span.end):
            yield from _chord_notes(chart, ensemble, stroke, _touched(chord, voicing), hand)


def bass(chart: SketchChart, ensemble: Ensemble) -> Iterator[TimedNote]:
    """The bass line: the chord's bass note at every change, then the style's figure."""
    style = ensemble.style
    choice = Feel(chart.seed, "bass choice")
    figure = style.bass_figures[choice.index(len(style.bass_figures))]
    strokes = strokes_between(figure, chart.tempo_map, chart.start, chart.end, style.swing)
    hand = Feel(chart.seed, "bass hand")
    played = _played(chart)
    roots = _roots(played)
    for index, (span, chord) in enumerate(played):
        following = _following(played, roots, index)
        line = bass_notes(chord, roots[index], strokes_in_span(strokes, span.start, span.end), following, choice)
        for note in line:
            start_s, end_s = _when(chart, note.stroke, hand)
            yield TimedNote(
                start_s=start_s,
                end_s=end_s,
                channel=BASS_CHANNEL,
                pitch=_transposed(note.pitch, ensemble.bass),
                velocity=hand.touch(style.bass_velocity),
            )


def _played(chart: SketchChart) -> list[tuple[ChordSpan, Chord]]:
    """The spans that hold a chord."""
    return [(span, span.chord) for span in chart.chords if span.chord is not None and span.end > span.start]


def _roots(played: list[tuple[ChordSpan, Chord]]) -> list[int]:
    roots: list[int] = []
    for _, chord in played:
        roots.append(root_pitch(chord, roots[-1] if roots else 36))
    return roots


def _following(played: list[tuple[ChordSpan, Chord]], roots: list[int], index: int) -> tuple[Chord, int] | None:
    """The chord that begins where this one ends, and its root; the song's first chord after the last one."""
    if index + 1 == len(played):
        return None
    (here, _), (there, chord) = played[index], played[index + 1]
    return (chord, roots[index + 1]) if there.start == here.end else None


def _chord_notes(
    chart: SketchChart, ensemble: Ensemble, stroke: Stroke, voices: Mapping[int, int], hand: Feel
) -> Iterator[TimedNote]:
    """One stroke of the comping: all voices (pitch to extra velocity) together, or strummed from the lowest."""
    style = ensemble.style
    start_s, end_s = _when(chart, stroke, hand)
    roll_s = (STRUM_AT_CHANGE_S if stroke.downbeat else STRUM_S) if style.strum else 0.0
    velocity = style.comping_velocity + ACCENTS.get(stroke.mark, 0)
    for index, (pitch, touch) in enumerate(voices.items()):
        string_s = start_s + roll_s * index / max(1, len(voices) - 1)
        yield TimedNote(
            start_s=string_s,
            end_s=max(end_s, string_s + MIN_NOTE_S),
            channel=COMPING_CHANNEL,
            pitch=_transposed(pitch, ensemble.comping),
            velocity=hand.touch(velocity + touch),
        )


def _touched(chord: Chord, voicing: Voicing) -> dict[int, int]:
    """Each pitch of a voicing, rising, with the velocity that it has more or less than the root."""
    touches = {}
    for pitch in sorted(set(voicing)):
        interval = (pitch - chord.root) % 12
        if interval in (3, 4) and interval in chord.quality.intervals:
            touches[pitch] = THIRD_TOUCH
        else:
            in_triad = interval < 9 and interval in chord.quality.intervals
            touches[pitch] = 0 if in_triad else COLOUR_TOUCH
    return touches


def _when(chart: SketchChart, stroke: Stroke, hand: Feel) -> tuple[float, float]:
    """Start and end of a stroke in seconds: exact at a chord change, else where the hand puts it."""
    shift_s = 0.0 if stroke.downbeat else hand.shift_s()
    start_s = _seconds(chart, stroke.start) + shift_s
    return start_s, max(_seconds(chart, stroke.end), start_s + MIN_NOTE_S)


def _seconds(chart: SketchChart, beat: float) -> float:
    return max(0.0, chart.tempo_map.seconds_between(chart.start, Beats(beat)))


def _transposed(pitch: int, instrument: Instrument) -> int:
    return min(127, max(0, pitch + instrument.transpose))


def _channels(ensemble: Ensemble) -> tuple[ChannelSetup, ...]:
    parts = (
        (COMPING_CHANNEL, ensemble.comping, ensemble.style.reverb),
        (BASS_CHANNEL, ensemble.bass, BASS_REVERB),
        (LEAD_CHANNEL, ensemble.lead, max(LEAD_REVERB, ensemble.style.reverb)),
    )
    players = tuple(
        ChannelSetup(
            channel=channel,
            program=instrument.program,
            volume=volume_for(LOUDNESS_LUFS[channel] - instrument.loudness_lufs),
            pan=PANS[channel],
            reverb=reverb,
        )
        for channel, instrument, reverb in parts
    )
    kit = ChannelSetup(channel=DRUM_CHANNEL, pan=PANS[DRUM_CHANNEL], reverb=DRUM_REVERB)
    return (*players, kit)


def volume_for(gain_db: float) -> int:
    """The volume controller for a gain of at most 0 dB: the gain is the square of the controller's share of 127."""
    return min(127, max(1, round(127 * 10 ** (gain_db / 40))))
