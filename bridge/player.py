"""The player in the daemon: clips are heard in time with the session.

Threading contract.

- All of this runs on the daemon's event loop: the session, the commands, the feeder (``bridge.player_feed``) and the
  writing end of the ring. Clips are read and resampled on worker threads, which get values and return them; they are
  stretched in a process of their own (``bridge.player_stretch``).
- The device is in a process of its own (``bridge.player_process``), whose audio callback copies from a ring that was
  made before (``bridge.ring``), counts what was missing, and does nothing else. It waits for nobody, and nobody for it.
- The loop may be busy for as long as ``player.ahead_ms`` before it is heard. What changes the music is heard within
  some blocks all the same: what was mixed ahead is taken back and mixed anew.
- Time is monotonic and is passed in; every process of one machine has the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bridge import player_mix as mix
from bridge.errors import RequestError
from bridge.osc_clients import Client
from bridge.osc_commands import PlayerCommand, PlayerDo, PlayerLevel, PlayerTake
from bridge.osc_errors import INTERNAL
from bridge.osc_replies import ErrorReply, PlayerReply, Reply
from bridge.player_config import MIN_LEVEL_DB, PlayerConfig
from bridge.player_feed import Feeder
from bridge.player_health import TELL_S, Health
from bridge.player_output import Output, OutputKeeper
from bridge.player_shelf import Shelf, Wish
from bridge.player_take import Take
from bridge.player_tempo import Adapting, Unfit
from bridge.session import SessionState

log = logging.getLogger(__name__)

TICK_S: Final = 0.02
PANIC_S: Final = 0.003
LEVEL_S: Final = 0.02
USUAL_RATE_HZ: Final = 48000
USUAL_CHANNELS: Final = 2


class Player:
    """Takes in, sound out."""

    def __init__(
        self,
        config: PlayerConfig,
        *,
        monotonic: Callable[[], float],
        session: Callable[[], SessionState],
        find: Callable[[str, int], Path],
        tell: Callable[[Reply, Client | None], None],
        again: Callable[[], None],
    ) -> None:
        """``session`` is as it stands; ``tell`` speaks to subscribers and to a client.

        ``find`` says where a take lies; it is asked on a worker thread, and may raise ``SidemanError``. ``again`` asks
        for the clip anew, from the session as it is.
        """
        self._config = config
        self._monotonic = monotonic
        self._session = session
        self._find = find
        self._tell = tell
        self._again = again
        self.is_on = False
        self._level_db = config.level_db
        self._adapting = Adapting(mode=config.on_tempo)
        self._health = Health(ahead_s=config.ahead_ms / 1e3, grows=config.grow)
        self._feeder = self._feeder_for(config.sample_rate_hz or USUAL_RATE_HZ, USUAL_CHANNELS)
        self._device: Output | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._feeding: asyncio.Task[None] | None = None
        self._shelf = Shelf(self._wanted, tell)
        self._wake = asyncio.Event()
        self._mistake_at = float("-inf")

    async def start(self) -> None:
        """Begin where the configuration says so. Raises ``StartError`` where there is no library for audio."""
        if self._config.enabled:
            keeper = self._new_keeper()
            await keeper.open_first()
            self._switch_on(keeper)

    async def close(self) -> None:
        """Silence, and the device is let go; safe to call twice."""
        tasks = [task for task in (self._feeding, self._keeper) if task]
        self._feeding = self._keeper = None
        for task in tasks:
            task.cancel()
        for end in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(end, Exception):
                log.error("The player's output has failed", exc_info=end)
        self._device = None
        await self._shelf.close()

    def changed(self) -> None:
        """The session has changed."""
        self._wake.set()

    def made(self, request_id: str, take: int, path: Path) -> None:
        """A new take lies on disk: it is launched, where the configuration says so."""
        if self.is_on and self._config.auto:
            self._shelf.fetch(Wish(id=request_id, take=take, purpose="play"), lambda: path, self._launched)

    def handle(self, command: PlayerCommand, client: Client | None) -> None:
        """Carry out one command. Raises ``RequestError``."""
        match command:
            case PlayerLevel(level_db=level_db):
                self._level_db = level_db
                self._change(lambda state, _, at: mix.levelled(state, self._gain, at, self._frames(LEVEL_S)))
            case PlayerTake(action=action, id=request_id, take=take):
                if not self.is_on:
                    raise RequestError("The player is off: send /sideman/player/on first.")
                wish = Wish(id=request_id, take=take, purpose=action, client=client)
                use = self._launched if action == "play" else self._auditioned
                self._shelf.fetch(wish, lambda: self._find(request_id, take), use)
            case PlayerDo(action="on"):
                self._switch_on(None)
            case PlayerDo(action=action):
                self._silence(PANIC_S if action == "panic" else self._config.fade_ms / 1e3)
                if action != "stop":
                    self._switch_off()
        self._wake.set()

    def in_use(self) -> frozenset[Path]:
        """The files of the takes that are heard, or wait to be."""
        state = self._feeder.state
        launched = (launch.take for launch in (state.playing, state.pending) if launch)
        takes = (*launched, *filter(None, [state.auditioned]))
        return frozenset(take.path for take in takes if take.path)

    def view(self) -> dict[str, Any]:
        """What ``/sideman/state`` says of it."""
        state, device = self._feeder.state, self._device
        return {
            "on": self.is_on,
            "device": device.facts.device if device else None,
            "sample_rate_hz": self._feeder.settings.rate_hz,
            "latency_ms": round(1e3 * device.facts.latency_s, 1) if device else None,
            "playing": _named(state.playing.take if state.playing else None),
            "waiting": _named(state.pending.take if state.pending else None),
            "auditioning": _named(state.auditioned),
            "level_db": self._level_db,
            "ahead_ms": round(1e3 * self._feeder.ahead_s),
            "underruns": self._health.missed,
            "device_underruns": self._health.late,
            "slowest_block_us": device.ring.slowest_ns // 1000 if device else None,
        }

    # On and off

    def _switch_on(self, keeper: OutputKeeper | None) -> None:
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task((keeper or self._new_keeper()).keep(), name="player output")
        if self._feeding is None:
            self._feeding = asyncio.create_task(self._feed(), name="player feed")
        if not self.is_on:
            self.is_on = True
            self._say("on", "The player is on.")

    def _switch_off(self) -> None:
        if self.is_on:
            self.is_on = False
            self._say("off", "The player is off.")

    def _new_keeper(self) -> OutputKeeper:
        return OutputKeeper(self._config, opened=self._opened, lost=self._lost, monotonic=self._monotonic)

    def _opened(self, output: Output) -> None:
        facts, settings = output.facts, self._feeder.settings
        if (facts.rate_hz, facts.channels) != (settings.rate_hz, settings.channels):
            state = self._feeder.state
            self._feeder = self._feeder_for(facts.rate_hz, facts.channels)
            if launch := state.pending or state.playing:
                self._shelf.refit(launch.take, self._launched)
        self._device = output
        self._health = self._health.anew()
        self._feeder.attach(output.ring, self._monotonic(), facts.latency_s)
        self._wake.set()
        self._say("opened", f"The audio device {facts.device} plays at {facts.rate_hz} Hz.")

    def _lost(self, why: str) -> None:
        if self._device:
            self._device = None
            self._feeder.detach(self._monotonic())
        self._say("lost", why)

    def _feeder_for(self, rate_hz: int, channels: int) -> Feeder:
        config = self._config
        settings = mix.Settings(
            rate_hz=rate_hz,
            channels=channels,
            crossfade=max(1, round(config.crossfade_ms * rate_hz / 1e3)),
            fade=max(1, round(config.fade_ms * rate_hz / 1e3)),
            quantise=config.quantise,
            align=config.align,
        )
        feeder = Feeder(
            settings,
            self._session(),
            self._monotonic(),
            ahead_s=self._health.ahead_s,
            early_s=config.offset_ms / 1e3,
        )
        feeder.change(lambda state, _, at: mix.levelled(state, self._gain, at, 1))
        return feeder

    # Takes

    def _wanted(self) -> tuple[int, int]:
        settings = self._feeder.settings
        return settings.rate_hz, settings.channels

    def _launched(self, take: Take) -> None:
        self._change(lambda state, view, at: mix.launched(state, take, view, at, self._feeder.settings))
        pending = self._feeder.state.pending
        if pending and pending.line is not None:
            bar = self._session().tempo_map.bar_at(pending.line).bar
            self._say("waiting", f"{take.name} enters at bar {bar}.", take=take, bar=bar)
        else:
            self._say("waiting", f"{take.name} enters where the song starts.", take=take)

    def _auditioned(self, take: Take) -> None:
        self._change(lambda state, _, at: mix.auditioned(state, take, at, self._feeder.settings))
        self._say("auditioning", f"{take.name} is heard alone.", take=take)

    def _silence(self, fade_s: float) -> None:
        self._shelf.forget()
        state = self._feeder.state
        heard = (state.playing.take if state.playing else None, state.auditioned)
        self._change(lambda state, _, at: mix.silenced(state, at, self._frames(fade_s)))
        for take in filter(None, heard):
            self._say("ended", f"{take.name} was stopped.", take=take)

    # The feeder

    async def _feed(self) -> None:
        """Keep the ring filled, until cancelled."""
        while True:
            self._wake.clear()
            try:
                self._tick()
            except Exception:
                self._mistaken()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()

    def _mistaken(self) -> None:
        """Play nothing more, and say so, however often it happens."""
        self._feeder.drop()
        if (now := self._monotonic()) - self._mistake_at >= TELL_S:
            self._mistake_at = now
            log.exception("The player has stopped what it played")
            text = "The player met an unexpected error and stopped what it played; the log has the details."
            self._tell(ErrorReply(code=INTERNAL, message=text), None)

    def _tick(self) -> None:
        now = self._monotonic()
        for told in self._feeder.tick(self._session(), now):
            take = told.take
            if take is None:
                continue
            words = f"is heard from bar {told.bar} on" if told.state == "launched" else "has ended"
            self._say(told.state, f"{take.name} {words}.", take=take, bar=told.bar)
        self._adapt(now)
        self._look_at_device(now)

    def _change(self, do: Callable[[mix.PlayerState, mix.View, int], mix.PlayerState]) -> None:
        self._feeder.tick_song(self._session())
        self._feeder.change(do)

    # Tempo

    def _adapt(self, now: float) -> None:
        """A take whose tempo is no longer the session's is stretched, or asked for anew."""
        self._adapting, unfit = self._adapting.looked(self._feeder.unfit(), now)
        if unfit is None:
            return
        if self._config.on_tempo == "request":
            self._again()
        else:
            self._shelf.stretch(unfit, lambda longer: self._stretched(unfit, longer), self._stretch_ended)

    def _stretched(self, unfit: Unfit, longer: Take) -> None:
        state = self._feeder.state
        if not any(launch and launch.take is unfit.take for launch in (state.playing, state.pending)):
            return  # another plays by now
        self._change(lambda state, _, at: mix.swapped(state, unfit.take, longer))
        self._wake.set()
        per_cent = 100 * (unfit.ratio - 1)
        self._say("stretched", f"{longer.name} is stretched by {per_cent:+.1f} % to the session's tempo.", take=longer)

    def _stretch_ended(self) -> None:
        self._adapting = self._adapting.done()

    def _look_at_device(self, now: float) -> None:
        if self._device is None:
            return
        ring = self._device.ring
        self._health, text = self._health.seen(ring.underruns, ring.late, now)
        self._feeder.ahead_s = self._health.ahead_s
        if text:
            self._say("underruns", text)

    # Helpers

    @property
    def _gain(self) -> float:
        return 0.0 if self._level_db <= MIN_LEVEL_DB else float(10 ** (self._level_db / 20))

    def _frames(self, seconds: float) -> int:
        return max(1, round(seconds * self._feeder.settings.rate_hz))

    def _say(self, state: str, message: str, *, take: Take | None = None, bar: int = 0) -> None:
        message = message[:1].upper() + message[1:]
        if take is None:
            self._tell(PlayerReply(state=state, message=message), None)
        else:
            self._tell(PlayerReply(state=state, id=take.id, take=take.number, bar=bar, message=message), None)


def _named(take: Take | None) -> dict[str, Any] | None:
    return None if take is None else {"id": take.id, "take": take.number}
