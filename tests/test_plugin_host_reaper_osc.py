"""Category: unit. REAPER's own OSC control surface: the pattern file, and what its messages say."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi.errors import SidemanError
from midi.events import Locate, Play, SessionEvent, SetTempo, Stop
from midi.time import Beats
from plugin_host import reaper as dialect
from plugin_host.host import HostError, OscArgument
from plugin_host.reaper import ADDRESSES, ReaperHost, Surface, hear
from plugin_host.standins.reaper.program import SCRIPTS

FLAGS = {"TEMPO": "f", "TIME": "f", "BEAT": "s", "PLAY": "t", "STOP": "t", "PAUSE": "t"}
"""REAPER's names for what is sent, and the kind of argument that each has in its own default patterns."""


def told(*messages: tuple[str, OscArgument]) -> list[SessionEvent]:
    surface, events = Surface(), []
    for address, value in messages:
        heard = hear(surface, address, (value,))
        assert heard
        surface, new = heard
        events += new
    return events


def test_the_pattern_file_sends_just_what_is_understood() -> None:
    lines = (SCRIPTS / "Sideman.ReaperOSC").read_text(encoding="ascii").splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    assert [(action, pattern[0]) for action, pattern in rows] == list(FLAGS.items())
    assert sorted(pattern[1:] for _, pattern in rows) == sorted(ADDRESSES)
    assert all(re.fullmatch(r"[fst]/reaper/\w+", pattern) for _, pattern in rows)


def test_a_song_of_one_tempo_is_where_its_seconds_are() -> None:
    assert told(
        ("/reaper/tempo", 120.0),
        ("/reaper/tempo", 120.0),
        ("/reaper/time", 4.0),
        ("/reaper/beat", "3.1.00"),
        ("/reaper/play", 1.0),
        ("/reaper/time", 4.25),
        ("/reaper/time", 4.5),
        ("/reaper/time", 4.55),
        ("/reaper/play", 0.0),
        ("/reaper/stop", 1.0),
    ) == [SetTempo(bpm=120.0), Locate(at=Beats(8.0)), Play(), Locate(at=Beats(9.0)), Stop()]


def test_a_song_whose_tempo_changes_is_where_its_beats_are() -> None:
    assert told(
        ("/reaper/tempo", 120.0),
        ("/reaper/tempo", 90.0),
        ("/reaper/time", 100.0),
        ("/reaper/beat", "12.3.50"),
        ("/reaper/beat", " 1.1.00 "),
        ("/reaper/beat", "-2.1.00"),
    ) == [SetTempo(bpm=120.0), SetTempo(bpm=90.0), Locate(at=Beats(46.5)), Locate(at=Beats(0.0))]


def test_pause_and_play_again() -> None:
    assert told(
        ("/reaper/play", 1.0),
        ("/reaper/pause", 1.0),
        ("/reaper/play", 0.0),
        ("/reaper/pause", 0.0),
        ("/reaper/play", True),
    ) == [Play(), Stop(), Play()]


@pytest.mark.parametrize(
    ("address", "value"),
    [
        ("/reaper/tempo", "fast"),
        ("/reaper/tempo", 1000.0),
        ("/reaper/tempo", math.nan),
        ("/reaper/time", None),
        ("/reaper/time", math.inf),
        ("/reaper/beat", 12.5),
        ("/reaper/beat", "12"),
        ("/reaper/beat", "٣.1.00"),
        ("/reaper/play", b"x"),
    ],
)
def test_values_that_make_no_sense_are_refused(address: str, value: OscArgument) -> None:
    with pytest.raises(HostError, match="REAPER sent"):
        hear(Surface(), address, (value,))


VALUES = st.one_of(st.floats(), st.integers(), st.text(max_size=12), st.none(), st.booleans(), st.binary(max_size=4))


@given(st.lists(st.tuples(st.sampled_from([*ADDRESSES, "/other"]), st.lists(VALUES, max_size=2)), max_size=20))
def test_anything_is_understood_refused_or_nothing(messages: list[tuple[str, list[OscArgument]]]) -> None:
    surface = Surface()
    for address, arguments in messages:
        try:
            heard = hear(surface, address, arguments)
        except SidemanError:
            continue
        assert (heard is None) == (address == "/other")
        if heard:
            surface, events = heard
            assert all(event.at >= 0 for event in events if isinstance(event, Locate))


@given(st.integers(1, 9999), st.integers(1, 4), st.integers(0, 99))
def test_a_beat_that_reaper_shows_is_read_back(measure: int, beat: int, hundredths: int) -> None:
    (event,) = told(("/reaper/beat", f"{measure}.{beat}.{hundredths:02d}"))
    assert isinstance(event, Locate)
    assert event.at == pytest.approx(4 * (measure - 1) + beat - 1 + hundredths / 100)


def test_where_the_script_is_there_tempo_and_position_are_its_own() -> None:
    host = ReaperHost(lambda: 0.0)
    assert host.interpret("/reaper/tempo", (120.0,)) == (SetTempo(bpm=120.0),)
    assert host.interpret("/live/song/get/tempo", (120.0,)) is None
    host.greeted("mailbox 1", "REAPER")
    assert host.interpret("/reaper/tempo", (130.0,)) == ()
    assert host.interpret("/reaper/beat", ("5.1.00",)) == ()
    assert host.interpret("/reaper/play", (1.0,)) == (Play(),)
    assert dialect.TOLD_EVERY == 1.0
