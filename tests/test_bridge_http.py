"""Category: integration. The HTTP and WebSocket service over real sockets on loopback."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from http_bench import Bench, a_clip, heard, heard_at, on_loop, serving, until
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bridge import http_events, http_guard, http_server
from bridge.errors import NothingToPlay, StartError
from bridge.http_app import STATUSES, made_app
from bridge.http_config import HttpConfig
from bridge.http_events import MAX_EVENTS, Outbox
from bridge.json_messages import MAX_JSON_BYTES
from bridge.osc_errors import ERROR_CODES
from bridge.osc_replies import ClipReply, ProgressReply
from bridge.osc_schema import COMMANDS, Accepted, Command, Foreign
from bridge.osc_server import Client
from midi import events as ev

TOKEN = "a-token-of-the-tests-0123456789"


def client_of(bench: Bench, **headers: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=bench.url, headers=headers, trust_env=False, timeout=20)


def error_of(response: httpx2.Response) -> tuple[int, str]:
    body = response.json()["error"]
    assert body["message"]
    return response.status_code, body["code"]


# Commands


@on_loop
async def test_a_command_is_carried_out_and_answered(tmp_path: Path) -> None:
    async with serving(tmp_path) as bench, client_of(bench) as client:
        assert (await client.post("/api/command", json={"address": "/sideman/tempo", "arguments": [112]})).json() == {
            "replies": []
        }
        assert (await client.post("/api/command/tempo", json={"bpm": 90})).status_code == 200
        assert [command for command, _ in bench.handled] == [ev.SetTempo(bpm=112.0), ev.SetTempo(bpm=90.0)]
        pong = (await client.post("/api/command/ping")).json()["replies"]
        assert pong == [{"address": "/sideman/pong", "arguments": {"version": "1.2.3"}}]


@on_loop
async def test_each_address_of_the_table_is_taken_by_name(tmp_path: Path) -> None:
    async with serving(tmp_path) as bench, client_of(bench) as client:
        for row in COMMANDS.values():
            form = row.form_of(len(row.example)) or ()
            body = {argument.name: value for argument, value in zip(form, row.example, strict=True)}
            answer = await client.post(f"/api/command/{row.address.removeprefix('/sideman/')}", json=body)
            assert answer.status_code == 200, (row.address, answer.text)


@on_loop
async def test_what_cannot_be_used_is_said_and_changes_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as bench, client_of(bench) as client:

        def refuse(command: Command | Foreign, _: Client) -> None:
            raise NothingToPlay("There are no chords.")

        assert error_of(await client.post("/api/command/tempo", json={"bpm": 1})) == (422, "out_of_range")
        assert error_of(await client.post("/api/command/tempo", content=b"{")) == (400, "malformed")
        assert error_of(await client.post("/api/command/nothing")) == (404, "not_found")
        assert error_of(await client.post("/api/command/tempo", json=[1])) == (400, "malformed")
        big = b'{"address": "/sideman/prompt", "arguments": ["' + b"x" * MAX_JSON_BYTES + b'"]}'
        assert error_of(await client.post("/api/command", content=big)) == (413, "too_long")
        assert error_of(await client.get("/api/command")) == (405, "not_allowed")
        assert error_of(await client.get("/nowhere")) == (404, "not_found")
        assert bench.handled == []
        bench.on_command = refuse
        answer = await client.post("/api/command/generate", json={"id": "one"})
        assert error_of(answer) == (422, "nothing_to_play")
        assert answer.json()["replies"][0]["arguments"]["id"] == "one"


@on_loop
async def test_what_a_request_is_answered_at_once_comes_back_to_who_asked(tmp_path: Path) -> None:
    async with serving(tmp_path) as bench, client_of(bench) as client:
        bench.on_command = lambda _, who: bench.osc.broadcast(Accepted(id="one", revision=3), who)
        answer = (await client.post("/api/command/generate", json={"id": "one"})).json()
        assert answer["replies"] == [{"address": "/sideman/accepted", "arguments": {"id": "one", "revision": 3}}]


def test_each_status_is_of_a_code_that_exists() -> None:
    assert set(STATUSES) <= set(ERROR_CODES)


# Clips


@on_loop
async def test_a_clip_is_listed_and_its_receipt_and_audio_are_those_on_disk(tmp_path: Path) -> None:
    clip = a_clip(tmp_path)
    async with serving(tmp_path) as bench, client_of(bench) as client:
        listed = (await client.get("/api/clips")).json()
        assert (listed["total"], [one["id"] for one in listed["clips"]]) == (1, [clip.id])
        assert listed["clips"][0]["sha256"] == clip.sha256
        assert (await client.get(f"/api/clips/{clip.id}")).content == clip.receipt_path.read_bytes()
        audio = await client.get(f"/api/clips/{clip.id}/audio")
        assert hashlib.sha256(audio.content).hexdigest() == clip.sha256
        assert audio.headers["etag"] == f'"{clip.sha256}"'
        assert audio.headers["content-type"] == "audio/wav"
        head = await client.head(f"/api/clips/{clip.id}/audio")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(audio.content)))
        again = await client.get(f"/api/clips/{clip.id}/audio", headers={"if-none-match": audio.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        peaks = (await client.get(f"/api/clips/{clip.id}/peaks?width=5")).json()
        assert (peaks["width"], len(peaks["channels"]), len(peaks["channels"][0]["max"])) == (5, 2, 5)
        assert error_of(await client.get(f"/api/clips/{clip.id}/peaks?width=0")) == (422, "out_of_range")
        assert error_of(await client.get("/api/clips?limit=x")) == (422, "out_of_range")


@on_loop
async def test_clips_are_listed_newest_first_in_pages(tmp_path: Path) -> None:
    import os

    ids = []
    for number in range(5):
        clip = a_clip(tmp_path, f"n{number}", seconds=0.1)
        os.utime(clip.path, (1000 + number, 1000 + number))
        ids.insert(0, clip.id)
    (tmp_path / "sideman-without-t0.wav").write_bytes(b"no receipt")
    os.utime(tmp_path / "sideman-without-t0.wav", (1, 1))
    async with serving(tmp_path) as bench, client_of(bench) as client:
        pages = [(await client.get(f"/api/clips?limit=2&offset={offset}")).json() for offset in (0, 2, 4)]
        assert [one["id"] for page in pages for one in page["clips"]] == ids
        assert {page["total"] for page in pages} == {6}


@pytest.fixture(scope="module")
def ranged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, str, bytes]:
    """A bench that is asked without sockets, the address of a clip, and the file's bytes."""
    folder = tmp_path_factory.mktemp("ranged")
    clip = a_clip(folder, seconds=0.05)
    return Bench(folder, HttpConfig(), None), f"/api/clips/{clip.id}/audio", clip.path.read_bytes()


