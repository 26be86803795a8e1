"""Real Ardour under Xvfb, for tests: a home of its own, the dummy engine, and a console inside the program."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from bridge.install import install
from bridge.machine import Machine

DATA = Path(__file__).parent / "data" / "ardour"
START_S = 40.0
PATIENCE_S = 30.0
TRIES = 3
SIGNALS = "01" + 47 * "0"
"""The hook's signals as Ardour 7.3 writes them: LuaTimerDS, the last but one of 49."""

CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<Ardour>
  <Config>
    <Option name="hide-dummy-backend" value="0"/>
    <Option name="try-autostart-engine" value="1"/>
  </Config>
  <Extra><AudioMIDISetup><EngineStates>
    <State backend="None (Dummy)" driver="Normal Speed" device="" input-device="Silence" output-device="Silence"
      sample-rate="48000" buffer-size="1024" n-periods="0" input-latency="0" output-latency="0" lm-input="" lm-output=""
      active="1" use-buffered-io="0" midi-option="" lru="1700000000"><MIDIDevices/></State>
  </EngineStates></AudioMIDISetup></Extra>
</Ardour>
"""


def program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is not installed; .ci/peers.txt lists what these tests need"
    return found


@dataclass(frozen=True, kw_only=True)
class Home:
    """A home with Ardour's settings in it, the script installed, and a folder for sessions."""

    path: Path

    @property
    def settings(self) -> Path:
        return self.path / ".config" / "ardour7"

    @property
    def mailbox(self) -> Path:
        return self.path / ".config" / "sideman-ardour"

    @property
    def environment(self) -> dict[str, str]:
        runtime = self.path / "runtime"
        runtime.mkdir(mode=0o700, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "LD_", "ARDOUR"))}
        return kept | {"HOME": str(self.path), "XDG_RUNTIME_DIR": str(runtime), "LC_ALL": "C.UTF-8"}

    def lua(self, script: Path, *arguments: str) -> str:
        """Run a script in ``ardour7-lua``; what it prints."""
        ran = subprocess.run(
            [program("ardour7-lua"), str(script), *arguments],
            env=self.environment, cwd=self.path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return ran.stdout

    def new_session(self) -> Path:
        """A session with a change of tempo, that listens on OSC."""
        folder = self.path / "song"
        told = self.lua(DATA / "session.lua", str(folder))
        assert "MADE" in told, told
        file = folder / "song.ardour"
        text = file.read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if "<EngineHints" not in line]
        osc = 'name="Open Sound Control (OSC)" active='
        text = "\n".join(lines).replace(f'{osc}"0"', f'{osc}"1"')
        assert f'{osc}"1"' in text
        file.write_text(text, encoding="utf-8")
        return folder


def new_home(path: Path) -> Home:
    """The script is installed as ``sideman install ardour`` does, and its hook is added as the Script Manager does."""
    path.mkdir()
    home = Home(path=path)
    home.settings.mkdir(parents=True)
    (home.settings / ".a7").touch()
    (home.settings / "config").write_text(CONFIG, encoding="utf-8")
    machine = Machine(system="linux", home=path, documents=path, settings=path / ".config")
    scripts = install("ardour", machine, daemon="127.0.0.1:9130").folder
    assert scripts == home.settings / "scripts"
    console = path / "console" / "console.lua"
    console.parent.mkdir()
    shutil.copy(DATA / "console.lua", console)
    add_scripts(home, hooks={"Sideman": scripts / "sideman.lua", "Console": console}, actions={
        3: ("Sideman: make a clip", scripts / "sideman-make.lua")})  # fmt: skip
    return home


