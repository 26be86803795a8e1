"""Category: unit. Ardour's OSC dialect: what the real program said, and tempo and meter from bars, beats and ticks."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from midi import events as ev
from midi.time import DENOMINATORS, Meter, Seconds
from plugin_host.ardour import FEEDBACK, PORT, STRIP_TYPES, Song, greeting, hear, tell_again
from plugin_host.bbt import QUARTER, Bbt, Follower, follow
from plugin_host.host import OscArgument

DATA = Path(__file__).parent / "data" / "ardour"
RATE = 48000
NOW = Seconds(0.0)


def recorded(name: str) -> Iterator[tuple[Seconds, str, list[OscArgument]]]:
    """What Ardour said, message by message."""
    for line in (DATA / name).read_text(encoding="utf-8").splitlines():
        at, word, *rest = line.split(" ", 2)
        if at != "#" and word != ">":
            yield Seconds(float(at)), word.replace("#", "/"), ast.literal_eval(rest[0])


def told(name: str) -> list[tuple[Seconds, ev.SessionEvent]]:
    """The events that a recording becomes."""
    song, events = Song(rate_hz=RATE), []
    for at, address, arguments in recorded(name):
        heard = hear(song, address, arguments, at)
        if heard is not None:
            song, new = heard
            events += [(at, event) for event in new]
    return events


def test_the_transport_is_followed() -> None:
    events = told("transport.txt")
    kinds = [type(event).__name__ for _, event in events if isinstance(event, ev.Play | ev.Stop)]
    assert kinds == ["Stop", "Play", "Stop"]
    tempos = [(at, event.bpm) for at, event in events if isinstance(event, ev.SetTempo)]
    # Known 0.3 s after the start, and again 0.25 s after the change of tempo is passed (4.6 s here).
    assert [bpm for _, bpm in tempos] == [120.0, 90.0]
    assert tempos[0][0] < 2.02 + 0.31 and tempos[1][0] < 4.65 + 0.3
    assert [event.meter for _, event in events if isinstance(event, ev.SetMeter)] == [Meter(numerator=4, denominator=4)]


def test_a_jump_is_told_at_once_and_the_position_every_two_seconds() -> None:
    places = [(at, event.at) for at, event in told("transport.txt") if isinstance(event, ev.Locate)]
    jumped = [(at, beat) for at, beat in places if 4.1 < at < 4.3]
    assert [round(beat, 2) for _, beat in jumped] == [15.09]  # /locate 360000 was sent at 4.05
    rolling = [at for at, _ in places if 2.02 < at < 7.05]
    assert max(later - earlier for earlier, later in pairwise(rolling)) < 2.2
    assert places[-1][1] == 0.0


def test_the_meter_is_learnt_when_a_bar_has_ended() -> None:
    events = [event for _, event in told("six_eight.txt")]
    assert [event.meter for event in events if isinstance(event, ev.SetMeter)] == [
        Meter(numerator=4, denominator=4),
        Meter(numerator=6, denominator=8),
    ]
    assert [event.bpm for event in events if isinstance(event, ev.SetTempo)] == [120.0, 90.0]


def test_ardour_is_asked_to_answer_to_our_port_and_for_its_sample_rate() -> None:
    assert greeting(4000) == (("/set_surface", (0, STRIP_TYPES, FEEDBACK, 0, 0, 0, 4000)), ("/strip/list", ()))
    assert PORT == 3819


def test_without_a_sample_rate_there_is_no_tempo_and_the_list_of_strips_has_it() -> None:
    song, _ = hear(Song(), "/reply", ["end_route_list", 44100, 0, 0], NOW) or (None, ())
    assert song and song.rate_hz == 44100
    unknown = Song(playing=True)
    for index in range(20):
        unknown, _ = hear(unknown, "/position/bbt", [f"001|01|{96 * index:04d}"], NOW) or (unknown, ())
        unknown, events = hear(unknown, "/position/samples", [str(1200 * index)], NOW) or (unknown, ())
        assert not [event for event in events if isinstance(event, ev.SetTempo)]
    assert tell_again(song) == Song(rate_hz=44100)


def test_what_means_nothing_here_is_none() -> None:
    assert hear(Song(), "/master/gain", [0.0], NOW) is None
    assert hear(Song(), "/heartbeat", [1.0], NOW) == (Song(), ())


@given(
    st.sampled_from(
        ["/position/bbt", "/position/samples", "/transport_play", "/transport_stop", "/reply", "/heartbeat"]
    ),
    st.lists(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans(), st.binary()), max_size=3),
)
def test_messages_without_sense_change_nothing_of_the_music(address: str, arguments: Sequence[OscArgument]) -> None:
    song = Song(rate_hz=RATE, playing=True)
    heard = hear(song, address, arguments, NOW)
    assert heard is not None
    assert all(isinstance(event, ev.Play | ev.Stop | ev.Locate) for event in heard[1])


@pytest.mark.parametrize("text", ["", "1|1", "1|1|x", "0|1|0", "1|0|0", "1|1|1|1", "-1|1|0", "1|1|99999999999"])
def test_what_is_no_place_is_none(text: str) -> None:
    assert Bbt.parse(text) is None


# Bars, beats and ticks of a song with one tempo and one meter


def bbt_at(sample: int, bpm: float, meter: Meter, rate: int) -> Bbt:
    """Where a song is at a sample, ticks rounded down as Ardour does."""
    ticks = math.floor(sample * bpm * QUARTER / (60 * rate) + 1e-9)
    beat_ticks = QUARTER * 4 // meter.denominator
    beats, tick = divmod(ticks, beat_ticks)
    bars, beat = divmod(beats, meter.numerator)
    return Bbt(bar=bars + 1, beat=beat + 1, tick=tick)


def played(
    follower: Follower, bpm: float, meter: Meter, rate: int, start: int, seconds: float, jitter: Sequence[int]
) -> Follower:
    """Listen about ten times a second, at ends of blocks of 1024 as Ardour does."""
    blocks = round(0.1 * rate / 1024)
    sample, index = start, 0
    while sample < start + seconds * rate:
        follower = follow(follower, bbt_at(sample, bpm, meter, rate), sample, rate)
        sample += 1024 * max(1, blocks + jitter[index % len(jitter)])
        index += 1
    return follower


tempos = st.floats(30, 280).map(lambda bpm: round(bpm, 2))
meters = st.builds(Meter, numerator=st.integers(1, 13), denominator=st.sampled_from(DENOMINATORS[1:4]))
rates = st.sampled_from([44100, 48000, 96000])
jitters = st.lists(st.integers(-1, 2), min_size=1, max_size=7)


@given(tempos, rates, st.integers(0, 10_000_000), jitters)
def test_the_tempo_is_as_near_as_its_ticks_allow_after_two_seconds_and_exact_after_twenty(
    bpm: float, rate: int, start: int, jitter: list[int]
) -> None:
    meter = Meter(numerator=4, denominator=4)
    follower = played(Follower(), bpm, meter, rate, start, 2.0, jitter)
    assert follower.tempo is not None
    assert follower.tempo == pytest.approx(bpm, rel=2 / (1.5 * bpm / 60 * QUARTER))
    later = played(follower.broken(), bpm, meter, rate, start, 20.0, jitter)
    assert later.tempo == pytest.approx(bpm, abs=0.011)


@given(st.integers(40, 240), st.integers(40, 240), st.integers(0, 48000), jitters)
def test_a_change_of_tempo_is_followed(first: int, second: int, offset: int, jitter: list[int]) -> None:
    assume(abs(first - second) >= 1)
    meter = Meter(numerator=4, denominator=4)
    follower = played(Follower(), first, meter, RATE, offset, 4.0, jitter)
    assert follower.tempo == first
    place, sample = follower.at or pytest.fail("nothing was followed")
    # From here on the other tempo: its own song, shifted so that both have the same place here.
    ticks = (follower.beats(place)) * QUARTER
    start = math.ceil(ticks * 60 * RATE / (second * QUARTER))
    shifted = Follower(tempo=follower.tempo, meter=follower.meter, guess=follower.guess, at=(place, start),
                       stretch=follower.stretch)  # fmt: skip
    changed = played(shifted, second, meter, RATE, start, 4.0, jitter)
    assert changed.tempo == second
    assert sample > 0


@given(meters, st.integers(60, 180), rates, jitters)
def test_the_meter_is_known_after_some_bars(meter: Meter, bpm: int, rate: int, jitter: list[int]) -> None:
    bar_s = meter.beats * 60 / bpm
    assume(meter.numerator >= 2 and bar_s / meter.numerator > 0.25)
    follower = played(Follower(), bpm, meter, rate, 0, 6 * bar_s + 2, jitter)
    assert follower.meter == meter
    assert follower.tempo == bpm
    place, sample = follower.at or pytest.fail("nothing was followed")
    assert follower.beats(place) == pytest.approx(sample * bpm / 60 / rate, abs=2 / QUARTER)


def test_a_jump_or_a_pause_begins_a_stretch_of_its_own() -> None:
    meter = Meter(numerator=4, denominator=4)
    follower = played(Follower(), 120, meter, RATE, 0, 2.0, [0])
    jumped = follow(follower, Bbt(bar=90, beat=1, tick=0), 0, RATE)
    assert jumped.at == (Bbt(bar=90, beat=1, tick=0), 0)
    assert (jumped.stretch.steps, jumped.tempo) == (0, 120)
    assert follow(jumped, Bbt(bar=90, beat=1, tick=0), 0, RATE) == jumped
