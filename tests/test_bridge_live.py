"""Category: unit, integration. Live MIDI in the daemon over ports in memory: plugged, flooded, bound, closed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bridge import osc_schema as osc
from bridge.config import Config, load_config
from bridge.daemon import Daemon, NotLeading
from bridge.errors import ConfigError, LinkUnavailable, RequestError
from bridge.link import AbletonLink
from bridge.link_session import LinkOrder, LinkReading
from bridge.live import SLICE, LiveMidi
from bridge.midi_config import MidiConfig, read_port
from bridge.notices import Notice
from bridge.osc_client import OscClient
from bridge.osc_clients import Client
from bridge.receipt_schema import receipt_from_json
from bridge.session import SessionState, reduce
from bridge.spawned import spawned_daemon
from midi import events as ev
from midi.errors import MidiUnavailable
from midi.keys import parse_key
from midi.leader import LINK
from midi.ports import MAX_WAITING, Heard, PortWish
from midi.rtmidi_ports import MISSING
from midi.time import Beats, Bpm, Seconds
from midi.virtual_ports import VirtualPorts
from plugin_host.host import Ended

KEYS, CLOCK = "Launchkey MK3 24:0", "TR-8S 28:0"
NOTE, TICK, START = bytes([0x90, 60, 80]), bytes([0xF8]), bytes([0xFA])


class Bench:
    """A ``LiveMidi`` over ports in memory, with time of its own."""

    def __init__(self, ports: VirtualPorts, link: Peer | None = None, **settings: object) -> None:
        self.ports = ports
        self.now = 50.0
        self.session = SessionState()
        self.notices: list[str] = []
        self.actions: list[str] = []
        self.live = LiveMidi(
            MidiConfig(**settings),  # type: ignore[arg-type]
            system=lambda: ports,
            monotonic=lambda: self.now,
            session=lambda: self.session,
            give=self._give,
            act=self.actions.append,
            tell=self._tell,
            link=None if link is None else (lambda session: link),
        )

    def _give(self, event: ev.SessionEvent, at: Seconds | None = None) -> None:
        self.session, _ = reduce(self.session, event, Seconds(self.now) if at is None else at)

    def _tell(self, notice: Notice) -> None:
        self.notices.append(notice.message)

    def send(self, port: str, data: bytes) -> None:
        self.ports.send(port, data, Seconds(self.now))


def on_a_loop(scene: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await scene()

    asyncio.run(run())


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_ports_are_opened_by_a_part_of_their_names_and_closed_at_the_end() -> None:
    ports = VirtualPorts(names=[KEYS, CLOCK])

    async def scene() -> None:
        bench = Bench(ports, inputs=("chords=launchkey", "clock=TR-8S"))
        bench.live.start()
        assert bench.notices == [
            f"The MIDI port {KEYS!r} is open, for chords.", f"The MIDI port {CLOCK!r} is open, for clock.",
        ]  # fmt: skip
        assert bench.live.view()["ports"] == [KEYS, CLOCK]
        bench.live.close()
        bench.live.close()

    on_a_loop(scene)
    assert not any(port.is_open for port in ports.opened)
    assert ports.is_closed


def test_a_clock_reaches_the_session_and_a_port_that_vanishes_is_taken_up_again() -> None:
    ports = VirtualPorts(names=[CLOCK])

    async def scene() -> None:
        bench = Bench(ports, inputs=("clock=TR-8S",))
        bench.live.start()
        bench.send(CLOCK, START)
        for _ in range(96):
            bench.send(CLOCK, TICK)
            await turns()
            bench.now += 60 / 140 / 24
        assert bench.session.transport.playing
        assert bench.session.tempo_map.bpm_at(Beats(0.0)) == 140.0
        assert bench.live.view()["leader"] == f"midi:{CLOCK}"
        ports.unplug(CLOCK)
        bench.live.scan()
        assert "has vanished" in bench.notices[-1]
        assert bench.live.leader is None
        ports.plug(CLOCK)
        bench.live.scan()
        assert bench.notices[-1] == f"The MIDI port {CLOCK!r} is open, for clock."
        bench.live.close()

    on_a_loop(scene)


def test_a_message_that_had_to_wait_counts_from_when_it_came_in() -> None:
    """The loop is held for 40 ms while the clock starts; the song's position is that of the clock all the same."""
    ports = VirtualPorts(names=[CLOCK])

    async def scene() -> None:
        bench = Bench(ports, inputs=("clock=TR-8S",))
        bench.live.start()
        for _ in range(96):
            bench.send(CLOCK, TICK)
            await turns()
            bench.now += 60 / 120 / 24
        bench.send(CLOCK, START)
        begun = bench.now
        bench.send(CLOCK, TICK)
        bench.now += 0.04
        await turns()
        assert bench.session.position_at(Seconds(begun + 0.04)) == pytest.approx(0.08, abs=0.002)
        bench.live.close()

    on_a_loop(scene)


