"""The styles of the sketch engine: one table of what each plays, and the rhythm figures it is made of.

The figures are written as ``midi.pulse`` explains. Bass figures name degrees: ``r`` the root (or the
slash bass), ``3``, ``5``, ``7`` and ``8`` the chord tone nearest to that degree, ``w`` the next tone of a
walking line, ``a`` a short approach to the next chord.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from midi.pulse import STRAIGHT, Figure, Swing, figure_of

SHUFFLE: Final = Swing(unit=1.0, share=0.64)
LAZY_SIXTEENTHS: Final = Swing(unit=0.5, share=0.57)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What a style plays: instruments by name, figures to choose from, and how it sounds.

    ``reverb`` is a MIDI controller value for the comping; ``strum`` rolls chords like a plectrum;
    ``voices`` is the number of comping notes.
    """

    name: str
    phrases: tuple[str, ...]
    comping: str
    bass: str
    lead: str
    comping_figures: tuple[Figure, ...]
    bass_figures: tuple[Figure, ...]
    swing: Swing = STRAIGHT
    reverb: int = 30
    strum: bool = False
    voices: int = 4
    comping_velocity: int = 78
    bass_velocity: int = 88


# Comping

BLOCKS = figure_of("X-------x-------", "X--- ----", "X-----")
BALLAD_QUARTERS = figure_of("X---x---x---x---", "X--- x---", "X-x-x-")
BALLAD_PUSH = figure_of("X-----x-x---x---", "X--- x---", "X---x-")
POP_EIGHTHS = figure_of("X-----x-----x---", "X--- x-x-", "X---x-")
POP_PUSH = figure_of("X---x-----x-x---", "X--- x---", "X-x---")
CHARLESTON = figure_of("X-....x-........ ..X-..........x.", "X-.. ..x.", "X-..x.")
FOUR_TO_THE_BAR = figure_of("x-..X-..x-..X-..", "x-.. X-..", "x-..X.")
BOSSA_CLAVE = figure_of("X-.X..x-..X-..x. ..X-..x-..X-..x.", "X-.. ..x-", "X-.x-.")
BOSSA_PUSH = figure_of("X-..x-.X-.x-..x.", "X-.x ..x.", "X-.x-.")
CHANK = figure_of("X.o.o.X.o.oXo.o.", "X.oo x.oX", "X.oox.")
SCRATCH = figure_of("X..x..o.oX..x.o.", "X.o. .xo.", "X.oX.o")
ROCK_EIGHTHS = figure_of("X-x-x-x-X-x-x-x-", "X-x- x-x-", "X-x-x-")
ROCK_PUNCH = figure_of("X-----x-X-----x-", "X--- x-x-", "X---x-")
OFFBEAT_STABS = figure_of("..X...x...X...x.", "..x.", "..x.x.")
STABS = figure_of("X..x..x...X..x..", "X..x ..x.", "X..x..")
HELD = figure_of("----------------", "----", "------")
BOWED = figure_of("X---------------", "X--- ----", "X-----")
BOWED_HALVES = figure_of("X-------x-------", "X--- ---- x---", "X-----")
SKANK = figure_of("....X.......X...", "..X.", "..X...")
SKANK_EIGHTHS = figure_of("..X...X...X...X.", "..X.", "..X.X.")
STRUM = figure_of("X---x-x---x-x-x-", "X--- x-x-", "X-x-x-")
STRUM_PLAIN = figure_of("X---x-x-X---x-x-", "X-x-", "X---x-")
SOUL_PUSH = figure_of("X-----.x--..x---", "X--. .x--", "X--.x-")
SOUL_HALVES = figure_of("X---------x-x---", "X--- --x-", "X---x-")
LOFI = figure_of("X-------..x-----", "X--- ..x-", "X---.x")

# Bass

ROOTS = figure_of("r---------------", "r--- ----", "r-----")
ROOT_AND_FIFTH = figure_of("r-------5-------", "r--- 5---", "r-----")
TWO_BEAT = figure_of("r---..r.5---..5.", "r--- 5---", "r---5-")
POP_BASS = figure_of("r-----r-r-----5-", "r--- r-5-", "r---5-")
POP_BASS_EIGHTHS = figure_of("r-r-r-r-r-r-5-8-", "r-r- r-5-", "r-r-5-")
WALK = figure_of("r---w---w---w-a-", "r--- w---", "r-w-w-")
BOSSA_BASS = figure_of("r-----5-5-----r-", "r--5", "r--5-r")
FUNK_BASS = figure_of("r-.r..8.r..7..8.", "r-.8 r..5", "r-.8.r")
FUNK_BASS_SPARSE = figure_of("r--.....r.8..r5.", "r-.. r.8.", "r--.8.")
EIGHTHS_BASS = figure_of("r-r-r-r-r-r-r-r-", "r-r-", "r-r-r-")
OFFBEAT_BASS = figure_of("r.r-..r-..r-..8-", "r.r-", "r.r-r-")
OCTAVES_BASS = figure_of("r-8-r-8-r-8-r-8-", "r-8-", "r-8-r-")
REGGAE_BASS = figure_of("r--.r-.5--..8-5-", "r--. r.5-", "r--.5-")
SOUL_BASS = figure_of("r--.....r-5-8--.", "r--. r-5-", "r--.5-")
LOFI_BASS = figure_of("r-----..r---5-..", "r--- 5-..", "r---5-")


