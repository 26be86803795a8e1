"""Category: unit. Clips offered to a DAW until it answers: when, how often, to whom, and what makes room."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi.time import Beats, Bpm, Meter, Seconds
from plugin_host import offering, offers
from plugin_host.host import DawTaken, HostError, Placement
from plugin_host.offering import OfferingHost
from plugin_host.offers import FIRST_AGAIN, LATEST_AGAIN, MAX_WAITING, SILENCE, Offers

HERE = "127.0.0.1 5000"


def clip(name: str = "one") -> Placement:
    return Placement(
        request_id=name, take=0, path=Path(f"/clips/{name}.wav"), name=name, start=Beats(0.0), bars=4, tempo=Bpm(120.0),
        meter=Meter(numerator=4, denominator=4), sample_rate_hz=44100, frames=352800, target="",
    )  # fmt: skip


def with_daw(now: float = 0.0) -> Offers:
    return offers.greeted(Offers(), HERE, "Live", Seconds(now))[0]


def test_an_offer_is_repeated_at_growing_intervals_until_it_is_answered() -> None:
    state, _, _ = offers.offered(with_daw(), clip(), Seconds(0.0))
    times, now = [], 0.0
    while now < 40:
        state, _ = offers.greeted(state, HERE, "Live", Seconds(now))
        state, due = offers.take_due(state, Seconds(now))
        times += [now for _ in due]
        now = round(now + 0.25, 2)
    assert times == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 23.5, 31.5, 39.5]
    state, found = offers.answered(state, 1)
    assert found is not None
    assert found.sent == len(times)
    assert offers.take_due(state, Seconds(100.0))[1] == ()


def test_a_second_answer_finds_nothing() -> None:
    state, offer, _ = offers.offered(with_daw(), clip(), Seconds(0.0))
    state, first = offers.answered(state, offer.number)
    assert first is not None
    assert offers.answered(state, offer.number)[1] is None


def test_nothing_is_sent_while_no_daw_is_there_and_everything_when_one_comes() -> None:
    state, _, _ = offers.offered(Offers(), clip("a"), Seconds(0.0))
    state, _, _ = offers.offered(state, clip("b"), Seconds(1.0))
    assert offers.take_due(state, Seconds(2.0))[1] == ()
    assert state.next_due(Seconds(2.0)) is None
    state, new = offers.greeted(state, HERE, "Live", Seconds(3.0))
    assert new
    assert [offer.placement.name for offer in offers.take_due(state, Seconds(3.0))[1]] == ["a", "b"]


def test_a_second_daw_is_refused_until_the_first_goes_or_falls_silent() -> None:
    state = with_daw()
    with pytest.raises(DawTaken, match="one DAW is served at a time"):
        offers.greeted(state, "127.0.0.1 6000", "Live", Seconds(1.0))
    gone = offers.left(state, HERE)
    assert offers.greeted(gone, "127.0.0.1 6000", "Live", Seconds(1.0))[1]
    assert offers.greeted(state, "127.0.0.1 6000", "Live", Seconds(SILENCE + 0.1))[1]


def test_somebody_else_cannot_say_that_the_daw_goes() -> None:
    state = with_daw()
    assert offers.left(state, "127.0.0.1 6000") == state


@given(st.lists(st.sampled_from(["offer", "answer", "greet", "send", "wait"]), max_size=200))
def test_what_waits_is_bounded_in_order_and_never_lost_unsaid(steps: list[str]) -> None:
    state, now = Offers(), 0.0
    waiting: list[int] = []
    for step in steps * 2:
        match step:
            case "offer":
                state, offer, dropped = offers.offered(state, clip(), Seconds(now))
                waiting.append(offer.number)
                assert [old.number for old in dropped] == waiting[: len(dropped)]
                waiting = waiting[len(dropped) :]
            case "answer" if waiting:
                state, found = offers.answered(state, waiting[0])
                assert found is not None
                waiting = waiting[1:]
            case "greet":
                state, _ = offers.greeted(state, HERE, "Live", Seconds(now))
            case "send":
                state, due = offers.take_due(state, Seconds(now))
                assert all(state.daw_at(Seconds(now)) for _ in due)
            case _:
                now += 3.0
        assert [offer.number for offer in state.waiting] == waiting
        assert len(waiting) <= MAX_WAITING
        assert all(offer.due - now <= LATEST_AGAIN for offer in state.waiting)
    assert FIRST_AGAIN < LATEST_AGAIN


def better(name: str, than: Placement) -> Placement:
    return replace(clip(name), replaces=than.path)


def test_a_draft_that_was_never_offered_gives_way_to_its_better_take() -> None:
    state, _, _ = offers.offered(Offers(), clip("draft"), Seconds(0.0))
    state, _, _ = offers.offered(state, clip("other"), Seconds(0.0))
    state, _, dropped = offers.offered(state, better("final", clip("draft")), Seconds(1.0))
    assert [offer.placement.name for offer in state.waiting] == ["other", "final"]
    assert dropped == ()
    assert state.waiting[-1].placement.replaces is None, "no DAW has the draft, so nobody is to look for it"


def test_a_draft_that_was_offered_is_answered_before_its_better_take() -> None:
    """It may lie in the session by now: the script has to know it, or the better take would go beside it."""
    state, _, _ = offers.offered(with_daw(), clip("draft"), Seconds(0.0))
    state, _ = offers.take_due(state, Seconds(0.0))
    state, _, _ = offers.offered(state, better("final", clip("draft")), Seconds(0.1))
    assert [offer.placement.name for offer in state.waiting] == ["draft", "final"]
    assert state.waiting[-1].placement.replaces == clip("draft").path


def test_a_clip_placed_by_hand_is_told_what_it_replaces() -> None:
    assert clip().by_hand == "It is /clips/one.wav: drag it onto an audio track."
    text = "It is /clips/final.wav: drag it onto an audio track, in the place of its draft one."
    assert better("final", clip()).by_hand == text


# The host around them


class Desk:
    """What the host says on its own accord."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.late: list[tuple[str, str]] = []

    def hear(self, event: object) -> None:
        raise AssertionError("the script speaks for itself")

    def tell(self, request_id: str, message: str) -> None:
        self.told.append((request_id, message))

    def placed(self, placement: Placement, where: str) -> None:
        self.late.append((placement.name, where))


