"""Category: integration. The relay between OSC clients here and a daemon's HTTP there, over a link that breaks."""

from __future__ import annotations

import ast
import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from http_bench import WITHIN_S, Bench, a_clip, on_loop, serving, until
from hypothesis import given
from hypothesis import strategies as st

from bridge.clips import Clip
from bridge.config import Config
from bridge.errors import ClipError, StartError
from bridge.event_messages import TOLD_EVENTS, messages_of_event
from bridge.json_messages import command_json, messages_of
from bridge.osc_client import datagram
from bridge.osc_clients import Client
from bridge.osc_codec import Message, understand
from bridge.osc_replies import Accepted, ClipReply, DoneReply, KeptReply, StateReply
from bridge.osc_schema import AskState, ClipPlaced, Command, Foreign, Ping
from bridge.osc_wire import read_datagram
from bridge.receipt_schema import receipt_from_json
from bridge.relay import Relay
from bridge.relay_clients import Numbers
from bridge.relay_clips import placement_of
from bridge.relay_fetch import MAX_REFUSALS, ClipGone, Fetched, Fetcher
from bridge.relay_files import RelayFolder
from bridge.relay_link import RelayRefused
from bridge.relay_requests import Requests
from midi import events as ev
from midi.chords import ChordChange, parse_chord
from midi.events import ChordChart
from midi.keys import Key
from midi.time import FOUR_FOUR, Beats, Bpm
from plugin_host.virtual import VirtualHost

TOKEN = "a-token-of-the-tests-0123456789"


class Link:
    """A TCP proxy in front of a server: the network between two machines, which can be broken."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.is_down = False
        self.cut_after: int | None = None
        """Bytes towards the client after which everything breaks, once."""
        self.breaks = 0

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        assert self._server
        self._server.close()
        self.cut()
        await self._server.wait_closed()
        while self._writers:
            await asyncio.sleep(0.01)

    def cut(self) -> None:
        """Break every connection."""
        self.breaks += 1
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self.is_down:
                return
            try:
                there, back = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                return
            self._writers.add(back)
            tasks = [
                asyncio.create_task(self._pump(reader, back, counts=False)),
                asyncio.create_task(self._pump(there, writer, counts=True)),
            ]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            back.transport.abort()
            self._writers.discard(back)
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counts: bool) -> None:
        while data := await reader.read(1 << 14):
            if counts and self.cut_after is not None:
                self.cut_after -= len(data)
                if self.cut_after <= 0:
                    self.cut_after = None
                    self.cut()
                    return
            writer.write(data)
            await writer.drain()


class Desk:
    """An OSC client on the DAW's machine."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self.heard: list[tuple[Any, ...]] = []
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        heard = self.heard

        class Hearing(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: object) -> None:
                heard.extend((message.address, *message.values) for message in read_datagram(data))

        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            Hearing, remote_addr=self._address
        )

    def send(self, address: str, types: str = "", *arguments: Any) -> None:
        assert self._transport
        self._transport.sendto(datagram(address, types, *arguments))

    async def hears(self, address: str) -> tuple[Any, ...]:
        """The first message at an address, now or soon; it is taken out."""
        await until(lambda: any(one[0] == address for one in self.heard))
        found = next(one for one in self.heard if one[0] == address)
        self.heard.remove(found)
        return found[1:]

    async def close(self) -> None:
        assert self._transport
        self._transport.close()
        await asyncio.sleep(0)


class Stage:
    """Both machines: a daemon's HTTP there, the network, a relay and an OSC client here."""

    def __init__(
        self, bench: Bench, link: Link, relay: Relay, desk: Desk, there: Path, here: Path, lines: list[str]
    ) -> None:
        self.bench, self.link, self.relay, self.desk = bench, link, relay, desk
        self.there, self.here, self.lines = there, here, lines

    def made(self, name: str = "verse", seconds: float = 2.0, **more: Any) -> Clip:
        """A clip is made there and told."""
        clip = a_clip(self.there, name, seconds, **more)
        self.tell(clip)
        return clip

    def has_handled(self) -> bool:
        """Whether the daemon there was told something."""
        return bool(self.bench.handled)

    def tell(self, clip: Clip, requester: Client | None = None) -> None:
        reply = ClipReply(
            id=clip.request_id,
            take=0,
            bars=clip.bars,
            path=str(clip.path),
            sample_rate_hz=48000,
            seconds=clip.seconds,
            tempo=120.0,
        )
        self.bench.osc.broadcast(reply, requester)


