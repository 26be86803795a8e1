"""How soon the panel can be used: from opening its address to a field that takes what is typed.

``python benchmarks/panel.py`` needs Chromium and the package playwright. There are as many clips as ``--takes``; each
opening is in a fresh browser context, without a cache. Wanted: under 1 s.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from bridge.osc_client import OscClient
from bridge.spawned import spawned_daemon

HTTP = "127.0.0.1:9774"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--takes", type=int, default=16)
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as clips,
        spawned_daemon(Path(clips), "--http", HTTP) as daemon,
        OscClient(daemon.host, daemon.port) as client,
    ):
        client.send("/sideman/chords", "s", "Am7 | Dm7 G7 | Cmaj7 | %")
        client.send("/sideman/takes", "i", options.takes)
        client.send("/sideman/generate", "s", "verse")
        list(client.hear_until("/sideman/done", within_s=120))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
            usable, drawn = [], []
            for _ in range(options.runs + 1):
                page = browser.new_context(viewport={"width": 1024, "height": 640}).new_page()
                began = time.perf_counter()
                page.goto(f"http://{HTTP}/", wait_until="commit")
                page.locator("#prompt").fill("bossa nova")
                usable.append(time.perf_counter() - began)
                page.locator(".wave > i").first.wait_for()
                drawn.append(time.perf_counter() - began)
                page.context.close()
            browser.close()
    for what, seconds in (("a field takes text", usable[1:]), ("the first waveform is there", drawn[1:])):
        print(f"{what}: median {statistics.median(seconds):.2f} s, at most {max(seconds):.2f} s")


if __name__ == "__main__":
    main()
