"""Live MIDI in the daemon: ports, and the thin shell around ``bridge.live_session``.

The system's threads only put bytes into ``LivePorts``; everything here runs on the event loop. What came in is worked
on in slices, so that a device that floods its port cannot hold the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from bridge.link import LinkPeer
from bridge.link_session import Shared, share, stopped
from bridge.live_session import LiveState, Outcome, heard, led, port_gone, ticked
from bridge.midi_config import MidiConfig
from bridge.notices import Notice
from bridge.session import SessionState
from midi.chord_states import chord_states
from midi.drum_capture import DrumCapture
from midi.errors import MidiUnavailable, SidemanError
from midi.events import SessionEvent, Stop
from midi.leader import LINK, OSC, Leadership, gone, spoke
from midi.melody_capture import MelodyCapture
from midi.port_system import MidiSystem
from midi.ports import Heard, LivePorts
from midi.time import Seconds

log = logging.getLogger(__name__)

TICK_S: Final = 0.02
"""Time between looks at what was played."""
SCAN_S: Final = 1.0
"""Time between looks at which ports there are."""
SLICE: Final = 128
"""Messages that are worked on in one turn of the event loop."""


class LiveMidi:
    """The ports that the configuration names, and what is heard on them."""

    def __init__(
        self,
        config: MidiConfig,
        *,
        system: Callable[[], MidiSystem],
        monotonic: Callable[[], float],
        session: Callable[[], SessionState],
        give: Callable[[SessionEvent, Seconds], None],
        act: Callable[[str], None],
        tell: Callable[[Notice], None],
        link: Callable[[SessionState], LinkPeer] | None = None,
    ) -> None:
        """``system`` opens the machine's MIDI; ``session`` is the session as it stands.

        ``give`` changes it by what was so at a monotonic time: that of the message, however long that had to wait.
        ``act`` is told the actions of controls, ``tell`` what a user should know, ``link`` joins Ableton Link. ``give``
        may raise ``SidemanError``.
        """
        self._config = config
        self._system = system
        self._monotonic = monotonic
        self._session = session
        self._give = give
        self._act = act
        self._tell = tell
        self.state = LiveState(
            playing=config.playing(),
            leadership=Leadership(wanted=config.wanted_leader()),
            drums=DrumCapture(layout=config.layout()),
            melody=MelodyCapture(),
            controls=config.controls(),
        )
        self._join = link
        self._link: LinkPeer | None = None
        self._shared = Shared()
        self._ports: LivePorts | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[Heard] = deque()
        self._working = False
        self._dropped = 0
        self._unheard = ""

    def start(self) -> None:
        """Join Link where that is asked for, and open the ports that are there.

        Where the system has no MIDI that is told, and nothing is heard. Raises ``LinkUnavailable``.
        """
        self._loop = asyncio.get_running_loop()
        if self._join:
            self._link = self._join(self._session())
        if not self._config.is_on:
            return
        chord_states()  # tables that take a while, made before there is a note to wait for them
        try:
            self._ports = LivePorts(self._system(), self._config.wishes(), self._wake)
        except MidiUnavailable as error:
            self._unheard = f"Nothing is heard over MIDI: {error}"
            log.error("%s", self._unheard)  # nobody has subscribed yet
            self._notice(self._unheard)
            return
        self.scan()

    def close(self) -> None:
        """Close every port and leave Link; safe to call twice."""
        link, self._link = self._link, None
        if link:
            link.close()
        ports, self._ports = self._ports, None
        if ports:
            ports.close()
        self._waiting.clear()

    async def watch(self) -> None:
        """Look at ports and time again and again, until cancelled."""
        next_scan = self._monotonic() + SCAN_S
        while True:
            await asyncio.sleep(TICK_S)
            self.tick()
            if self._monotonic() >= next_scan:
                self.scan()
                next_scan = self._monotonic() + SCAN_S

    def osc_may_tell(self, event: SessionEvent) -> bool:
        """Whether OSC may tell tempo and position now; it has spoken with this. Link passes on what it tells."""
        if self._link and self.state.leadership.leads(LINK):
            if isinstance(event, Stop):
                self._shared = stopped(self._shared)
            return True
        leadership = spoke(self.state.leadership, OSC, Seconds(self._monotonic()))
        self.state = replace(self.state, leadership=leadership)
        return leadership.leads(OSC)

    @property
    def leader(self) -> str | None:
        """Who tells tempo and position."""
        return self.state.leadership.leader

    def scan(self) -> None:
        """Open the ports that have appeared, and let go of those that have vanished."""
        ports = self._ports
        if ports is None:
            return
        for notice in ports.scan():
            if notice.kind == "lost":
                self.state = port_gone(self.state, notice.port)
            self._notice(notice.text)
        wanted = self._config.wanted_leader(ports.open_ports)
        if wanted != self.state.leadership.wanted:
            self.state = replace(self.state, leadership=replace(self.state.leadership, wanted=wanted))
        if ports.dropped > self._dropped:
            text = (
                f"{ports.dropped - self._dropped} MIDI messages came faster than they could be heard, and were dropped."
            )
            self._dropped = ports.dropped
            self._notice(text)

    def tick(self) -> None:
        """Time has passed."""
        if self._link:
            self._share(self._link)
        now = Seconds(self._monotonic())
        self._follow(*ticked(self.state, self._session(), now), now)

    def _share(self, link: LinkPeer) -> None:
        """Session and Link are brought together."""
        now, session = Seconds(self._monotonic()), self._session()
        reading = link.read()
        notices = self._link_leads(reading.peers > 0, now)
        two_way = self.state.leadership.leads(LINK)
        self._shared, events, order = share(self._shared, reading, session, now, two_way=two_way)
        if not order.is_empty:
            link.tell(order, session.position_at(now))
        self._follow(self.state, Outcome(events=events, notices=notices), now)

    def _link_leads(self, is_heard: bool, now: Seconds) -> tuple[Notice, ...]:
        """Link speaks where somebody is there. It shares the lead with OSC, which it passes on, and with no clock."""
        before = leadership = self.state.leadership
        if not is_heard:
            self.state = replace(self.state, leadership=gone(leadership, LINK))
            return ()
        if leadership.wanted is None and leadership.leads(OSC):
            leadership = gone(leadership, OSC)
        leadership = spoke(leadership, LINK, now)
        self.state = replace(self.state, leadership=leadership)
        return tuple(led(before, leadership))

    def drain(self) -> None:
        """Work on a slice of what came in, and on the rest in the next turn of the loop."""
        if self._ports is not None:
            self._waiting.extend(self._ports.drain())
        try:
            for _ in range(min(SLICE, len(self._waiting))):
                self.hear(self._waiting.popleft())
        finally:  # a message that goes wrong makes nobody deaf to the others
            self._working = bool(self._waiting)
            if self._working and self._loop is not None:
                self._loop.call_soon(self.drain)

    def hear(self, message: Heard) -> None:
        """Follow one message."""
        self._follow(*heard(self.state, message, self._session()), message.at)

    def view(self) -> dict[str, Any]:
        """What ``/sideman/state`` says of it."""
        ports = self._ports
        return {
            "leader": self.leader,
            "others": list(self.state.leadership.others),
            "ports": list(ports.open_ports) if ports else [],
            "troubles": list(ports.troubles) if ports else [self._unheard] if self._unheard else [],
            "link_peers": self._link.read().peers if self._link else None,
            "dropped": ports.dropped if ports else 0,
            "unreadable": ports.garbage if ports else 0,
        }

    def _wake(self) -> None:
        """Called on a thread of the system's."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
                self._loop.call_soon_threadsafe(self._drain_unless_working)

    def _drain_unless_working(self) -> None:
        if not self._working:
            self.drain()

    def _follow(self, state: LiveState, outcome: Outcome, at: Seconds) -> None:
        self.state = state
        for notice in outcome.notices:
            self._tell(notice)
        for event in outcome.events:
            try:
                self._give(event, at)
            except SidemanError as error:
                self._notice(f"What was played could not be used: {error}")
        for action in outcome.actions:
            self._act(action)

    def _notice(self, text: str) -> None:
        log.info("%s", text)
        self._tell(Notice(code="midi_port", message=text))
