"""Category: property. The session as JSON text: the same as written anew, and written once where nothing changed."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bridge.session import SessionState
from bridge.state_view import ViewText, state_view
from midi.drums import DrumHit
from midi.time import Beats, Seconds

charts = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 127)), max_size=90).map(
    lambda told: tuple(DrumHit(at=Beats(at / 4), voice="kick", velocity=velocity) for at, velocity in told)
)


@given(st.lists(charts, min_size=1, max_size=4))
def test_the_text_is_that_of_each_view(told: list[tuple[DrumHit, ...]]) -> None:
    text, state = ViewText(), SessionState()
    for hits in (*told, *reversed(told)):
        state = replace(state, drums=replace(state.drums, hits=hits), prompt="ü \ud83d" if hits else "")
        view = state_view(state, Seconds(0.0))
        assert [hit["velocity"] for hit in view["drum_hits"]] == [hit.velocity for hit in hits]
        expected = json.dumps(view, ensure_ascii=False).encode("utf-8", "replace")
        assert json.loads(text.of(view)) == json.loads(expected)


def test_a_chart_that_is_the_same_is_not_written_again() -> None:
    hits = tuple(DrumHit(at=Beats(at / 4), voice="kick", velocity=100) for at in range(200))
    state = SessionState(drums=replace(SessionState().drums, hits=hits))
    first = state_view(state, Seconds(0.0))
    again = state_view(replace(state, prompt="another"), Seconds(1.0))
    assert again["drum_hits"] is first["drum_hits"]