async def brief(_: float) -> None:
    """A pause of the relay, in a test."""
    await asyncio.sleep(0.01)


@asynccontextmanager
async def stage(
    tmp_path: Path, *, host: str = "none", token: str | None = TOKEN, given: str | None = TOKEN
) -> AsyncIterator[Stage]:
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir(exist_ok=True)
    lines: list[str] = []
    async with serving(there, token=token) as bench:
        bench.session = {"clips_folder": str(there)}
        link = Link(int(bench.url.rpartition(":")[2]))
        url = await link.start()
        config = Config.model_validate({"osc": {"port": 0}, "clips": {"folder": here}, "host": {"name": host}})
        relay, stop, ready = Relay(url, given, config, tell=lines.append, sleep=brief), asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(relay.run(lambda _: ready.set(), stop))
        await until(lambda: ready.is_set() or running.done())
        desk = Desk(relay.server.address)
        await desk.open()
        try:
            await until(lambda: relay._clips._before is not None or running.done())
            yield Stage(bench, link, relay, desk, there, here, lines)
        finally:
            stop.set()
            await desk.close()
            try:
                await asyncio.wait_for(running, WITHIN_S)
            finally:
                await link.close()


# Commands and answers


@on_loop
async def test_what_a_client_says_here_is_carried_out_there_and_answered_here(tmp_path: Path) -> None:
    async with stage(tmp_path) as here:
        here.desk.send("/sideman/ping")
        assert await here.desk.hears("/sideman/pong") == ("1.2.3",)
        here.desk.send("/sideman/tempo", "f", 112.0)
        here.desk.send("/sideman/chords", "s", "Am7 | Dm7")
        await until(lambda: len(here.bench.handled) == 2)
        assert here.bench.handled[0][0] == ev.SetTempo(bpm=Bpm(112.0))
        here.desk.send("/sideman/tempo", "f", 1.0)
        assert (await here.desk.hears("/sideman/error"))[1] == "out_of_range"
        assert len(here.bench.handled) == 2, "what cannot be read goes no further"


@on_loop
async def test_an_answer_comes_to_whom_it_is_for_and_a_broadcast_to_all_that_subscribed(tmp_path: Path) -> None:
    async with stage(tmp_path) as here:
        other = Desk(here.relay.server.address)
        await other.open()
        other.send("/sideman/subscribe")
        await other.hears("/sideman/subscribed")

        def answer(command: Command | Foreign, client: Client) -> None:
            if isinstance(command, AskState):
                here.bench.osc.send(client, StateReply(json=json.dumps({"clips_folder": str(here.there), "x": 1})))
            else:
                here.bench.osc.broadcast(DoneReply(id="a", clips=0), client)

        here.bench.on_command = answer
        here.desk.send("/sideman/state")
        (text,) = await here.desk.hears("/sideman/state")
        assert json.loads(text) == {"clips_folder": str(here.here), "x": 1}
        here.desk.send("/sideman/generate", "s", "a")
        assert await here.desk.hears("/sideman/done") == ("a", 0)
        assert await other.hears("/sideman/done") == ("a", 0)
        assert other.heard == []
        assert here.desk.heard == []
        await other.close()


@on_loop
async def test_while_there_is_no_link_a_client_is_told_and_then_it_goes_on(tmp_path: Path) -> None:
    async with stage(tmp_path) as here:
        here.link.is_down = True
        here.link.cut()
        await until(lambda: not here.relay.link.is_up)
        for _ in range(3):
            here.desk.send("/sideman/tempo", "f", 100.0)
            here.desk.send("/sideman/generate", "s", "a")
        for _ in range(4):
            request_id, code, text = await here.desk.hears("/sideman/error")
            assert code == "no_answer"
            assert "not passed on" in text
        assert request_id in {"", "a"}
        await asyncio.sleep(0.05)
        assert here.desk.heard == [], "of a tempo it is told once"
        here.link.is_down = False
        await until(lambda: here.relay.link.is_up)
        here.desk.send("/sideman/ping")
        await here.desk.hears("/sideman/pong")
        assert any("not reached" in line for line in here.lines)


