"""Category: integration. ``sideman demo``: the bundled session over real OSC, and the picture."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from bridge.cli import app
from bridge.demo import SILENCE_LIMIT_S, _made, run_demo
from bridge.errors import SidemanError, StartError
from bridge.osc_client import Heard, OscClient, read_script

SCRIPT = resources.files("bridge.data").joinpath("demo_session.txt").read_text(encoding="utf-8")


def test_without_a_model_the_demo_leaves_two_takes_receipts_and_a_picture(tmp_path: Path) -> None:
    shares: list[float] = []
    result = run_demo(tmp_path / "demo", shares.append, model=str(tmp_path / "nowhere"))
    assert len(result.clips) == 2
    assert [place.rpartition(" ")[2] for place in result.placed] == ["1", "2"]
    asked = {address: arguments for address, _, arguments in read_script(SCRIPT)}
    for clip in result.clips:
        receipt = json.loads(clip.with_suffix(".json").read_text(encoding="utf-8"))
        assert receipt["engine"] == "sketch"
        assert receipt["bpm"] == asked["/sideman/tempo"][0]
        assert receipt["bars"] == asked["/sideman/bars"][0]
        assert receipt["frames"] == round(48000 * 8 * 4 * 60 / 96)
    assert shares[-1] == 1.0
    with Image.open(result.picture) as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000
        assert len(picture.convert("RGB").getcolors(1 << 24) or ()) > 1000, "the spectrogram has many colours"
    assert result.missing == (
        f"There is no clip of the model {tmp_path}/nowhere: {tmp_path}/nowhere is no converted model: name a folder "
        "that sideman models convert made."
    )


def test_the_command_says_why_there_is_no_clip_of_the_model(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "demo"), "--model", "sideman-tyni"])
    assert told.exit_code == 1, "the clip that was asked for was not made"
    assert told.stdout.count("clip: ") == 2 and "picture: " in told.stdout
    assert "There is no clip of the model sideman-tyni: There is no model 'sideman-tyni'; did you mean" in told.stderr


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="folder"):
        run_demo(tmp_path / "file" / "demo", lambda share: None)


class PlayedDaemon(OscClient):
    """A client to whom a daemon says what a test has written down; each answer takes two minutes."""

    def __init__(self, *said: Heard) -> None:
        self.said, self.now, self.limits = list(said), 0.0, list[float]()

    def send_raw(self, packet: bytes) -> None:
        pass

    def hear(self, within_s: float) -> Heard:
        self.limits.append(within_s)
        self.now += 120.0
        return self.said.pop(0)


def test_a_model_that_takes_long_and_says_how_far_it_is_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [Heard(address="/sideman/progress", arguments=("jasco", share / 10)) for share in range(10)]
    done = Heard(address="/sideman/done", arguments=("jasco", 1))
    client = PlayedDaemon(Heard(address="/sideman/pong", arguments=("1",)), *told, done)
    monkeypatch.setattr("bridge.osc_client.time.monotonic", lambda: client.now)
    shares: list[float] = []
    assert _made(client, "", "jasco", shares.append) == [*told, done]
    assert set(client.limits[1:]) == {SILENCE_LIMIT_S}
    assert shares == [share / 10 for share in range(10)]


def test_script_lines() -> None:
    text = '# a comment\n\n/sideman/ping\n/sideman/drums ss kick "x... ...."\n/sideman/tempo/at ff 4 97.5\n'
    assert list(read_script(text)) == [
        ("/sideman/ping", "", ()),
        ("/sideman/drums", "ss", ("kick", "x... ....")),
        ("/sideman/tempo/at", "ff", (4.0, 97.5)),
    ]


@pytest.mark.parametrize("line", ["/a i", "/a i x", "/a q 1", "/a ii 1"])
def test_script_lines_that_cannot_be_read_are_named(line: str) -> None:
    with pytest.raises(SidemanError, match="Line 2"):
        list(read_script(f"# first\n{line}\n"))
