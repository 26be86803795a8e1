"""Captions of training music, by the very template that prompts get. Pure."""

from __future__ import annotations

from typing import Final

from bridge.captions import DEFAULT_CAPTION, caption, known_of
from bridge.notices import Chart
from bridge.requests import Window
from midi.composing import Piece
from midi.time import Seconds
from models.training_chart import WINDOW_S, TrainingChart, heard_chords, heard_window
from models.training_music import FRAMES, SAMPLE_RATE_HZ

_NONE_KNOWN: Final = ""


def with_caption(chart: TrainingChart, piece: Piece) -> TrainingChart:
    """The chart of a piece's window with what is known of it in words.

    A trainer may leave parts of ``known`` out, as a session does: JASCO is told the key by chords.
    """
    start, end = heard_window(piece)
    window = Window(
        start=start,
        end=end,
        bars=piece.bars,
        seconds=Seconds(WINDOW_S),
        sample_rate_hz=SAMPLE_RATE_HZ,
        frames=FRAMES,
        bpm=piece.bpm,
        meter=piece.meter,
    )
    heard = Chart(
        chords=heard_chords(piece),
        drums=tuple(hit for hit in piece.drums if start <= hit.at < end),
        melody=tuple(note for note in piece.melody if start <= note.at < end),
    )
    known = known_of(chart.words, piece.key, heard, window, piece.tempo_map)
    told = {name: words for name, words in known.items() if words != _NONE_KNOWN}
    return chart.model_copy(update={"known": told, "caption": caption(DEFAULT_CAPTION, known)})
