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


def drawn() -> Iterator[tuple[str, str, str, str]]:
    """Parent, class, module and code of each line; a line without a module has that of the line above."""
    module = ""
    above: list[str] = []
    for lines, name, path, code in DRAWN.findall(bridge.errors.__doc__ or ""):
        module = path.strip() or module
        depth = len(lines) // 4
        above = [*above[:depth], name]
        yield above[depth - 1] if depth else "", name, module, code


def derived(kind: type[SidemanError] = SidemanError, parent: str = "") -> Iterator[tuple[str, str, str, str]]:
    yield parent, kind.__name__, kind.__module__.replace(".", "/") + ".py", kind.code
    for below in kind.__subclasses__():
        yield from derived(below, kind.__name__)


def test_the_tree_is_drawn_as_it_is() -> None:
    for package in (midi, models, plugin_host, bridge):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    assert sorted(drawn()) == sorted(one for one in derived() if not one[2].startswith("test"))