@on_loop
async def test_a_script_hears_of_another_run_after_each_break_so_that_it_tells_its_session_anew(tmp_path: Path) -> None:
    async with stage(tmp_path, host="ableton") as here:
        here.desk.send("/sideman/daw", "ss", "Live", "1")
        first, places = await here.desk.hears("/sideman/hosting")
        assert places == 1
        here.link.cut()
        await until(lambda: here.relay._links == 2)
        here.desk.send("/sideman/daw", "ss", "Live", "1")
        second, _ = await here.desk.hears("/sideman/hosting")
        assert first != second


@on_loop
async def test_a_dialect_is_understood_on_the_machine_of_the_daw(tmp_path: Path) -> None:
    async with stage(tmp_path, host="virtual") as here:
        here.desk.send("/virtual/song/tempo", "f", 99.0)
        await until(lambda: len(here.bench.handled) == 1)
        assert here.bench.handled[0][0] == ev.SetTempo(bpm=Bpm(99.0))
        here.desk.send("/nobody/knows", "f", 99.0)
        await until(lambda: len(here.bench.handled) == 2)
        assert isinstance(here.bench.handled[1][0], Foreign)


# Clips


@on_loop
async def test_a_clip_is_here_before_it_is_told_with_its_receipt_and_this_machines_path(tmp_path: Path) -> None:
    async with stage(tmp_path, host="virtual") as here:
        here.desk.send("/sideman/subscribe")
        await here.desk.hears("/sideman/subscribed")
        clip = here.made()
        here.bench.osc.broadcast(DoneReply(id="verse", clips=1), None)
        told = await here.desk.hears("/sideman/clip")
        path = Path(told[3])
        assert path == here.here / clip.path.name
        assert path.read_bytes() == clip.path.read_bytes()
        assert receipt_from_json(path.with_suffix(".json").read_bytes()) == receipt_from_json(
            clip.receipt_path.read_bytes()
        )
        await here.desk.hears("/sideman/done")
        await until(here.has_handled)
        placed = here.bench.handled[0][0]
        assert placed == ClipPlaced(id="verse", take=0, where="track Sideman, slot 1")
        assert sorted(one.suffix for one in here.here.iterdir()) == [".json", ".wav"]
        here.bench.osc.broadcast(KeptReply(id="verse", take=0, path=str(clip.path)), None)
        assert (await here.desk.hears("/sideman/kept"))[2] == str(path)


@on_loop
async def test_a_clip_comes_whole_over_a_link_that_breaks_in_its_middle(tmp_path: Path) -> None:
    async with stage(tmp_path) as here:
        here.link.cut_after = 700_000
        clip = here.made(seconds=10)
        await until((here.here / clip.path.name).exists)
        assert here.link.breaks == 1
        assert hashlib.sha256((here.here / clip.path.name).read_bytes()).hexdigest() == clip.sha256
        assert any("the link broke" in line for line in here.lines)
        assert not any("brought again" in line for line in here.lines), "it went on where it was"
        here.desk.send("/sideman/ping")
        await until(lambda: here.relay.link.is_up)


@on_loop
async def test_what_was_made_while_there_was_no_link_is_brought_and_what_was_there_before_is_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "there").mkdir()
    old = a_clip(tmp_path / "there", "old")
    async with stage(tmp_path, host="virtual") as here:
        here.link.is_down = True
        here.link.cut()
        await until(lambda: not here.relay.link.is_up)
        missed = a_clip(here.there, "missed", seed=2)
        here.link.is_down = False
        await until((here.here / missed.path.name).exists)
        await until(here.has_handled)
        assert here.bench.handled[0][0] == ClipPlaced(id="missed", take=0, where="track Sideman, slot 1")
        assert not (here.here / old.path.name).exists()
        here.link.cut()
        await until(lambda: here.relay._links == 3)
        here.desk.send("/sideman/ping")
        await here.desk.hears("/sideman/pong")
        assert len(here.bench.handled) == 1, "it is brought and placed once"