def test_a_message_that_goes_wrong_makes_nobody_deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of our own in one of many messages is told by the loop; those that wait behind it are heard."""
    ports = VirtualPorts(names=[KEYS])

    async def scene() -> None:
        told: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
        bench = Bench(ports, inputs=(KEYS,), generate="note:61@1")
        bench.live.start()
        hear = bench.live.hear

        def faulty(message: Heard) -> None:
            if message.message.note == 60:
                raise ZeroDivisionError
            hear(message)

        monkeypatch.setattr(bench.live, "hear", faulty)
        for data in (*[bytes([0x90, 62, 80])] * SLICE, NOTE, bytes([0x90, 61, 80])):
            bench.send(KEYS, data)
        await turns(4)
        assert [type(error) for error in told] == [ZeroDivisionError]
        assert bench.actions == ["generate"]
        bench.live.close()

    on_a_loop(scene)


def test_a_machine_without_midi_is_told_and_the_rest_goes_on() -> None:
    async def scene() -> None:
        def none() -> VirtualPorts:
            raise MidiUnavailable("python-rtmidi is not installed; pip install 'sideman[live]' brings it.")

        bench = Bench(VirtualPorts(), inputs=("keys",))
        bench.live._system = none
        bench.live.start()
        assert bench.notices == [
            "Nothing is heard over MIDI: python-rtmidi is not installed; pip install 'sideman[live]' brings it."
        ]
        assert bench.live.view()["troubles"] == bench.notices
        bench.live.tick()
        bench.live.scan()
        bench.live.close()

    on_a_loop(scene)


def test_without_python_rtmidi_the_daemon_runs_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also to who comes later: on standard error, and in the state that a monitor asks for."""
    (tmp_path / "rtmidi.py").write_text("raise ModuleNotFoundError('rtmidi')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    with (
        spawned_daemon(tmp_path / "clips", "--midi-in", "keys") as daemon,
        OscClient(daemon.host, daemon.port) as client,
    ):
        client.send("/sideman/state")
        *_, answer = client.hear_until("/sideman/state", within_s=10)
        midi = json.loads(str(answer.arguments[0]))["midi"]
        assert midi["ports"] == []
        assert midi["troubles"] == [f"Nothing is heard over MIDI: {MISSING}"]
        said = Path(f"/proc/{daemon.process.pid}/fd/2")
        if said.exists():
            assert MISSING in said.read_text()
        client.send("/sideman/tempo", "f", 99.0)
        client.send("/sideman/state")
        *_, answer = client.hear_until("/sideman/state", within_s=10)
        assert json.loads(str(answer.arguments[0]))["transport"]["tempo"] == 99.0


def test_a_port_that_is_not_there_is_told_to_who_asks_later() -> None:
    async def scene() -> None:
        ports = VirtualPorts(names=[KEYS])
        bench = Bench(ports, inputs=("digitakt",))
        bench.live.start()
        assert bench.live.view()["troubles"] == ["There is no MIDI port 'digitakt' yet; it is opened when it appears."]
        ports.plug("Digitakt")
        bench.live.scan()
        assert bench.live.view()["troubles"] == []
        bench.live.close()

    on_a_loop(scene)


def test_a_flood_is_worked_on_in_slices_and_what_is_too_much_is_told() -> None:
    """3,000 messages a second that nobody drains for five seconds: memory is bounded, and the loop is not held."""
    ports = VirtualPorts(names=[KEYS])

    async def scene() -> None:
        bench = Bench(ports, inputs=(KEYS,))
        bench.live.start()
        for _ in range(15_000):
            bench.send(KEYS, NOTE)
        bench.live.scan()
        assert bench.notices[-1] == (
            f"{15_000 - MAX_WAITING} MIDI messages came faster than they could be heard, and were dropped."
        )
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert MAX_WAITING - 3 * SLICE <= len(bench.live._waiting) < MAX_WAITING, "one slice a turn"
        while bench.live._waiting:
            await asyncio.sleep(0)
        bench.send(KEYS, NOTE)
        await turns()
        assert not bench.live._waiting, "and it goes on"
        bench.live.close()

    on_a_loop(scene)


