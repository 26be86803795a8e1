"""Category: unit. The Max patcher: every cord has two ends, every object the inlets and outlets that Max gives it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from plugin_host import standins

PACKAGE = Path(standins.__file__).parents[1] / "scripts" / "max" / "Sideman"
PATCHERS = PACKAGE / "patchers"
PATCHER = json.loads((PATCHERS / "Sideman.maxpat").read_text(encoding="utf-8"))["patcher"]
BOXES: dict[str, Any] = {entry["box"]["id"]: entry["box"] for entry in PATCHER["boxes"]}
LINES = [entry["patchline"] for entry in PATCHER["lines"]]

COUNTS = {
    "message": (2, 1), "number": (1, 2), "textedit": (1, 4), "toggle": (1, 1), "comment": (1, 0),
    "live.thisdevice": (1, 3), "js": (1, 1), "node.script": (1, 2), "prepend": (1, 1), "*": (2, 1), "midiin": (1, 1),
    "midiout": (1, 0),
}  # fmt: skip
"""Inlets and outlets of Max's objects, by their reference pages."""


def counts_of(box: dict[str, Any]) -> tuple[int, int]:
    if box["maxclass"] != "newobj":
        return COUNTS[box["maxclass"]]
    name, *arguments = box["text"].split()
    return (1, len(arguments) + 1) if name == "route" else COUNTS[name]


@pytest.mark.parametrize("box", BOXES.values(), ids=list(BOXES))
def test_an_object_has_the_inlets_and_outlets_that_max_gives_it(box: dict[str, Any]) -> None:
    assert (box["numinlets"], box["numoutlets"]) == counts_of(box)
    assert len(box.get("outlettype", [])) == box["numoutlets"]
    assert len(box["patching_rect"]) == 4


def test_every_cord_has_two_ends() -> None:
    assert len(BOXES) == len(PATCHER["boxes"])
    for line in LINES:
        (source, outlet), (destination, inlet) = line["source"], line["destination"]
        assert 0 <= outlet < BOXES[source]["numoutlets"], line
        assert 0 <= inlet < BOXES[destination]["numinlets"], line
    assert len({json.dumps(line) for line in LINES}) == len(LINES)


def test_nothing_but_words_is_unconnected() -> None:
    ends = {line[end][0] for line in LINES for end in ("source", "destination")}
    assert {id_ for id_, box in BOXES.items() if box["maxclass"] != "comment"} == ends


def test_what_is_shown_lies_inside_the_device_and_on_nothing_else() -> None:
    shown = [box["presentation_rect"] for box in BOXES.values() if box.get("presentation")]
    assert len(shown) > 12
    for x, y, width, height in shown:
        assert x >= 0 and y >= 0 and x + width <= PATCHER["devicewidth"] and y + height <= 169
    for index, (x, y, width, height) in enumerate(shown):
        for left, top, wide, high in shown[index + 1 :]:
            assert x + width <= left or left + wide <= x or y + height <= top or top + high <= y


def test_the_files_and_selectors_that_it_names_are_there() -> None:
    programs = {word for box in BOXES.values() for word in box.get("text", "").split() if word.endswith(".js")}
    assert programs == {"sideman_live.js", "sideman-node.js"}
    assert all((PATCHERS / name).is_file() for name in programs)
    node = (PATCHERS / "sideman-node.js").read_text(encoding="utf-8")
    live = (PATCHERS / "sideman_live.js").read_text(encoding="utf-8")
    for line in LINES:
        box, to = BOXES[line["source"][0]], line["destination"][0]
        word = box["text"].split()[-1] if "text" in box else ""
        if to == "node" and (box["maxclass"] == "message" or box["text"].startswith("prepend")):
            assert f'"{word}"' in node, word
        if to == "live" and box["maxclass"] == "message":
            assert f"function {word}(" in live, word


def test_every_selector_between_the_programs_is_understood() -> None:
    node = (PATCHERS / "sideman-node.js").read_text(encoding="utf-8")
    link = (PATCHERS / "sideman-link.js").read_text(encoding="utf-8")
    live = (PATCHERS / "sideman_live.js").read_text(encoding="utf-8")
    said = set(re.findall(r'outlet\(0, "(\w+)"', live)) | {"tell"}
    assert said >= {"live", "chart", "note", "chart_end", "placed", "failed", "say"}
    assert all(re.search(rf"^  {word}: \(", node, re.MULTILINE) for word in said)
    asked = set(re.findall(r'out\("live", "(\w+)"', link)) | set(re.findall(r'outlet\("live", "(\w+)"', node))
    assert asked == {"bang", "tell_all", "place", "instead"}
    assert all(f"function {word}(" in live for word in asked)


def test_the_script_in_live_is_written_for_the_old_engine_too() -> None:
    live = (PATCHERS / "sideman_live.js").read_text(encoding="utf-8")
    code = re.sub(r"//.*|\"[^\"\n]*\"", "", live)
    assert not re.search(r"\b(let|const|class|async|await)\b|=>|`|\.\.\.", code)


def test_the_package_says_who_it_is() -> None:
    info = json.loads((PACKAGE / "package-info.json").read_text(encoding="utf-8"))
    assert info["name"] == PACKAGE.name