@on_loop
async def test_what_a_run_before_did_not_finish_is_finished(tmp_path: Path) -> None:
    there, here_folder = tmp_path / "there", RelayFolder(tmp_path / "here")
    there.mkdir()
    here_folder.path.mkdir()
    clip = a_clip(there, "begun")
    here_folder.part(clip.id, clip.sha256).write_bytes(clip.path.read_bytes()[:1000])
    async with stage(tmp_path) as here:
        await until((here.here / clip.path.name).exists)
        assert (here.here / clip.path.name).read_bytes() == clip.path.read_bytes()
        assert here_folder.begun() == frozenset()


@on_loop
async def test_a_folder_that_takes_nothing_is_told_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    async with stage(tmp_path) as here:
        here.desk.send("/sideman/subscribe")
        await here.desk.hears("/sideman/subscribed")

        def full(*_: object) -> Path:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("bridge.relay_files.sha256_of", full)
        here.made()
        _, code, text = await here.desk.hears("/sideman/notice")
        assert code == "disk"
        assert "No space left" in text
        monkeypatch.undo()
        clip = here.made("next", seed=3)
        assert (await here.desk.hears("/sideman/clip"))[3] == str(here.here / clip.path.name)


@on_loop
async def test_a_path_here_becomes_the_one_there_and_other_files_are_refused(tmp_path: Path) -> None:
    async with stage(tmp_path) as here:
        here.desk.send("/sideman/subscribe")
        await here.desk.hears("/sideman/subscribed")
        clip = here.made()
        path = (await here.desk.hears("/sideman/clip"))[3]
        here.desk.send("/sideman/drums/track", "s", path)
        await until(here.has_handled)
        assert here.bench.handled[0][0].path == str(clip.path)  # type: ignore[union-attr]
        here.desk.send("/sideman/drums/track", "s", "/music/mine.wav")
        assert (await here.desk.hears("/sideman/error"))[1] == "bad_request"


# Ends


@on_loop
async def test_a_request_that_ended_while_there_was_no_link_has_an_end_here_too(tmp_path: Path) -> None:
    async with stage(tmp_path) as here:

        def accept(command: Command | Foreign, client: Client) -> None:
            if isinstance(command, ev.RequestClip):
                here.bench.osc.broadcast(Accepted(id=command.id or "", revision=1), client)

        here.bench.on_command = accept
        for request_id in ("made", "lost", "runs"):
            here.desk.send("/sideman/generate", "s", request_id)
            assert (await here.desk.hears("/sideman/accepted"))[0] == request_id
        here.link.is_down = True
        here.link.cut()
        await until(lambda: not here.relay.link.is_up)
        clip = a_clip(here.there, "made")
        here.bench.session |= {"jobs": {"running": "runs", "waiting": []}}
        here.link.is_down = False
        assert (await here.desk.hears("/sideman/clip"))[3] == str(here.here / clip.path.name)
        assert await here.desk.hears("/sideman/done") == ("made", 1)
        assert (await here.desk.hears("/sideman/error"))[:2] == ("lost", "no_answer")
        here.bench.osc.broadcast(DoneReply(id="made", clips=1), None)
        here.bench.osc.broadcast(DoneReply(id="runs", clips=1), None)
        assert await here.desk.hears("/sideman/done") == ("runs", 1), "it is for who asked, over whatever link"
        here.desk.send("/sideman/subscribe")
        await here.desk.hears("/sideman/subscribed")
        here.bench.osc.broadcast(DoneReply(id="last", clips=0), None)
        assert await here.desk.hears("/sideman/done") == ("last", 0), "an end is told once"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["accepted", "end", "break", "late"]))))