PLACES = st.integers(0, 20_000) | st.none()


@settings(max_examples=100)
@given(PLACES, PLACES)
def test_a_range_is_that_part_of_the_file(
    ranged: tuple[Bench, str, bytes], first: int | None, last: int | None
) -> None:
    bench, path, content = ranged
    size = len(content)
    transport = httpx2.ASGITransport(app=made_app(bench.http._sources, bench.http._rules))
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"

    async def ask() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path, headers={"range": header})

    answer = asyncio.run(ask())
    if first is None:
        start, end = max(0, size - (last or 0)), size
    else:
        start, end = first, size if last is None else min(last + 1, size)
    if first is None and last is None:
        assert answer.status_code == 400
    elif start >= size:
        assert answer.status_code == 416
        assert answer.headers["content-range"] == f"bytes */{size}"
    elif start >= end:
        assert answer.status_code == 400
    else:
        assert answer.status_code == 206
        assert answer.content == content[start:end]
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"


@on_loop
async def test_a_broken_download_goes_on_where_it_was_and_a_changed_file_begins_anew(tmp_path: Path) -> None:
    clip = a_clip(tmp_path)
    whole = clip.path.read_bytes()
    async with serving(tmp_path) as bench, client_of(bench) as client:
        path = f"/api/clips/{clip.id}/audio"
        rest = await client.get(path, headers={"range": "bytes=1000-", "if-range": f'"{clip.sha256}"'})
        assert (rest.status_code, rest.content) == (206, whole[1000:])
        anew = await client.get(path, headers={"range": "bytes=1000-", "if-range": '"another"'})
        assert (anew.status_code, anew.content) == (200, whole)


