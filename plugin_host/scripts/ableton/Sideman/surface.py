"""The control surface: what Live calls, and the tick that everything happens in.

Live calls ``update_display`` about every 100 ms on its main thread. A tick does a bounded amount of work: some
datagrams, one step of reading, one step of placing. Nothing blocks, and no error leaves it.
"""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING

from .asking import wishes
from .chart_watch import ChartWatch
from .link import Link, daemon_address
from .listeners import Listeners
from .placing import Offer, Placer
from .song_state import SongState

if TYPE_CHECKING:
    from typing import Callable, Dict, Optional, Tuple

    from .lom import Instance
    from .osc import Value

VERSION = "2"
"""Of what this script and the daemon say to each other."""
DATAGRAMS_A_TICK = 8
GREET_S = 2.0
SILENCE_S = 7.0
"""A daemon that has not answered for so long is taken to be gone."""
SAY_S = 0.4
"""The status bar changes at most this often while a clip is made."""
MOST_SAID = 300
NO_DAEMON = "No daemon at %s:%d. Run: sideman serve --host ableton"
TAKEN = "daw_taken"
"""The code of the daemon's refusal while it serves another DAW: then nothing is told it."""


class Sideman:
    """A control surface without a device: it speaks OSC with the daemon."""

    def __init__(
        self,
        c_instance: Instance,
        clock: Callable[[], float] = time.monotonic,
        address: Optional[Tuple[str, int]] = None,
    ) -> None:
        self._instance, self._clock = c_instance, clock
        self._link = Link(address or daemon_address())
        self._run = ""
        """The daemon's run that has taken us as its DAW; empty where none has."""
        self._greeted_at = self._heard_at = self._said_at = float("-inf")
        self._began_at = clock()
        self._refused = ""
        self._logged: set[str] = set()
        song = c_instance.song()
        self._listeners = Listeners()
        self._state = SongState(song, self._listeners, self._send, self.say, clock)
        self._charts = ChartWatch(song, self._listeners, self._send, self._ask, self._state.set_chart_beats)
        self._placer = Placer(song, self._send, self.say)
        self._answers: Dict[str, Callable[..., None]] = {
            "/sideman/hosting": self._on_hosting,
            "/sideman/place": self._on_place,
            "/sideman/error": self._on_error,
            "/sideman/notice": lambda _, __, message: self.say(str(message)),
            "/sideman/accepted": lambda request, _: self.say("%s waits its turn" % request),
            "/sideman/progress": self._on_progress,
            "/sideman/cancelled": lambda request: self.say("%s is cancelled" % request),
            "/sideman/superseded": lambda request, by: self.say("%s gives way to %s" % (request, by)),
        }

    # What Live calls

    def update_display(self) -> None:
        """One tick; no error leaves it, and one kind of error is logged once."""
        try:
            self._tick()
        except Exception:
            self._log(traceback.format_exc())

    def disconnect(self) -> None:
        """Live closes, loads another set, or the user chose another control surface."""
        self._placer.close()
        self._send("/sideman/daw/bye")
        self._listeners.clear_all()
        self._link.close()

    def connect_script_instances(self, instances: object) -> None:
        """Other control surfaces are none of our business."""

    def can_lock_to_devices(self) -> bool:
        """There is no device to lock to."""
        return False

    def build_midi_map(self, handle: object) -> None:
        """There is no MIDI to map."""

    def refresh_state(self) -> None:
        """Live asks for a fresh state: everything is told again."""
        self._tell_all()

    def port_settings_changed(self) -> None:
        """There are no ports of ours."""

    def receive_midi(self, midi: object) -> None:
        """There is no MIDI to hear."""

    def suggest_input_port(self) -> str:
        """No port."""
        return ""

    def suggest_output_port(self) -> str:
        """No port."""
        return ""

    def suggest_map_mode(self, controller: int, channel: int) -> int:
        """Live's own."""
        return -1

    def supports_pad_translation(self) -> bool:
        """There are no pads."""
        return False

    # The tick

    def _tick(self) -> None:
        for address, arguments in self._link.receive(DATAGRAMS_A_TICK):
            self._heard_at = self._clock()
            answer = self._answers.get(address)
            if answer is not None:
                self._answer(answer, arguments)
        self._greet()
        if self._run:
            self._state.tick()
            self._charts.tick()
        self._placer.tick()

    def _answer(self, answer: Callable[..., None], arguments: Tuple[Value, ...]) -> None:
        try:
            answer(*arguments)
        except (TypeError, ValueError) as error:  # a daemon of another version says it with other arguments
            self._log("%s" % error)

    def _greet(self) -> None:
        """Say that we are here, every two seconds; a daemon that falls silent is forgotten."""
        now = self._clock()
        if now - self._greeted_at >= GREET_S:
            self._greeted_at = now
            self._link.send("/sideman/daw", "ss", "Ableton Live", VERSION)
        silent = now - max(self._heard_at, self._began_at) > SILENCE_S
        if silent and self._run:
            self._run = ""
            self.say("The daemon does not answer any more. Your set is as it was.")
        elif silent and self._refused != "silent" and not self._run:
            self._refused = "silent"
            self.say(NO_DAEMON % self._link.address)

    def _tell_all(self) -> None:
        self._state.tell_all()
        self._charts.tell_all()

    # What the daemon says

    def _on_hosting(self, run: str, places: int) -> None:
        """The daemon hears us; a new run of it knows nothing of the set."""
        if run == self._run:
            return
        self._run, self._refused = str(run), ""
        self._placer.serve(self._run)
        self._link.send("/sideman/subscribe")
        self._tell_all()
        text = "" if places else ", which places no clips in Live: it was started without --host ableton"
        self.say("Connected to the daemon at %s:%d%s" % (self._link.address + (text,)))

    def _on_place(self, *arguments: Value) -> None:
        if self._run:
            self._placer.take(Offer(self._run, *arguments))

    def _on_error(self, request: str, code: str, message: str) -> None:
        if code == TAKEN:
            self._run = ""
            if self._refused == code:
                return
            self._refused = code
        self.say(message)

    def _on_progress(self, request: str, share: float) -> None:
        now = self._clock()
        if now - self._said_at >= SAY_S:
            self.say("%s: %d %%" % (request, int(100 * share)))

    # Out

    def say(self, text: str) -> None:
        """A line in Live's status bar."""
        self._said_at = self._clock()
        self._instance.show_message("Sideman: %s" % text[:MOST_SAID])

    def _ask(self, name: str) -> None:
        if not self._run:
            self.say(NO_DAEMON % self._link.address)
            return
        for address, tags, arguments in wishes(name):
            self._link.send(address, tags, *arguments)

    def _send(self, address: str, tags: str = "", *arguments: Value) -> bool:
        return self._link.send(address, tags, *arguments)

    def _log(self, text: str) -> None:
        if text not in self._logged and len(self._logged) < 100:
            self._logged.add(text)
            self._instance.log_message("Sideman: %s" % text)
