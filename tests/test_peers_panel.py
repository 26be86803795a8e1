"""Category: peer. The panel in Debian's Chromium, over a real daemon: what a producer does with it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bridge.osc_client import OscClient
from bridge.spawned import SpawnedDaemon, spawned_daemon

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.peer
CHROMIUM = "/usr/bin/chromium"
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync",
           "--disable-component-update", "--autoplay-policy=no-user-gesture-required"]  # fmt: skip
HTTP = "127.0.0.1:9771"
WITHIN_MS = 20_000


def expect(what: Any) -> Any:
    """What is expected of the page; Playwright is there where the tests against real programs run."""
    from playwright.sync_api import expect as expected

    expected.set_options(timeout=WITHIN_MS)
    return expected(what)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[SpawnedDaemon]:
    with spawned_daemon(tmp_path / "clips", "--host", "virtual", "--http", HTTP) as spawned:
        yield spawned


@pytest.fixture
def page(browser: Browser, daemon: SpawnedDaemon) -> Iterator[Page]:
    """The panel of the daemon, which makes no mistakes and asks no other machine for anything."""
    context = browser.new_context(viewport={"width": 1024, "height": 640}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(WITHIN_MS)
    mistakes: list[str] = []
    foreign: list[str] = []
    page.on("pageerror", lambda error: mistakes.append(str(error)))
    page.on("request", lambda request: None if HTTP in request.url else foreign.append(request.url))
    page.goto(f"http://{HTTP}/")
    expect(page.get_by_text("connected", exact=True)).to_be_visible(timeout=WITHIN_MS)
    yield page
    context.close()
    assert mistakes == []
    assert [url for url in foreign if not url.startswith(("data:", "blob:"))] == []


def fill(page: Page, daemon: SpawnedDaemon) -> None:
    """A chart of 128 bars, every drum, many takes with long names, and a long message."""
    voices = [
        "kick",
        "snare",
        "closed_hat",
        "open_hat",
        "clap",
        "rim",
        "low_tom",
        "mid_tom",
        "high_tom",
        "ride",
        "crash",
    ]
    with OscClient(daemon.host, daemon.port) as client:
        client.send("/sideman/chords", "s", " | ".join(["Am7b5 D7b9 Gmaj7 C#dim7"] * 128))
        for voice in voices:
            client.send("/sideman/drums", "ss", voice, "x.o.X..." * 32)
        client.send("/sideman/bars", "i", 1)
        client.send("/sideman/takes", "i", 16)
        client.send("/sideman/prompt", "s", "a very long prompt " * 20)
        client.send("/sideman/generate")
        client.send("/sideman/engine", "s", "nothing of this name " * 5)
    expect(page.locator(".take")).to_have_count(16, timeout=3 * WITHIN_MS)


def session(page: Page) -> Any:
    return page.request.get(f"http://{HTTP}/api/session").json()


def made(page: Page, takes: int) -> None:
    """Ask for clips with the keyboard, and wait for them."""
    page.keyboard.press("g")
    expect(page.locator(".take")).to_have_count(takes, timeout=3 * WITHIN_MS)


def test_chords_and_drums_are_written_with_the_keyboard(page: Page) -> None:
    page.keyboard.press("c")
    for chord in ("Am7", "Dm7 G7", "Cmaj7"):
        page.keyboard.type(chord)
        page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator("#chord-3")).to_have_value("Cmaj7")
    expect(page.locator("#chord-2")).to_have_value("Dm7 G7")
    assert session(page)["chords"].startswith("Am7 | Dm7 G7 | Cmaj7")
    page.keyboard.press("d")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("kick, step 1: hit")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_label("kick, step 3: accent")).to_be_visible()
    assert session(page)["drums"]["kick"] == "x.X............."


def test_a_clip_is_asked_for_heard_kept_and_dragged_out(page: Page, tmp_path: Path) -> None:
    page.keyboard.press("p")
    page.keyboard.type("bossa nova")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.keyboard.type("C")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.get_by_label("Takes", exact=True).first.wait_for()
    page.locator("input[aria-label=Takes]").fill("2")
    page.locator("input[aria-label=Takes]").press("Tab")
    page.keyboard.press("Escape")
    made(page, takes=2)
    first = page.locator(".take").first
    expect(first).to_contain_text("bossa nova")
    expect(first.locator(".score")).to_be_visible()
    expect(first.locator(".wave > i")).to_have_count(3)
    page.keyboard.press("j")
    expect(page.locator(".take").nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(first.get_by_role("button", name="Stop")).to_be_visible()
    page.keyboard.press("Enter")
    expect(first.get_by_role("button", name="Hear")).to_be_visible()
    page.keyboard.press("s")
    expect(first.locator(".kept")).to_be_visible()
    expect(first).to_contain_text("placed")
    page.keyboard.press("/")
    page.keyboard.type("prompt-that-nobody-wrote")
    expect(page.get_by_text("No take is like that.")).to_be_visible()
    page.locator("#search").fill("bossa kept")
    expect(page.locator(".take")).to_have_count(1)
    page.locator("#search").fill("")
    expect(page.locator(".take")).to_have_count(2)
    page.keyboard.press("Escape")
    # What is dragged out of the page is the file: Chromium hands it on in the form that it is given here.
    dragged = first.evaluate(
        """row => { const data = new DataTransfer();
        row.dispatchEvent(new DragEvent("dragstart", {dataTransfer: data, bubbles: true}));
        return data.getData("DownloadURL"); }"""
    )
    kind, name, url = dragged.split(":", 2)
    assert kind == "audio/wav"
    assert (tmp_path / "clips" / name).is_file()
    fetched = page.request.get(url).body()
    assert hashlib.sha256(fetched).digest() == hashlib.sha256((tmp_path / "clips" / name).read_bytes()).digest()
    with page.expect_download() as download:
        first.get_by_text("WAV").click()
    assert download.value.suggested_filename == name


class Sound:
    """The device of a daemon whose player is driven by the panel: a stand-in, which writes down what it plays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.plug()

    def plug(self) -> None:
        part = self.folder / "part"
        part.write_text(json.dumps({"rate": 48000, "channels": 2}))
        part.replace(self.folder / "device")

    def unplug(self) -> None:
        (self.folder / "device").unlink()

    def loudness(self) -> float:
        """Of the last tenth of a second."""
        played = [path.read_bytes() for path in sorted(self.folder.glob("played-*.raw"))] or [b""]
        newest = np.frombuffer(played[-1][-8 * 4800 :], np.float32)
        return float(np.abs(newest).max(initial=0.0))


