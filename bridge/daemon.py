"""The composition root: what the daemon is made of, started in order and stopped in reverse.

A part that was asked for and cannot start is fatal: the daemon says so in one line and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

from bridge import engine as jobs
from bridge import osc_schema as osc
from bridge.audio_paths import allowed_audio
from bridge.clips import ClipFolder
from bridge.conditioning import SEEDS, plan
from bridge.config import Config
from bridge.daw_desk import DawDesk
from bridge.engine import IdInUse
from bridge.engine_client import EngineClient, engine_command
from bridge.engine_parts import model_folders, model_settings, require_parts, sound_source, sounds_sha256
from bridge.errors import EngineCrashed, RequestError, SidemanError
from bridge.host_config import with_folder
from bridge.hosts import mailbox_folder, require_host
from bridge.http_config import required_token
from bridge.http_events import HOST as WEB
from bridge.http_service import HttpService
from bridge.library import Library
from bridge.library_desk import LibraryDesk, Paths
from bridge.library_shelf import LibraryShelf
from bridge.link import AbletonLink, LinkPeer
from bridge.live import LiveMidi
from bridge.live_takes import LiveTakes
from bridge.machine import Machine
from bridge.mailbox import HOST as MAILBOX
from bridge.mailbox import Mailbox
from bridge.model_store import codec_folder, speed_memory
from bridge.neural_config import drafts_first
from bridge.osc_commands import (
    ChartCommand,
    ChordMarkers,
    ChordNotes,
    DawHere,
    DawLeaves,
    DrumNotes,
    OtherCommand,
    PlaceDone,
    PlaceFailed,
    PlayerDo,
    PlayerLevel,
    PlayerTake,
    TakeCommand,
)
from bridge.osc_server import Client, OscServer
from bridge.played_charts import charted
from bridge.player import Player
from bridge.session import Cancel, Effect, Generate, SessionState, reduce
from bridge.shared_audio import sweep_leftovers
from bridge.state_view import Json, shortened, state_view
from bridge.stop_signals import stop_signals
from bridge.takes import Order, Takes, notice_reply
from bridge.trigger_clock import TriggerClock
from midi import events as ev
from midi.drums import parse_pattern
from midi.events import (
    AudioRegion,
    DrumTrack,
    SessionEvent,
    SetDrumTrack,
    SetGivenAudio,
    SetPattern,
)
from midi.leader import OSC
from midi.port_system import MidiSystem
from midi.rtmidi_ports import RtMidiPorts
from midi.time import Beats, Seconds
from plugin_host.host import Host

log = logging.getLogger(__name__)

MAX_STATE_BYTES = 60_000
"""A longer state does not fit a datagram with its address, and is shortened."""


TIME_EVENTS: Final = (ev.SetTempo, ev.AddTempoPoint, ev.Play, ev.Stop, ev.Locate)
"""What only the source that leads may tell."""


class NotLeading(RequestError):
    """OSC told tempo or position, and another source leads."""

    code = "not_leading"


class UnknownAddress(RequestError):
    """No table knows the address."""

    code = "unknown_address"


class Daemon:
    """The session, its jobs, and the paths between socket, engine, clips folder and host."""

    def __init__(
        self,
        config: Config,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        draw_seed: Callable[[], int] = lambda: secrets.randbelow(osc.MAX_SEED - osc.MAX_TAKES),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        midi_system: Callable[[], MidiSystem] = RtMidiPorts,
    ) -> None:
        self._config = config
        self._monotonic = monotonic
        self._draw_seed = draw_seed
        self._now = now
        self._version = metadata.version("sideman")
        self._started = now().isoformat()
        trigger = ev.SetTrigger(mode=config.trigger.mode, bars=config.trigger.bars)
        self.state = SessionState(engine=config.engine.name, trigger=trigger)
        self._count = 0
        self._last: tuple[SessionState, int] | None = None
        """The session and the first seed of the last request, for the next takes."""
        self.folder = ClipFolder(config.clips.folder)
        engine = config.engine
        command = engine_command(
            engine.name,
            soundfont=engine.soundfont,
            kit=config.jasco.kit,
            models=model_folders(config),
            codecs=codec_folder(config.engine.models),
            device=engine.device,
            dtype=engine.dtype,
            graphs=engine.graphs,
            compile_=engine.compile,
            memory=speed_memory(),
        )
        allowed = frozenset(config.osc.allow_hosts)
        token = required_token(config.http, osc_host=config.osc.host, osc_allows_hosts=bool(allowed))
        self.server = OscServer(
            handler=self.handle,
            version=self._version,
            allowed_hosts=allowed,
            token=token,
        )
        self.live_takes = LiveTakes(late=self._tell_late, clock=monotonic)
        library = Library(self.folder)
        self.http = HttpService(
            config.http,
            live=self.live_takes,
            token=token,
            take=self.server.take,
            session=self.session_view,
            shelf=LibraryShelf(self.folder.path, library, lambda: self.state),
            version=self._version,
            started=self._started,
        )
        self.server.add_listener(WEB, self.http.hub)
        self.engine = EngineClient(command, stall_s=engine.stall_s, on_warming=self._warming)
        self.host: Host | None = require_host(config.host.name).make(with_folder(config.host, self.folder.path))
        self.library = LibraryDesk(
            library,
            config.library,
            Paths(
                session=lambda: self.state,
                made=self._made,
                in_use=self._in_use,
                generate=lambda state, client: self._generate(self._new_id(), state, client),
            ),
            answer=self._answer,
            broadcast=self.server.broadcast,
            now=now,
        )
        self.takes = Takes(
            self.folder,
            self.host,
            broadcast=self.server.broadcast,
            live=self.live_takes,
            sound_source=lambda name: sound_source(name, config),
            sounds_sha256=lambda name: sounds_sha256(name, config),
            now=now,
            made=lambda clip: self.player.made(clip.request_id, clip.take, clip.path),
            note=self.library.note,
            note_placed=self.library.note_placed,
        )
        self.player = Player(
            config.player,
            monotonic=monotonic,
            session=lambda: self.state,
            find=self._found,
            tell=self._tell_of_player,
            again=lambda: self._act("generate"),
        )
        self.queue: jobs.JobQueue[Order] = jobs.JobQueue(
            self.engine, self._notify, self.takes.deliver, limit=config.engine.queue
        )
        self.triggers = TriggerClock(
            monotonic=monotonic,
            session=lambda: self.state,
            queue=self.queue,
            generate=self._generate,
            new_id=self._new_id,
            tell=self.server.broadcast,
            warm=lambda: self.engine.is_warm,
        )
        self.live: LiveMidi | None = None
        if config.midi.is_on or config.link.enabled:
            self.live = LiveMidi(
                config.midi,
                system=midi_system,
                monotonic=monotonic,
                session=lambda: self.state,
                give=lambda event, at: self._apply(event, None, at),
                act=self._act,
                tell=lambda notice: self.server.broadcast(notice_reply("", notice), None),
                link=self._join_link if config.link.enabled else None,
            )
        run = secrets.token_hex(8)
        self.mailbox: Mailbox | None = None
        folder = mailbox_folder(config.host.name, config.host, Machine.this())
        if folder:
            self.mailbox = Mailbox(folder, run=run, take=self.server.take, clock=monotonic)
            self.server.add_route(MAILBOX, self.mailbox.send)
        self.desk = DawDesk(
            self.host,
            run=run,
            send=self.server.send,
            broadcast=self.server.broadcast,
            apply=lambda event: self._apply(event, None),
            make=self._make,
            note_placed=self.library.note_placed,
        )

    async def run(self, ready: Callable[[str], None], stop: asyncio.Event | None = None) -> None:
        """Serve until ``stop`` is set, or a signal comes. ``ready`` is told the addresses in use, OSC's first.

        Raises ``SidemanError`` when a part cannot start.
        """
        stop = stop or asyncio.Event()
        async with AsyncExitStack() as stack:
            stack.enter_context(stop_signals(stop))
            self.folder.prepare()
            sweep_leftovers(self._now().timestamp())
            require_parts(self._config)
            if self.host:
                stack.push_async_callback(self.host.close)
                await self.host.start()
            stack.push_async_callback(self.library.close)
            self.library.start()
            stack.callback(self.desk.close)
            stack.push_async_callback(self.engine.close)
            stack.push_async_callback(self.player.close)
            await self.player.start()
            await self.server.start(self._config.osc.host, self._config.osc.port)
            stack.push_async_callback(self.server.close)
            if self.mailbox:
                stack.callback(self.mailbox.close)
                self.mailbox.start()
            stack.push_async_callback(self.http.close)
            http_line = await self.http.start()
            self.queue.start()
            stack.push_async_callback(self.queue.close)
            stack.callback(self.desk.forget)
            stack.callback(self.server.stop_hearing)
            if self.live:
                stack.callback(self.live.close)
                self.live.start()
                stack.push_async_callback(_ended, asyncio.create_task(self.live.watch(), name="live midi"))
            stack.callback(self.triggers.close)
            self.triggers.start()
            warming = asyncio.create_task(self.engine.start(), name="engine start")
            stack.push_async_callback(_ended, warming)
            host, port = self.server.address
            ready(f"osc udp://[{host}]:{port}" if ":" in host else f"osc udp://{host}:{port}")
            if http_line:
                ready(http_line)
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
            case _ if isinstance(command, TakeCommand):
                self._handle_takes(command, client)
            case ChordNotes() | ChordMarkers() | DrumNotes():
                self._take_chart(command, client)
            case DawHere() | DawLeaves() | PlaceDone() | PlaceFailed():
                self.desk.handle(command, client)
            case PlayerDo() | PlayerTake() | PlayerLevel():
                self.player.handle(command, client)
                self.http.hub.session_changed()
            case _:
                if isinstance(command, TIME_EVENTS):
                    self._require_osc_leads(command)
                self._apply(self._event_of(command), client)

    def _handle_takes(self, command: TakeCommand, client: Client) -> None:
        """What is said of takes: those of this run, and those of the library."""
        match command:
            case osc.NextTake():
                self._next_take(client)
            case osc.KeepTake(id=request_id, take=take) if request_id is None or self.takes.path_of(request_id, take):
                self.takes.keep(request_id, take, client)
            case osc.ClipPlaced(id=request_id, take=take, where=where) if self.takes.path_of(request_id, take):
                self.takes.placed(request_id, take, where, client)
            case _:
                self.library.handle(command, client)

    def _event_of(self, command: osc.Command) -> SessionEvent:
        """What a command changes of the session. Raises ``SidemanError`` for a file or a clip that is not there."""
        match command:
            case osc.GridPattern(voice=voice, text=text):
                return SetPattern(pattern=parse_pattern(voice, text, self.state.tempo_map))
            case osc.ContinueClip(id=request_id, take=take):
                return SetGivenAudio(region=self.takes.to_continue(request_id, take))
            case osc.UseDrumTrack(path=path, separate=separate):
                return SetDrumTrack(track=DrumTrack(path=self._audio(path), separate=separate))
            case osc.Infill(path=path, start=start, end=end):
                region = AudioRegion(path=self._audio(path), place="within", start=Beats(start), end=Beats(end))
                return SetGivenAudio(region=region)
            case _ if isinstance(command, OtherCommand):
                raise AssertionError("these change nothing of the session")
            case _:
                return command

    def _made(self, request_id: str | None, take: int) -> Path | None:
        return self.takes.path_of(request_id, take)

    def _found(self, request_id: str, take: int) -> Path:
        """Where a take of this run or an earlier one lies. Raises ``SidemanError``; for worker threads."""
        path = self.takes.path_of(request_id, take)
        library = self.library.library
        return path or library.path_of(library.find(request_id, take))

    def _in_use(self) -> frozenset[str]:
        """The clips that are heard, wait to be, or are given to engines."""
        given = (one.path for one in (self.state.given, self.state.drum_track) if one)
        return frozenset(path.stem for path in (*given, *self.player.in_use()))

    def _join_link(self, state: SessionState) -> LinkPeer:
        return AbletonLink(state.tempo_map.bpm_at(state.start), quantum=self._config.link.quantum)

    def _require_osc_leads(self, event: SessionEvent) -> None:
        """Raises ``NotLeading`` where tempo and position come from another source."""
        if self.live and not self.live.osc_may_tell(event):
            raise NotLeading(
                f"Tempo and position come from {self.live.leader or 'the source that is set to lead'}; OSC's are not "
                "followed while it tells them. The setting midi.leader names who leads."
            )

    def _may_tell(self, event: SessionEvent) -> bool:
        """Whether a chart that a DAW gives may say this: not tempo and position, where another source leads."""
        return self.live is None or self.live.leader in {None, OSC} or not isinstance(event, TIME_EVENTS)

    def _act(self, action: str) -> None:
        """Carry out what a player's control stands for; what goes wrong is told to subscribers."""
        try:
            match action:
                case "generate":
                    self._apply(ev.RequestClip(), None)
                case "cancel":
                    self._apply(ev.RequestCancel(), None)
                case "next_take":
                    self._next_take(None)
                case "keep":
                    self.takes.keep(None, 0, None)
        except SidemanError as error:
            self._answer(None, osc.ErrorReply(id="", code=error.code, message=str(error)))

    def _next_take(self, client: Client | None) -> None:
        if self._last is None:
            raise RequestError("There is no clip yet to make again: send /sideman/generate first.")
        state, seed = self._last
        self._generate(self._new_id(), replace(state, seed=(seed + state.takes) % SEEDS), client)

    def _answer(self, client: Client | None, reply: osc.Reply) -> None:
        """To the client that asked; to all that subscribed, where a player's control did."""
        if client is None:
            self.server.broadcast(reply, None)
        else:
            self.server.send(client, reply)

    def _take_chart(self, command: ChartCommand, client: Client) -> None:
        """What a DAW's tracks hold becomes a chart under the session's time and key; what was left out is told."""
        event, notices = charted(command, self.state.tempo_map, self.state.key)
        self._apply(event, client)
        for notice in notices:
            self.server.send(client, notice_reply("", notice))

    def _interpret(self, message: osc.Foreign) -> tuple[SessionEvent, ...]:
        events = self.host.interpret(message.address, message.arguments) if self.host else None
        if events is None:
            raise UnknownAddress(f"There is no address {message.address[:100]}; docs/osc.md lists them all.")
        return events

    def _audio(self, path: str) -> Path:
        return allowed_audio(path, (self.folder.path, *self._config.clips.audio_folders))

    def _apply(self, event: SessionEvent, client: Client | None, at: Seconds | None = None) -> None:
        """Change the session by what is so at a monotonic time, now unless it is given."""
        self.state, effects = reduce(self.state, event, Seconds(self._monotonic()) if at is None else at)
        self.triggers.changed()
        self.player.changed()
        self.http.hub.session_changed()
        for effect in effects:
            self._carry_out(effect, client)

    def _carry_out(self, effect: Effect, client: Client | None) -> None:
        match effect:
            case Generate(id=request_id, state=state, next_bar=True):
                self.triggers.generate_next(request_id or self._new_id(), state, client)
            case Generate(id=request_id, state=state):
                self._generate(request_id or self._new_id(), state, client)
            case Cancel(id=request_id):
                self.queue.cancel(request_id)

    def _generate(self, request_id: str, state: SessionState, client: Client | None) -> None:
        if self.queue.holds(request_id):
            text = f"A request with the id {request_id} is under way; choose another id."
            self._answer(client, osc.ErrorReply(id="", code=IdInUse.code, message=text))
            return
        try:
            self._order(request_id, state, client)
        except SidemanError as error:
            self._answer(client, osc.ErrorReply(id=request_id, code=error.code, message=str(error)))

    def _order(self, request_id: str, state: SessionState, client: Client | None) -> None:
        """Plan a clip and queue it. Raises ``SidemanError`` when that cannot be done."""
        seed = self._draw_seed() if state.seed is None else state.seed
        planned = plan(
            state,
            request_id=request_id,
            seed=seed,
            audio=self._config.clips.audio,
            model=model_settings(state.engine, self._config, state.settings),
            score=self._config.clips.score,
            draft_first=drafts_first(self._config.engine, state.settings),
        )
        order = Order(client=client, state=state, chart=planned.chart, notices=planned.notices)
        self.queue.submit(planned.request, order)
        self._last = state, seed

    def _make(self, chart: Sequence[SessionEvent], wishes: Sequence[SessionEvent]) -> str:
        """A clip of a chart that the DAW gives, and the session keeps. Raises ``SidemanError``, and keeps nothing."""
        now = Seconds(self._monotonic())
        state = _reduced(self.state, [event for event in chart if self._may_tell(event)], now)
        asked = replace(_reduced(state, wishes, now), revision=state.revision)
        request_id = self._new_id()
        self._order(request_id, asked, None)
        self.state = state
        self.triggers.changed()
        return request_id

    def _tell_of_player(self, reply: osc.Reply, client: Client | None) -> None:
        self.server.broadcast(reply, client)
        self.http.hub.session_changed()

    def _new_id(self) -> str:
        """An id that sorts by time and does not come again in another run."""
        self._count += 1
        return f"{self._now():%Y%m%d-%H%M%S}-{self._count}"

    def session_view(self) -> Json:
        """The session, its jobs and the daemon as they are now, as JSON values."""
        view = state_view(self.state, Seconds(self._monotonic()))
        running = self.queue.running
        view["jobs"] = {
            "running": running.request.id if running else None,
            "waiting": [job.request.id for job in self.queue.waiting],
        }
        view["midi"] = self.live.view() if self.live else None
        view["player"] = self.player.view()
        view["clips_folder"] = str(self.folder.path)
        view["version"] = self._version
        view["started"] = self._started
        view["http"] = self.http.url
        return view

    def _state_json(self) -> str:
        view = self.session_view()
        text = json.dumps(view, ensure_ascii=False)
        if len(text.encode()) > MAX_STATE_BYTES:
            text = json.dumps(shortened(view), ensure_ascii=False)
        return text

    # Out

    def _warming(self, share: float, what: str) -> None:
        """An engine that gets ready tells so as a request does, with no id."""
        log.info("engine: %s, %d %%", what, round(100 * share))
        self.server.broadcast(osc.ProgressReply(id="", share=share), None)

    def _tell_late(self, request_id: str, take: int, at_s: float) -> None:
        text = f"Take {take} is listened to faster than it is made: it is there up to {at_s:.2f} s, and pauses there."
        self.server.broadcast(osc.NoticeReply(id=request_id, code="late", message=text), None)

    def _notify(self, job: jobs.Job[Order], event: jobs.JobEvent) -> None:
        request_id = job.request.id
        self.triggers.heard(job, event)
        if isinstance(event, jobs.Accepted):
            self.live_takes.begin(job.request)
        elif not isinstance(event, jobs.Progress):
            self.live_takes.end(request_id)
        self.desk.heard(request_id, event)
        for reply in _replies(job, event):
            self.server.broadcast(reply, job.owner.client)
        if not isinstance(event, jobs.Progress):
            self.http.hub.session_changed()
        if isinstance(event, jobs.Accepted):
            for notice in job.owner.notices:
                self.takes.notice(job, notice)
        log.info("request %s: %s", request_id, event)


def _reduced(state: SessionState, events: Sequence[SessionEvent], now: Seconds) -> SessionState:
    """The session after events that change music alone. Raises ``SidemanError`` as ``reduce``."""
    for event in events:
        state, _ = reduce(state, event, now)
    return state


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
