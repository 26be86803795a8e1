"""Category: unit. The log of a training: cut where its state is, read as curves, drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import TrainingError
from bridge.training_curves import draw_curves
from bridge.training_log import TrainingLog
from models.training_run import Noted


def note(step: int, loss: float = 1.0) -> Noted:
    return Noted(step=step, rate=0.1, figures={"loss": loss, "gradient": 2.0})


@given(st.lists(st.integers(0, 50), max_size=12).map(sorted), st.integers(0, 60))
def test_what_was_noted_after_a_state_is_dropped(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], state: int
) -> None:
    log = TrainingLog(tmp_path_factory.mktemp("log") / "log.jsonl")
    for step in steps:
        log.note(note(step))
        log.hear(step, {"chords": 0.5})
    log.cut_to(state)
    lines = log.read()
    assert [step for step, _ in lines.figures.get("loss", ())] == [step for step in steps if step <= state]
    assert [step for step, _ in lines.heard.get("chords", ())] == [step for step in steps if step <= state]
    assert all(log.was_heard(step) == (step <= state) for step in steps)


def test_a_line_that_was_not_written_whole_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    TrainingLog(path).note(note(1, 3.25))
    path.write_text(path.read_text() + '{"step": 2, "lo')
    TrainingLog(path).cut_to(5)
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"step": 1, "rate": 0.1, "loss": 3.25, "gradient": 2.0}
    ]


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"cannot be written \(Is a directory\): make room"):
        TrainingLog(tmp_path).note(note(1))


def test_curves_are_drawn_of_whatever_there_is(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path / "log.jsonl")
    sizes = []
    for step in range(1, 4):
        picture = tmp_path / "curves.png"
        draw_curves(log.read(), picture, title="a run")
        assert picture.read_bytes().startswith(b"\x89PNG")
        sizes.append(len(picture.read_bytes()))
        log.note(note(step, 1 / step))
        log.hear(step, {"chords": 0.1 * step, "chords shuffled": 0.1, "chords ceiling": 0.9, "mel": 0.3})
    assert sizes[-1] > sizes[0]
    with pytest.raises(TrainingError, match="The picture"):
        draw_curves(log.read(), tmp_path / "log.jsonl" / "curves.png", title="a run")
