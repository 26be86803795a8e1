"""Category: integration. The whole daemon in a process of its own, spoken to over UDP as a DAW would."""

from __future__ import annotations

import hashlib
import json
import socket
import wave
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from bridge.errors import StartError
from bridge.osc_client import Heard, OscClient
from bridge.receipt_schema import receipt_from_json
from bridge.spawned import SpawnedDaemon, spawned_daemon

ENDS = ("/sideman/done", "/sideman/cancelled", "/sideman/superseded", "/sideman/error")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpawnedDaemon]:
    with spawned_daemon(tmp_path_factory.mktemp("clips"), "--host", "virtual") as spawned:
        yield spawned


@pytest.fixture
def client(daemon: SpawnedDaemon) -> Iterator[OscClient]:
    """A client of a session that is set back to four bars of C at 120."""
    with OscClient(daemon.host, daemon.port) as one:
        for address in ("/sideman/chords/clear", "/sideman/drums/clear", "/sideman/melody/clear", "/sideman/stop"):
            one.send(address)
        one.send("/sideman/tempo", "f", 120.0)
        one.send("/sideman/meter", "ii", 4, 4)
        one.send("/sideman/from", "f", 0.0)
        one.send("/sideman/chords", "s", "C | F | G | C |")
        for address, value in (("/sideman/bars", 4), ("/sideman/takes", 1), ("/sideman/seed", 3)):
            one.send(address, "i", value)
        assert state(one)["chords"] == "C | F | G | C"
        yield one


def state(client: OscClient) -> dict[str, object]:
    client.send("/sideman/state")
    *others, answer = client.hear_until("/sideman/state", within_s=10)
    assert others == []
    parsed: dict[str, object] = json.loads(str(answer.arguments[0]))
    return parsed


def generate(client: OscClient, request_id: str) -> list[Heard]:
    client.send("/sideman/generate", "s", request_id)
    return list(client.hear_until(*ENDS, within_s=60))


def refused(client: OscClient, address: str, types: str = "", *arguments: float | str) -> tuple[object, ...]:
    client.send(address, types, *arguments)
    heard = client.hear(10)
    assert heard.address == "/sideman/error", heard
    return heard.arguments


def test_a_take_is_scored_after_its_clip(client: OscClient) -> None:
    heard = generate(client, "scored")
    (score,) = [message for message in heard if message.address == "/sideman/score"]
    (clip,) = [message for message in heard if message.address == "/sideman/clip"]
    assert score.arguments[:2] == clip.arguments[:2]
    chords, drums, tempo, total = (float(part) for part in score.arguments[2:])
    assert drums == -1.0, "there are none in this session"
    assert all(0.5 < part <= 1.0 for part in (chords, tempo, total))
    receipt = receipt_from_json(Path(str(clip.arguments[3])).with_suffix(".json").read_bytes())
    assert receipt.score is not None
    assert receipt.total_score == pytest.approx(total, abs=1e-6)


def test_of_several_takes_the_best_alone_is_kept(client: OscClient) -> None:
    client.send("/sideman/takes", "ii", 3, 1)
    heard = generate(client, "best")
    client.send("/sideman/takes", "i", 1)
    (clip,) = [message for message in heard if message.address == "/sideman/clip"]
    assert heard[-1].arguments == ("best", 1)
    receipt = receipt_from_json(Path(str(clip.arguments[3])).with_suffix(".json").read_bytes())
    assert len(receipt.best_of) == 3
    assert receipt.best_of[receipt.take] == max(total for total in receipt.best_of if total is not None)
    assert receipt.total_score == receipt.best_of[receipt.take]


def test_a_session_becomes_a_clip(client: OscClient) -> None:
    heard = generate(client, "first")
    assert [message.address.rpartition("/")[2] for message in heard if "progress" not in message.address] == [
        "accepted", "clip", "placed", "score", "done",
    ]  # fmt: skip
    clip = next(message for message in heard if message.address == "/sideman/clip")
    name, take, bars, path, rate, seconds, tempo = clip.arguments
    assert (name, take, bars, rate, seconds, tempo) == ("first", 0, 4, 48000, 8.0, 120.0)
    with wave.open(str(path)) as file:
        assert (file.getnframes(), file.getnchannels(), file.getsampwidth()) == (8 * 48000, 2, 3)
    placed = next(message for message in heard if message.address == "/sideman/placed")
    assert str(placed.arguments[2]).startswith("track Sideman, slot ")
    assert heard[-1].arguments == ("first", 1)