def test_every_accepted_request_has_one_end(steps: list[tuple[str, str]]) -> None:
    """However the link breaks: what the daemon ends is ended once, by it or by the relay."""
    requests, open_there, told, ended_here = Requests(), set(), [], set()
    for name, step in steps:
        if step == "accepted" and name not in open_there:
            open_there.add(name)
            ended_here.discard(name)
            requests.heard(Accepted(id=name, revision=1), {})
            told.append((name, "accepted"))
        elif step == "end" and name in open_there:
            open_there.discard(name)
            if requests.heard(DoneReply(id=name, clips=1), {}):
                told.append((name, "end"))
        elif step == "break":
            before = requests.open()
            open_there.discard(name)
            ends = requests.ended(before, {"running": None, "waiting": sorted(open_there)}, ["a"])
            told += [(end.id, "end") for end in ends]
            ended_here |= {end.id for end in ends}
        elif step == "late" and name in ended_here:
            ended_here.discard(name)
            assert not requests.heard(DoneReply(id=name, clips=1), {}), "the daemon's own end comes after all"
    for name in "abc":
        kinds = [kind for one, kind in told if one == name]
        assert kinds == ["accepted", "end"] * (len(kinds) // 2) + (["accepted"] if name in open_there else [])


# Who may


@on_loop
async def test_a_wrong_token_ends_the_relay_with_what_to_do(tmp_path: Path) -> None:
    config = Config.model_validate({"osc": {"port": 0}, "clips": {"folder": tmp_path / "here"}})
    async with serving(tmp_path, token=TOKEN) as bench:
        for given in (None, "another-token-0123456789"):
            relay = Relay(bench.url, given, config, tell=lambda _: None, sleep=brief)
            with pytest.raises(RelayRefused, match="--token-file"):
                await asyncio.wait_for(relay.run(lambda _: None, asyncio.Event()), WITHIN_S)


# Fetching alone


def fetcher(folder: Path, answer: Any, lines: list[str]) -> tuple[Fetcher, httpx2.AsyncClient]:
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer), base_url="http://there")
    return Fetcher(client, RelayFolder(folder), tell=lines.append, sleep=brief), client


@on_loop
async def test_a_file_that_is_not_what_its_receipt_says_is_given_up(tmp_path: Path) -> None:
    clip = a_clip(tmp_path / "there")
    (tmp_path / "here").mkdir()
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        if request.url.path.endswith("audio"):
            return httpx2.Response(200, content=b"something else", headers={"etag": f'"{clip.sha256}"'})
        return httpx2.Response(200, content=clip.receipt_path.read_bytes())

    bring, client = fetcher(tmp_path / "here", answer, lines := [])
    with pytest.raises(ClipGone, match="3 times"):
        await bring.fetch(clip.id)
    assert len(asked) == 4
    assert list((tmp_path / "here").iterdir()) == []
    assert len(lines) == 3
    await client.aclose()


def answering(
    receipt: bytes, audio: bytes | Endless, tag: str
) -> tuple[Callable[[httpx2.Request], httpx2.Response], list[str]]:
    """A daemon that answers this, and what it was asked."""
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        if request.url.path.endswith("audio"):
            headers = {"etag": f'"{tag}"'}
            if isinstance(audio, bytes):
                return httpx2.Response(200, content=audio, headers=headers)
            return httpx2.Response(200, stream=audio, headers=headers)
        return httpx2.Response(200, content=receipt)

    return answer, asked


class Endless(httpx2.AsyncByteStream):
    """An answer that never ends."""

    def __aiter__(self) -> Endless:
        return self

    async def __anext__(self) -> bytes:
        return bytes(1 << 16)


def with_facts(clip: Clip, **facts: object) -> bytes:
    return json.dumps(json.loads(clip.receipt_path.read_bytes()) | facts).encode()


@pytest.mark.parametrize("clip_id", ["../mine/sideman-verse-t0_120bpm", "/etc/x", "..", "", "notes", "sideman-a/b"])
@on_loop
async def test_a_daemon_reaches_no_file_outside_the_folder_by_a_clips_name(tmp_path: Path, clip_id: str) -> None:
    mine = a_clip(tmp_path / "mine")
    (tmp_path / "here").mkdir()
    answer, asked = answering(mine.receipt_path.read_bytes(), b"", mine.sha256)
    bring, client = fetcher(tmp_path / "here", answer, [])
    with pytest.raises(ClipError, match="no id"):
        await bring.fetch(clip_id)
    assert asked == []
    with pytest.raises(ClipError, match="no id"):
        RelayFolder(tmp_path / "here").find(clip_id, mine.sha256)
    await client.aclose()