def hosted(act: Callable[[OfferingHost, Desk], Awaitable[None]]) -> Desk:
    desk = Desk()

    async def run() -> None:
        host = OfferingHost("ableton", "Live", lambda: 0.0)
        host.attach(desk, lambda: None)
        await host.start()
        try:
            await act(host, desk)
        finally:
            await host.close()

    asyncio.run(run())
    return desk


async def placing(host: OfferingHost, name: str = "one") -> asyncio.Task[str]:
    task = asyncio.ensure_future(host.place(clip(name)))
    await asyncio.sleep(0)
    return task


def test_a_clip_that_the_script_takes_is_placed_where_it_says() -> None:
    async def act(host: OfferingHost, desk: Desk) -> None:
        host.greeted(HERE, "Live")
        task = await placing(host)
        assert [offer.placement.name for offer in host.take_due()] == ["one"]
        host.took(1, "track Sideman, slot 3")
        host.took(1, "track Sideman, slot 3")
        assert await task == "track Sideman, slot 3"

    assert hosted(act).late == []


def test_a_clip_that_the_script_refuses_raises_with_its_reason() -> None:
    async def act(host: OfferingHost, desk: Desk) -> None:
        host.greeted(HERE, "Live")
        task = await placing(host)
        host.refused(1, "The track Sideman is frozen.")
        with pytest.raises(HostError, match="frozen"):
            await task

    hosted(act)


def test_live_that_closes_lets_the_job_go_and_takes_the_clip_when_it_is_back() -> None:
    async def act(host: OfferingHost, desk: Desk) -> None:
        host.greeted(HERE, "Live")
        task = await placing(host)
        host.left(HERE)
        with pytest.raises(HostError, match="was closed"):
            await task
        host.greeted("127.0.0.1 5001", "Live")
        assert len(host.take_due()) == 1
        host.took(1, "track Sideman, slot 1")

    assert hosted(act).late == [("one", "track Sideman, slot 1")]


def test_live_that_does_not_answer_lets_the_job_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offering, "ANSWER_S", 0.0)

    async def act(host: OfferingHost, desk: Desk) -> None:
        host.greeted(HERE, "Live")
        with pytest.raises(HostError, match="has not answered"):
            await host.place(clip())
        host.refused(1, "Every slot is taken.")

    assert hosted(act).told == [("one", "Every slot is taken. It is /clips/one.wav: drag it onto an audio track.")]


def test_clips_that_make_room_are_told() -> None:
    async def act(host: OfferingHost, desk: Desk) -> None:
        for index in range(MAX_WAITING + 2):
            with pytest.raises(HostError, match="Live is not there"):
                await host.place(clip(f"clip{index}"))

    assert [name for name, _ in hosted(act).told] == ["clip0", "clip1"]
