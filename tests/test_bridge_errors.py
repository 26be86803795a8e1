"""Category: unit. The tree of errors, as its module draws it and as the classes are."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import bridge
import bridge.errors
import midi
import models
import plugin_host
from midi.errors import SidemanError

DRAWN = re.compile(r"^ {4}([│├└─ ]*)(\w+)((?: +[a-z_/]+\.py)?) +([a-z_]+)$", re.MULTILINE)


def drawn() -> Iterator[tuple[int, str, str, str]]:
    """Depth, class, module and code of each line; a line without a module has that of the line above."""
    module = ""
    for lines, name, path, code in DRAWN.findall(bridge.errors.__doc__ or ""):
        module = path.strip() or module
        yield len(lines) // 4, name, module, code


def derived(kind: type[SidemanError] = SidemanError, depth: int = 0) -> Iterator[tuple[int, str, str, str]]:
    yield depth, kind.__name__, kind.__module__.replace(".", "/") + ".py", kind.code
    for below in kind.__subclasses__():
        yield from derived(below, depth + 1)


def test_the_tree_is_drawn_as_it_is() -> None:
    for package in (midi, models, plugin_host, bridge):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    assert sorted(drawn()) == sorted(one for one in derived() if not one[2].startswith("test"))