@pytest.mark.parametrize("sha256", ["", "/../../mine/abcd", "G" * 64, "ab" * 31])
@on_loop
async def test_a_daemon_reaches_no_file_by_a_checksum_that_is_none(tmp_path: Path, sha256: str) -> None:
    clip = a_clip(tmp_path / "there")
    (tmp_path / "here").mkdir()
    answer, asked = answering(with_facts(clip, sha256=sha256), b"", sha256)
    bring, client = fetcher(tmp_path / "here", answer, [])
    with pytest.raises(ClipError, match="no SHA-256"):
        await bring.fetch(clip.id)
    assert len(asked) == 1
    assert list((tmp_path / "here").iterdir()) == []
    await client.aclose()


@on_loop
async def test_a_daemon_that_never_ends_fills_neither_disk_nor_memory(tmp_path: Path) -> None:
    clip = a_clip(tmp_path / "there", seconds=0.2)
    (tmp_path / "here").mkdir()
    answer, _ = answering(clip.receipt_path.read_bytes(), Endless(), clip.sha256)
    bring, client = fetcher(tmp_path / "here", answer, [])
    with pytest.raises(ClipGone, match="longer than its receipt"):
        await bring.fetch(clip.id)
    assert list((tmp_path / "here").iterdir()) == []
    await client.aclose()
    bring, client = fetcher(tmp_path / "here", lambda _: httpx2.Response(200, stream=Endless()), [])
    with pytest.raises(ClipGone, match="more than"):
        await bring.fetch(clip.id)
    await client.aclose()
    answer, _ = answering(with_facts(clip, frames=1 << 40), b"", clip.sha256)
    bring, client = fetcher(tmp_path / "here", answer, [])
    with pytest.raises(ClipGone, match="longer than any"):
        await bring.fetch(clip.id)
    await client.aclose()


@pytest.mark.parametrize(("frames", "words"), [(None, "no WAV file"), (9601, "of another length")])
@on_loop
async def test_what_is_no_clip_of_the_receipts_length_is_never_given_to_a_daw(
    tmp_path: Path, frames: int | None, words: str
) -> None:
    clip = a_clip(tmp_path / "there", seconds=0.2)
    (tmp_path / "here").mkdir()
    audio = b"#!/bin/sh" if frames is None else clip.path.read_bytes()
    sha256 = hashlib.sha256(audio).hexdigest()
    answer, _ = answering(with_facts(clip, sha256=sha256, frames=frames or clip.frames), audio, sha256)
    bring, client = fetcher(tmp_path / "here", answer, lines := [])
    with pytest.raises(ClipGone, match="3 times"):
        await bring.fetch(clip.id)
    assert all(words in line for line in lines)
    assert list((tmp_path / "here").iterdir()) == []
    await client.aclose()


@on_loop
async def test_a_receipt_that_is_there_already_is_not_written_over(tmp_path: Path) -> None:
    clip = a_clip(tmp_path / "there")
    (tmp_path / "here").mkdir()
    mine = tmp_path / "here" / f"{clip.id}.json"
    mine.write_text("my own notes")
    answer, _ = answering(clip.receipt_path.read_bytes(), clip.path.read_bytes(), clip.sha256)
    bring, client = fetcher(tmp_path / "here", answer, [])
    assert (await bring.fetch(clip.id)).path.name == f"{clip.id}-2.wav"
    assert mine.read_text() == "my own notes"
    await client.aclose()


@on_loop
async def test_a_run_that_ended_between_receipt_and_clip_is_finished_under_the_same_name(tmp_path: Path) -> None:
    clip = a_clip(tmp_path / "there")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / clip.receipt_path.name).write_bytes(clip.receipt_path.read_bytes())
    answer, _ = answering(clip.receipt_path.read_bytes(), clip.path.read_bytes(), clip.sha256)
    bring, client = fetcher(tmp_path / "here", answer, [])
    assert (await bring.fetch(clip.id)).path == tmp_path / "here" / clip.path.name
    assert len(list((tmp_path / "here").iterdir())) == 2
    await client.aclose()


def test_a_relay_is_heard_by_this_machine_alone_unless_hosts_are_named(tmp_path: Path) -> None:
    def relay(**osc: object) -> Relay:
        config = Config.model_validate({"osc": {"port": 0, **osc}, "clips": {"folder": tmp_path}})
        return Relay("http://127.0.0.1:1", None, config, tell=lambda _: None)

    with pytest.raises(StartError, match="allow_hosts"):
        relay(host="0.0.0.0")
    relay(host="0.0.0.0", allow_hosts=["10.0.0.5"])


