"""The composition root: what the daemon is made of, started in order and stopped in reverse.

A part that was asked for and cannot start is fatal: the daemon says so in one line and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bridge import engine as jobs
from bridge import osc_schema as osc
from bridge.audio_paths import allowed_audio
from bridge.clip_facts import loop_tags, receipt_for, take_notices
from bridge.clips import Clip, ClipFolder
from bridge.conditioning import plan
from bridge.config import Config
from bridge.engine import IdInUse
from bridge.engine_client import EngineClient, TakeAudio, engine_command
from bridge.engine_parts import model_folders, model_settings, require_parts, sound_source
from bridge.errors import EngineCrashed, HostError, RequestError, SidemanError
from bridge.hosts import require_host
from bridge.model_store import codec_folder
from bridge.notices import Chart, Notice
from bridge.osc_commands import Release
from bridge.osc_server import Client, OscServer
from bridge.requests import TakeScored
from bridge.score_record import NOT_ASKED
from bridge.session import Cancel, Effect, Generate, SessionState, reduce
from bridge.shared_audio import sweep_leftovers
from bridge.state_view import shortened, state_view
from midi.drums import parse_pattern
from midi.events import AudioRegion, DrumTrack, SessionEvent, SetDrumTrack, SetGivenAudio, SetPattern
from midi.time import Beats, Seconds
from plugin_host.host import Host, Placement

log = logging.getLogger(__name__)

_STOP_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Ctrl-C, a polite request, and a terminal that was closed; Windows has no SIGHUP."""
MAX_CLIPS_KNOWN = 4096
"""Clips that can be continued; the oldest are forgotten first."""
MAX_STATE_BYTES = 60_000
"""A longer state does not fit a datagram with its address, and is shortened."""
PLACE_LIMIT_S = 30.0
"""A DAW that has not answered after this long is not waited for any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who asked for a job, the session as it was then, the chart that is played, and what was assumed."""

    client: Client
    state: SessionState
    chart: Chart
    notices: tuple[Notice, ...]


class UnknownAddress(RequestError):
    """No table knows the address."""

    code = "unknown_address"


@contextlib.contextmanager
def _stop_signals(stop: asyncio.Event) -> Iterator[None]:
    """The signals that ask for an end set ``stop``; where the loop takes no handlers, Ctrl-C ends ``asyncio.run``."""
    loop = asyncio.get_running_loop()
    caught = []
    for number in _STOP_SIGNALS:
        with contextlib.suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(number, stop.set)
            caught.append(number)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