@pytest.mark.parametrize(
    "clip_id",
    ["..", "../secret", "..%2fsecret", "..%5csecret", "%2e%2e%2fsecret", "sideman-..%2f..%2fsecret", "sideman-%00",
     "sideman-a%0a", ".sideman-x.wav.part", "secret", "%ff%fe", "sideman-" + "x" * 300, "sideman-link-t0",
     "sideman-folder-t0", "/etc/passwd"],
)  # fmt: skip
@on_loop
async def test_an_id_never_reaches_another_file(tmp_path: Path, clip_id: str) -> None:
    folder = tmp_path / "clips"
    clip = a_clip(folder)
    secret = tmp_path / "secret.wav"
    secret.write_bytes(clip.path.read_bytes())
    (tmp_path / "secret.json").write_bytes(clip.receipt_path.read_bytes())
    (folder / "sideman-folder-t0.wav").mkdir()
    (folder / "sideman-link-t0.wav").symlink_to(secret)
    (folder / "sideman-link-t0.json").symlink_to(tmp_path / "secret.json")
    async with serving(folder) as bench:
        for part in ("", "/audio", "/peaks"):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(bench.url.rpartition(":")[2]))
            writer.write(
                f"GET /api/clips/{clip_id}{part} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            )
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            assert answer.split(b" ", 2)[1] in {b"404", b"400"}, answer[:200]


@on_loop
async def test_a_folder_that_was_emptied_by_hand_holds_nothing_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    clip = a_clip(folder)
    async with serving(folder) as bench, client_of(bench) as client:
        assert (await client.get("/api/clips")).json()["total"] == 1
        clip.receipt_path.unlink()
        assert error_of(await client.get(f"/api/clips/{clip.id}/audio")) == (404, "not_found")
        clip.path.unlink()
        folder.rmdir()
        assert (await client.get("/api/clips")).json() == {"clips": [], "total": 0}
        assert error_of(await client.get(f"/api/clips/{clip.id}")) == (404, "not_found")
        assert (await client.get("/api/health")).status_code == 200


# WebSocket


def a_long_reply(request_id: str) -> ClipReply:
    path = "/" + "x" * 50_000
    return ClipReply(id=request_id, take=0, bars=1, path=path, sample_rate_hz=8000, seconds=1.0, tempo=120.0)


@on_loop
async def test_a_client_hears_the_session_when_it_comes_and_once_for_several_changes(tmp_path: Path) -> None:
    async with serving(tmp_path) as bench, bench.websocket() as websocket:
        assert await heard(websocket) == {"session": {"tempo": 120.0}}
        for tempo in range(100, 110):
            bench.session = {"tempo": tempo}
            bench.http.hub.session_changed()
        assert await heard(websocket) == {"session": {"tempo": 109}}
        await websocket.send('{"address": "/sideman/ping"}')
        assert (await heard(websocket))["address"] == "/sideman/pong"


@on_loop
async def test_a_clients_errors_come_back_to_it_alone(tmp_path: Path) -> None:
    async with serving(tmp_path) as bench, bench.websocket() as one, bench.websocket() as other:
        for websocket in (one, other):
            await heard(websocket)
        for text in ("{", "[1]", '{"address": "/sideman/tempo", "arguments": [1]}', '{"address": "/x", "from": -1}'):
            await one.send(text)
            event = await heard(one)
            assert event["address"] == "/sideman/error"
            assert event["arguments"]["message"]
            assert event["all"] is False
        await one.send(b'{"address": "/sideman/ping"}')
        assert (await heard(one))["address"] == "/sideman/pong"
        await other.send('{"address": "/sideman/ping"}')
        assert (await heard(other))["address"] == "/sideman/pong"


@on_loop
async def test_every_client_hears_a_broadcast_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as bench, bench.websocket() as one, bench.websocket() as other:
        bench.on_command = lambda _, who: bench.osc.broadcast(Accepted(id="a", revision=1), who)
        for websocket in (one, other):
            await heard(websocket)
        await one.send('[{"address": "/sideman/subscribe"}, {"address": "/sideman/generate"}]')
        event = {"address": "/sideman/accepted", "arguments": {"id": "a", "revision": 1}, "all": True}
        assert await heard_at(one, "/sideman/accepted") == event
        assert await heard_at(other, "/sideman/accepted") == event
        for websocket in (one, other):
            await websocket.send('{"address": "/sideman/ping"}')
            assert (await heard(websocket))["address"] == "/sideman/pong"


@on_loop
async def test_a_connection_may_speak_for_several_clients(tmp_path: Path) -> None:
    async with serving(tmp_path) as bench, bench.websocket() as websocket:
        await heard(websocket)
        await websocket.send('{"address": "/sideman/ping", "from": 7}')
        assert await heard(websocket) == {
            "address": "/sideman/pong", "arguments": {"version": "1.2.3"}, "to": 7, "all": False,
        }  # fmt: skip
        bench.on_command = lambda _, who: bench.osc.broadcast(ProgressReply(id="a", share=0.5), who)
        await websocket.send('[{"address": "/sideman/generate", "from": 9}]')
        event = await heard(websocket)
        assert (event["to"], event["all"]) == (9, True)
        assert len({client.port for _, client in bench.handled}) == 1


@on_loop
async def test_a_client_that_reads_slowly_is_closed_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_events, "SEND_LIMIT_S", 20.0)
    async with serving(tmp_path) as bench, bench.websocket(max_queue=1) as slow:
        await heard(slow)
        for number in range(MAX_EVENTS * 40):
            bench.osc.broadcast(a_long_reply(str(number)), None)
            if number % 100 == 0:
                await asyncio.sleep(0)
            if len(bench.http.hub) == 0:
                break
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await asyncio.wait_for(slow.recv(), 20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013
        assert "too slowly" in closed.value.rcvd.reason
        async with bench.websocket() as again:
            await heard(again)


@on_loop
async def test_a_client_that_never_reads_is_cut_off_and_others_hear_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_events, "SEND_LIMIT_S", 0.2)
    closing, really_close = [], WebSocket.close

    async def close(socket: WebSocket, code: int = 1000, reason: str | None = None) -> None:
        closing.append(reason)
        await really_close(socket, code, reason)

    monkeypatch.setattr(WebSocket, "close", close)
    async with serving(tmp_path) as bench, bench.websocket() as other:
        reader, writer = await _raw_websocket(bench)
        await until(lambda: len(bench.http.hub) == 2)
        writer.transport.pause_reading()
        for _ in range(400):
            bench.osc.broadcast(a_long_reply("a"), None)
            await heard_at(other, "/sideman/clip")
        await until(lambda: len(bench.http.hub) == 1)
        writer.transport.resume_reading()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            async with asyncio.timeout(20):
                while True:
                    await reader.readexactly(1 << 16)
        writer.close()
        assert closing == [], "it is not waited for once more"


