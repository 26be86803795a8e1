"""Category: integration. The library over HTTP: searches, marks, and takes whose chart has changed since."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from bridge.osc_client import OscClient
from bridge.spawned import SpawnedDaemon, spawned_daemon

HTTP = "127.0.0.1:9772"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpawnedDaemon]:
    with spawned_daemon(tmp_path_factory.mktemp("clips"), "--host", "virtual", "--http", HTTP) as spawned:
        yield spawned


def clips(**query: str) -> list[Any]:
    with urllib.request.urlopen(f"http://{HTTP}/api/clips?{urlencode(query)}", timeout=20) as answer:
        listed: list[Any] = json.load(answer)["clips"]
    return listed


def test_takes_are_found_marked_and_known_to_be_stale(daemon: SpawnedDaemon) -> None:
    with OscClient(daemon.host, daemon.port) as client:
        client.send("/sideman/tempo", "f", 112.0)
        client.send("/sideman/chords", "s", "Am | F")
        client.send("/sideman/prompt", "s", "bossa nova")
        client.send("/sideman/generate", "s", "one")
        list(client.hear_until("/sideman/done", within_s=30))
        (clip,) = clips()
        assert (clip["stale"], clip["rejected"], clip["placed"]) == ([], False, "track Sideman, slot 1")
        client.send("/sideman/tag", "sis", "one", 0, "verse")
        list(client.hear_until("/sideman/tagged", within_s=10))
        client.send("/sideman/reject", "si", "one", 0)
        list(client.hear_until("/sideman/rejected", within_s=10))
        client.send("/sideman/chords", "s", "Am | G")
        client.send("/sideman/ping")
        list(client.hear_until("/sideman/pong", within_s=10))
        (clip,) = clips()
        assert (clip["stale"], clip["rejected"], clip["tags"]) == (["chords"], True, ["verse"])
        assert [one["id"] for one in clips(query="bossa tempo:110-120 tag:verse")] == [clip["id"]]
        assert clips(query="bossa", offset="1") == []
        assert clips(query="key:C") == []


def test_a_search_that_cannot_be_read_is_said(daemon: SpawnedDaemon) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        clips(query="tempo:fast")
    with caught.value as answer:
        assert (answer.code, json.load(answer)["error"]["code"]) == (422, "bad_query")