@on_loop
async def test_a_daemon_that_goes_on_failing_is_given_up_and_says_so(tmp_path: Path) -> None:
    lines: list[str] = []
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        return httpx2.Response(502)

    bring, client = fetcher(tmp_path, answer, lines)
    with pytest.raises(ClipGone, match=f"answered 502, {MAX_REFUSALS} times; it is given up"):
        await bring.fetch("sideman-x-t0")
    assert len(asked) == MAX_REFUSALS
    assert len(lines) == MAX_REFUSALS - 1
    await client.aclose()


@on_loop
async def test_a_daemon_that_fails_for_a_while_is_waited_for_and_a_broken_link_however_long(tmp_path: Path) -> None:
    clip = a_clip(tmp_path / "there")
    (tmp_path / "here").mkdir()
    whole, _ = answering(clip.receipt_path.read_bytes(), clip.path.read_bytes(), clip.sha256)
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        if len(asked) < MAX_REFUSALS:
            return httpx2.Response(503)
        if len(asked) < 5 * MAX_REFUSALS:
            raise httpx2.ConnectError("nobody answers there")
        response: httpx2.Response = whole(request)
        return response

    bring, client = fetcher(tmp_path / "here", answer, [])
    assert (await bring.fetch(clip.id)).path.read_bytes() == clip.path.read_bytes()
    await client.aclose()


@pytest.mark.parametrize("status", [404, 410])
@on_loop
async def test_a_clip_that_is_gone_is_said(tmp_path: Path, status: int) -> None:
    bring, client = fetcher(tmp_path, lambda _: httpx2.Response(status), [])
    with pytest.raises(ClipGone, match="any more"):
        await bring.fetch("sideman-x-t0")
    await client.aclose()


@on_loop
async def test_another_clip_of_the_same_name_stays_and_a_clip_that_is_here_is_not_brought_again(tmp_path: Path) -> None:
    mine = a_clip(tmp_path / "here", seed=1)
    clip = a_clip(tmp_path / "there", seed=2)
    before = mine.path.read_bytes()
    asked = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        if request.url.path.endswith("audio"):
            return httpx2.Response(200, content=clip.path.read_bytes(), headers={"etag": f'"{clip.sha256}"'})
        return httpx2.Response(200, content=clip.receipt_path.read_bytes())

    bring, client = fetcher(tmp_path / "here", answer, [])
    fetched = await bring.fetch(clip.id)
    assert fetched.path == tmp_path / "here" / f"{clip.id}-2.wav"
    assert mine.path.read_bytes() == before
    assert receipt_from_json(fetched.path.with_suffix(".json").read_bytes()).file == fetched.path.name
    assert (await bring.fetch(clip.id)).path == fetched.path
    assert len([one for one in asked if one.endswith("audio")]) == 1
    await client.aclose()


