"""Composed melodies: tones of the chord where the bar is strong or a note is long, steps between them elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from midi.chance import Chance
from midi.chords import Chord, ChordSpan
from midi.keys import Key
from midi.melody import Note
from midi.pulse import Stroke, Swing, figure_of, pulse_steps, strokes_between
from midi.time import STEPS_PER_BEAT, Beats, TempoMap

LOWEST_PITCH: Final = 60
HIGHEST_PITCH: Final = 84
LONG_BEATS: Final = 0.9
"""A note as long as this is a tone of its chord wherever it begins."""
SHORTEST_BEATS: Final = 0.1
_SAME_PLACE: Final = 1e-6
_LEAP: Final = 9

RHYTHMS: Final = (
    figure_of("X---x-x-X---x---", "X--- x-x-", "X---x-"),
    figure_of("X-x-x---X-x-x---", "X-x- x---", "X-x---"),
    figure_of("X-----x-X-------", "X--- --x-", "X-----"),
    figure_of("..x-x-x-X-------", "..x- x---", "..x-x-"),
    figure_of("X--x--x-X--x--x-", "X--x --x-", "X--x--"),
    figure_of("X-x-X-x-X-x-X-x-", "X-x-", "X-x-x-"),
    figure_of("X-------........ x---x---X-------", "X--- ....", "X-----"),
    figure_of("xxx-x-x-x---....", "xxx- x---", "xxx-x-"),
    figure_of("X---....x-x-x---", "X--- .... x-x-", "X--..."),
    figure_of("X-------X-------", "X--- ---- X---", "X-----"),
    figure_of("x-xxx-xxX---x-..", "x-xx x-..", "x-xx--"),
)


def melody_over(
    chords: Sequence[ChordSpan], key: Key | None, tempo_map: TempoMap, swing: Swing, chance: Chance
) -> tuple[Note, ...]:
    """A melody over chords that cover all of a song; silent where there is no chord.

    Every note lies inside one chord.
    """
    end = chords[-1].end
    strokes = strokes_between(chance.one_of(RHYTHMS), tempo_map, Beats(0.0), end, swing)
    low = chance.one_of((LOWEST_PITCH, 64, 67))
    rests, loudness, touch_range = chance.between(0.0, 0.2), chance.between(66.0, 108.0), chance.between(2.0, 10.0)
    direction, pitch = 1, low + 7
    notes: list[Note] = []
    for stroke in strokes:
        span = _span_at(chords, stroke.start)
        length = min(stroke.end, span.end) - stroke.start
        if span.chord is None or length < SHORTEST_BEATS or chance.happens(rests):
            continue
        direction = -direction if chance.happens(0.3) else direction
        if _is_strong(stroke, tempo_map, swing) or length >= LONG_BEATS or chance.happens(0.3):
            pitch = _chord_tone(span.chord, pitch, direction, low, chance)
        else:
            pitch = _step(_scale(span.chord, key), pitch, direction, low)
        velocity = int(loudness + chance.between(-touch_range, touch_range))
        notes.append(Note(at=Beats(stroke.start), length=Beats(length), pitch=pitch, velocity=velocity))
    return tuple(notes)


def _span_at(chords: Sequence[ChordSpan], at: float) -> ChordSpan:
    return next(span for span in chords if span.end > at + _SAME_PLACE)


def _is_strong(stroke: Stroke, tempo_map: TempoMap, swing: Swing) -> bool:
    """Whether a stroke is on a pulse of its bar."""
    place = tempo_map.bar_at(Beats(stroke.start + _SAME_PLACE))
    at = 0
    for steps in pulse_steps(tempo_map.meter_of(place.bar)):
        if abs(swing.warp(at / STEPS_PER_BEAT) - place.offset) < 1e-3:
            return True
        at += steps
    return False


def _chord_tone(chord: Chord, pitch: int, direction: int, low: int, chance: Chance) -> int:
    """A tone of the chord near the last pitch, by preference further in the line's direction."""
    tones = [one for one in range(low, HIGHEST_PITCH + 1) if one % 12 in chord.pitch_classes]
    ahead = [one for one in tones if 0 <= (one - pitch) * direction <= _LEAP]
    ahead.sort(key=lambda one: abs(one - pitch))
    if not ahead:
        return min(tones, key=lambda one: (abs(one - pitch), one))
    return ahead[min(chance.index(3), len(ahead) - 1)]


def _step(scale: frozenset[int], pitch: int, direction: int, low: int) -> int:
    """The next tone of the scale in a direction; the line turns at the ends of its range."""
    for sign in (direction, -direction):
        for distance in range(1, 5):
            following = pitch + sign * distance
            if low <= following <= HIGHEST_PITCH and following % 12 in scale:
                return following
    return pitch


def _scale(chord: Chord, key: Key | None) -> frozenset[int]:
    """What lies between the tones of a chord: the key's tones, or whole tones above the chord's, without clashes."""
    tones = chord.pitch_classes
    between = frozenset(key.scale) if key else frozenset((tone + 2) % 12 for tone in tones)
    return tones | frozenset(one for one in between if (one - 1) % 12 not in tones)
