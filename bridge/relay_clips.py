"""From the daemon's machine to the DAW's: clips are brought before they are told of, and placed in the DAW here."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

import httpx2

from bridge.clips import AUDIO_SUFFIX
from bridge.errors import HostError, SidemanError
from bridge.json_messages import command_json, reply_json, reply_of
from bridge.osc_replies import ClipReply, NoticeReply, ProgressReply, Reply
from bridge.relay_fetch import Fetched, Fetcher, read_bounded
from bridge.relay_files import RelayFolder
from bridge.relay_link import Json
from bridge.relay_requests import Requests
from bridge.takes import PLACE_LIMIT_S
from midi.time import Beats
from plugin_host.host import Host, Placement

CAUGHT_UP: Final = 500
"""So many clips that were made while there was no link are brought; older ones stay where they are."""
MAX_ANSWER_BYTES: Final = 64 << 20
"""The session and the list of clips have fewer bytes."""
NO_ANSWER: Final = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What reading an answer raises that is none of a daemon's."""
MAX_UNSAID: Final = 256
"""So many placed clips are told of once the link is back."""


class ClipLines:
    """The clips that are on their way, and the events that wait for them. Used on one event loop."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        fetcher: Fetcher,
        folder: RelayFolder,
        host: Host | None,
        *,
        send: Callable[[Json], bool],
        deliver: Callable[[Reply, Json], None],
        tell: Callable[[str], None],
    ) -> None:
        """``send`` tells whether there is a link to send over; ``deliver`` gives an answer to whom it is for."""
        self._http, self._fetcher, self._folder, self._host = http, fetcher, folder, host
        self._send, self._deliver, self._tell = send, deliver, tell
        self._lines: dict[str, deque[Json]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._before: set[tuple[str, str]] | None = None
        """Clips, by id and SHA-256, that were there before the first link; they are not brought."""
        self._done: set[tuple[str, str]] = set()
        self._unsaid: deque[Json] = deque(maxlen=MAX_UNSAID)
        self._requests = Requests()
        self.local: dict[str, Path] = {}
        """Clips on this machine by their ids."""

    async def close(self) -> None:
        """Leave what is on its way where it is."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def came_up(self) -> None:
        """There is a link: say what could not be said, and bring what was missed."""
        while self._unsaid and self._send(self._unsaid[0]):
            self._unsaid.popleft()
        self._begin(self._catch_up(self._requests.open()), "relay catches up")

    def take(self, reply: Reply, event: Json) -> None:
        """Take what the daemon says; what is of a request whose clip is on its way waits for the clip."""
        if not self._requests.heard(reply, event):
            return
        # The daemon knows nothing of who asked over a link that broke since.
        self._in_line(reply, self._requests.owner(getattr(reply, "id", "")) | event)

    def _in_line(self, reply: Reply, event: Json) -> None:
        request_id = getattr(reply, "id", "")
        waiting = self._lines.get(request_id)
        if waiting is not None and not isinstance(reply, ProgressReply):
            waiting.append(event)
        elif isinstance(reply, ClipReply):
            self._lines[request_id] = deque([event])
            self._begin(self._clips_of(request_id), f"clips of {request_id}")
        else:
            self._deliver(reply, event)

    def say_placed(self, request_id: str, take: int, where: str) -> None:
        """The DAW has a clip: the daemon tells everybody, and who asked for it."""
        told = command_json("/sideman/clip/placed", (request_id, take, where))
        owner = self._requests.owner(request_id)
        told |= {"from": owner["to"]} if owner else {}
        if not self._send(told):
            self._unsaid.append(told)

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _catch_up(self, open_before: frozenset[str]) -> None:
        """Bring what was made while there was no link, and what a run before did not finish; tell what has ended."""
        try:
            jobs = (await self._asked("/api/session")).get("jobs")
            clips = (await self._asked(f"/api/clips?limit={CAUGHT_UP}"))["clips"]
            listed = [(str(one["id"]), str(one["sha256"]), one) for one in clips]
            made = [str(one["request_id"]) for one in clips]
        except (httpx2.HTTPError, SidemanError, *NO_ANSWER) as error:
            self._tell(f"clips made meanwhile could not be listed ({error}); they are when the link is back")
            return
        if self._before is None:
            begun = await asyncio.to_thread(self._folder.begun)
            self._before = {(clip_id, sha256) for clip_id, sha256, _ in listed if clip_id not in begun}
        for clip_id, sha256, one in reversed(listed):
            event = _clip_event(one)
            reply = reply_of(event) if event else None
            if event and reply and (clip_id, sha256) not in self._before | self._done:
                self.take(reply, event)
        for end in self._requests.ended(open_before, jobs, made):
            self._in_line(end, {**reply_json(end), "all": True, **self._requests.owner(end.id)})

    async def _asked(self, path: str) -> Json:
        content = await read_bounded(self._http, path, MAX_ANSWER_BYTES, httpx2.Response.raise_for_status)
        answer: Json = await asyncio.to_thread(json.loads, content)
        return answer

    async def _clips_of(self, request_id: str) -> None:
        """Take a request's events in order, each clip once it is here."""
        line = self._lines[request_id]
        try:
            while line:
                event = line.popleft()
                reply = reply_of(event)
                if isinstance(reply, ClipReply):
                    await self._bring(reply, event)
                elif reply:
                    self._deliver(reply, event)
        finally:
            del self._lines[request_id]

    async def _bring(self, reply: ClipReply, event: Json) -> None:
        clip_id = str(event.get("clip"))
        try:
            fetched = await self._fetcher.fetch(clip_id)
        except SidemanError as error:
            self._tell(str(error))
            self._deliver(NoticeReply(id=reply.id, code=error.code, message=str(error)), event)
            return
        made = (clip_id, fetched.receipt.sha256)
        if made in self._done:
            return
        self._done.add(made)
        self.local[clip_id] = fetched.path
        self._tell(f"clip: {fetched.path}")
        self._deliver(dataclasses.replace(reply, path=str(fetched.path)), event)
        if self._host:
            await self._place(self._host, fetched)

    async def _place(self, host: Host, fetched: Fetched) -> None:
        try:
            placement = placement_of(fetched, self.local)
        except (SidemanError, ArithmeticError, ValueError) as error:
            self._notice(fetched.receipt.request_id, f"{fetched.path.name} cannot be placed: {error}")
            return
        try:
            async with asyncio.timeout(PLACE_LIMIT_S):
                where = await host.place(placement)
        except TimeoutError:
            text = f"The DAW has not taken the clip within {PLACE_LIMIT_S:g} seconds. {placement.by_hand}"
            self._notice(placement.request_id, text)
        except HostError as error:
            self._notice(placement.request_id, f"{error} {placement.by_hand}")
        else:
            self._tell(f"placed: {fetched.path.name} in {where}")
            self.say_placed(placement.request_id, placement.take, where)

    def _notice(self, request_id: str, text: str) -> None:
        self._tell(text)
        self._deliver(NoticeReply(id=request_id, code=HostError.code, message=text), {"all": True})