def test_the_receipt_says_what_made_the_clip(client: OscClient) -> None:
    heard = generate(client, "receipt")
    path = Path(str(next(message.arguments[3] for message in heard if message.address == "/sideman/clip")))
    receipt = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert receipt["engine"] == "sketch"
    assert receipt["seed"] == 3
    assert receipt["frames"] == 8 * 48000
    assert receipt["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_progress_is_told_and_never_falls(client: OscClient) -> None:
    shares = [float(m.arguments[1]) for m in generate(client, "progress") if m.address == "/sideman/progress"]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_takes_differ_and_a_seed_repeats(client: OscClient) -> None:
    client.send("/sideman/takes", "i", 2)
    client.send("/sideman/bars", "i", 1)

    def audio(request_id: str) -> list[str]:
        paths = [str(m.arguments[3]) for m in generate(client, request_id) if m.address == "/sideman/clip"]
        return [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths]

    first, again = audio("takes-1"), audio("takes-2")
    assert first == again
    assert len(set(first)) == 2


def test_a_clip_under_a_ramp_and_a_meter_change_is_exact(client: OscClient) -> None:
    client.send("/sideman/tempo/at", "ffi", 8.0, 180.0, 1)
    client.send("/sideman/meter/at", "iii", 3, 7, 8)
    client.send("/sideman/bars", "i", 3)
    heard = generate(client, "ramp")
    clip = next(message for message in heard if message.address == "/sideman/clip")
    seconds = 60 / (60 / 8) * 0.4054651081081644 + 3.5 * 60 / 180  # ln(180/120)
    with wave.open(str(clip.arguments[3])) as file:
        assert file.getnframes() == round(48000 * seconds)


def test_a_subscriber_hears_what_another_asked_for(daemon: SpawnedDaemon, client: OscClient) -> None:
    with OscClient(daemon.host, daemon.port) as other:
        other.send("/sideman/subscribe")
        assert other.hear(10).address == "/sideman/subscribed"
        generate(client, "shared")
        assert [m.arguments for m in other.hear_until(*ENDS, within_s=30)][-1] == ("shared", 1)
        other.send("/sideman/unsubscribe")


def wait_until_at_work(client: OscClient) -> None:
    """Return when the engine itself has told of progress."""
    while True:
        *_, heard = client.hear_until("/sideman/progress", "/sideman/error", within_s=30)
        assert heard.address == "/sideman/progress", heard
        if float(heard.arguments[1]) > 0:
            return


def test_an_id_in_use_is_refused_and_the_request_that_has_it_goes_on(client: OscClient) -> None:
    client.send("/sideman/bars", "i", 100)
    client.send("/sideman/generate", "s", "twice")
    client.send("/sideman/chords/clear")
    client.send("/sideman/generate", "s", "twice")
    heard = list(client.hear_until("/sideman/done", within_s=60))
    (error,) = [message for message in heard if message.address == "/sideman/error"]
    assert error.arguments[:2] == ("", "id_in_use")
    assert "twice" in str(error.arguments[2])
    assert heard[-1].arguments == ("twice", 1)


def test_a_cancel_in_a_bundle_leaves_the_request_that_follows_it(client: OscClient) -> None:
    bundle = OscBundleBuilder(IMMEDIATELY)
    for address, argument in (("/sideman/cancel", None), ("/sideman/generate", "after")):
        message = OscMessageBuilder(address)
        if argument:
            message.add_arg(argument, "s")
        bundle.add_content(message.build())
    client.send_raw(bundle.build().dgram)
    heard = list(client.hear_until(*ENDS[:1], within_s=60))
    assert heard[0].arguments[:2] == ("", "no_such_request")
    assert heard[-1].arguments == ("after", 1)


def test_a_state_too_long_for_a_datagram_is_shortened(client: OscClient) -> None:
    for index in range(2000):
        client.send("/sideman/drum", "if", 38, index / 4)
    shortened = state(client)
    assert shortened["shortened"] is True
    assert shortened["drum_hits_count"] == 2000
    assert shortened["chords"] == "C | F | G | C"


def test_requests_under_way_are_told_when_the_daemon_ends(tmp_path: Path) -> None:
    with spawned_daemon(tmp_path) as spawned, OscClient(spawned.host, spawned.port) as client:
        client.send("/sideman/key", "s", "C")
        client.send("/sideman/bars", "i", 400)
        client.send("/sideman/generate", "s", "running")
        wait_until_at_work(client)
        client.send("/sideman/generate", "s", "waiting")
        for _ in client.hear_until("/sideman/accepted", within_s=10):
            pass
        spawned.process.terminate()
        ended = set()
        while len(ended) < 2:
            *_, end = client.hear_until("/sideman/cancelled", within_s=30)
            ended.add(end.arguments[0])
        assert ended == {"running", "waiting"}
        assert spawned.process.wait(20) == 0


def test_a_soundfont_that_is_not_there_is_said_before_the_daemon_is_ready(tmp_path: Path) -> None:
    missing = spawned_daemon(tmp_path, "--soundfont", str(tmp_path / "none.sf2"))
    with pytest.raises(StartError, match=r"no soundfont at .*none\.sf2"), missing:
        pass


def test_cancel_ends_a_long_request(client: OscClient) -> None:
    client.send("/sideman/bars", "i", 400)
    client.send("/sideman/generate", "s", "long")
    for message in client.hear_until("/sideman/progress", within_s=30):
        assert message.address != "/sideman/error", message
    client.send("/sideman/cancel", "s", "long")
    *_, end = client.hear_until(*ENDS, within_s=60)
    assert (end.address, end.arguments) == ("/sideman/cancelled", ("long",))


def test_newest_wins(client: OscClient) -> None:
    client.send("/sideman/bars", "i", 400)
    client.send("/sideman/generate", "s", "running")
    for _ in client.hear_until("/sideman/progress", within_s=30):
        pass
    client.send("/sideman/bars", "i", 1)
    client.send("/sideman/generate", "s", "old")
    client.send("/sideman/bars", "i", 2)
    client.send("/sideman/generate", "s", "new")
    *_, end = client.hear_until("/sideman/superseded", within_s=10)
    assert end.arguments == ("old", "new")
    client.send("/sideman/cancel", "s", "running")
    *_, cancelled = client.hear_until("/sideman/cancelled", within_s=60)
    assert cancelled.arguments == ("running",)
    *_, done = client.hear_until("/sideman/done", within_s=60)
    assert done.arguments == ("new", 1)


def test_an_engine_killed_at_work_ends_the_request_and_the_next_one_works(
    daemon: SpawnedDaemon, client: OscClient
) -> None:
    client.send("/sideman/bars", "i", 400)
    client.send("/sideman/generate", "s", "doomed")
    wait_until_at_work(client)
    (engine,) = psutil.Process(daemon.process.pid).children()
    engine.kill()
    *_, end = client.hear_until(*ENDS, within_s=30)
    assert (end.address, *end.arguments[:2]) == ("/sideman/error", "doomed", "engine_crashed")
    client.send("/sideman/bars", "i", 1)
    assert generate(client, "risen")[-1].address == "/sideman/done"


@pytest.mark.parametrize(
    ("address", "types", "arguments", "code"),
    [
        ("/sideman/tempo", "f", (0.0,), "out_of_range"),
        ("/sideman/tempo", "f", (float("nan"),), "out_of_range"),
        ("/sideman/tempo", "s", ("fast",), "wrong_types"),
        ("/sideman/tempo", "", (), "wrong_types"),
        ("/sideman/meter", "ii", (5, 3), "bad_meter"),
        ("/sideman/position", "f", (-1.0,), "out_of_range"),
        ("/sideman/position", "f", (float("inf"),), "out_of_range"),
        ("/sideman/chord", "sf", ("С", 0.0), "bad_chord"),  # a Cyrillic letter
        ("/sideman/chords", "s", ("Am7 | Q |",), "bad_chord"),
        ("/sideman/drums", "ss", ("kick", "x...x..."), "bad_pattern"),
        ("/sideman/drums", "ss", ("kick", "x..?............"), "bad_pattern"),
        ("/sideman/drums", "ss", ("kazoo", "x..............."), "bad_voice"),
        ("/sideman/drum", "if", (3, 0.0), "bad_voice"),
        ("/sideman/key", "s", ("H major",), "bad_key"),
        ("/sideman/prompt", "s", ("x" * 60_000,), "too_long"),
        ("/sideman/engine", "s", ("magnat",), "engine_unavailable"),
        ("/sideman/set", "ss", ("magnet.temperatur", "2"), "bad_setting"),
        ("/sideman/set", "ss", ("magnet.temperature", "hot"), "bad_setting"),
        ("/sideman/set", "sf", ("magnet.top_p", 1.5), "bad_setting"),
        ("/sideman/set", "ss", ("magnet.decoding_steps", "20 10"), "bad_setting"),
        ("/sideman/set", "ss", ("magnet.model", "other"), "bad_setting"),
        ("/sideman/continue", "s", ("nothing",), "bad_request"),
        ("/sideman/infill", "sff", ("/etc/passwd", 0.0, 4.0), "not_allowed"),
        ("/sideman/infill", "sff", ("loop.wav", 0.0, 4.0), "bad_request"),
        ("/sideman/infill", "sff", ("/etc/passwd", 4.0, 4.0), "out_of_range"),
        ("/sideman/bars", "i", (0,), "out_of_range"),
        ("/sideman/generate", "s", ("../../etc/passwd",), "out_of_range"),
        ("/sideman/cancel", "s", ("nobody",), "no_such_request"),
        ("/sideman/play", "s", ("now",), "wrong_types"),
        ("/sideman/subscribe", "si", ("192.0.2.1", 9000), "not_allowed"),
        ("/sideman/nonsense", "", (), "unknown_address"),
        ("/elsewhere", "i", (1,), "unknown_address"),
    ],
)
def test_bad_input_is_answered_and_changes_nothing(
    client: OscClient, address: str, types: str, arguments: tuple[float | str, ...], code: str
) -> None:
    before = state(client)
    _, told, sentence = refused(client, address, types, *arguments)
    assert told == code, sentence
    assert str(sentence).rstrip().endswith((".", "?"))
    assert state(client) == before


def test_an_empty_session_has_nothing_to_play(client: OscClient) -> None:
    client.send("/sideman/chords/clear")
    request_id, code, _ = refused(client, "/sideman/generate", "s", "empty")
    assert (request_id, code) == ("empty", "nothing_to_play")


def test_a_pattern_that_no_longer_fits_the_meter_is_said_at_generate(client: OscClient) -> None:
    client.send("/sideman/drums", "ss", "kick", "x...x...x...x...")
    client.send("/sideman/meter", "ii", 7, 8)
    assert refused(client, "/sideman/generate", "s", "misfit")[:2] == ("misfit", "bad_pattern")


def test_a_bundle_in_the_past_takes_effect_now(client: OscClient) -> None:
    bundle = OscBundleBuilder(1.0)
    message = OscMessageBuilder("/sideman/bars")
    message.add_arg(2, "i")
    bundle.add_content(message.build())
    client.send_raw(bundle.build().dgram)
    assert state(client)["bars"] == 2
    immediately = OscBundleBuilder(IMMEDIATELY)
    message = OscMessageBuilder("/sideman/bars")
    message.add_arg(3, "i")
    immediately.add_content(message.build())
    client.send_raw(immediately.build().dgram)
    assert state(client)["bars"] == 3


def test_the_dialect_of_the_host_is_understood(client: OscClient) -> None:
    client.send("/virtual/song/tempo", "f", 97.5)
    client.send("/virtual/song/signature", "ii", 3, 4)
    heard = state(client)
    assert heard["tempo_map"] == [{"beat": 0.0, "bpm": 97.5, "ramp": False}]
    assert heard["meter_map"] == [{"bar": 1, "meter": "3/4"}]


def test_a_port_in_use_is_one_clear_line(daemon: SpawnedDaemon, tmp_path: Path) -> None:
    taken = spawned_daemon(tmp_path, "--osc", f"127.0.0.1:{daemon.port}")
    with pytest.raises(StartError, match=f"port {daemon.port}") as caught, taken:
        pass
    assert "Traceback" not in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_a_clips_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="clips") as caught, spawned_daemon(tmp_path / "file" / "clips"):
        pass
    assert "Traceback" not in str(caught.value)