async def _raw_websocket(bench: Bench) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(bench.url.rpartition(":")[2]), limit=1024)
    writer.write(
        b"GET /api/events HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert b"101" in await reader.readline()
    return reader, writer


@on_loop
async def test_ten_clients_that_vanish_leave_nothing_behind(tmp_path: Path) -> None:
    async with serving(tmp_path) as bench, bench.websocket() as stays:
        await heard(stays)
        gone = [await _raw_websocket(bench) for _ in range(10)]
        await until(lambda: len(bench.http.hub) == 11)
        for _, writer in gone:
            writer.transport.abort()
        for _ in range(50):
            bench.osc.broadcast(ProgressReply(id="a", share=0.5), None)
        await until(lambda: len(bench.http.hub) == 1)
        assert (await heard_at(stays, "/sideman/progress"))["arguments"]["share"] == 0.5


@on_loop
async def test_the_daemon_says_that_it_goes(tmp_path: Path) -> None:
    async with serving(tmp_path) as bench, bench.websocket() as websocket:
        await heard(websocket)
        await bench.http.close()
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(websocket.recv(), 20)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "The daemon stops.")


@on_loop
async def test_no_more_clients_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_events, "MAX_LISTENERS", 1)
    async with serving(tmp_path) as bench, bench.websocket() as one:
        await heard(one)
        async with bench.websocket() as other:
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(other.recv(), 20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013


@on_loop
async def test_a_message_that_is_too_long_ends_the_connection_with_a_reason(tmp_path: Path) -> None:
    async with serving(tmp_path) as bench, bench.websocket() as websocket:
        await heard(websocket)
        await websocket.send("x" * (http_server.MAX_MESSAGE_BYTES + 1))
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(websocket.recv(), 20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
        await until(lambda: len(bench.http.hub) == 0)


@given(st.lists(st.sampled_from(["event", "session", "take"]), max_size=60), st.integers(1, 8))
def test_an_outbox_keeps_order_and_never_more_than_it_may(steps: list[str], limit: int) -> None:
    async def main() -> None:
        outbox, wanted, number = Outbox(max_events=limit), [], 0
        for step in steps:
            if step == "event":
                number += 1
                outbox.put(str(number))
                if len(wanted) >= limit:
                    assert outbox.is_full
                    assert outbox.take() is None
                    return
                wanted.append(str(number))
            elif step == "session":
                outbox.put_session()
                if None not in wanted:
                    wanted.append(None)
            else:
                taken = outbox.take()
                assert taken == ((wanted.pop(0),) if wanted else None)
            assert outbox.wake.is_set() or not wanted

    asyncio.run(main())


# Who may


@on_loop
async def test_without_the_token_nothing_is_reachable(tmp_path: Path) -> None:
    clip = a_clip(tmp_path)
    paths = ["/", "/api/health", "/api/session", "/api/commands", "/api/openapi.json", "/api/clips", "/nowhere"]
    paths += [f"/api/clips/{clip.id}{part}" for part in ("", "/audio", "/peaks")]
    async with serving(tmp_path, token=TOKEN) as bench:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"cookie": f"sideman_token={TOKEN}"}):
            async with client_of(bench, **headers) as client:
                for path in paths:
                    answer = await client.get(path)
                    assert error_of(answer) == (401, "not_allowed"), path
                    assert answer.headers["www-authenticate"] == "Bearer"
                assert error_of(await client.post("/api/command/stop")) == (401, "not_allowed")
        for path in ("/api/events", "/api/events?token=wrong"):
            with pytest.raises(InvalidStatus) as refused:
                async with bench.websocket(path):
                    pass
            assert refused.value.response.status_code == 401
        assert bench.handled == []
        async with client_of(bench, authorization=f"Bearer {TOKEN}") as client:
            for path in paths:
                assert (await client.get(path)).status_code == (404 if path == "/nowhere" else 200), path


