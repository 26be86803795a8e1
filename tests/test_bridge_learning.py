"""Category: unit. Learning a control: heard on a port, written into a configuration that stays as it is otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.config import load_config
from bridge.errors import ConfigError, RequestError
from bridge.learning import hear_control, require_action, write_binding
from midi.controls import Binding, parse_binding
from midi.ports import PortWish
from midi.time import Seconds
from midi.virtual_ports import VirtualPorts

PEDAL = Binding(kind="cc", number=66, channel=1, threshold=64)


def test_a_pedal_that_is_pressed_twice_is_learnt_and_the_ports_are_closed() -> None:
    ports = VirtualPorts(names=["Stage Pedal"])
    told: list[str] = []

    def tell(text: str) -> None:
        """Once the port is open, the pedal goes down and up twice, and a key is touched in between."""
        told.append(text)
        for count, value in enumerate((127, 0, 127, 0)):
            ports.send("Stage Pedal", bytes([0xB0, 66, value]), Seconds(1.0 + 0.3 * count))

    found = hear_control(ports, [PortWish(name="pedal")], tell=tell)
    assert found == PEDAL
    assert told == ["The MIDI port 'Stage Pedal' is open, for all."]
    assert ports.is_closed
    assert not any(port.is_open for port in ports.opened)


def test_who_presses_nothing_is_told_so() -> None:
    times = iter([0.0, 1.0, 61.0])
    with pytest.raises(RequestError, match="within 60 seconds"):
        hear_control(VirtualPorts(), [], tell=lambda text: None, monotonic=lambda: next(times))


def test_an_action_that_does_not_exist_is_refused_with_those_that_do() -> None:
    assert require_action("keep") == "keep"
    with pytest.raises(RequestError, match="there are generate, cancel, next_take, keep"):
        require_action("explode")


def test_the_rest_of_the_file_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    before = '# my studio\n[midi]\ninputs = ["keys"]   # the small one\nkeep = "note:36@10"\n\n[osc]\nport = 9131\n'
    file.write_text(before, encoding="utf-8")
    write_binding(file, "generate", PEDAL)
    after = file.read_text(encoding="utf-8")
    assert after == before.replace('keep = "note:36@10"\n', 'keep = "note:36@10"\ngenerate = "cc:66@1"\n')
    assert load_config(file).midi.bindings() == {"generate": PEDAL, "keep": parse_binding("note:36@10")}
    write_binding(file, "generate", parse_binding("note:40@2"))
    assert load_config(file).midi.generate == "note:E1@2"


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    write_binding(tmp_path / "new" / "config.toml", "cancel", PEDAL)
    assert load_config(tmp_path / "new" / "config.toml").midi.cancel == "cc:66@1"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["config.toml"]


@pytest.mark.parametrize(("text", "words"), [("[midi", "not TOML"), ("midi = 3", "something else than a section")])
def test_a_file_that_cannot_be_used_is_left_as_it_is(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        write_binding(file, "generate", PEDAL)
    assert file.read_text(encoding="utf-8") == text


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        write_binding(tmp_path / "file" / "config.toml", "generate", PEDAL)
