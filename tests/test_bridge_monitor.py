"""Category: unit, integration. The monitor: what it draws as text, and the whole of it in a pseudo-terminal."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from bridge.monitor_view import MAX_LINES, Monitor, answered, told, view
from bridge.osc_client import OscClient
from bridge.spawned import spawned_daemon

STATE = {
    "version": "0.1.0",
    "transport": {"playing": True, "position": 5.0, "tempo": 120.0, "meter": "3/4"},
    "key": "A minor", "engine": "sketch", "bars": 4, "takes": 2, "best": True, "prompt": "slow soul",
    "trigger": {"mode": "bars", "bars": 4}, "chords": "Am7 | Dm7 G7 |", "chord_changes": [],
    "drums": {"kick": "x...x...x..."}, "drum_hits": [], "melody": [{"beat": 0.0}],
    "midi": {"leader": "midi:TR-8S", "ports": ["TR-8S"]},
}  # fmt: skip


def drawn(monitor: Monitor, now: float = 10.0) -> str:
    console = Console(width=100, height=40, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(view(monitor, "127.0.0.1:9130", now))
    console.file.close()
    return console.export_text()


def test_the_whole_picture() -> None:
    monitor = answered(Monitor(), STATE, 10.0)
    for address, arguments in (
        ("/sideman/accepted", ("verse-1", 3)), ("/sideman/progress", ("verse-1", 0.5)),
        ("/sideman/clip", ("verse-0", 0, 4, "/music/verse-0.wav", 48000, 6.0, 120.0)),
        ("/sideman/score", ("verse-0", 0, 0.93, -1.0, 1.0, 0.95)),
        ("/sideman/placed", ("verse-0", 0, "slot 3 of Sideman")),
        ("/sideman/notice", ("verse-1", "caption", "The engine is asked for soul")),
        ("/sideman/error", ("", "bad_chord", "H7 is no chord")),
    ):  # fmt: skip
        monitor = told(monitor, address, arguments)
    text = "\n".join(line.strip(" │") for line in drawn(monitor).splitlines())
    assert "▶ playing" in text
    assert "beat     5.00" in text
    assert "○ ○ ●" in text, "the third beat of a bar of 3/4"
    assert "every 4 bars" in text
    assert "2 takes (best)" in text
    assert "time from midi:TR-8S" in text
    assert "chords  Am7 | Dm7 G7 |" in text
    assert "kick    x...x...x..." in text
    assert "melody  1 notes" in text
    assert "verse-1  " in text and "50%" in text
    assert "verse-0 take 0: 4 bars, 6.00 s, /music/verse-0.wav" in text
    assert "verse-0 take 0 scored: chords 0.93, tempo 1.00, total 0.95" in text
    assert "verse-0 take 0 is in slot 3 of Sideman" in text
    assert "caption: The engine is asked for soul" in text
    assert "bad_chord: H7 is no chord" in text


def test_the_beat_moves_between_two_answers() -> None:
    monitor = answered(Monitor(), STATE, 10.0)
    assert "beat     6.00" in drawn(monitor, now=10.5)
    stopped = {**STATE, "transport": {**STATE["transport"], "playing": False}}  # type: ignore[dict-item]
    assert "beat     5.00" in drawn(answered(Monitor(), stopped, 10.0), now=10.5)


def test_a_daemon_that_does_not_answer_is_told() -> None:
    assert "No daemon answers at 127.0.0.1:9130. Start one with: sideman serve" in drawn(Monitor())
    assert "No daemon answers" in drawn(answered(Monitor(), STATE, 10.0), now=13.0)


def test_a_shortened_state_and_an_empty_session_are_drawn() -> None:
    short = {name: value for name, value in STATE.items() if name not in {"drum_hits", "melody", "chord_changes"}}
    short |= {"drum_hits_count": 900, "melody_count": 70, "midi": None, "chords": None, "drums": {}, "key": None}
    text = drawn(answered(Monitor(), short, 10.0))
    assert "900 hits" in text
    assert "70 notes" in text
    assert "no MIDI" in text


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


@contextlib.contextmanager
def terminal(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """``sideman monitor`` in a pseudo-terminal of 100 by 40."""
    pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")
    master, slave = pty.openpty()
    environment = {**os.environ, "COLUMNS": "100", "LINES": "40", "TERM": "xterm-256color"}
    command = [sys.executable, "-P", "-m", "bridge", "monitor", *arguments]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
    try:
        yield process, master
    finally:
        process.kill()
        process.wait()
        os.close(slave)
        os.close(master)


def read_until(master: int, *words: str, within_s: float = 20.0) -> str:
    """What the terminal was sent, up to where all words have come."""
    text, end = "", time.monotonic() + within_s
    while not all(word in text for word in words):
        assert time.monotonic() < end, f"{words} never came: {text[-2000:]}"
        if select.select([master], [], [], 0.1)[0]:
            text += os.read(master, 65536).decode(errors="replace")
    return text


def test_the_monitor_follows_a_daemon_and_takes_it_up_again(tmp_path: Path) -> None:
    """Started before the daemon; then a clip is made; q leaves the terminal as it was."""
    with spawned_daemon(tmp_path / "first") as daemon:
        port = daemon.port
        with terminal("--osc", f"127.0.0.1:{port}") as (process, master):
            read_until(master, "■ stopped", "on request")
            with OscClient(daemon.host, port) as client:
                client.send("/sideman/chords", "s", "Em | C |")
                client.send("/sideman/play", "f", 0.0)
                client.send("/sideman/generate", "s", "shown")
            read_until(master, "▶ playing", "Em | C", "shown take 0")
            os.write(master, b"q")
            assert process.wait(20) == 0
            assert "\x1b[?1049l" in read_until(master, "\x1b[?1049l"), "the alternate screen is left"


def test_without_a_daemon_the_monitor_waits_and_says_what_to_do() -> None:
    with terminal("--osc", "127.0.0.1:9") as (process, master):
        read_until(master, "No daemon answers", "sideman serve")
        os.write(master, b"q")
        assert process.wait(20) == 0
