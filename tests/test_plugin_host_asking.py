"""Category: unit. What a name asks for, and that the daemon and the script in Live read a name alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.asking import wishes
from plugin_host.standins.live.program import live_python


@pytest.fixture(scope="module")
def of_live() -> Iterator[Any]:
    with live_python():
        from Sideman import asking as module  # type: ignore[import-not-found]

        yield module


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("bossa nova, nylon guitar", (("/sideman/prompt", ("bossa nova, nylon guitar",)),)),
        (
            "bossa; 2 takes ;8 bars; seed 7; engine JASCO; lanes: Keys",
            (
                ("/sideman/takes", (2,)),
                ("/sideman/bars", (8,)),
                ("/sideman/seed", (7,)),
                ("/sideman/engine", ("jasco",)),
                ("/sideman/target", ("lanes:Keys",)),
                ("/sideman/prompt", ("bossa",)),
            ),
        ),
        ("1 take | slow | sad", (("/sideman/takes", (1,)), ("/sideman/prompt", ("slow sad",)))),
        ("12 bars blues", (("/sideman/prompt", ("12 bars blues",)),)),
        (" ;; | ", ()),
    ],
)
def test_parts_are_wishes_and_the_rest_is_the_prompt(name: str, asked: tuple[object, ...]) -> None:
    assert wishes(name) == asked


PART = st.one_of(
    st.sampled_from(
        ["2 takes", "8 Bars", "1take", "seed 7", "seed x", "seed 99999999999", "engine Sketch", "lanes: Keys", "SLOTS",
         "lanes:", "arrangement :  Lead 2", "take 2", "", " ", "bossa nova", "engine", "9999 bars", "12345 bars"]
    ),
    st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], exclude_characters="|;"), max_size=12),
)  # fmt: skip


@given(st.lists(PART, max_size=6))
def test_the_script_in_live_reads_names_alike(of_live: Any, parts: list[str]) -> None:
    name = "|".join(parts)
    theirs = of_live.wishes(name)
    if theirs[-1][0] == "/sideman/cancel":
        return
    assert [(address, arguments) for address, _, arguments in theirs[:-1]] == list(wishes(name))
