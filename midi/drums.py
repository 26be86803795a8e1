"""Drums: voices, hits, and the sixteenth-note grid notation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import count
from typing import Final

from midi.chord_syntax import quoted
from midi.errors import PatternError, VoiceError
from midi.time import Beats, Meter, TempoMap

MAX_STEPS: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A drum voice: its name, the General MIDI note it is played with, every note that means it, other grid names."""

    name: str
    note: int
    notes: tuple[int, ...]
    aliases: tuple[str, ...] = ()


def _voice(name: str, notes: str, aliases: str = "") -> Voice:
    numbers = tuple(int(number) for number in notes.split())
    return Voice(name=name, note=numbers[0], notes=numbers, aliases=tuple(aliases.split()))


VOICES: Final[tuple[Voice, ...]] = (
    _voice("kick", "36 35", "bd bass_drum kd"),
    _voice("snare", "38 40", "sd sn"),
    _voice("sidestick", "37", "rim rimshot side_stick ss"),
    _voice("clap", "39", "cp hand_clap handclap"),
    _voice("closed_hat", "42", "hat hihat hi_hat hh chh ch closed_hihat"),
    _voice("pedal_hat", "44", "phh foot_hat pedal_hihat"),
    _voice("open_hat", "46", "ohh oh open_hihat"),
    _voice("low_tom", "45 41 43", "tom3 floor_tom lt"),
    _voice("mid_tom", "47 48", "tom2 tom mt"),
    _voice("high_tom", "50", "tom1 hi_tom ht"),
    _voice("crash", "49 57", "cr cc crash_cymbal"),
    _voice("ride", "51 59", "rd rc ride_cymbal"),
    _voice("ride_bell", "53", "bell rb"),
    _voice("china", "52", "chinese_cymbal"),
    _voice("splash", "55", "sp"),
    _voice("tambourine", "54", "tamb"),
    _voice("cowbell", "56", "cb"),
    _voice("vibraslap", "58"),
    _voice("high_bongo", "60", "bongo hi_bongo"),
    _voice("low_bongo", "61"),
    _voice("mute_conga", "62"),
    _voice("high_conga", "63", "conga open_conga hi_conga"),
    _voice("low_conga", "64"),
    _voice("high_timbale", "65", "timbale"),
    _voice("low_timbale", "66"),
    _voice("high_agogo", "67", "agogo"),
    _voice("low_agogo", "68"),
    _voice("cabasa", "69"),
    _voice("shaker", "70 82", "maracas shk"),
    _voice("whistle", "72 71"),
    _voice("guiro", "74 73"),
    _voice("claves", "75", "clave"),
    _voice("woodblock", "76 77", "wood_block"),
    _voice("cuica", "79 78"),
    _voice("triangle", "81 80"),
)
"""Every voice: General MIDI's percussion key map, the first note of each row being the one that is played."""

_BY_NAME: Final[Mapping[str, Voice]] = {name: voice for voice in VOICES for name in (voice.name, *voice.aliases)}
_BY_NOTE: Final[Mapping[int, Voice]] = {note: voice for voice in VOICES for note in voice.notes}


def voice_named(text: str) -> Voice:
    """The voice of a name or alias; case, spaces and hyphens do not matter. Raises ``VoiceError``."""
    name = text.strip().lower().replace(" ", "_").replace("-", "_")
    if name in _BY_NAME:
        return _BY_NAME[name]
    near = get_close_matches(name[:32], _BY_NAME, n=1)
    names = ", ".join(voice.name for voice in VOICES)
    advice = f"did you mean {_BY_NAME[near[0]].name}?" if near else f"voices are {names}."
    raise VoiceError(f"{quoted(text)} is not a drum voice; {advice}")


def voice_of_note(gm_note: int) -> Voice:
    """The voice that a General MIDI percussion note means. Raises ``VoiceError`` for a note without one."""
    if gm_note not in _BY_NOTE:
        raise VoiceError(
            f"{gm_note} is not a General MIDI percussion note: they go from {min(_BY_NOTE)} to {max(_BY_NOTE)}; "
            "36 is the kick, 38 the snare, 42 the closed hi-hat."
        )
    return _BY_NOTE[gm_note]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrumHit:
    """One stroke: a voice name of the ``VOICES`` table, and a MIDI velocity from 1 to 127."""

    at: Beats
    voice: str
    velocity: int


