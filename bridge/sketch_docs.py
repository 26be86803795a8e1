"""The page about the sketch engine, made from its tables.

``python -m bridge.sketch_docs`` writes ``docs/sketch.md``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from midi.drums import VOICES
from models.instruments import INSTRUMENTS
from models.styles import DEFAULT_STYLE, STYLES

PAGE: Final = Path(__file__).parent.parent / "docs" / "sketch.md"

_INTRODUCTION: Final = """\
<!-- Made by `python -m bridge.sketch_docs` from the tables in models/ and midi/: do not edit. -->
# The sketch engine

The sketch engine plays the chart from a soundfont. It needs no weights and no GPU, and makes four bars in a tenth of a
second. It is a small arranger, **not a neural model**, and its receipts say `engine: sketch`.

What it plays:

- **Comping**: chords in the rhythm of a style, each chord struck exactly where the chart changes, voice-led from one
  to the next, with no tone that is not in the chord.
- **Bass**: the root, or the slash bass, at each chord, then the line of the style.
- **Drums**: exactly the hits that were given, in time and velocity. Nothing is added, nothing is moved.
- **Melody**: as given, on a lead instrument.

The seed decides voicings, rhythm patterns, and a small feel of time and velocity, which touches neither the drums nor
the chord changes. Two takes with different seeds differ; the same seed makes the same clip, bit for bit. Where the
chart says `N.C.`, comping and bass are silent.

The soundfont is TimGM6mb, which comes inside the `pretty_midi` package; another one is played with
`--soundfont FILE.sf2`. It is rendered by `midirenderer` (the `rustysynth` synthesizer), whose pitch is checked in the
tests for every program used, within 10 cents, and against FluidSynth. The synthesizer starts notes on a grid of 64
frames, 1.3 ms.

## Words for the prompt

The first style named in the prompt decides the rhythms and the instruments; instruments that are named take their
place. Words match whole, in any case; what follows "no" or "without" does not count. Other words are kept in the
receipt and change nothing.
"""


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join([_INTRODUCTION, *_styles(), *_instruments(), *_voices()]) + "\n"


def _styles() -> Iterator[str]:
    yield f"Without any of these words the style is {DEFAULT_STYLE.name}.\n"
    yield "| style | words | comping | bass |"
    yield "|---|---|---|---|"
    for style in STYLES.values():
        yield f"| {style.name} | {', '.join(style.phrases)} | {style.comping} | {style.bass} |"
    yield ""


def _instruments() -> Iterator[str]:
    yield "## Instruments\n"
    yield "Programs are General MIDI, counted from 1.\n"
    yield "| instrument | words | program | plays |"
    yield "|---|---|---|---|"
    for instrument in INSTRUMENTS.values():
        words = ", ".join(instrument.phrases)
        yield f"| {instrument.name} | {words} | {instrument.program + 1} | {', '.join(instrument.roles)} |"
    yield ""


def _voices() -> Iterator[str]:
    yield "## Drum voices\n"
    yield "| voice | note played | notes that mean it | other names |"
    yield "|---|---|---|---|"
    for voice in VOICES:
        notes = ", ".join(map(str, voice.notes))
        yield f"| {voice.name} | {voice.note} | {notes} | {', '.join(voice.aliases)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
