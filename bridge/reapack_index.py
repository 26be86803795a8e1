"""The index by which ReaPack installs REAPER's script: ``python -m bridge.reapack_index [ADDRESS]``.

ADDRESS is where the folder ``plugin_host/scripts/reaper`` is served from. The index in the repository has a reserved
address that serves nothing; who publishes the script writes it anew with their own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import quote
from xml.etree import ElementTree

import plugin_host

FOLDER: Final = Path(plugin_host.__file__).parent / "scripts" / "reaper"
INDEX: Final = FOLDER / "index.xml"
CATEGORY: Final = "Sideman"
PACKAGE: Final = "Sideman.lua"
TIME: Final = "2026-11-30T00:00:00Z"
NOWHERE: Final = "https://sideman.example/reaper"

_TAG: Final = re.compile(r"-- @(?P<name>\w+) ?(?P<value>.*)")
_MORE: Final = re.compile(r"--   (?P<value>.*)")
_PROVIDED: Final = re.compile(r"\[(?P<kind>main|nomain)\] (?P<pattern>.+)")


def header(text: str) -> dict[str, list[str]]:
    """The tags at the top of a script, each with its lines."""
    tags: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        tag, more = _TAG.fullmatch(line), _MORE.fullmatch(line)
        if tag:
            lines = tags.setdefault(tag["name"], [])
            lines += [tag["value"]] if tag["value"] else []
        elif line == "--":
            lines.append("")
        elif more:
            lines.append(more["value"])
        else:
            break
    return tags


def provided(tags: dict[str, list[str]]) -> Iterator[tuple[PurePosixPath, bool]]:
    """Every file that the package brings beside its own, and whether it is an action. Raises ``ValueError``."""
    for line in tags["provides"]:
        match = _PROVIDED.fullmatch(line)
        if match is None:
            raise ValueError(f"@provides has a line that is none: {line!r}")
        found = sorted((FOLDER / CATEGORY).glob(match["pattern"]))
        if not found:
            raise ValueError(f"@provides names what is not there: {line!r}")
        for path in found:
            yield PurePosixPath(path.relative_to(FOLDER / CATEGORY)), match["kind"] == "main"


def index(address: str = NOWHERE) -> str:
    """The whole index as XML."""
    tags = header((FOLDER / CATEGORY / PACKAGE).read_text(encoding="utf-8"))
    root = ElementTree.Element("index", version="1", name="Sideman")
    category = ElementTree.SubElement(root, "category", name=CATEGORY)
    package = ElementTree.SubElement(
        category, "reapack", name=PACKAGE, type="script", desc=" ".join(tags["description"])
    )
    version = ElementTree.SubElement(package, "version", name=tags["version"][0], author=tags["author"][0], time=TIME)
    files = [(PurePosixPath(PACKAGE), True), *provided(tags)]
    for path, is_action in files:
        given = {} if path.name == PACKAGE else {"file": str(path)}
        source = ElementTree.SubElement(version, "source", given | ({"main": "main"} if is_action else {}))
        source.text = f"{address.rstrip('/')}/{quote(CATEGORY)}/{quote(str(path))}"
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def main() -> None:
    """Rewrite the index."""
    INDEX.write_text(index(*sys.argv[1:2]), encoding="utf-8")


if __name__ == "__main__":
    main()