@pytest.fixture
def sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sound:
    monkeypatch.setenv("SIDEMAN_TEST_AUDIO", str(tmp_path / "audio"))
    standins = str(Path(__file__).parent / "standins")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([standins, *filter(None, [os.environ.get("PYTHONPATH")])]))
    return Sound(tmp_path / "audio")


@pytest.fixture
def two_takes(sound: Sound, page: Page, daemon: SpawnedDaemon) -> Page:
    """The panel over a daemon that has the device, with two takes, none of which plays."""
    with OscClient(daemon.host, daemon.port) as client:
        client.send("/sideman/chords", "s", "Am | F")
        client.send("/sideman/bars", "i", 1)
        client.send("/sideman/takes", "i", 2)
    expect(page.get_by_label("Bars", exact=True)).to_have_value("1")
    made(page, takes=2)
    return page


def poll(holds: Callable[[], bool], complaint: str) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + WITHIN_MS / 1000
    while not holds():
        assert time.monotonic() < end, complaint
        threading.Event().wait(0.05)


def test_a_take_is_played_and_heard_alone_in_the_daemons_player(two_takes: Page, sound: Sound) -> None:
    page, player = two_takes, two_takes.get_by_role("group", name="Player")
    newer, older = (page.locator(".take").nth(place) for place in range(2))
    expect(player).to_contain_text("off: takes are heard in this page alone")
    page.keyboard.press("j")
    page.keyboard.press("l")
    expect(player.get_by_role("button", name="Player", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(older.locator(".role")).to_have_text("waits")
    page.keyboard.press(" ")
    expect(older.locator(".role")).to_have_text("plays")
    poll(lambda: sound.loudness() > 0.05, "nothing is heard of it")
    for _ in range(3):
        page.keyboard.press("-")
    expect(player.get_by_label("Level")).to_have_value("-9")
    page.keyboard.press("+")
    expect(player.get_by_label("Level")).to_have_value("-6")
    newer.locator(".what").click()
    newer.get_by_role("button", name="Alone").click()
    expect(newer.locator(".role")).to_have_text("alone")
    box = newer.locator(".acts").bounding_box()
    assert box is not None and box["x"] + box["width"] <= 1024
    page.keyboard.press("h")
    expect(page.locator(".role")).to_have_count(0)
    poll(lambda: sound.loudness() == 0.0, "it is still heard")


def test_a_device_that_goes_and_panic_are_seen_in_the_panel(two_takes: Page, sound: Sound) -> None:
    page, player = two_takes, two_takes.get_by_role("group", name="Player")
    newer = page.locator(".take").first
    page.keyboard.press(" ")
    newer.locator(".what").click()
    newer.get_by_role("button", name="Play", exact=True).click()
    expect(newer.locator(".role")).to_have_text("plays")
    expect(player.get_by_role("status")).to_have_attribute("title", "test output")
    sound.unplug()
    expect(player).to_contain_text("no audio device")
    expect(page.locator("footer")).to_contain_text("is gone")
    sound.plug()
    expect(player).not_to_contain_text("no audio device", timeout=2 * WITHIN_MS)
    expect(newer.locator(".role")).to_have_text("plays")
    player.get_by_role("button", name="Panic").click()
    expect(player).to_contain_text("off:")
    expect(newer.locator(".role")).to_have_count(0)
    page.keyboard.press("o")
    expect(player.get_by_label("Level")).to_be_visible()


def test_an_edit_keeps_the_bars_that_the_clip_does_not_reach(page: Page, daemon: SpawnedDaemon) -> None:
    """The chart is longer than the clip, and longer than the lane shows."""
    with OscClient(daemon.host, daemon.port) as client:
        client.send("/sideman/chords", "s", " | ".join(["Am", "F"] * 40))
    expect(page.get_by_text("64 of 80 bars")).to_be_visible()
    page.keyboard.press("c")
    page.keyboard.type("Dm")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator("#chord-1")).to_have_value("Dm")
    page.wait_for_function("fetch('/api/session').then(one => one.json()).then(one => one.chords.startsWith('Dm'))")
    assert session(page)["chords"].split(" | ") == ["Dm", "F", *["Am", "F"] * 39]
    with OscClient(daemon.host, daemon.port) as client:
        client.send("/sideman/chords", "s", "Am | F")
    expect(page.locator("#chord-1")).to_have_value("Am")
    expect(page.locator("#chord-4")).to_have_value("F")
    page.locator("#chord-4").fill("G7")
    page.keyboard.press("Enter")
    page.wait_for_function("fetch('/api/session').then(one => one.json()).then(one => one.chords.includes('G7'))")
    assert session(page)["chords"] == "Am | F | Am | G7", "what is heard changes in this bar alone"


def test_drums_are_written_in_bars_of_their_own_meters(page: Page, daemon: SpawnedDaemon) -> None:
    with OscClient(daemon.host, daemon.port) as client:
        client.send("/sideman/meter/at", "iii", 2, 7, 8)
        client.send("/sideman/drums", "ss", "kick", "x...x...x...x..." + "x.............")
    page.get_by_label("Bar 2 of the pattern").click()
    expect(page.locator(".drums .row").first.get_by_role("gridcell")).to_have_count(14)
    page.get_by_label("kick, step 3: rest").click()
    page.wait_for_function("fetch('/api/session').then(one => one.json()).then(one => one.drums.kick.includes('x.x'))")
    assert session(page)["drums"]["kick"].replace("|", "").replace(" ", "") == "x...x...x...x..." + "x.x..........."
    assert page.locator("footer.error").count() == 0


def test_what_a_key_does_is_meant_for_the_take_that_is_chosen(
    page: Page, daemon: SpawnedDaemon, tmp_path: Path
) -> None:
    """Two requests of one name make two clips, and the older one is kept."""
    for takes in (1, 2):
        with OscClient(daemon.host, daemon.port) as client:
            client.send("/sideman/chords", "s", "Am")
            client.send("/sideman/generate", "s", "verse")
        expect(page.locator(".take")).to_have_count(takes, timeout=WITHIN_MS)
        expect(page.locator(".take .score")).to_have_count(takes, timeout=WITHIN_MS)
    older = page.locator(".take").nth(1)
    older.locator(".what").click()
    page.keyboard.press("s")
    expect(older.locator(".kept")).to_be_visible()
    expect(page.locator(".take .kept")).to_have_count(1)


def test_help_closes_without_cancelling_and_a_button_is_pressed_by_its_key(page: Page, daemon: SpawnedDaemon) -> None:
    with OscClient(daemon.host, daemon.port) as client:
        client.send("/sideman/chords", "s", "Am | F | C | G")
        client.send("/sideman/bars", "i", 128)
        client.send("/sideman/takes", "i", 8)
        client.send("/sideman/generate", "s", "long-one")
    expect(page.get_by_label("Request long-one")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert session(page)["jobs"]["running"] == "long-one"
    page.reload()
    expect(page.get_by_label("Request long-one")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Request long-one")).to_have_count(0)
    page.locator("#chord-1").fill("Xyz")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.locator("footer summary").focus()
    page.keyboard.press(" ")
    expect(page.locator("footer details")).to_have_attribute("open", "")
    assert not session(page)["transport"]["playing"]


def test_the_bars_of_a_take_lie_where_its_own_meters_have_them(page: Page, daemon: SpawnedDaemon) -> None:
    with OscClient(daemon.host, daemon.port) as client:
        client.send("/sideman/meter/at", "iii", 2, 3, 4)
        client.send("/sideman/chords", "s", "Am | F | C")
        client.send("/sideman/bars", "i", 3)
    expect(page.get_by_label("Bars", exact=True)).to_have_value("3")
    made(page, takes=1)
    lines = page.locator(".take .wave > i")
    expect(lines).to_have_count(2)
    assert [lines.nth(place).get_attribute("style") for place in range(2)] == ["left: 40%;", "left: 70%;"]


def test_the_token_of_an_address_goes_nowhere_else(browser: Browser, tmp_path: Path) -> None:
    token = "a-token-of-the-tests-0123456789"
    (tmp_path / "token").write_text(token)
    (tmp_path / "token").chmod(0o600)
    with spawned_daemon(tmp_path / "clips", "--http", HTTP, "--token-file", str(tmp_path / "token")) as spawned:
        context = browser.new_context(accept_downloads=True)
        page = context.new_page()
        page.set_default_timeout(WITHIN_MS)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"http://{HTTP}/?token={token}")
        expect(page.get_by_text("connected", exact=True)).to_be_visible(timeout=WITHIN_MS)
        assert page.url == f"http://{HTTP}/"
        with OscClient(spawned.host, spawned.port) as client:
            client.send("/sideman/chords", "s", "Am")
            client.send("/sideman/generate")
        expect(page.locator(".take")).to_have_count(1, timeout=WITHIN_MS)
        expect(page.locator(".take .wave > i")).to_have_count(3)
        with page.expect_download() as download:
            page.locator(".take").first.get_by_text("WAV").click()
        assert download.value.path().stat().st_size > 1000
        assert token not in page.content()
        assert [url for url in asked if token in url] == [f"http://{HTTP}/?token={token}"]
        context.close()


def test_a_link_that_breaks_without_a_word_is_noticed(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    with spawned_daemon(tmp_path / "clips", "--http", HTTP) as spawned:
        page.goto(f"http://{HTTP}/")
        expect(page.get_by_text("connected", exact=True)).to_be_visible(timeout=WITHIN_MS)
        spawned.process.send_signal(signal.SIGSTOP)
        try:
            expect(page.get_by_text("no daemon, looking for it")).to_be_visible(timeout=WITHIN_MS)
        finally:
            spawned.process.send_signal(signal.SIGCONT)
        expect(page.get_by_text("connected", exact=True)).to_be_visible(timeout=WITHIN_MS)
    page.close()


def test_a_take_is_stale_when_its_chart_has_changed_and_is_made_again(page: Page) -> None:
    page.keyboard.press("c")
    page.keyboard.type("C")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    made(page, takes=1)
    page.keyboard.press("c")
    page.keyboard.type("Am")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator(".take .stale")).to_have_count(1)
    page.keyboard.press("a")
    expect(page.locator(".take")).to_have_count(2, timeout=WITHIN_MS)
    expect(page.locator(".take .stale")).to_have_count(1)
    page.keyboard.press("x")
    expect(page.locator(".take.out")).to_have_count(1)


def test_progress_is_seen_and_a_request_is_cancelled(page: Page, daemon: SpawnedDaemon) -> None:
    with OscClient(daemon.host, daemon.port) as client:
        client.send("/sideman/chords", "s", "Am | F | C | G")
        client.send("/sideman/bars", "i", 128)
        client.send("/sideman/takes", "i", 8)
        client.send("/sideman/generate", "s", "long-one")
    expect(page.get_by_label("Request long-one")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_label("Request long-one")).to_have_count(0)


def test_the_song_moves_while_it_plays(page: Page) -> None:
    timer = page.get_by_role("timer")
    expect(timer).to_have_attribute("aria-label", "bar 1, beat 1")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    expect(timer).not_to_have_attribute("aria-label", re.compile("bar 1,"))
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_a_mistake_is_told_in_words_and_changes_nothing(page: Page) -> None:
    page.keyboard.press("c")
    page.keyboard.type("Xyz")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator("footer.error")).to_contain_text("Xyz")
    expect(page.locator("#chord-1")).to_have_value("")


def test_a_daemon_that_goes_is_told_and_taken_up_again(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    page.set_default_timeout(WITHIN_MS)
    with spawned_daemon(tmp_path / "one", "--http", HTTP) as spawned:
        page.goto(f"http://{HTTP}/")
        expect(page.get_by_text("connected", exact=True)).to_be_visible(timeout=WITHIN_MS)
        spawned.process.terminate()
        spawned.process.wait(20)
        expect(page.get_by_text("no daemon, looking for it")).to_be_visible(timeout=WITHIN_MS)
        page.keyboard.press("g")
        expect(page.locator("footer.error")).to_contain_text("nothing was changed")
    with spawned_daemon(tmp_path / "two", "--http", HTTP), OscClient("127.0.0.1", 1):
        expect(page.get_by_text("connected", exact=True)).to_be_visible(timeout=WITHIN_MS)
    page.close()


@pytest.mark.parametrize("is_full", [False, True], ids=["empty", "long chart and many takes"])
def test_every_part_fits_a_small_window(page: Page, daemon: SpawnedDaemon, *, is_full: bool) -> None:
    if is_full:
        fill(page, daemon)
    made_of = ["header", ".lane", ".ask", ".takes", "footer"]
    for selector in made_of:
        box = page.locator(selector).first.bounding_box()
        assert box is not None
        assert box["x"] >= 0 and box["x"] + box["width"] <= 1024
        assert box["y"] >= 0 and box["y"] + box["height"] <= 640
    overflow = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not overflow
