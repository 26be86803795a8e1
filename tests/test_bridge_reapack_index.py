"""Category: unit. ReaPack's index of REAPER's script: just the files that there are, and what the header says."""

from __future__ import annotations

from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from bridge import reapack_index as module
from bridge.reapack_index import CATEGORY, FOLDER, INDEX, NOWHERE, PACKAGE, header, index, provided

SCRIPT = (FOLDER / CATEGORY / PACKAGE).read_text(encoding="utf-8")


def test_the_index_is_what_the_command_writes() -> None:
    assert INDEX.read_text(encoding="utf-8") == index(), "run python -m bridge.reapack_index"


def test_every_file_is_in_it_once_and_the_actions_are_main() -> None:
    (version,) = ElementTree.fromstring(index()).iter("version")
    sources = {unquote(str(source.text)).removeprefix(f"{NOWHERE}/{CATEGORY}/"): source for source in version}
    there = {str(path.relative_to(FOLDER / CATEGORY)) for path in (FOLDER / CATEGORY).rglob("*.lua")}
    assert set(sources) == there
    assert {name for name, source in sources.items() if source.get("main") == "main"} == {
        name for name in there if "/" not in name
    }
    assert {name for name, source in sources.items() if source.get("file") is None} == {PACKAGE}
    assert all(source.get("file") == name for name, source in sources.items() if name != PACKAGE)
    assert " " not in str(version[1].text)


def test_the_header_has_what_reapack_wants() -> None:
    tags = header(SCRIPT)
    assert set(tags) == {"description", "version", "author", "provides", "about"}
    assert tags["version"] == ["0.1.0"]
    assert tags["about"][0] == "# Sideman"
    package = ElementTree.fromstring(index("https://a.example/")).find("category/reapack")
    assert package is not None
    assert (package.get("name"), package.get("type")) == ("Sideman.lua", "script")
    assert str(package[0][0].text) == "https://a.example/Sideman/Sideman.lua"


def test_further_scripts_are_no_packages_of_their_own() -> None:
    for path in (FOLDER / CATEGORY).glob("Sideman - *.lua"):
        assert path.read_text(encoding="utf-8").startswith("-- @noindex\n")


@pytest.mark.parametrize("line", ["[main] Not there.lua", "Sideman.lua"])
def test_a_header_that_names_what_is_not_there_is_said(line: str) -> None:
    with pytest.raises(ValueError, match="@provides"):
        list(provided(header(SCRIPT) | {"provides": [line]}))
    assert module.CATEGORY == "Sideman"
