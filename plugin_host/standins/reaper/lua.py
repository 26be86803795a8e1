"""Where the stand-in's Lua runs: inside this process, by the package ``lupa``, or in an interpreter of its own.

Both take a line and answer a line; what the Lua needs from outside, the listing of a folder, it asks for meanwhile.
"""

from __future__ import annotations

import importlib
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

SOURCES: Final = Path(__file__).with_name("program_lua")
VERSIONS: Final = ("5.3", "5.4")
"""REAPER 6 ships Lua 5.3, REAPER 7 ships Lua 5.4."""


class StandInError(RuntimeError):
    """The stand-in was asked for something that it cannot do, or its Lua failed."""


class Lua(Protocol):
    """A stand-in that runs."""

    def ask(self, line: str) -> bytes:
        """Hand over a line and wait for its answer. Raises ``StandInError``."""
        ...

    def close(self) -> None:
        """Let go of it; safe to call twice."""
        ...


def outside(what: str, path: Path) -> list[str]:
    """What Lua cannot do by itself: the names of the files in a folder, or a folder made."""
    if what == "make":
        path.mkdir(parents=True, exist_ok=True)
        return []
    try:
        names = [entry.name for entry in path.iterdir() if entry.is_file()]
    except OSError:
        return []
    return [name for name in names if "\n" not in name]


class EmbeddedLua:
    """Lua inside this process. ``version`` is one of ``VERSIONS``."""

    def __init__(self, resources: Path, version: str = "5.4") -> None:
        """Raises ``ImportError`` where the package ``lupa`` is not installed."""
        lupa = importlib.import_module(f"lupa.lua{version.replace('.', '')}")
        self._runtime: Any = lupa.LuaRuntime(encoding=None)
        load = self._runtime.eval(b"function(path) return assert(loadfile(path)) end")
        part = load(str(SOURCES / "program.lua").encode())
        self._handle: Any = part(str(SOURCES).encode(), self._outside, str(resources).encode())

    def _outside(self, what: bytes, path: bytes) -> object:
        names = outside(what.decode(), Path(path.decode("utf-8", "surrogateescape")))
        table: object = self._runtime.table_from([name.encode("utf-8", "surrogateescape") for name in names])
        return table

    def ask(self, line: str) -> bytes:
        """Hand over a line and wait for its answer."""
        answer: bytes = self._handle(line.encode())
        return answer

    def close(self) -> None:
        """Collect what Lua holds, open files among it."""
        self._handle = None
        self._runtime.gccollect()


class LuaProcess:
    """An interpreter of its own, such as ``lua5.4``."""

    def __init__(self, resources: Path, command: str = "lua5.4") -> None:
        pipe = subprocess.PIPE
        # The interpreter is the caller's choice, and the program our own file.
        self._process = subprocess.Popen(  # noqa: S603
            [command, str(SOURCES / "main.lua"), str(SOURCES), str(resources)], stdin=pipe, stdout=pipe
        )

    def ask(self, line: str) -> bytes:
        """Hand over a line and wait for its answer. Raises ``StandInError`` when the interpreter has ended."""
        self._write([line])
        while True:
            answer = self._read()
            if not answer.startswith(b"?"):
                return answer
            what, _, path = answer[1:].decode("utf-8", "surrogateescape").partition(" ")
            names = outside(what, Path(path))
            self._write([str(len(names)), *names])

    def _write(self, lines: Sequence[str]) -> None:
        if self._process.stdin is None or self._process.poll() is not None:
            raise StandInError("The Lua interpreter has ended.")
        text = "".join(f"{line}\n" for line in lines)
        self._process.stdin.write(text.encode("utf-8", "surrogateescape"))
        self._process.stdin.flush()

    def _read(self) -> bytes:
        line = self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            raise StandInError("The Lua interpreter has ended.")
        return line.rstrip(b"\n")

    def close(self) -> None:
        """End the interpreter."""
        with self._process:
            if self._process.poll() is None:
                self._process.terminate()