def test_running_status_with_sysex_in_the_middle_and_active_sensing() -> None:
    ports = VirtualPorts(names=[KEYS])

    async def scene() -> None:
        bench = Bench(ports, inputs=(KEYS,), generate="note:60@1", keep="note:62@1")
        bench.live.start()
        for data in (bytes([0x90, 60]), bytes([0xFE]), bytes([80]), bytes([0xF0, 1, 2, 0xF7]), bytes([0x90, 62, 80])):
            bench.send(KEYS, data)
        await turns()
        assert bench.actions == ["generate", "keep"]
        bench.live.close()

    on_a_loop(scene)


# Link


class Peer:
    """Link with a peer that says what it is told to say."""

    def __init__(self, tempo: float = 120.0) -> None:
        self.reading = LinkReading(
            tempo=Bpm(tempo), beat=Beats(0.0), started=Beats(0.0), playing=False, peers=0, quantum=Beats(4.0)
        )
        self.given: list[LinkOrder] = []
        self.is_open = True

    def read(self) -> LinkReading:
        return self.reading

    def says(self, **fields: object) -> None:
        self.reading = replace(self.reading, **fields)

    def tell(self, order: LinkOrder, position: Beats) -> None:
        self.given.append(order)
        told = {"tempo": order.tempo, "playing": order.playing}
        self.says(**{name: value for name, value in told.items() if value is not None})

    def close(self) -> None:
        self.is_open = False


def with_link(scene: Callable[[Bench, Peer], None], ports: VirtualPorts | None = None, **settings: object) -> None:
    peer = Peer()

    async def run() -> None:
        bench = Bench(ports or VirtualPorts(), link=peer, **settings)
        bench.live.start()
        scene(bench, peer)
        bench.live.close()

    on_a_loop(run)
    assert not peer.is_open


def test_link_gets_the_session_until_somebody_is_there() -> None:
    def scene(bench: Bench, peer: Peer) -> None:
        bench._give(ev.SetTempo(bpm=Bpm(99.0)))
        bench.live.tick()
        bench.live.tick()
        assert peer.given == [LinkOrder(tempo=Bpm(99.0))], "once"
        peer.says(tempo=Bpm(131.0), peers=1)
        bench.live.tick()
        assert bench.session.tempo_map.bpm_at(Beats(0.0)) == 131.0
        assert bench.notices == ["Tempo and position come from link now."]
        assert len(peer.given) == 1, "what came from Link does not go back"

    with_link(scene)


def test_link_passes_on_what_osc_tells() -> None:
    def scene(bench: Bench, peer: Peer) -> None:
        assert bench.live.osc_may_tell(ev.Play()), "OSC is the first that speaks"
        peer.says(peers=1)
        bench.live.tick()
        assert bench.live.leader == LINK, "Link takes the lead over from OSC, and passes it on"
        assert bench.live.osc_may_tell(ev.SetTempo(bpm=Bpm(90.0)))
        bench._give(ev.SetTempo(bpm=Bpm(90.0)))
        bench._give(ev.Play(at=Beats(0.0)))
        bench.live.tick()
        assert peer.given == [LinkOrder(tempo=Bpm(90.0), playing=True)]
        assert bench.notices == ["Tempo and position come from link now."]

    with_link(scene)


def test_a_stop_over_osc_gives_up_a_start_that_waits() -> None:
    def scene(bench: Bench, peer: Peer) -> None:
        peer.says(peers=1, beat=Beats(1.0))
        bench.live.tick()
        peer.says(playing=True, started=Beats(1.0))
        bench.live.tick()
        assert not bench.session.transport.playing, "it waits for beat 4"
        bench.live.osc_may_tell(ev.Stop())
        bench.live.tick()
        assert peer.given[-1] == LinkOrder(playing=False)

    with_link(scene)


def test_where_osc_is_to_lead_link_follows_the_session() -> None:
    def scene(bench: Bench, peer: Peer) -> None:
        peer.says(tempo=Bpm(131.0), beat=Beats(8.0), playing=True, peers=1)
        assert bench.live.osc_may_tell(ev.Play())
        bench._give(ev.SetTempo(bpm=Bpm(90.0)))
        bench._give(ev.Play(at=Beats(0.0)))
        bench.live.tick()
        assert bench.session.tempo_map.bpm_at(Beats(0.0)) == 90.0
        assert peer.given == [LinkOrder(tempo=Bpm(90.0))]

    with_link(scene, leader="osc")