def test_the_daemon_never_imports_torch_and_stays_small(daemon: SpawnedDaemon, client: OscClient) -> None:
    process = psutil.Process(daemon.process.pid)
    assert process.memory_info().rss < 120e6
    libraries = " ".join(mapped.path for mapped in process.memory_maps())
    assert "/torch/" not in libraries
    assert "/scipy/" not in libraries


def test_sigterm_ends_the_daemon_and_its_engine(tmp_path: Path) -> None:
    with spawned_daemon(tmp_path) as spawned, OscClient(spawned.host, spawned.port) as client:
        client.send("/sideman/key", "s", "C")
        assert generate(client, "a")[-1].address == "/sideman/done"
        (engine,) = psutil.Process(spawned.process.pid).children()
        spawned.process.terminate()
        assert spawned.process.wait(20) == 0
        assert not engine.is_running()


def test_the_socket_is_not_blocked_by_a_running_request(client: OscClient) -> None:
    client.send("/sideman/bars", "i", 400)
    client.send("/sideman/generate", "s", "busy")
    for _ in client.hear_until("/sideman/progress", within_s=30):
        pass
    client.send("/sideman/ping")
    assert any(heard.address == "/sideman/pong" for heard in client.hear_until("/sideman/pong", within_s=5))
    client.send("/sideman/cancel")
    for _ in client.hear_until("/sideman/cancelled", within_s=60):
        pass


def test_loopback_only(daemon: SpawnedDaemon) -> None:
    (connection,) = [c for c in psutil.Process(daemon.process.pid).net_connections() if c.type == socket.SOCK_DGRAM]
    assert connection.laddr.ip == "127.0.0.1"