def placement_of(fetched: Fetched, local: Mapping[str, Path]) -> Placement:
    """A clip as a DAW is to place it, by its receipt. ``local`` are the clips that this run has brought, by their ids.

    A draft is looked up there: it may have another name here, and its name may be that of another clip.
    """
    receipt = fetched.receipt
    draft = (receipt.replaces or "").removesuffix(AUDIO_SUFFIX)
    tempo_map = receipt.tempo_map
    end = tempo_map.advance_bars(receipt.start, receipt.bars)
    return Placement(
        request_id=receipt.request_id,
        take=receipt.take,
        path=fetched.path,
        name=fetched.path.stem,
        start=receipt.start,
        beats=Beats(end - receipt.start),
        bars=receipt.bars,
        tempo=receipt.bpm,
        meter=tempo_map.meter_of(tempo_map.bar_at(receipt.start).bar),
        sample_rate_hz=receipt.sample_rate_hz,
        frames=receipt.frames,
        target=receipt.target,
        replaces=local.get(draft),
        prompt=receipt.prompt,
        key=receipt.key,
    )


def _clip_event(clip: Json) -> Json | None:
    """A clip of the list, as the daemon told of it when it was made."""
    try:
        reply = {
            "id": clip["request_id"],
            "take": clip["take"],
            "bars": clip["bars"],
            "path": clip["file"],
            "sample_rate_hz": clip["sample_rate_hz"],
            "seconds": clip["seconds"],
            "tempo": clip["tempo"],
        }
        return {"address": "/sideman/clip", "arguments": reply, "clip": clip["id"], "all": True}
    except KeyError:
        return None
