"""Category: unit. The dialect of DrivenByMoss: what its messages mean, and what means nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi import events as ev
from midi.errors import SidemanError
from midi.time import Beats, Bpm, Meter
from plugin_host.drivenbymoss import Bitwig, hear, insert_address
from plugin_host.host import HostError, OscArgument


def after(*messages: tuple[str, OscArgument]) -> tuple[Bitwig, list[ev.SessionEvent]]:
    bitwig, events = Bitwig(), []
    for address, value in messages:
        bitwig, new = hear(bitwig, address, [value])
        events += new
    return bitwig, events


def test_tempo_meter_and_transport_are_told_once() -> None:
    _, events = after(
        ("/update", 1), ("/tempo/raw", 97.5), ("/tempo/raw", 97.5), ("/time/signature", "7 / 8"), ("/play", 1),
        ("/play", True), ("/play", 0), ("/track/1/volume", 99), ("/update", 0),
    )  # fmt: skip
    assert events == [
        ev.SetTempo(bpm=Bpm(97.5)),
        ev.SetMeter(meter=Meter(numerator=7, denominator=8)),
        ev.Play(),
        ev.Stop(),
    ]


@pytest.mark.parametrize(
    ("meter", "text", "beat"),
    [
        ("4 / 4", "1.1.1:00", 0.0),
        ("4 / 4", "3.2.3:50", 9.5),
        ("3 / 4", "3.2.1", 7.0),
        ("7 / 8", "3.2.1:00", 7.0),
        ("6 / 8", "2.1.1:00", 3.0),
    ],
)
def test_a_position_is_counted_back_to_quarters(meter: str, text: str, beat: float) -> None:
    assert after(("/time/signature", meter), ("/beat/str", text))[1][1:] == [ev.Locate(at=Beats(beat))]


def test_while_it_plays_whole_quarters_are_told() -> None:
    places = [f"1.{quarter}.{sixteenth}:00" for quarter in (1, 2) for sixteenth in (1, 2, 3, 4)]
    _, events = after(("/time/signature", "4 / 4"), ("/play", 1), *(("/beat/str", place) for place in places))
    assert events[2:] == [ev.Locate(at=Beats(0.0)), ev.Locate(at=Beats(1.0))]


@pytest.mark.parametrize("text", ["0.1.1:00", "1.5.1:00", "1.1.5", "2.3:00", "-1.1.1", "", "bar 3"])
def test_a_position_that_is_none_is_passed_over(text: str) -> None:
    assert after(("/time/signature", "4 / 4"), ("/beat/str", text))[1][1:] == []
    assert after(("/beat/str", "1.1.1:00"))[1] == []


@pytest.mark.parametrize(
    ("address", "value"),
    [("/tempo/raw", 0.0), ("/tempo/raw", "fast"), ("/tempo/raw", float("nan")), ("/time/signature", "4"),
     ("/time/signature", 4), ("/time/signature", "4 / 3"), ("/play", "yes"), ("/track/1/name", 3)],
)  # fmt: skip
def test_values_that_make_no_sense_are_refused(address: str, value: OscArgument) -> None:
    with pytest.raises(SidemanError):
        hear(Bitwig(), address, [value])


def test_the_first_empty_slot_of_the_named_track_is_found() -> None:
    bitwig, _ = after(
        ("/track/1/name", "Drums"), ("/track/2/name", "Sideman"), ("/track/2/canHoldAudioData", 1),
        ("/track/1/clip/1/hasContent", 0), ("/track/2/clip/2/hasContent", 0), ("/track/2/clip/1/hasContent", 1),
        ("/track/2/clip/3/hasContent", 0),
    )  # fmt: skip
    assert bitwig.empty_slot("Sideman") == (2, 2)
    assert insert_address((2, 2)) == "/track/2/clip/2/insertFile"


def test_what_is_missing_is_said() -> None:
    with pytest.raises(HostError, match="none is named Sideman"):
        Bitwig().empty_slot("Sideman")
    midi, _ = after(("/track/2/name", "Sideman"), ("/track/2/canHoldAudioData", 0), ("/track/2/clip/1/hasContent", 0))
    with pytest.raises(HostError, match="takes no audio"):
        midi.empty_slot("Sideman")
    full, _ = after(("/track/2/name", "Sideman"), ("/track/2/clip/1/hasContent", 1))
    with pytest.raises(HostError, match="none is empty"):
        full.empty_slot("Sideman")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["/tempo/raw", "/time/signature", "/play", "/beat/str", "/track/3/name", "/track/9/clip/1/hasContent",
                 "/track/3/clip/8/hasContent", "/track/3/canHoldAudioData", "/anything"]
            ),
            st.lists(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
                     | st.from_regex(r"\d+\.\d+\.\d+:\d\d", fullmatch=True) | st.binary(max_size=4), max_size=2),
        ),
        max_size=8,
    )
)  # fmt: skip
def test_any_messages_are_events_or_one_kind_of_error(messages: list[tuple[str, list[OscArgument]]]) -> None:
    bitwig = Bitwig()
    for address, arguments in messages:
        try:
            bitwig, events = hear(bitwig, address, arguments)
        except SidemanError:
            continue
        assert all(isinstance(event, ev.SessionEvent) for event in events)
