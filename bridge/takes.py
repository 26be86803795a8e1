"""What becomes of a finished take: written, told, placed in the DAW, scored, continued and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from bridge import osc_schema as osc
from bridge.clip_facts import loop_tags, receipt_for, take_notices
from bridge.clips import Clip, ClipFolder
from bridge.engine import Job
from bridge.engine_client import TakeAudio, TakePart
from bridge.errors import HostError, RequestError, SidemanError
from bridge.live_takes import LiveTakes
from bridge.notices import Chart, Notice
from bridge.osc_server import Client
from bridge.requests import TakeScored
from bridge.score_record import NOT_ASKED
from bridge.session import SessionState
from midi.events import AudioRegion
from midi.time import Beats
from plugin_host.host import Host, Placement

MAX_CLIPS_KNOWN: Final = 4096
"""Clips that can be continued and kept; the oldest are forgotten first."""
PLACE_LIMIT_S: Final = 30.0
"""A DAW that has not answered after this long is not waited for any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who asked for a job (None: a player's control or the DAW), the session then, the chart, and what was assumed."""

    client: Client | None
    state: SessionState
    chart: Chart
    notices: tuple[Notice, ...]


Broadcast = Callable[[osc.Reply, Client | None], None]


class Takes:
    """The finished takes of this daemon. Used on one event loop."""

    def __init__(
        self,
        folder: ClipFolder,
        host: Host | None,
        *,
        broadcast: Broadcast,
        live: LiveTakes,
        sound_source: Callable[[str], Path | None],
        sounds_sha256: Callable[[str], str | None],
        now: Callable[[], datetime],
        note: Callable[[Path], None],
        note_placed: Callable[[Path, str], None],
        made: Callable[[Clip], None] = lambda clip: None,
    ) -> None:
        """``broadcast`` tells all that subscribed and the client that asked, ``now`` is the time for receipts.

        ``sound_source`` names what an engine's notes are played with, ``sounds_sha256`` its checksum. ``note`` is told
        of clips whose receipts are new or have changed, ``note_placed`` of those that the DAW took, and where.
        ``live`` lets takes be heard while they are made. ``made`` is told each clip that lies on disk.
        """
        self.folder = folder
        self._host = host
        self._broadcast = broadcast
        self._sound_source, self._sounds_sha256 = sound_source, sounds_sha256
        self._note, self._note_placed = note, note_placed
        self._live = live
        self._now = now
        self._tell_made = made
        self._made: dict[tuple[str, int], Path] = {}
        self._drafts: dict[tuple[str, int], Path] = {}
        """Those that nothing has replaced yet."""

    async def deliver(self, job: Job[Order], take: TakeAudio | TakeScored | TakePart) -> None:
        """Write one take and place it, note its score, or let a part of it be heard.

        Raises ``DiskError`` for a take that cannot be written.
        """
        if isinstance(take, TakeScored):
            await self._score(job, take)
            return
        if isinstance(take, TakePart):
            self._live.add(job.request.id, take.take, take.start, take.samples)
            return
        draft = None if take.facts.draft else self._drafts.pop((job.request.id, take.facts.take), None)
        clip = await asyncio.to_thread(self._write, job, take, draft)
        self._made[clip.request_id, clip.take] = clip.path
        if take.facts.draft:
            self._drafts[clip.request_id, clip.take] = clip.path
        else:
            self._live.finish(clip.request_id, clip.take, clip.path)
        while len(self._made) > MAX_CLIPS_KNOWN:
            del self._made[next(iter(self._made))]
        while len(self._drafts) > MAX_CLIPS_KNOWN:
            del self._drafts[next(iter(self._drafts))]
        for notice in take_notices(take.facts):
            self.notice(job, notice)
        self._broadcast(_clip_reply(clip), job.owner.client)
        self._note(clip.path)
        self._tell_made(clip)
        if self._host:
            await self._place(self._host, job, clip, draft)

    def notice(self, job: Job[Order], notice: Notice) -> None:
        """Tell something about a job."""
        self._broadcast(notice_reply(job.request.id, notice), job.owner.client)

    def to_continue(self, request_id: str, take: int) -> AudioRegion:
        """A take as audio to go on from. Raises ``RequestError`` where there is none."""
        path = self._made.get((request_id, take))
        if path is None or not path.is_file():
            raise RequestError(f"There is no take {take} of a clip {request_id} of this daemon to continue.")
        return AudioRegion(path=path, place="before")

    def path_of(self, request_id: str | None, take: int) -> Path | None:
        """A take of this run, the last one made where none is named; None where there is none."""
        chosen = (request_id, take) if request_id is not None else next(reversed(self._made), None)
        return None if chosen is None else self._made.get(chosen)

    def keep(self, request_id: str | None, take: int, client: Client | None) -> None:
        """Note in a take's receipt that it is kept, the last one made where none is named.

        Raises ``RequestError`` where there is none, ``ClipError`` or ``DiskError`` where its receipt cannot be changed.
        """
        path = self.path_of(request_id, take)
        if path is None and request_id is None:
            raise RequestError("There is no take yet to keep: send /sideman/generate first.")
        if path is None:
            raise RequestError(f"There is no take {take} of a clip {request_id} of this daemon to keep.")
        receipt = self.folder.keep(path)
        self._broadcast(osc.KeptReply(id=receipt.request_id, take=receipt.take, path=str(path)), client)
        self._note(path)

    def placed(self, request_id: str, take: int, where: str, client: Client) -> None:
        """Somebody else has placed a take. Raises ``RequestError`` where there is none."""
        path = self._made.get((request_id, take))
        if path is None:
            raise RequestError(f"There is no take {take} of a clip {request_id} of this daemon that could be placed.")
        self._note_placed(path, where)
        self._broadcast(osc.PlacedReply(id=request_id, take=take, where=where), client)

    async def _score(self, job: Job[Order], scored: TakeScored) -> None:
        path = self._made.get((scored.id, scored.take))
        try:
            if path:
                await asyncio.to_thread(self.folder.score, path, scored.score)
                self._note(path)
        except SidemanError as error:
            self.notice(job, Notice(code="score", message=str(error)))
        self._broadcast(_score_reply(scored), job.owner.client)

    def _write(self, job: Job[Order], take: TakeAudio, draft: Path | None) -> Clip:
        request, state = job.request, job.owner.state
        receipt = receipt_for(
            request,
            job.owner.chart,
            take.facts,
            state,
            job.owner.notices,
            soundfont=self._sound_source(request.engine),
            created_at=self._now(),
            sounds_sha256=self._sounds_sha256(request.engine),
            replaces=draft.name if draft else None,
        )
        return self.folder.write(take.samples, tags=loop_tags(request.window, state.key), receipt=receipt)

    async def _place(self, host: Host, job: Job[Order], clip: Clip, draft: Path | None) -> None:
        window = job.request.window
        placement = Placement(
            request_id=clip.request_id,
            take=clip.take,
            path=clip.path,
            name=clip.path.stem,
            start=window.start,
            beats=Beats(window.end - window.start),
            bars=window.bars,
            tempo=window.bpm,
            meter=window.meter,
            sample_rate_hz=clip.sample_rate_hz,
            frames=clip.frames,
            target=clip.target,
            replaces=draft,
            prompt=job.request.prompt,
            key=job.owner.state.key,
        )
        try:
            async with asyncio.timeout(PLACE_LIMIT_S):
                where = await host.place(placement)
        except TimeoutError:
            text = f"The DAW has not taken the clip within {PLACE_LIMIT_S:g} seconds. {placement.by_hand}"
            self.notice(job, Notice(code=HostError.code, message=text))
        except HostError as error:
            self.notice(job, Notice(code=error.code, message=f"{error} {placement.by_hand}"))
        else:
            self._note_placed(clip.path, where)
            self._broadcast(osc.PlacedReply(id=clip.request_id, take=clip.take, where=where), job.owner.client)


def notice_reply(request_id: str, notice: Notice) -> osc.NoticeReply:
    """A notice about a request, or about the session where the id is empty, as it is sent."""
    return osc.NoticeReply(id=request_id, code=notice.code, message=notice.message)


def _clip_reply(clip: Clip) -> osc.ClipReply:
    return osc.ClipReply(
        id=clip.request_id,
        take=clip.take,
        bars=clip.bars,
        path=str(clip.path),
        sample_rate_hz=clip.sample_rate_hz,
        seconds=clip.seconds,
        tempo=clip.tempo,
    )


def _score_reply(scored: TakeScored) -> osc.ScoreReply:
    score = scored.score
    chords, drums, tempo, total = (
        NOT_ASKED if part is None else part for part in (score.chords, score.drums, score.tempo, score.total)
    )
    return osc.ScoreReply(id=scored.id, take=scored.take, chords=chords, drums=drums, tempo=tempo, total=total)