@on_loop
async def test_the_token_in_an_address_is_for_websocket_audio_and_page_alone(tmp_path: Path) -> None:
    clip = a_clip(tmp_path)
    async with serving(tmp_path, token=TOKEN) as bench, client_of(bench) as client:
        assert (await client.get(f"/api/clips/{clip.id}/audio?token={TOKEN}")).status_code == 200
        assert (await client.get(f"/api/session?token={TOKEN}")).status_code == 401
        async with bench.websocket(f"/api/events?token={TOKEN}") as websocket:
            assert "session" in await heard(websocket)
        page = await client.get(f"/?token={TOKEN}&x=1")
        assert (page.status_code, page.headers["location"]) == (303, "/?x=1")
        assert TOKEN not in page.headers["set-cookie"]
        assert "HttpOnly" in page.headers["set-cookie"]
        assert (await client.get("/api/session")).status_code == 200, "by the cookie"


@on_loop
async def test_a_foreign_host_or_origin_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as bench, client_of(bench) as client:
        assert error_of(await client.get("/api/session", headers={"host": "evil.example"})) == (403, "not_allowed")
        foreign = {"origin": "http://evil.example"}
        answer = await client.post("/api/command/stop", headers=foreign)
        assert error_of(answer) == (403, "not_allowed")
        assert "access-control-allow-origin" not in answer.headers
        assert (await client.options("/api/command", headers=foreign)).status_code == 403
        with pytest.raises(InvalidStatus) as refused:
            async with bench.websocket(origin="http://evil.example"):
                pass
        assert refused.value.response.status_code == 403
        assert json.loads(refused.value.response.body)["error"]["code"] == "not_allowed"
        assert bench.handled == []
        async with bench.websocket(origin=bench.url) as websocket:
            await heard(websocket)