def add_scripts(home: Home, *, hooks: Mapping[str, Path], actions: Mapping[int, tuple[str, Path]]) -> None:
    """Write ``ui_scripts`` as Ardour's Script Manager does when a user adds hooks and actions."""
    paths = [*hooks.values(), *(path for _, path in actions.values())]
    told = home.lua(DATA / "bytecode.lua", *map(str, paths))
    words = [line.split() for line in told.splitlines() if line.startswith("FACTORY ")]
    factories = dict(zip(paths, (bytes.fromhex(word[1]) for word in words), strict=True))

    def state(name: str, path: Path, table: str) -> bytes:
        parts = {"n": name.encode(), "s": path.read_bytes(), "f": factories[path]}
        lines = b"".join(
            b'%s["%s"] = %s ' % (table.encode(), key.encode(), quoted(text)) for key, text in parts.items()
        )
        origin = b'["x-script-origin"] = ' + quoted(str(path).encode())
        return b'%s%s["a"] = {} %s["a"]%s ' % (lines, table.encode(), table.encode(), origin)

    hooked = "".join(
        f'<LuaCallback lua="Lua 5.3" id="{index}" name="{name}" signals="{SIGNALS}">'
        f"{base64.b64encode(b's = {} ' + state(name, path, 's')).decode()}</LuaCallback>"
        for index, (name, path) in enumerate(hooks.items(), 90001)
    )
    acted = b"scripts = {} " + b"".join(
        b"scripts[%d] = {} %s" % (slot, state(name, path, f"scripts[{slot}]")) for slot, (name, path) in actions.items()
    )
    (home.settings / "ui_scripts").write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<UIScripts><ActionScript lua="Lua 5.3">'
        f"{base64.b64encode(acted).decode()}</ActionScript><ActionHooks>{hooked}</ActionHooks></UIScripts>\n",
        encoding="utf-8",
    )


def quoted(text: bytes) -> bytes:
    """A string of Lua that holds any bytes."""
    return (
        b'"'
        + b"".join(b"\\%03d" % byte if byte < 32 or byte > 126 or byte in b'"\\' else bytes([byte]) for byte in text)
        + b'"'
    )


@contextlib.contextmanager
def xvfb(home: Home, size: str = "1600x1000x24") -> Iterator[str]:
    """A display of its own, whose number the X server chooses."""
    reading, writing = os.pipe()
    with subprocess.Popen(
        [program("Xvfb"), "-displayfd", str(writing), "-screen", "0", size, "-nolisten", "tcp"],
        env=home.environment, pass_fds=(writing,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as server:  # fmt: skip
        os.close(writing)
        try:
            with os.fdopen(reading) as numbers:
                number = numbers.readline().strip()
            assert number, "Xvfb has not started"
            yield f":{number}"
        finally:
            server.terminate()
            server.wait(10)


class Ardour:
    """A running Ardour with its console."""

    def __init__(self, home: Home, process: subprocess.Popen[bytes], port: int) -> None:
        self.home, self.process, self.port = home, process, port

    def tell(self, code: str) -> None:
        """Run Lua in Ardour, and wait for nothing."""
        folder = self.home.path / "console"
        (folder / "answer.txt").unlink(missing_ok=True)
        (folder / "ask.part").write_text(code, encoding="utf-8")
        (folder / "ask.part").rename(folder / "ask.lua")

    def ask(self, code: str) -> str:
        """Run Lua in Ardour; what it returns, as text. Fails when it raises."""
        self.tell(code)
        answer = self.home.path / "console" / "answer.txt"
        wait(answer.exists, "Ardour's console does not answer")
        outcome, _, text = answer.read_text(encoding="utf-8").partition("\n")
        assert outcome == "good", f"{text}\nin\n{code}"
        return text

    def kill(self) -> None:
        """End it without a word, as a crash does."""
        self.process.kill()
        self.process.wait(10)


def wait(until: Callable[[], object], otherwise: str, within_s: float = PATIENCE_S) -> None:
    """Wait until something holds; fail with ``otherwise`` when it does not in time."""
    deadline = time.monotonic() + within_s
    while not until():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


def udp_port(pid: int) -> int | None:
    """The UDP port that a process listens on."""
    ports = [one.laddr.port for one in psutil.Process(pid).net_connections("udp") if one.laddr]
    return min((port for port in ports if 3819 <= port < 3919), default=None)


@contextlib.contextmanager
def ardour(home: Home, session: Path, display: str) -> Iterator[Ardour]:
    """Ardour with a session open; it is started again when it does not come up, and killed at the end."""
    log = home.path / "ardour.log"
    said = ""
    for _ in range(TRIES):
        with log.open("wb") as out:
            process = subprocess.Popen(
                [program("ardour"), "-a", "-n", str(session)],
                env=home.environment | {"DISPLAY": display}, cwd=home.path, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip
        with process:
            try:
                port = _listening(process)
                if port is not None:
                    yield Ardour(home, process, port)
                    return
            finally:
                process.kill()
                process.wait(10)
        said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise AssertionError(f"Ardour does not come up within {START_S:g} s, {TRIES} times over. It said last: {said}")


def _listening(process: subprocess.Popen[bytes]) -> int | None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        port = udp_port(process.pid)
        if port is not None:
            return port
        time.sleep(0.1)
    return None