# The grid

STEP_VELOCITIES: Final[Mapping[str, int]] = {"X": 120, "x": 96, "o": 48, ".": 0}
"""The grid's characters and their velocities; 0 is a rest."""

_STEPS: Final[Mapping[str, int]] = {**STEP_VELOCITIES, "-": 0}
_IGNORED: Final = frozenset(" \t\r\n|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A voice's steps of one sixteenth each, as velocities; 0 is a rest."""

    voice: str
    steps: tuple[int, ...]

    @property
    def text(self) -> str:
        """The grid; a velocity that has no character of its own is written with the nearest."""
        return "".join(_step_character(velocity) for velocity in self.steps)


def _step_character(velocity: int) -> str:
    if velocity == 0:
        return "."
    return min("Xxo", key=lambda character: abs(STEP_VELOCITIES[character] - velocity))


def parse_steps(voice: str, text: str) -> tuple[int, ...]:
    """Read a grid's characters as velocities, whatever their number.

    ``X`` is an accent, ``x`` a hit, ``o`` a ghost note, ``.`` or ``-`` a rest; blanks and ``|`` are free.
    Raises ``PatternError``, which names the voice and the character.
    """
    steps: list[int] = []
    for place, character in enumerate(text, start=1):
        if character in _IGNORED:
            continue
        if character not in _STEPS:
            raise PatternError(
                f"The {voice} pattern has {quoted(character)} at character {place}: write X for an accent, x for "
                "a hit, o for a ghost note and . for a rest."
            )
        steps.append(_STEPS[character])
        if len(steps) > MAX_STEPS:
            raise PatternError(f"The {voice} pattern has more than {MAX_STEPS} steps: send a shorter one, it repeats.")
    return tuple(steps)


def parse_pattern(voice: str, text: str, tempo_map: TempoMap) -> Pattern:
    """Read a grid such as ``x...x...x...x...`` for a voice: whole bars, counted from bar 1 of the meter map.

    Raises ``VoiceError`` for an unknown voice and ``PatternError`` for the grid.
    """
    name = voice_named(voice).name
    pattern = Pattern(voice=name, steps=parse_steps(name, text))
    pattern_bars(pattern, tempo_map)
    return pattern


def pattern_bars(pattern: Pattern, tempo_map: TempoMap) -> tuple[tuple[int, ...], ...]:
    """The pattern's steps bar by bar, under the meters of bar 1 and on.

    Raises ``PatternError`` when they are not whole bars.
    """
    total = len(pattern.steps)
    bars: list[tuple[int, ...]] = []
    start = 0
    for bar in count(1):
        end = start + tempo_map.meter_of(bar).steps
        if end > total:
            break
        bars.append(pattern.steps[start:end])
        start = end
    if start != total or not bars:
        raise PatternError(_wrong_length(pattern, len(bars), start, end, tempo_map))
    return tuple(bars)


def _wrong_length(pattern: Pattern, whole_bars: int, below: int, above: int, tempo_map: TempoMap) -> str:
    """Says the count, the meters it was counted under, and the lengths next to it that would fit."""
    meters: list[Meter] = []
    for bar in range(1, whole_bars + 2):
        meter = tempo_map.meter_of(bar)
        if not meters or meters[-1] != meter:
            meters.append(meter)
    wanted = f"{below} or {above}" if below else str(above)
    shown = ", ".join(str(meter) for meter in meters[:4]) + (" ..." if len(meters) > 4 else "")
    sixteenths = ", ".join(f"{meter.steps} to a bar of {meter}" for meter in dict.fromkeys(meters[:4]))
    return (
        f"The {pattern.voice} pattern has {len(pattern.steps)} steps, which are no whole bars of {shown} "
        f"({sixteenths}): send {wanted} steps."
    )