@given(st.lists(st.integers(0, 300_000), max_size=6))
def test_a_clip_is_whole_wherever_the_link_breaks(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    folder = tmp_path_factory.mktemp("cuts")
    clip = a_clip(folder / "there", seconds=0.5)
    whole, left = clip.path.read_bytes(), list(cuts)

    def answer(request: httpx2.Request) -> httpx2.Response:
        if not request.url.path.endswith("audio"):
            return httpx2.Response(200, content=clip.receipt_path.read_bytes())
        start = int(request.headers.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if start >= len(whole):
            return httpx2.Response(416)

        async def body() -> AsyncIterator[bytes]:
            rest = whole[start:]
            if left and (cut := left.pop(0)) < len(rest):
                yield rest[:cut]
                raise httpx2.ReadError("the link broke")
            yield rest

        headers = {"etag": f'"{clip.sha256}"'}
        return httpx2.Response(206 if start else 200, content=body(), headers=headers)

    async def main() -> None:
        (folder / "here").mkdir()
        bring, client = fetcher(folder / "here", answer, [])
        fetched = await bring.fetch(clip.id)
        assert fetched.path.read_bytes() == whole
        await client.aclose()

    asyncio.run(main())


# What is pure


EVENTS: list[ev.SessionEvent] = [
    ev.SetTempo(bpm=Bpm(101.5)), ev.SetMeter(meter=FOUR_FOUR), ev.Play(), ev.Play(at=Beats(3.5)), ev.Stop(),
    ev.Locate(at=Beats(7.0)), ev.SetStart(at=Beats(8.0)), ev.SetBars(bars=7),
    ev.SetKey(key=Key(tonic=6, mode="dorian")),
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_what_a_host_hears_comes_out_there_as_the_same_event(event: ev.SessionEvent) -> None:
    ((address, arguments),) = messages_of_event(event)
    (message,) = understand(messages_of(json.loads(json.dumps(command_json(address, arguments)))))
    assert isinstance(message, Message)
    assert message.command == event


def test_a_chart_of_markers_becomes_its_chords() -> None:
    changes = (
        ChordChange(at=Beats(0.0), chord=parse_chord("Am7")),
        ChordChange(at=Beats(4.0), chord=parse_chord("F/C")),
    )
    told = messages_of_event(ev.SetChordChart(chart=ChordChart(changes=changes)))
    commands = [
        one.command
        for message in told
        for one in understand(messages_of(command_json(*message)))
        if isinstance(one, Message)
    ]
    assert commands == [ev.ClearChords(), *(ev.AddChord(change=change) for change in changes)]


def events_of_dialects() -> set[str]:
    """The events that a dialect of a DAW makes, read from the source."""
    root = Path(__file__).parent.parent
    return {
        node.func.attr
        for path in (*root.glob("plugin_host/*.py"), *root.glob("bridge/*_host.py"))
        if path.name != "folder_host.py"  # it makes clips of its own files, which no relay passes on
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "ev"
    }


def test_every_event_of_a_dialect_can_be_passed_on() -> None:
    told = {kind.__name__ for kind in TOLD_EVENTS}
    assert {"SetTempo", "Play"} <= events_of_dialects() <= told


def test_what_no_host_tells_is_no_message() -> None:
    assert messages_of_event(ev.ClearMelody()) == ()


@given(st.lists(st.integers(0, 20)), st.integers(1, 8))
def test_a_number_is_the_clients_whom_it_was_given_last(ports: list[int], limit: int) -> None:
    numbers, last = Numbers(limit), {}
    for port in ports:
        client = Client("127.0.0.1", port)
        number = numbers.of(client)
        assert 1 <= number <= limit
        last[number] = client
    for number, client in last.items():
        assert numbers.client(number) == client
    assert numbers.client(None) is None


def test_a_clip_is_placed_as_its_receipt_says(tmp_path: Path) -> None:
    clip = a_clip(tmp_path, seconds=4)
    placement = placement_of(Fetched(path=clip.path, receipt=receipt_from_json(clip.receipt_path.read_bytes())), {})
    assert (placement.bars, placement.length, placement.frames, placement.name) == (2, 8.0, 192_000, clip.id)


@pytest.mark.parametrize(
    ("told", "here"),
    [("draft.wav", "draft-2.wav"), ("other.wav", None), ("../draft.wav", None), ("/etc/passwd", None), (None, None)],
)
def test_a_draft_is_the_file_that_it_came_to_be_here_and_never_another(
    tmp_path: Path, told: str | None, here: str | None
) -> None:
    """A clip of an earlier daemon may have the draft's name here: it is not what is to be replaced."""
    clip = a_clip(tmp_path)
    receipt = replace(receipt_from_json(clip.receipt_path.read_bytes()), replaces=told)
    local = {"draft": tmp_path / "draft-2.wav"}
    replaces = placement_of(Fetched(path=clip.path, receipt=receipt), local).replaces
    assert replaces == (tmp_path / here if here else None)


@on_loop
async def test_the_daw_in_memory_takes_such_a_placement(tmp_path: Path) -> None:
    clip = a_clip(tmp_path)
    host = VirtualHost()
    await host.start()
    placement = placement_of(Fetched(path=clip.path, receipt=receipt_from_json(clip.receipt_path.read_bytes())), {})
    assert await host.place(placement) == "track Sideman, slot 1"


def test_a_ping_is_asked_of_the_daemon_itself() -> None:
    from bridge.relay_passing import OWN

    assert not isinstance(Ping(), OWN)
