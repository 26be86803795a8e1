"""A chart beside a sound: what a user writes by hand of their own music, and what a window of it is taught with. Pure.

``song.toml`` beside ``song.wav``::

    tempo = 96
    meter = "4/4"
    starts_s = 0.35            # where bar 1 begins in the sound
    chords = "Am7 | Dm7 G7 | Cmaj7 | % |"
    repeats = true             # the chords go round until the sound ends
    key = "A minor"
    caption = "warm electric piano, brushed drums"

    [drums]
    kick = "x...x...x...x..."
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field, ValidationError

from bridge.captions import DEFAULT_CAPTION, caption, known_of
from bridge.jasco_labels import label_of
from bridge.neural_config import Section
from bridge.notices import Chart
from bridge.requests import Window
from bridge.toml_tables import mistakes_of, read_table
from midi.charts import ChordChart, DrumChart
from midi.chords import Progression, parse_progression
from midi.drums import parse_pattern
from midi.errors import SidemanError
from midi.keys import Key, parse_key
from midi.time import Beats, Bpm, Meter, Seconds, TempoMap
from models.errors import TrainingError
from models.training_chart import WINDOW_S, TrainingChart
from models.training_music import SAMPLE_RATE_HZ

MAX_CAPTION: Final = 500
NO_NAME: Final = ""


def _meter(text: str) -> str:
    _meter_of(text)
    return text


def _meter_of(text: str) -> Meter:
    found = re.fullmatch(r"(\d{1,2})/(\d{1,2})", text.strip())
    if not found:
        raise ValueError(f"{text!r} is no meter such as 4/4")
    try:
        return Meter(numerator=int(found[1]), denominator=int(found[2]))
    except SidemanError as error:
        raise ValueError(str(error)) from None


def _progression(text: str) -> str:
    try:
        if text.strip():
            parse_progression(text)
    except SidemanError as error:
        raise ValueError(str(error)) from None
    return text


def _key(text: str) -> str:
    try:
        if text.strip():
            parse_key(text)
    except SidemanError as error:
        raise ValueError(str(error)) from None
    return text


class Sheet(Section):
    """What is written beside a sound. ``repeats`` lets the chords go round; otherwise the chart ends with them."""

    tempo: Annotated[float, Field(ge=20, le=400)]
    meter: Annotated[str, AfterValidator(_meter)] = "4/4"
    starts_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    chords: Annotated[str, AfterValidator(_progression)] = ""
    repeats: bool = False
    key: Annotated[str, AfterValidator(_key)] = ""
    caption: Annotated[str, Field(max_length=MAX_CAPTION)] = ""
    drums: dict[str, str] = Field(default_factory=dict)

    @property
    def tempo_map(self) -> TempoMap:
        """Beat 0 is the beginning of bar 1."""
        return TempoMap.constant(Bpm(self.tempo), _meter_of(self.meter))

    @property
    def progression(self) -> Progression | None:
        """The chords; None where there are none."""
        return parse_progression(self.chords) if self.chords.strip() else None

    @property
    def ends_s(self) -> float | None:
        """Where in the sound the chart ends; None for one that goes on as long as the sound."""
        if self.progression is None or self.repeats:
            return None
        return self.starts_s + len(self.progression.bars) * _meter_of(self.meter).beats * 60.0 / self.tempo

    @property
    def musical_key(self) -> Key | None:
        """The key; None where none is written."""
        return parse_key(self.key) if self.key.strip() else None

    def drum_chart(self) -> DrumChart:
        """The patterns. Raises ``VoiceError`` and ``PatternError``."""
        return DrumChart(
            patterns=tuple(parse_pattern(voice, text, self.tempo_map) for voice, text in self.drums.items())
        )


def read_sheet(path: Path) -> Sheet:
    """Read a chart. Raises ``TrainingError`` with every mistake that it has."""
    try:
        sheet = Sheet.model_validate(read_table(path))
        sheet.drum_chart()
    except ValidationError as error:
        lines = "\n".join(f"  {line}" for line in mistakes_of(error, Sheet))
        raise TrainingError(f"The chart {path} cannot be used:\n{lines}") from None
    except ValueError as error:
        raise TrainingError(f"The chart {path} {error}.") from None
    except SidemanError as error:
        raise TrainingError(f"The chart {path} cannot be used: {error}") from None
    return sheet


def chart_from(sheet: Sheet, from_s: float, place: int) -> TrainingChart:
    """The chart of the window that begins at ``from_s`` of the sound, not before the chart does."""
    tempo_map = sheet.tempo_map
    start = tempo_map.beats_at(Seconds(max(0.0, from_s - sheet.starts_s)))
    end = Beats(start + WINDOW_S * sheet.tempo / 60.0)
    spans = ChordChart(progression=sheet.progression).spans(tempo_map, start, end)
    hits = sheet.drum_chart().layout(tempo_map, start, end).hits
    heard = Chart(chords=spans, drums=hits, melody=())
    window = Window(
        start=start,
        end=end,
        bars=max(1, len(tempo_map.bar_lines(start, end))),
        seconds=Seconds(WINDOW_S),
        sample_rate_hz=SAMPLE_RATE_HZ,
        frames=round(WINDOW_S * SAMPLE_RATE_HZ),
        bpm=Bpm(sheet.tempo),
        meter=tempo_map.meter_of(1),
    )
    known = known_of(sheet.caption, sheet.musical_key, heard, window, tempo_map)

    def seconds(beat: float) -> float:
        return round((beat - start) * 60.0 / sheet.tempo, 6)

    return TrainingChart(
        seed=place,
        split="train",
        words=sheet.caption,
        known={name: words for name, words in known.items() if words},
        caption=caption(DEFAULT_CAPTION, known),
        chords=tuple((seconds(span.start), label_of(span.chord).label) for span in spans),
        drums=tuple((seconds(hit.at), hit.voice, hit.velocity) for hit in hits),
        melody=(),
        bars_s=tuple(seconds(line) for line in tempo_map.bar_lines(start, end)),
        bpm=sheet.tempo,
        meter=sheet.meter,
        key="" if sheet.musical_key is None else sheet.musical_key.label,
        progression=NO_NAME,
        groove=NO_NAME,
        band=NO_NAME,
    )


def chart_of_nothing(place: int) -> TrainingChart:
    """The chart of a sound of which nothing is known."""
    return TrainingChart(
        seed=place,
        split="train",
        words="",
        chords=(),
        drums=(),
        melody=(),
        bars_s=(),
        bpm=120.0,
        meter="4/4",
        key="",
        progression=NO_NAME,
        groove=NO_NAME,
        band=NO_NAME,
    )
