"""Category: unit. What a DAW's script is offered, by the version that it says it has."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bridge.daw_desk import DawDesk
from bridge.osc_clients import Client
from bridge.osc_commands import DawHere
from bridge.osc_replies import NoticeReply, PlaceRequest, Reply
from midi.time import Beats, Bpm, Meter
from plugin_host.host import HostError, Placement
from plugin_host.offering import OfferingHost

SCRIPT = Client("127.0.0.1", 5000)
DRAFT, FINAL = Path("/clips/draft.wav"), Path("/clips/final.wav")


def offered(version: str, replaces: Path | None) -> list[Reply]:
    """What everybody hears while a clip is offered to a script of a version."""
    heard: list[Reply] = []
    host = OfferingHost("ableton", "Live", lambda: 0.0)

    async def scene() -> None:
        desk = DawDesk(
            host,
            run="run",
            send=lambda client, reply: heard.append(reply),
            broadcast=lambda reply, client: heard.append(reply),
            apply=lambda event: None,
            make=lambda chart, wishes: "",
            note_placed=lambda path, where: None,
        )
        placement = Placement(
            request_id="ask", take=0, path=FINAL, name="final", start=Beats(0.0), bars=4, tempo=Bpm(120.0),
            meter=Meter(numerator=4, denominator=4), sample_rate_hz=48000, frames=384000, target="", replaces=replaces,
        )  # fmt: skip
        with pytest.raises(HostError):
            await host.place(placement)
        desk.handle(DawHere(name="Live", version=version), SCRIPT)
        desk.close()
        await host.close()

    asyncio.run(scene())
    return heard


@pytest.mark.parametrize("version", ["2", "3", "10"])
def test_a_script_is_told_the_file_of_the_draft(version: str) -> None:
    (_, offer) = offered(version, DRAFT)
    assert isinstance(offer, PlaceRequest)
    assert (offer.path, offer.replaces) == (str(FINAL), str(DRAFT))


@pytest.mark.parametrize("version", ["1", "", "two", "²", "-3"])
def test_an_older_script_gets_what_it_knows_and_the_user_is_told_once(version: str) -> None:
    (_, offer, notice) = offered(version, DRAFT)
    assert isinstance(offer, PlaceRequest)
    assert (offer.path, offer.replaces) == (str(FINAL), "")
    assert isinstance(notice, NoticeReply)
    assert notice.id == "ask" and "Install it anew" in notice.message


def test_nothing_is_said_of_a_clip_that_replaces_none() -> None:
    for version in ("1", "2"):
        (_, offer) = offered(version, None)
        assert isinstance(offer, PlaceRequest) and offer.replaces == ""
