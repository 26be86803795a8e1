"""REAPER as a test sees it: what a user does, turns of the main loop, and what can be looked at afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from plugin_host.standins.reaper.lua import Lua, StandInError

TURN_S: Final = 1 / 30
"""What is deferred is called about thirty times a second."""
SCRIPTS: Final = Path(__file__).parents[2] / "scripts" / "reaper" / "Sideman"
"""The shipped scripts."""
MAIN: Final = SCRIPTS / "Sideman.lua"


class Reaper:
    """A REAPER with one project, whose resource folder is the one that its Lua was made with.

    Its clock stands still but for ``tick`` and ``wait_until``.
    """

    def __init__(self, lua: Lua) -> None:
        self._lua = lua

    def do(self, deed: str, **arguments: object) -> Any:  # noqa: ANN401 - what JSON has
        """What a user does, or looks at: the functions of ``program_lua/user.lua``. Raises ``StandInError``."""
        answer = json.loads(self._lua.ask(f"{deed} {_literal(arguments)}").decode("utf-8", "replace"))
        if not answer["good"]:
            raise StandInError(answer["problem"])
        return answer.get("answer")

    def run(self, script: Path = MAIN) -> None:
        """Run a script from the action list."""
        self.do("run", path=str(script))

    def action(self, name: str, scripts: Path = SCRIPTS) -> None:
        """Run one of the further actions, such as ``Next take``."""
        self.run(scripts / f"Sideman - {name}.lua")

    def tick(self, count: int = 1, seconds: float = TURN_S) -> None:
        """Turns of the main loop, each so much later than the one before."""
        self.do("tick", count=count, seconds=seconds)

    def wait_until(self, now: float) -> None:
        """One turn at a time of the program's clock."""
        self.do("wait_until", now=now)

    def close(self, *, crash: bool = False) -> None:
        """Close REAPER: scripts are told that they end, but in a crash."""
        self.do("close", crash=crash)

    def end(self) -> None:
        """Close REAPER without a word, and let go of its Lua."""
        self._lua.close()

    # What can be seen

    @property
    def tracks(self) -> dict[str, list[dict[str, Any]]]:
        """The items of each track by the track's name."""
        return {track["name"]: track["items"] for track in self.project["tracks"]}

    @property
    def project(self) -> dict[str, Any]:
        """The project as it is."""
        seen: dict[str, Any] = self.do("project")
        return seen

    @property
    def messages(self) -> dict[str, list[str]]:
        """What was said: ``help`` in the status bar, ``console``, ``boxes`` in dialogs, and ``errors`` of scripts."""
        said: dict[str, list[str]] = self.do("messages")
        return said

    def times(self, beats: Sequence[float]) -> list[float]:
        """Seconds of beats."""
        times: list[float] = self.do("times", beats=beats)
        return times


def _literal(value: object) -> str:
    """A value as Lua writes it, on one line."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogateescape")
        return (
            '"'
            + "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03d}" for byte in data)
            + '"'
        )
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"[{_literal(key)}] = {_literal(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Sequence):
        return "{" + ", ".join(map(_literal, value)) + "}"
    raise TypeError(f"Lua has no {type(value).__name__}")
