"""The pictures of docs/panel.md: the panel in Chromium over a daemon with three takes, one of which plays.

The audio device is the tests' stand-in: nothing is heard.

``python benchmarks/panel_picture.py docs`` needs Chromium and the package playwright.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from bridge.osc_client import OscClient
from bridge.spawned import spawned_daemon

HTTP = "127.0.0.1:9773"
SCRIPT = (
    ("/sideman/tempo", "f", 112.0),
    ("/sideman/key", "s", "A minor"),
    ("/sideman/chords", "s", "Am7 | Dm7 G7 | Cmaj7 | % | Fmaj7 | Bm7b5 E7 | Am7 | A7"),
    ("/sideman/drums", "ss", "kick", "x...x...x...x..."),
    ("/sideman/drums", "ss", "snare", "....x.......x..o"),
    ("/sideman/drums", "ss", "closed_hat", "x.x.x.x.x.x.x.xX"),
    ("/sideman/prompt", "s", "bossa nova, nylon guitar, upright bass"),
    ("/sideman/bars", "i", 8),
    ("/sideman/takes", "i", 3),
    ("/sideman/seed", "i", 7),
    ("/sideman/generate", "s", "verse-1"),
)


def main(folder: Path) -> None:
    """Draw the panel."""
    with tempfile.TemporaryDirectory() as clips, tempfile.TemporaryDirectory() as audio:
        (Path(audio) / "device").write_text('{"rate": 48000, "channels": 2}')
        os.environ["SIDEMAN_TEST_AUDIO"] = audio
        standins = str(Path(__file__).parent.parent / "tests" / "standins")
        os.environ["PYTHONPATH"] = os.pathsep.join([standins, os.environ.get("PYTHONPATH", "")])
        options = ("--host", "virtual", "--http", HTTP, "--play", "--set", "player.auto=false")
        with spawned_daemon(Path(clips), *options) as daemon, OscClient(daemon.host, daemon.port) as client:
            client.send("/sideman/subscribe")
            for address, *rest in SCRIPT:
                client.send(address, *rest)  # type: ignore[arg-type]
            list(client.hear_until("/sideman/done", within_s=60))
            client.send("/sideman/keep", "si", "verse-1", 1)
            client.send("/sideman/player/play", "si", "verse-1", 0)
            client.send("/sideman/play", "f", 3.5)
            client.send("/sideman/player/play", "si", "verse-1", 2)
            with sync_playwright() as playwright:
                arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
                browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
                page = browser.new_page(viewport={"width": 1024, "height": 640})
                page.goto(f"http://{HTTP}/")
                page.locator(".wave > i").first.wait_for()
                page.wait_for_timeout(1000)
                page.screenshot(path=folder / "panel.png")
                page.keyboard.press("?")
                page.locator(".help").wait_for()
                page.screenshot(path=folder / "panel-keys.png")
                browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
