"""The instruments of the sketch engine: one table, from a name to a General MIDI program.

Ranges are what an instrument is used in here; its pitch is checked over that range. ``transpose`` brings
instruments that sound an octave low (organs with a 16-foot stop) back to the written pitch. ``loudness_lufs``
is the loudness of a plain line at velocity 90 and full volume, measured with the bundled soundfont; it is what
brings all instruments to one level. Some programs are left out, or stand in for each other, because the
bundled soundfont has them up to 24 cents off: the flute is played by program 72, pads by 95.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Role = Literal["comping", "bass", "lead"]

COMPING_RANGE: Final = (52, 76)
BASS_RANGE: Final = (28, 50)
LEAD_RANGE: Final = (60, 84)
RANGES: Final[Mapping[Role, tuple[int, int]]] = {
    "comping": COMPING_RANGE,
    "bass": BASS_RANGE,
    "lead": LEAD_RANGE,
}
"""The pitches, both included, that each role is written in (a given melody goes where it goes)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One instrument: its program (from 0), the roles it can take, and the prompt phrases that ask for it.

    ``home`` is the style that it brings when the prompt names no style; ``family`` answers to a general
    word (``guitar``) when a style already plays one of them.
    """

    name: str
    program: int
    roles: tuple[Role, ...]
    phrases: tuple[str, ...] = ()
    loudness_lufs: float
    home: str = "pop"
    family: str = ""
    transpose: int = 0


def _keys(
    name: str,
    program: int,
    phrases: str,
    *,
    home: str,
    family: str,
    loudness_lufs: float,
    transpose: int = 0,
    roles: tuple[Role, ...] = ("comping",),
) -> Instrument:
    return Instrument(
        name=name,
        program=program,
        roles=roles,
        phrases=_phrases(phrases),
        home=home,
        family=family,
        transpose=transpose,
        loudness_lufs=loudness_lufs,
    )


def _bass(name: str, program: int, phrases: str, loudness_lufs: float) -> Instrument:
    return Instrument(
        name=name,
        program=program,
        roles=("bass",),
        phrases=_phrases(phrases),
        family="bass",
        loudness_lufs=loudness_lufs,
    )


def _lead(name: str, program: int, phrases: str, loudness_lufs: float) -> Instrument:
    return Instrument(
        name=name,
        program=program,
        roles=("lead",),
        phrases=_phrases(phrases),
        family="lead",
        loudness_lufs=loudness_lufs,
    )


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in text.split(",") if phrase.strip())


_TABLE: Final = (
    Instrument(
        name="piano",
        program=0,
        roles=("comping", "bass"),
        phrases=_phrases("piano, pianos, grand piano, acoustic piano, upright piano"),
        home="ballad",
        family="keys",
        loudness_lufs=-31.1,
    ),
    _keys(
        "electric piano",
        4,
        "electric piano, e piano, epiano, rhodes, fender rhodes, ep",
        home="soul",
        family="keys",
        loudness_lufs=-24.1,
    ),
    _keys("fm piano", 5, "fm piano, dx7, wurlitzer, wurli", home="pop", family="keys", loudness_lufs=-28.8),
    _keys("clavinet", 7, "clavinet, clav", home="funk", family="keys", loudness_lufs=-26.8),
    _keys("harpsichord", 6, "harpsichord", home="orchestral", family="keys", loudness_lufs=-29.7),
    _keys(
        "vibraphone",
        11,
        "vibraphone, vibes",
        home="jazz",
        family="keys",
        loudness_lufs=-22.4,
        roles=("comping", "lead"),
    ),
    _keys(
        "drawbar organ",
        16,
        "organ, hammond, drawbar organ, b3",
        home="soul",
        family="organ",
        loudness_lufs=-25.5,
        transpose=12,
    ),
    _keys("reed organ", 20, "harmonium, reed organ", home="folk", family="organ", loudness_lufs=-24.3),
    _keys(
        "nylon guitar",
        24,
        "nylon guitar, classical guitar, spanish guitar",
        home="bossa",
        family="guitar",
        loudness_lufs=-26.4,
    ),
    _keys(
        "steel guitar",
        25,
        "acoustic guitar, acoustic guitars, steel guitar",
        home="folk",
        family="guitar",
        loudness_lufs=-29.5,
    ),
    _keys("jazz guitar", 26, "jazz guitar, hollow body guitar", home="jazz", family="guitar", loudness_lufs=-26.1),
    _keys(
        "clean guitar",
        27,
        "electric guitar, electric guitars, clean guitar",
        home="pop",
        family="guitar",
        loudness_lufs=-31.7,
    ),
    _keys(
        "muted guitar",
        28,
        "muted guitar, palm muted guitar, funk guitar, rhythm guitar",
        home="funk",
        family="guitar",
        loudness_lufs=-29.3,
    ),
    _keys(
        "overdriven guitar",
        29,
        "overdriven guitar, distorted guitar, distorted guitars, power chords",
        home="rock",
        family="guitar",
        loudness_lufs=-26.6,
    ),
    _keys(
        "strings",
        49,
        "strings, string section, string ensemble",
        home="orchestral",
        family="strings",
        loudness_lufs=-27.6,
    ),
    _keys(
        "pizzicato strings",
        45,
        "pizzicato, pizzicato strings, plucked strings",
        home="pop",
        family="strings",
        loudness_lufs=-29.9,
    ),
    _keys("synth strings", 50, "synth strings", home="ambient", family="synth", loudness_lufs=-28.0),
    _keys("harp", 46, "harp", home="ballad", family="keys", loudness_lufs=-22.3),
    _keys("choir", 53, "choir, voices, choral", home="ambient", family="pad", loudness_lufs=-26.1),
    _keys(
        "brass",
        61,
        "brass, horns, horn section",
        home="soul",
        family="brass",
        loudness_lufs=-30.1,
        roles=("comping", "lead"),
    ),
    _keys("synth", 62, "synth, synths, synthesizer, polysynth", home="electronic", family="synth", loudness_lufs=-25.0),
    _keys("saw synth", 87, "supersaw, saw synth", home="electronic", family="synth", loudness_lufs=-23.7),
    _keys(
        "sweep pad",
        95,
        "pad, pads, sweep pad, warm pad, synth pad, synth pads",
        home="ambient",
        family="pad",
        loudness_lufs=-30.6,
    ),
    _bass("upright bass", 32, "upright bass, double bass, acoustic bass, contrabass", -27.9),
    _bass("finger bass", 33, "electric bass, bass guitar, finger bass", -26.3),
    _bass("pick bass", 34, "pick bass, picked bass", -27.9),
    _bass("fretless bass", 35, "fretless bass, fretless", -26.1),
    _bass("slap bass", 36, "slap bass, slapped bass", -26.6),
    _bass("synth bass", 38, "synth bass, analog bass, moog bass", -26.6),
    _bass("sub bass", 39, "sub bass, deep bass, 808 bass, 808", -26.5),
    _bass("low strings", 43, "cellos and basses, low strings", -25.5),
    _lead("trumpet", 56, "trumpet", -26.1),
    _lead("muted trumpet", 59, "muted trumpet, harmon mute", -30.6),
    _lead("saxophone", 66, "saxophone, sax, tenor sax, alto sax", -25.5),
    _lead("clarinet", 71, "clarinet", -24.6),
    _lead("flute", 72, "flute", -24.0),
    _lead("pan flute", 75, "pan flute, panpipes", -26.1),
    _lead("violin", 40, "violin, fiddle", -23.5),
    _lead("cello", 42, "cello", -22.0),
    _lead("square lead", 80, "square lead, chip, chiptune", -23.5),
    _lead("saw lead", 81, "synth lead, lead synth, saw lead", -24.3),
)

INSTRUMENTS: Final[Mapping[str, Instrument]] = {instrument.name: instrument for instrument in _TABLE}
"""Every instrument by its name."""

GENERAL_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "guitar": ("guitar", "clean guitar"),
    "guitars": ("guitar", "clean guitar"),
    "keys": ("keys", "electric piano"),
    "keyboard": ("keys", "electric piano"),
}
"""Words for a family: the family, and its member that plays where the style plays none of them."""
