"""Category: unit, integration. The monitor: what it draws as text, and the whole of it in a pseudo-terminal."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from bridge.monitor_view import MAX_LINES, Monitor, answered, told, view
from bridge.osc_client import OscClient
from bridge.spawned import spawned_daemon

STATE = {
    "version": "0.1.0", "started": "2026-11-23T20:00:00+00:00",
    "transport": {"playing": True, "position": 17.0, "tempo": 120.0, "meter": "4/4"},
    "tempo_map": [{"beat": 0.0, "bpm": 120.0, "ramp": False}], "meter_map": [{"bar": 1, "meter": "4/4"}],
    "key": "A minor", "engine": "sketch", "bars": 4, "takes": 2, "best": True, "prompt": "slow soul",
    "trigger": {"mode": "bars", "bars": 4}, "chords": "Am7 | Dm7 G7 | Cmaj7 F#m7b5/A | N.C.", "chord_changes": [],
    "drums": {"kick": "x...x...x...x...", "closed_hat": "x.o.x.o.x.o.X.o."},
    "drum_hits": [{"beat": 1.0, "voice": "snare", "velocity": 100}], "melody": [{"beat": 0.0}],
    "chart_bars": {"chords": None, "drums": None, "melody": None},
    "jobs": {"running": "bar9-1", "waiting": ["verse-1"]},
    "midi": {"leader": "midi:TR-8S", "ports": ["TR-8S"], "link_peers": None},
}  # fmt: skip
GOLDEN = Path(__file__).parent / "data" / "monitor"
PAGE = Path(__file__).parent.parent / "docs" / "monitor.md"


def drawn(monitor: Monitor, now: float = 10.0, width: int = 96, height: int = 40) -> str:
    console = Console(width=width, height=height, record=True, file=io.StringIO(), legacy_windows=False)
    console.print(view(monitor, "127.0.0.1:9130", now, width, height))
    return "\n".join(line.rstrip() for line in console.export_text().splitlines()) + "\n"


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def busy() -> Monitor:
    """A monitor that was told of all that a daemon tells."""
    monitor = answered(Monitor(), STATE, 10.0)
    for address, arguments in (
        ("/sideman/accepted", ("bar9-1", 3)), ("/sideman/due", ("bar9-1", 9, 32.0)),
        ("/sideman/progress", ("bar9-1", 0.5)), ("/sideman/accepted", ("verse-1", 3)),
        ("/sideman/clip", ("verse-0", 0, 4, "/music/verse-0.wav", 48000, 6.0, 120.0)),
        ("/sideman/score", ("verse-0", 0, 0.93, -1.0, 1.0, 0.95)),
        ("/sideman/placed", ("verse-0", 0, "slot 3 of Sideman")), ("/sideman/kept", ("verse-0", 0)),
        ("/sideman/notice", ("verse-1", "caption", "The engine is asked for soul")),
        ("/sideman/error", ("", "bad_chord", "H7 is no chord")),
    ):  # fmt: skip
        monitor = told(monitor, address, arguments)
    return monitor


def test_the_whole_picture() -> None:
    assert drawn(busy()) == golden("playing")


def test_the_picture_of_the_manual_is_this_one() -> None:
    assert golden("playing") in PAGE.read_text(encoding="utf-8")


def test_a_narrow_terminal_has_fewer_bars_and_a_low_one_fewer_lines() -> None:
    text = drawn(busy(), width=52, height=25)
    assert text == golden("narrow")
    assert len(text.splitlines()) <= 25


def test_the_beat_moves_between_two_answers() -> None:
    """At 120 from the second beat of bar 5; a second and a half later it is the first of bar 6."""
    monitor = answered(Monitor(), STATE, 10.0)
    assert "bar   5 beat 2" in drawn(monitor)
    moved = drawn(monitor, now=11.5)
    assert "bar   6 beat 1" in moved
    assert "● ○ ○ ○" in moved
    stopped = {**STATE, "transport": {**STATE["transport"], "playing": False}}  # type: ignore[dict-item]
    assert "bar   5 beat 2" in drawn(answered(Monitor(), stopped, 10.0), now=11.5)
    assert "○ ○ ○ ○" in drawn(answered(Monitor(), stopped, 10.0))


def test_the_beat_is_counted_by_the_maps() -> None:
    """Bar 3 is the first of 7/8, and begins at beat 8; from there on the tempo is 60."""
    maps = {
        "tempo_map": [*STATE["tempo_map"], {"beat": 8.0, "bpm": 60.0, "ramp": False}],  # type: ignore[misc]
        "meter_map": [*STATE["meter_map"], {"bar": 3, "meter": "7/8"}],  # type: ignore[misc]
        "transport": {**STATE["transport"], "position": 7.5},  # type: ignore[dict-item]
    }
    text = drawn(answered(Monitor(), {**STATE, **maps}, 10.0), now=11.75)
    assert "bar   3 beat 4   60.00 bpm   7/8" in text
    assert "○ ○ ○ ● ○ ○ ○" in text


def test_a_daemon_that_does_not_answer_is_told() -> None:
    assert "No daemon answers at 127.0.0.1:9130. Start one with: sideman serve" in drawn(Monitor())
    assert "No daemon answers" in drawn(answered(Monitor(), STATE, 10.0), now=13.0)


def test_a_daemon_that_was_started_anew_is_told_and_its_jobs_are_forgotten() -> None:
    other = {**STATE, "started": "2026-11-23T21:00:00+00:00", "jobs": {"running": None, "waiting": []}}
    monitor = answered(busy(), other, 20.0)
    assert monitor.notices[-1] == "The daemon was started anew."
    assert monitor.jobs == {}
    assert answered(monitor, other, 20.25).notices == monitor.notices, "once"


def test_jobs_that_were_begun_before_the_monitor_are_shown_and_those_that_ended_unheard_are_not() -> None:
    monitor = answered(Monitor(), STATE, 10.0)
    assert list(monitor.jobs) == ["bar9-1", "verse-1"]
    ended = {**STATE, "jobs": {"running": None, "waiting": []}}
    assert answered(monitor, ended, 10.25).jobs == {}


def test_a_shortened_state_and_an_empty_session_are_drawn() -> None:
    left_out = {"drum_hits", "melody", "chord_changes", "tempo_map"}
    short = {name: value for name, value in STATE.items() if name not in left_out}
    short |= {"drum_hits_count": 900, "melody_count": 70, "midi": None, "chords": None, "drums": {}, "key": None}
    text = drawn(answered(Monitor(), {**short, "shortened": True}, 10.0))
    assert "a chart too long to be sent" in text
    assert "70 notes" in text
    assert "time from osc   no MIDI" in text
    assert "no chords" in drawn(answered(Monitor(), short, 10.0))


def test_link_is_shown_with_the_others_that_are_there() -> None:
    for peers, words in ((2, "Link with 2"), (0, "Link, alone")):
        state = {**STATE, "midi": {"leader": "link", "ports": [], "link_peers": peers}}
        assert words in drawn(answered(Monitor(), state, 10.0))


def test_a_text_gives_the_terminal_no_orders() -> None:
    monitor = told(
        answered(Monitor(), {**STATE, "prompt": "a\x1b[2Jb"}, 10.0), "/sideman/notice", ("", "x", "c\x1b]0;d\x07")
    )
    assert "\x1b" not in drawn(monitor)
    assert "a [2Jb" in drawn(monitor)


def test_jobs_end_and_lines_are_bounded() -> None:
    monitor = Monitor()
    for count in range(50):
        monitor = told(monitor, "/sideman/accepted", (f"a{count}", 1))
        monitor = told(monitor, "/sideman/notice", ("", "code", f"text {count}"))
        ending = ("/sideman/done", "/sideman/cancelled", "/sideman/superseded", "/sideman/error")[count % 4]
        monitor = told(monitor, ending, (f"a{count}", "x", "y"))
    assert monitor.jobs == {}
    assert len(monitor.notices) == MAX_LINES
    assert told(monitor, "/sideman/pong", ()) == monitor


# In a terminal


class Screen:
    """``sideman monitor`` in a pseudo-terminal."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self.master = master

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def until(self, *words: str, within_s: float = 20.0) -> str:
        """What the terminal was sent, up to where all words have come."""
        text, end = "", time.monotonic() + within_s
        while not all(word in text for word in words):
            assert time.monotonic() < end, f"{words} never came: {text[-2000:]}"
            if select.select([self.master], [], [], 0.1)[0]:
                text += os.read(self.master, 65536).decode(errors="replace")
        return text

    def ends_as_it_was(self) -> None:
        """The monitor ends by itself, in good order; screen, cursor and echo are those of before."""
        self.until("\x1b[?1049l", "\x1b[?25h")
        assert self.process.wait(20) == 0
        assert termios.tcgetattr(self.master)[3] & (termios.ECHO | termios.ICANON) == termios.ECHO | termios.ICANON


TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""A program that makes the terminal its own, so that Ctrl-C reaches it, and becomes another."""


@contextlib.contextmanager
def terminal(port: int, columns: int = 96) -> Iterator[Screen]:
    master, slave = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    command = [sys.executable, "-P", "-m", "bridge", "monitor", "--osc", f"127.0.0.1:{port}"]
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE_TERMINAL, *command], stdin=slave, stdout=slave, stderr=slave,
        env={**environment, "TERM": "xterm-256color"}, start_new_session=True,
    )  # fmt: skip
    try:
        yield Screen(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(slave)
        os.close(master)


def test_the_monitor_follows_a_daemon_and_takes_up_the_one_that_comes_after_it(tmp_path: Path) -> None:
    with spawned_daemon(tmp_path / "first") as daemon:
        port = daemon.port
        with terminal(port) as screen, OscClient(daemon.host, port) as client:
            screen.until("■ stopped", "on request", "no chords")
            client.send("/sideman/chords", "s", "Em | C |")
            client.send("/sideman/drums", "ss", "kick", "x...x...x...x...")
            client.send("/sideman/play", "f", 0.0)
            client.send("/sideman/generate", "s", "shown")
            screen.until("▶ playing", "Em", "x···x···", "shown take 0")
            client.send("/sideman/play", "f", 16.0)
            screen.until("bar   5 beat 4")
            daemon.process.terminate()
            daemon.process.wait(20)
            screen.until("No daemon answers", "sideman serve")
            with spawned_daemon(tmp_path / "second", "--osc", f"127.0.0.1:{port}") as other:
                screen.until("The daemon was started anew.")
                with OscClient(other.host, port) as again:
                    again.send("/sideman/key", "s", "G")
                    again.send("/sideman/generate", "s", "heard-again")
                    screen.until("G major", "heard-again take 0")
                screen.type(b"q")
                screen.ends_as_it_was()


def test_a_terminal_that_is_resized_is_drawn_anew_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    with spawned_daemon(tmp_path) as daemon, terminal(daemon.port, columns=96) as screen:
        screen.until(f"╭{' chart ':─^94}╮")
        screen.resize(50, 24)
        screen.until(f"╭{' chart ':─^48}╮")
        screen.type(b"\x1b[A")
        screen.until("stopped")
        screen.type(b"\x03")
        screen.ends_as_it_was()


def test_a_signal_leaves_the_terminal_as_it_was() -> None:
    with terminal(9) as screen:
        screen.until("No daemon answers", "sideman serve")
        screen.process.terminate()
        screen.ends_as_it_was()
