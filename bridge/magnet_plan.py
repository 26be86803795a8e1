"""From the session to MAGNeT's prompt. Pure; what the model does not hear is told.

MAGNeT hears a description, and audio to go on from; chords, drums and melody it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.beat_grid import grid_of
from bridge.captions import DEFAULT_CAPTION
from bridge.errors import ClipTooLong, RequestError
from bridge.notices import Chart, Notice
from bridge.requests import Window
from midi.events import AudioRegion
from midi.time import Beats, TempoMap
from models.generator import GivenAudio, MagnetPrompt
from models.presets import Decoding

LONGEST_S: Final = 120.0
"""A longer clip is refused: the codec decodes it in one go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MagnetSettings:
    """The model that plays, and how its masks are filled."""

    model: str
    licence: str
    segment_s: float
    decoding: Decoding
    caption: tuple[str, ...] = DEFAULT_CAPTION
    tempo_fit: bool = False
    """Whether what the model makes is laid on the clip's beats, where it has a steady beat."""


def magnet_prompt(
    chart: Chart,
    window: Window,
    tempo_map: TempoMap,
    settings: MagnetSettings,
    *,
    prompt: str,
    given: AudioRegion | None,
    seed: int,
) -> tuple[MagnetPrompt, tuple[Notice, ...]]:
    """The prompt of one take, and what is not heard.

    Raises ``ClipTooLong``, and ``RequestError`` for a part to be made anew that lies outside the clip.
    """
    if window.seconds > LONGEST_S:
        raise ClipTooLong(
            f"MAGNeT makes {LONGEST_S:g} seconds at the most, and {window.bars} bars last {window.seconds:.1f} here: "
            "ask for fewer bars, or play them with the engine sketch."
        )
    made = MagnetPrompt(
        description=prompt,
        duration_s=window.seconds,
        decoding=settings.decoding,
        given=_given(given, window, tempo_map) if given else None,
        grid=grid_of(window, tempo_map) if settings.tempo_fit and given is None else None,
        seed=seed,
    )
    return made, _not_heard(chart)


def _given(region: AudioRegion, window: Window, tempo_map: TempoMap) -> GivenAudio:
    if region.place == "before":
        return GivenAudio(path=region.path, place="before")
    start, end = max(region.start, window.start), min(region.end, window.end)
    if start >= end:
        raise RequestError(
            f"The beats {region.start:g} to {region.end:g} are to be made anew, and the clip goes from "
            f"{window.start:g} to {window.end:g}: send another /sideman/infill or /sideman/from."
        )

    def seconds(beat: Beats) -> float:
        return tempo_map.seconds_between(window.start, beat)

    return GivenAudio(path=region.path, place="within", from_s=seconds(start), to_s=seconds(end))


def _not_heard(chart: Chart) -> tuple[Notice, ...]:
    there = {"chords": any(span.chord for span in chart.chords), "drums": chart.drums, "melody": chart.melody}
    names = [name for name, found in there.items() if found]
    if not names:
        return ()
    what = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    text = f"MAGNeT hears the description alone; the session's {what} are not in the clip."
    return (Notice(code="not_heard", message=text),)
