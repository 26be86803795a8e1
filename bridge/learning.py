"""``sideman learn``: a pedal or a key becomes the control of an action, and goes into the configuration file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import tomlkit
from tomlkit.exceptions import TOMLKitError

from bridge.errors import ConfigError, RequestError
from midi.controls import ACTIONS, Binding, control_event
from midi.learn import Learner, learned
from midi.port_system import MidiSystem
from midi.ports import LivePorts, PortWish

PATIENCE_S: Final = 60.0
"""So long somebody has to press twice."""
LOOK_S: Final = 0.5


def require_action(action: str) -> str:
    """The name of an action. Raises ``RequestError`` with those that there are."""
    if action not in ACTIONS:
        raise RequestError(f"There is no action {action!r} to learn a control for; there are {', '.join(ACTIONS)}.")
    return action


def hear_control(
    system: MidiSystem,
    wishes: Iterable[PortWish],
    *,
    tell: Callable[[str], None],
    monotonic: Callable[[], float] = time.monotonic,
    patience_s: float = PATIENCE_S,
) -> Binding:
    """The control that is pressed and released twice. ``tell`` is told about ports.

    Raises ``RequestError`` where none was, ``MidiUnavailable`` where MIDI cannot be heard.
    """
    woken = threading.Event()
    learner = Learner()
    end = monotonic() + patience_s
    with LivePorts(system, wishes, woken.set) as ports:
        while monotonic() < end:
            for notice in ports.scan():
                tell(notice.text)
            woken.wait(LOOK_S)
            woken.clear()
            for heard in ports.drain():
                event = control_event(heard.message, heard.at)
                learner, binding = learned(learner, event) if event else (learner, None)
                if binding is not None:
                    return binding
    raise RequestError(f"No control was pressed and released twice within {patience_s:.0f} seconds: try again.")


def write_binding(path: Path, action: str, binding: Binding) -> None:
    """Put a binding into a configuration file, and leave the rest of it as it is. The file is made where there is none.

    It changes whole or not at all. Raises ``ConfigError`` for a file that is not TOML or cannot be written.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        tree = tomlkit.parse(text)
        section = tree.setdefault("midi", tomlkit.table())
        if not isinstance(section, dict):
            raise ConfigError(f"{path} has something else than a section [midi]; mend it first.")
        section[action] = binding.text
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_text(tomlkit.dumps(tree), encoding="utf-8")
        part.replace(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be written: {error}") from error
    except TOMLKitError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