@on_loop
async def test_an_origin_that_is_allowed_gets_the_headers_that_browsers_want(tmp_path: Path) -> None:
    page = "http://localhost:5173"
    async with serving(tmp_path, allow_origins=[page]) as bench, client_of(bench, origin=page) as client:
        preflight = await client.options("/api/command", headers={"access-control-request-method": "POST"})
        assert preflight.status_code == 204
        for answer in (preflight, await client.post("/api/command/stop")):
            assert answer.headers["access-control-allow-origin"] == page


@on_loop
async def test_answers_say_how_browsers_are_to_treat_them(tmp_path: Path) -> None:
    async with serving(tmp_path) as bench, client_of(bench) as client:
        page = await client.get("/")
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "server" not in page.headers


@on_loop
async def test_the_panel_is_served_where_it_is_built(tmp_path: Path) -> None:
    panel = tmp_path / "panel"
    (panel / "assets").mkdir(parents=True)
    (panel / "index.html").write_text("<!doctype html><title>Panel</title>")
    (panel / "assets" / "app.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    bench = Bench(tmp_path, HttpConfig(), TOKEN)
    app = made_app(replace(bench.http._sources, panel=panel), bench.http._rules)
    headers = {"authorization": f"Bearer {TOKEN}"}
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
        page = await client.get("/")
        assert "Panel" in page.text
        assert page.headers["cache-control"] == "no-cache"
        assert (await client.get("/assets/app.js")).text == "1"
        assert (await client.get("/api/health")).headers["cache-control"] == "no-store"
        for path in ("/nothing", "/..%2fsecret.txt", "/assets/..%2f..%2fsecret.txt"):
            assert error_of(await client.get(path)) == (404, "not_found")
        assert (await client.get("/assets/app.js", headers={"authorization": ""})).status_code == 401


# Faults


@on_loop
async def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        asked = Bench(tmp_path, HttpConfig(port=port), None)
        with pytest.raises(StartError, match=f"TCP port {port} on 127.0.0.1 is in use.*--http"):
            await asked.http.start()
        await asked.http.close()
        usual = HttpConfig(port=port).model_copy()
        usual.model_fields_set.clear()
        quiet = Bench(tmp_path, usual, None)
        assert (await quiet.http.start()).startswith("http off: TCP port")
        await quiet.http.close()


@on_loop
async def test_a_download_that_nobody_takes_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_guard, "SEND_LIMIT_S", 0.2)
    clip = a_clip(tmp_path, seconds=60)
    async with serving(tmp_path) as bench:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(bench.url.rpartition(":")[2]), limit=1024)
        writer.write(f"GET /api/clips/{clip.id}/audio HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert b"200" in await reader.readline()
        writer.transport.pause_reading()
        await until(lambda: _connections(bench) == 0)
        writer.transport.abort()
        async with client_of(bench) as client:
            assert (await client.get("/api/health")).status_code == 200


@on_loop
async def test_a_connection_that_asks_nothing_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "ASK_LIMIT_S", 0.1)
    async with serving(tmp_path) as bench:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(bench.url.rpartition(":")[2]))
        writer.write(b"GET / HT")
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
        await writer.wait_closed()


def _connections(bench: Bench) -> int:
    server = bench.http._server._server
    assert server is not None
    return len(server.server_state.connections)


@on_loop
async def test_a_mistake_of_ours_is_an_answer_and_the_rest_goes_on(tmp_path: Path) -> None:
    async with serving(tmp_path) as bench, client_of(bench) as client:
        bench.session = {"tempo": object()}
        bench.http._sources.hub._session = lambda: 1 / 0  # type: ignore[assignment, return-value]

        def fail(*_: object) -> None:
            raise RuntimeError("a mistake")

        bench.on_command = fail
        assert error_of(await client.post("/api/command/stop")) == (500, "internal")
        assert (await client.get("/api/health")).status_code == 200