class Daemon:
    """The session, its jobs, and the paths between socket, engine, clips folder and host."""

    def __init__(
        self,
        config: Config,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        draw_seed: Callable[[], int] = lambda: secrets.randbelow(osc.MAX_SEED - osc.MAX_TAKES),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._config = config
        self._monotonic = monotonic
        self._draw_seed = draw_seed
        self._now = now
        self._version = metadata.version("sideman")
        self.state = SessionState(engine=config.engine.name)
        self._count = 0
        self._made: dict[tuple[str, int], Path] = {}
        self.folder = ClipFolder(config.clips.folder)
        engine = config.engine
        command = engine_command(
            engine.name,
            soundfont=engine.soundfont,
            kit=config.jasco.kit,
            models=model_folders(config),
            codecs=codec_folder(config.engine.models),
            device=engine.device,
        )
        self.engine = EngineClient(command, stall_s=engine.stall_s)
        self.queue: jobs.JobQueue[Order] = jobs.JobQueue(
            self.engine, self._notify, self._deliver, limit=config.engine.queue
        )
        self.host: Host | None = require_host(config.host.name)()
        self.server = OscServer(
            handler=self.handle, version=self._version, allowed_hosts=frozenset(config.osc.allow_hosts)
        )

    async def run(self, ready: Callable[[str], None], stop: asyncio.Event | None = None) -> None:
        """Serve until ``stop`` is set, or a signal comes. ``ready`` is told the address in use.

        Raises ``SidemanError`` when a part cannot start.
        """
        stop = stop or asyncio.Event()
        async with AsyncExitStack() as stack:
            stack.enter_context(_stop_signals(stop))
            self.folder.prepare()
            sweep_leftovers(self._now().timestamp())
            require_parts(self._config)
            if self.host:
                stack.push_async_callback(self.host.close)
                await self.host.start()
            stack.push_async_callback(self.engine.close)
            await self.server.start(self._config.osc.host, self._config.osc.port)
            stack.push_async_callback(self.server.close)
            self.queue.start()
            stack.push_async_callback(self.queue.close)
            stack.callback(self.server.stop_hearing)
            warming = asyncio.create_task(self.engine.start(), name="engine start")
            stack.push_async_callback(_ended, warming)
            host, port = self.server.address
            ready(f"osc udp://[{host}]:{port}" if ":" in host else f"osc udp://{host}:{port}")
            await _first_of(stop, warming)

    # In

    def handle(self, command: osc.Command | osc.Foreign, client: Client) -> None:
        """Carry out one command. Raises ``SidemanError`` when it cannot be used; then nothing has changed."""
        match command:
            case osc.Foreign():
                for event in self._interpret(command):
                    self._apply(event, client)
            case osc.AskState():
                self.server.send(client, osc.StateReply(json=self._state_json()))
            case osc.GridPattern(voice=voice, text=text):
                pattern = parse_pattern(voice, text, self.state.tempo_map)
                self._apply(SetPattern(pattern=pattern), client)
            case osc.ContinueClip(id=request_id, take=take):
                self._apply(SetGivenAudio(region=self._clip_to_continue(request_id, take)), client)
            case osc.UseDrumTrack(path=path, separate=separate):
                self._apply(SetDrumTrack(track=DrumTrack(path=self._audio(path), separate=separate)), client)
            case osc.Infill(path=path, start=start, end=end):
                region = AudioRegion(path=self._audio(path), place="within", start=Beats(start), end=Beats(end))
                self._apply(SetGivenAudio(region=region), client)
            case osc.Ping() | osc.Subscribe() | osc.Unsubscribe() | Release():
                raise AssertionError("the server answers protocol commands itself")
            case _:
                self._apply(command, client)

    def _interpret(self, message: osc.Foreign) -> tuple[SessionEvent, ...]:
        events = self.host.interpret(message.address, message.arguments) if self.host else None
        if events is None:
            raise UnknownAddress(f"There is no address {message.address[:100]}; docs/osc.md lists them all.")
        return events

    def _audio(self, path: str) -> Path:
        return allowed_audio(path, (self.folder.path, *self._config.clips.audio_folders))

    def _clip_to_continue(self, request_id: str, take: int) -> AudioRegion:
        path = self._made.get((request_id, take))
        if path is None or not path.is_file():
            raise RequestError(f"There is no take {take} of a clip {request_id} of this daemon to continue.")
        return AudioRegion(path=path, place="before")

    def _apply(self, event: SessionEvent, client: Client) -> None:
        self.state, effects = reduce(self.state, event, Seconds(self._monotonic()))
        for effect in effects:
            self._carry_out(effect, client)

    def _carry_out(self, effect: Effect, client: Client) -> None:
        match effect:
            case Generate(id=request_id, state=state):
                self._generate(request_id or self._new_id(), state, client)
            case Cancel(id=request_id):
                self.queue.cancel(request_id)

    def _generate(self, request_id: str, state: SessionState, client: Client) -> None:
        if self.queue.holds(request_id):
            text = f"A request with the id {request_id} is under way; choose another id."
            self.server.send(client, osc.ErrorReply(id="", code=IdInUse.code, message=text))
            return
        try:
            planned = plan(
                state,
                request_id=request_id,
                seed=self._draw_seed() if state.seed is None else state.seed,
                audio=self._config.clips.audio,
                model=model_settings(state.engine, self._config, state.settings),
                score=self._config.clips.score,
            )
            order = Order(client=client, state=state, chart=planned.chart, notices=planned.notices)
            self.queue.submit(planned.request, order)
        except SidemanError as error:
            self.server.send(client, osc.ErrorReply(id=request_id, code=error.code, message=str(error)))

    def _new_id(self) -> str:
        """An id that sorts by time and does not come again in another run."""
        self._count += 1
        return f"{self._now():%Y%m%d-%H%M%S}-{self._count}"

    def _state_json(self) -> str:
        view = state_view(self.state, Seconds(self._monotonic()))
        running = self.queue.running
        view["jobs"] = {
            "running": running.request.id if running else None,
            "waiting": [job.request.id for job in self.queue.waiting],
        }
        view["clips_folder"] = str(self.folder.path)
        view["version"] = self._version
        text = json.dumps(view, ensure_ascii=False)
        if len(text.encode()) > MAX_STATE_BYTES:
            text = json.dumps(shortened(view), ensure_ascii=False)
        return text

    # Out

    def _notify(self, job: jobs.Job[Order], event: jobs.JobEvent) -> None:
        request_id = job.request.id
        for reply in _replies(job, event):
            self.server.broadcast(reply, job.owner.client)
        if isinstance(event, jobs.Accepted):
            for notice in job.owner.notices:
                self._notice(job, notice)
        log.info("request %s: %s", request_id, event)

    def _notice(self, job: jobs.Job[Order], notice: Notice) -> None:
        reply = osc.NoticeReply(id=job.request.id, code=notice.code, message=notice.message)
        self.server.broadcast(reply, job.owner.client)

    async def _deliver(self, job: jobs.Job[Order], take: TakeAudio | TakeScored) -> None:
        """Write one take and place it, or note its score. Raises ``DiskError`` for a take that cannot be written."""
        if isinstance(take, TakeScored):
            await self._score(job, take)
            return
        clip = await asyncio.to_thread(self._write, job, take)
        self._made[clip.request_id, clip.take] = clip.path
        while len(self._made) > MAX_CLIPS_KNOWN:
            del self._made[next(iter(self._made))]
        for notice in take_notices(take.facts):
            self._notice(job, notice)
        self.server.broadcast(_clip_reply(clip, take.facts.take), job.owner.client)
        if self.host:
            await self._place(self.host, job, clip)

    async def _score(self, job: jobs.Job[Order], scored: TakeScored) -> None:
        path = self._made.get((scored.id, scored.take))
        try:
            if path:
                await asyncio.to_thread(self.folder.score, path, scored.score)
        except SidemanError as error:
            self._notice(job, Notice(code="score", message=str(error)))
        self.server.broadcast(_score_reply(scored), job.owner.client)

    def _write(self, job: jobs.Job[Order], take: TakeAudio) -> Clip:
        request, state = job.request, job.owner.state
        receipt = receipt_for(
            request,
            job.owner.chart,
            take.facts,
            state,
            job.owner.notices,
            soundfont=sound_source(request.engine, self._config),
            created_at=self._now(),
        )
        return self.folder.write(take.samples, tags=loop_tags(request.window, state.key), receipt=receipt)

    async def _place(self, host: Host, job: jobs.Job[Order], clip: Clip) -> None:
        window = job.request.window
        placement = Placement(
            request_id=clip.request_id,
            take=clip.take,
            path=clip.path,
            name=clip.path.stem,
            start=window.start,
            bars=window.bars,
            tempo=window.bpm,
            meter=window.meter,
            sample_rate_hz=clip.sample_rate_hz,
            frames=clip.frames,
            target=clip.target,
        )
        try:
            async with asyncio.timeout(PLACE_LIMIT_S):
                where = await host.place(placement)
        except TimeoutError:
            text = f"The DAW has not taken the clip within {PLACE_LIMIT_S:g} seconds. It is {clip.path}."
            self._notice(job, Notice(code=HostError.code, message=text))
        except HostError as error:
            self._notice(job, Notice(code=error.code, message=f"{error} The clip is {clip.path}."))
        else:
            self.server.broadcast(osc.PlacedReply(id=clip.request_id, take=clip.take, where=where), job.owner.client)


def _replies(job: jobs.Job[Order], event: jobs.JobEvent) -> tuple[osc.Reply, ...]:
    request = job.request
    match event:
        case jobs.Accepted():
            return (osc.Accepted(id=request.id, revision=request.revision),)
        case jobs.Progress(share=share):
            return (osc.ProgressReply(id=request.id, share=share),)
        case jobs.Done(clips=clips):
            return (osc.DoneReply(id=request.id, clips=clips),)
        case jobs.WasCancelled():
            return (osc.CancelledReply(id=request.id),)
        case jobs.Superseded(by=by):
            return (osc.SupersededReply(id=request.id, by=by),)
        case jobs.JobFailed(error=error):
            return (osc.ErrorReply(id=request.id, code=error.code, message=str(error)),)


def _clip_reply(clip: Clip, take: int) -> osc.ClipReply:
    return osc.ClipReply(
        id=clip.request_id,
        take=take,
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


async def _first_of(stop: asyncio.Event, warming: asyncio.Task[None]) -> None:
    """Wait for ``stop``; an engine that cannot start ends the wait with its error.

    One that something killed while it started is no reason to end: the next request starts it again.
    """
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({stopping, warming}, return_when=asyncio.FIRST_COMPLETED)
        if warming.done():
            with contextlib.suppress(EngineCrashed):
                await warming
            await stopping
    finally:
        await _ended(stopping)


async def _ended(task: asyncio.Task[object]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, SidemanError):
        await task