def test_when_the_others_leave_link_leads_no_more() -> None:
    def scene(bench: Bench, peer: Peer) -> None:
        peer.says(peers=1)
        bench.live.tick()
        peer.says(peers=0)
        bench.live.tick()
        assert bench.live.leader is None

    with_link(scene)


def test_link_without_its_package_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "link", None)
    with pytest.raises(LinkUnavailable, match=r"GPL: pip install 'sideman\[link\]' brings it"):
        AbletonLink(Bpm(120.0), quantum=4.0)


# Configuration


def test_a_port_may_be_written_with_its_role() -> None:
    assert read_port("chords=Launchkey") == PortWish(name="Launchkey", role="chords")
    assert read_port("Launchkey") == PortWish(name="Launchkey", role="all")
    assert read_port("my=port") == PortWish(name="my=port", role="all"), "what is no role is part of the name"
    with pytest.raises(MidiUnavailable, match="needs a name"):
        read_port("clock= ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('inputs = ["chords="]', "needs a name"),
        ('generate = "pedal"', "Cannot read the control"),
        ('generate = "cc:64@1"\nkeep = "cc:64@*"', "generate and keep are on the same control"),
        ('drum_layout = "tabla"', "is not a drum layout"),
        ('drum_notes = { "60" = "tabla" }', "tabla"),
        ('drum_notes = { "C3" = "kick" }', "drum_notes"),
        ("bars = 17", "midi.bars"),
        ('grid = "bar"', "midi.grid"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"[midi]\n{text}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        load_config(file)


def test_the_leader_is_a_source_by_name() -> None:
    assert MidiConfig().wanted_leader() is None
    assert MidiConfig(leader="link").wanted_leader() == LINK
    assert MidiConfig(leader="tr-8s").wanted_leader((KEYS, CLOCK)) == f"midi:{CLOCK}"
    assert MidiConfig(leader="nobody").wanted_leader((KEYS,)) == "midi:nobody", "nobody else leads meanwhile"


# In the daemon


ASKER = Client(host="127.0.0.1", port=9)


def with_daemon(clips: Path, ports: VirtualPorts, scene: Callable[[Daemon], Awaitable[None]], **midi: object) -> None:
    config = Config.model_validate(
        {"osc": {"port": 0}, "clips": {"folder": clips}, "midi": {"inputs": ["Launchkey", "clock=TR-8S"], **midi}}
    )

    async def run() -> None:
        daemon = Daemon(config, midi_system=lambda: ports, monotonic=lambda: 11.0)
        stop, ready = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(daemon.run(lambda line: ready.set(), stop))
        await asyncio.wait({running, asyncio.create_task(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
        try:
            await asyncio.wait_for(scene(daemon), 60)
        finally:
            stop.set()
            await running

    asyncio.run(run())


async def finished(daemon: Daemon, clips: Path, count: int) -> list[Path]:
    """The clips, once there are so many with a score and nothing runs."""
    while True:
        receipts = sorted(clips.glob("[!.]*.json"), key=lambda path: path.stat().st_mtime_ns)
        if len(receipts) == count and daemon.queue.running is None:
            return receipts
        await asyncio.sleep(0.02)


def test_a_player_makes_clips_hands_free(tmp_path: Path) -> None:
    """A pedal generates, a key makes the next take, another keeps it; the chart is what OSC told."""
    ports = VirtualPorts(names=[KEYS])

    async def scene(daemon: Daemon) -> None:
        daemon.handle(ev.SetTempo(bpm=Bpm(240.0)), ASKER)
        daemon.handle(ev.SetBars(bars=1), ASKER)
        daemon.handle(ev.SetSeed(seed=5), ASKER)
        daemon.handle(ev.SetKey(key=parse_key("C major")), ASKER)
        ports.send(KEYS, bytes([0xB0, 66, 127]), Seconds(0.0))
        await finished(daemon, tmp_path, 1)
        ports.send(KEYS, bytes([0x90, 96, 90]), Seconds(1.0))
        made = await finished(daemon, tmp_path, 2)
        ports.send(KEYS, bytes([0x90, 97, 90]), Seconds(2.0))
        await turns(20)
        receipts = [receipt_from_json(path.read_bytes()) for path in made]
        assert [receipt.seed for receipt in receipts] == [5, 6]
        assert [receipt.kept for receipt in receipts] == [False, True]

    with_daemon(tmp_path, ports, scene, generate="cc:66@1", next_take="note:96@1", keep="note:97@1")


def test_osc_tells_no_tempo_while_a_clock_leads_and_the_state_says_who_does(tmp_path: Path) -> None:
    ports = VirtualPorts(names=[CLOCK])

    async def scene(daemon: Daemon) -> None:
        for count in range(48):
            ports.send(CLOCK, TICK, Seconds(10.0 + count * 60 / 133 / 24))
        await turns(5)
        assert daemon.state.tempo_map.bpm_at(Beats(0.0)) == 133.0
        with pytest.raises(NotLeading, match="come from midi:TR-8S"):
            daemon.handle(ev.SetTempo(bpm=Bpm(90.0)), ASKER)
        assert daemon.state.tempo_map.bpm_at(Beats(0.0)) == 133.0
        view = json.loads(daemon._state_json())["midi"]
        assert view["leader"] == f"midi:{CLOCK}"
        assert view["others"] == ["osc"]

    with_daemon(tmp_path, ports, scene)


def test_a_chart_that_a_daw_gives_takes_the_tempo_of_a_clock_that_leads(tmp_path: Path) -> None:
    ports = VirtualPorts(names=[CLOCK])
    ended: list[Ended] = []
    chart = (ev.SetTempo(bpm=Bpm(90.0)), ev.SetKey(key=parse_key("A minor")), ev.SetBars(bars=2))

    async def scene(daemon: Daemon) -> None:
        daemon.desk.make(chart, (), ended.append)
        await finished(daemon, tmp_path, 1)
        for count in range(48):
            ports.send(CLOCK, TICK, Seconds(10.0 + count * 60 / 133 / 24))
        await turns(5)
        daemon.desk.make(chart, (ev.SetPrompt(text="jazz"), ev.SetBars(bars=1)), ended.append)
        receipts = [receipt_from_json(path.read_bytes()) for path in await finished(daemon, tmp_path, 2)]
        assert [(receipt.bpm, receipt.bars, receipt.prompt) for receipt in receipts] == [
            (90.0, 2, ""),
            (133.0, 1, "jazz"),
        ]
        assert ended == [Ended(), Ended()]
        # What held for the clip alone is not in the session.
        assert (daemon.state.prompt, daemon.state.bars) == ("", 2)

    with_daemon(tmp_path, ports, scene)


def test_a_chart_that_cannot_be_made_leaves_the_session_as_it_was(tmp_path: Path) -> None:
    async def scene(daemon: Daemon) -> None:
        before = daemon.state
        for chart in (
            (ev.SetTempo(bpm=Bpm(90.0)),),
            (ev.SetKey(key=parse_key("C major")), ev.SetEngine(name="magnat")),
        ):
            with pytest.raises(RequestError):
                daemon.desk.make(chart, (), lambda _: pytest.fail("there is nothing to end"))
        assert daemon.state is before

    with_daemon(tmp_path, VirtualPorts(), scene)


def test_a_chart_s_request_that_is_cancelled_or_superseded_is_told(tmp_path: Path) -> None:
    ended: list[Ended] = []

    async def scene(daemon: Daemon) -> None:
        daemon.desk.make((ev.SetKey(key=parse_key("C major")), ev.SetBars(bars=64)), (), ended.append)
        await turns()
        daemon.desk.make((ev.SetKey(key=parse_key("D major")),), (), ended.append)
        daemon.desk.make((ev.SetKey(key=parse_key("E major")),), (), ended.append)
        assert ended == [Ended(why="A newer request took its place.", again=True)]
        daemon.queue.cancel(None)
        while len(ended) < 3:
            await asyncio.sleep(0.02)
        assert set(ended[1:]) == {Ended(why="The request was cancelled.")}

    with_daemon(tmp_path, VirtualPorts(), scene)


def test_keeping_and_going_on_need_a_clip(tmp_path: Path) -> None:
    async def scene(daemon: Daemon) -> None:
        with pytest.raises(RequestError, match="no take yet to keep"):
            daemon.handle(osc.KeepTake(), ASKER)
        with pytest.raises(RequestError, match="no clip yet to make again"):
            daemon.handle(osc.NextTake(), ASKER)

    with_daemon(tmp_path, VirtualPorts(), scene)