_TABLE: Final = (
    Style(
        name="pop",
        phrases=("pop", "synthpop", "synth pop", "indie", "r&b pop", "city pop"),
        comping="fm piano",
        bass="finger bass",
        lead="flute",
        comping_figures=(POP_EIGHTHS, POP_PUSH, BALLAD_QUARTERS),
        bass_figures=(POP_BASS, ROOT_AND_FIFTH, POP_BASS_EIGHTHS),
    ),
    Style(
        name="ballad",
        phrases=("ballad", "piano ballad", "slow", "solo piano", "gentle", "romantic", "lullaby"),
        comping="piano",
        bass="piano",
        lead="violin",
        comping_figures=(BALLAD_QUARTERS, BALLAD_PUSH, BLOCKS),
        bass_figures=(ROOTS, ROOT_AND_FIFTH),
        reverb=50,
        comping_velocity=72,
        bass_velocity=112,
    ),
    Style(
        name="jazz",
        phrases=("jazz", "jazzy", "swing", "jazz trio", "bebop", "big band", "blues", "shuffle"),
        comping="piano",
        bass="upright bass",
        lead="saxophone",
        comping_figures=(CHARLESTON, FOUR_TO_THE_BAR),
        bass_figures=(WALK,),
        swing=SHUFFLE,
        reverb=25,
        comping_velocity=80,
    ),
    Style(
        name="bossa",
        phrases=("bossa", "bossa nova", "samba", "latin", "brazilian"),
        comping="nylon guitar",
        bass="upright bass",
        lead="flute",
        comping_figures=(BOSSA_CLAVE, BOSSA_PUSH),
        bass_figures=(BOSSA_BASS,),
        reverb=30,
    ),
    Style(
        name="funk",
        phrases=("funk", "funky", "disco", "groove"),
        comping="clavinet",
        bass="slap bass",
        lead="brass",
        comping_figures=(CHANK, SCRATCH),
        bass_figures=(FUNK_BASS, FUNK_BASS_SPARSE),
        swing=LAZY_SIXTEENTHS,
        reverb=12,
        comping_velocity=84,
        bass_velocity=96,
    ),
    Style(
        name="rock",
        phrases=("rock", "punk", "metal", "grunge", "hard rock", "indie rock", "punk rock", "alternative"),
        comping="overdriven guitar",
        bass="pick bass",
        lead="saw lead",
        comping_figures=(ROCK_EIGHTHS, ROCK_PUNCH),
        bass_figures=(EIGHTHS_BASS,),
        reverb=20,
        comping_velocity=80,
        bass_velocity=82,
    ),
    Style(
        name="electronic",
        phrases=("electronic", "house", "deep house", "techno", "edm", "dance", "trance", "synthwave", "drum and bass"),
        comping="synth",
        bass="synth bass",
        lead="saw lead",
        comping_figures=(OFFBEAT_STABS, STABS),
        bass_figures=(OFFBEAT_BASS, OCTAVES_BASS),
        reverb=35,
        comping_velocity=86,
        bass_velocity=86,
    ),
    Style(
        name="ambient",
        phrases=("ambient", "drone", "atmospheric", "dreamy", "meditation", "ethereal", "new age"),
        comping="sweep pad",
        bass="fretless bass",
        lead="pan flute",
        comping_figures=(HELD,),
        bass_figures=(ROOTS, HELD),
        reverb=90,
        comping_velocity=57,
        bass_velocity=76,
    ),
    Style(
        name="orchestral",
        phrases=(
            "orchestral",
            "orchestra",
            "cinematic",
            "classical",
            "epic",
            "film score",
            "soundtrack",
            "string quartet",
        ),
        comping="strings",
        bass="low strings",
        lead="violin",
        comping_figures=(BOWED, BOWED_HALVES),
        bass_figures=(ROOTS, ROOT_AND_FIFTH),
        reverb=80,
        comping_velocity=74,
    ),
    Style(
        name="reggae",
        phrases=("reggae", "dub", "ska", "dancehall"),
        comping="drawbar organ",
        bass="finger bass",
        lead="brass",
        comping_figures=(SKANK, SKANK_EIGHTHS),
        bass_figures=(REGGAE_BASS,),
        reverb=35,
        bass_velocity=100,
        comping_velocity=86,
    ),
    Style(
        name="folk",
        phrases=("folk", "country", "bluegrass", "singer songwriter", "americana", "campfire", "acoustic"),
        comping="steel guitar",
        bass="upright bass",
        lead="violin",
        comping_figures=(STRUM, STRUM_PLAIN),
        bass_figures=(ROOT_AND_FIFTH, TWO_BEAT),
        reverb=25,
        strum=True,
        comping_velocity=74,
    ),
    Style(
        name="soul",
        phrases=("soul", "neo soul", "r&b", "rnb", "gospel", "motown"),
        comping="electric piano",
        bass="finger bass",
        lead="saxophone",
        comping_figures=(SOUL_PUSH, SOUL_HALVES),
        bass_figures=(SOUL_BASS, FUNK_BASS_SPARSE),
        swing=LAZY_SIXTEENTHS,
        reverb=35,
        bass_velocity=92,
    ),
    Style(
        name="hip hop",
        phrases=("hip hop", "hiphop", "lo fi", "lofi", "boom bap", "trap", "chillhop", "trip hop", "chill"),
        comping="electric piano",
        bass="sub bass",
        lead="vibraphone",
        comping_figures=(LOFI, BLOCKS),
        bass_figures=(LOFI_BASS, ROOTS),
        swing=LAZY_SIXTEENTHS,
        reverb=30,
        comping_velocity=74,
    ),
)

STYLES: Final[Mapping[str, Style]] = {style.name: style for style in _TABLE}
"""Every style by its name."""
DEFAULT_STYLE: Final = STYLES["pop"]
"""What is played when the prompt says nothing of style or instrument."""
