"""What a model is asked for in words: the user's own, and around them what the session knows.

Pure. The models were trained on captions with tempo and key written after the description (Copet et al. 2023, Simple
and Controllable Music Generation, section 4.2), so that is how they are written here. A part of the template that
names something that is not known is left out.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bridge.notices import Chart
from bridge.requests import Window
from midi.drums import DrumHit
from midi.keys import Key
from midi.time import FOUR_FOUR, Beats, TempoMap

FIELDS: Final = ("prompt", "feel", "key", "meter", "bpm")
"""What a part may name: the user's words, the feel of the drums, the key, a meter other than 4/4, the tempo."""
DEFAULT_CAPTION: Final = ("{prompt}", "{feel}", "{meter} time", "key: {key}", "bpm: {bpm}")
_JOINT: Final = ". "
_BACKBEATS: Final = frozenset({"snare", "clap", "sidestick"})
_BUSY_HITS_PER_BEAT: Final = 5.0
_SWUNG: Final = (0.58, 0.72)
"""Where in a beat the off-beat of a swung eighth lies; straight ones lie at a half."""
_OFF_BEAT: Final = (0.4, 0.8)
_MOST: Final = 0.75
"""A feel is named when this share of what could show it does."""


def check_parts(parts: Sequence[str]) -> None:
    """Raises ``ValueError`` for a part that names something else than ``FIELDS``, formats it, or is no template."""
    for part in parts:
        for _, name, width, conversion in string.Formatter().parse(part):
            if name is not None and (name not in FIELDS or width or conversion):
                raise ValueError(f"{part!r} may name {', '.join(f'{{{field}}}' for field in FIELDS)}, and nothing else")


def caption(parts: Sequence[str], known: Mapping[str, str]) -> str:
    """The parts whose names are all known, filled in and joined."""
    told = []
    for part in parts:
        names = [name for _, name, _, _ in string.Formatter().parse(part) if name is not None]
        if all(known.get(name) for name in names):
            told.append(part.format_map(known).strip().rstrip("."))
    return _JOINT.join(one for one in told if one)


def known_of(prompt: str, key: Key | None, chart: Chart, window: Window, tempo_map: TempoMap) -> dict[str, str]:
    """What the session knows, in words, by the names of ``FIELDS``; what changes inside the window is not said."""
    meters = {tempo_map.meter_of(bar) for bar in _bars(window, tempo_map)}
    mean_bpm = 60.0 * (window.end - window.start) / window.seconds
    steady = abs(mean_bpm - window.bpm) < 0.5
    (meter,) = meters if len(meters) == 1 else (None,)
    return {
        "prompt": prompt,
        "feel": drum_feel(chart.drums, window, tempo_map),
        "key": key.label if key else "",
        "meter": str(meter) if meter and meter != FOUR_FOUR else "",
        "bpm": f"{round(window.bpm)}" if steady else "",
    }


def said_otherwise(*, chords: bool, drums: bool) -> frozenset[str]:
    """What JASCO is told by its other controls: the key by chords, tempo, meter and feel by drums."""
    return frozenset(({"key"} if chords else set()) | ({"feel", "meter", "bpm"} if drums else set()))


def drum_feel(hits: Sequence[DrumHit], window: Window, tempo_map: TempoMap) -> str:
    """The feel of the drums in words, such as ``half-time swing drums``; empty where nothing stands out."""
    words = [
        *(["busy"] if len(hits) >= _BUSY_HITS_PER_BEAT * (window.end - window.start) else []),
        *(["half-time"] if _is_half_time(hits, tempo_map) else []),
        *(["swing"] if _is_swung(hits) else []),
    ]
    return " ".join([*words, "drums"]) if words else ""


def _is_half_time(hits: Sequence[DrumHit], tempo_map: TempoMap) -> bool:
    """Bars of 4/4 whose only backbeat is on the third beat."""
    bars: dict[int, set[float]] = {}
    for hit in hits:
        if hit.voice not in _BACKBEATS:
            continue
        place = tempo_map.bar_at(hit.at)
        if tempo_map.meter_of(place.bar) == FOUR_FOUR:
            bars.setdefault(place.bar, set()).add(round(place.offset, 2))
    return bool(bars) and sum(places == {2.0} for places in bars.values()) >= _MOST * len(bars)


def _is_swung(hits: Sequence[DrumHit]) -> bool:
    """Off-beats that come two thirds of a beat after it."""
    off_beats = [place for hit in hits if _OFF_BEAT[0] < (place := hit.at % 1.0) < _OFF_BEAT[1]]
    swung = [place for place in off_beats if _SWUNG[0] < place < _SWUNG[1]]
    return len(swung) >= 2 and len(swung) >= _MOST * len(off_beats)


def _bars(window: Window, tempo_map: TempoMap) -> Iterator[int]:
    first = tempo_map.bar_at(window.start).bar
    last = tempo_map.bar_at(Beats(window.end - 1e-6)).bar
    yield from range(first, max(first, last) + 1)
