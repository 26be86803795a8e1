"""Category: integration. ``sideman models`` against a server that speaks the Hub's protocol."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest
from filelock import FileLock, Timeout
from hub_server import COMMIT, Hub, hub_server
from huggingface_hub import close_session, constants
from small_checkpoints import write_small

from bridge.cli import main
from bridge.osc_client import OscClient
from bridge.spawned import spawned_daemon
from models.card import read_card
from models.catalogue import RELEASES
from models.download import download
from models.errors import ModelError
from models.hub import pull

REPOSITORY = "facebook/jasco-chords-drums-400M"
CHUNK = 10 * 1024 * 1024
"""The client writes what has come in pieces of this size."""


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Repositories as folders: a checkpoint of some 25 MB, the codec that it names, and a text encoder."""
    folder = tmp_path_factory.mktemp("hub")
    write_small(folder, dim=384, layers=6)
    (folder / "codec").mkdir()
    (folder / "released" / "config.json").rename(folder / "codec" / "config.json")
    return folder


@pytest.fixture
def hub(released: Path) -> Iterator[Hub]:
    held = {
        REPOSITORY: released / "released",
        "facebook/encodec_32khz": released / "codec",
        "google-t5/t5-base": released / "text",
    }
    with hub_server(Hub(repositories=held)) as one:
        yield one


@pytest.fixture
def near(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The same server, for what is pulled in this process."""
    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    template = hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    yield hub
    close_session()


def changed_copy(hub: Hub, repository: str, folder: Path, file: str, content: bytes | None) -> None:
    """Have the server hold a copy of a repository with one file changed, or taken away."""
    copy = Path(shutil.copytree(hub.repositories[repository], folder))
    if content is None:
        (copy / file).unlink()
    else:
        (copy / file).write_bytes(content)
    hub.repositories[repository] = copy


def environment(hub: Hub, home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_"))}
    return kept | {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(home / "hf"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "HOME": str(home),
        **more,
    }


@dataclass
class Ran:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


def models_apart(hub: Hub, home: Path, *arguments: str, **more: str) -> Ran:
    """Run ``sideman models`` in a process of its own."""
    command = [sys.executable, "-P", "-m", "bridge", "models", *arguments]
    ran = subprocess.run(
        command, env=environment(hub, home, **more), capture_output=True, text=True, timeout=120, check=False
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def models(hub: Hub, home: Path, *arguments: str, **more: str) -> Ran:
    """Run ``sideman models`` here, which spares the loading of torch for each command."""
    template = f"{hub.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    said, complained = io.StringIO(), io.StringIO()
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, environment(hub, home, **more), clear=True))
        stack.enter_context(mock.patch("huggingface_hub.constants.ENDPOINT", hub.endpoint))
        stack.enter_context(mock.patch("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template))
        stack.enter_context(mock.patch("huggingface_hub.constants.HF_TOKEN_PATH", str(home / "none")))
        stack.enter_context(mock.patch("tqdm.tqdm.monitor_interval", 0))
        stack.enter_context(mock.patch.object(sys, "argv", ["sideman", "models", *arguments]))
        stack.enter_context(redirect_stdout(said))
        stack.enter_context(redirect_stderr(complained))
        stack.callback(close_session)
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = int(ended.code or 0)
    return Ran(status, said.getvalue(), complained.getvalue())


def stored(home: Path) -> Path:
    return home / "data" / "sideman" / "models"


def test_a_model_is_pulled_converted_listed_and_checked(hub: Hub, tmp_path: Path) -> None:
    pulled = models_apart(hub, tmp_path, "pull", "jasco-400M")
    assert pulled.returncode == 0, pulled.stderr
    assert "jasco-400M" in pulled.stdout
    assert "CC-BY-NC" in pulled.stdout
    card = read_card(stored(tmp_path) / "jasco-400M")
    assert (card.repository, card.revision) == (REPOSITORY, COMMIT)
    listed = models_apart(hub, tmp_path, "list")
    assert any("jasco-400M" in line and "on this machine" in line for line in listed.stdout.splitlines())
    checked = models_apart(hub, tmp_path, "check", "jasco-400M")
    assert checked.returncode == 0, checked.stderr
    assert "whole" in checked.stdout


def test_an_interrupted_pull_goes_on_where_it_stopped(hub: Hub, tmp_path: Path) -> None:
    hub.stop_after = CHUNK + 1000
    # A shell that runs the tests in the background has SIGINT ignored, and processes inherit that.
    heeding = "import signal, runpy; signal.signal(signal.SIGINT, signal.default_int_handler); "
    heeding += "runpy.run_module('bridge', run_name='__main__', alter_sys=True)"
    command = [sys.executable, "-P", "-c", heeding, "models", "pull", "jasco-400M"]
    with subprocess.Popen(
        command, env=environment(hub, tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert hub.stalled.wait(60), "the server broke the file off"
        wait_for_a_file_of(CHUNK, stored(tmp_path), process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "Traceback" not in said
    assert [path.name for path in stored(tmp_path).glob("*")] == [".downloads"], "nothing partial is in the store"
    again = models(hub, tmp_path, "pull", "jasco-400M")
    assert again.returncode == 0, again.stderr
    assert ("state_dict.bin", CHUNK) in hub.ranges
    assert models(hub, tmp_path, "check", "jasco-400M").returncode == 0


def wait_for_a_file_of(size: int, folder: Path, process: subprocess.Popen[str]) -> None:
    """Return when the client has written that much; it ends, or this does, when it never will."""
    for _ in range(600):
        if any(path.stat().st_size >= size for path in folder.rglob("*.part")):
            return
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    raise AssertionError("the client never wrote what came")


@pytest.mark.parametrize("token", [None, "hf_wrong"])
def test_a_gated_model_says_where_to_accept_its_licence(hub: Hub, tmp_path: Path, token: str | None) -> None:
    hub.gated, hub.token = {REPOSITORY}, "hf_right"
    pulled = models(hub, tmp_path, "pull", "jasco-400M", **({"HF_TOKEN": token} if token else {}))
    assert pulled.returncode == 1
    assert f"https://huggingface.co/{REPOSITORY}" in pulled.stderr
    assert "HF_TOKEN" in pulled.stderr
    assert "Traceback" not in pulled.stderr
    assert not list(stored(tmp_path).glob("[!.]*"))


def test_a_token_opens_a_gated_model(hub: Hub, tmp_path: Path) -> None:
    hub.gated, hub.token = {REPOSITORY}, "hf_right"
    pulled = models(hub, tmp_path, "pull", REPOSITORY, HF_TOKEN="hf_right")
    assert pulled.returncode == 0, pulled.stderr


def test_a_model_that_is_here_in_the_hubs_version_is_not_downloaded_again(hub: Hub, tmp_path: Path) -> None:
    assert models(hub, tmp_path, "pull", "jasco-400M").returncode == 0
    asked = len(hub.tokens)
    again = models(hub, tmp_path, "pull", "jasco-400M")
    assert again.returncode == 0, again.stderr
    assert "jasco-400M" in again.stdout
    assert len(hub.tokens) == asked, "no file was asked for"


def test_the_licence_of_a_repository_of_ones_own_is_what_it_says(hub: Hub, tmp_path: Path) -> None:
    hub.repositories["someone/finetuned"] = hub.repositories[REPOSITORY]
    pulled = models(hub, tmp_path, "pull", "someone/finetuned")
    assert pulled.returncode == 0, pulled.stderr
    assert "licence CC-BY-NC-4.0" in pulled.stdout


def test_the_list_says_which_licence_must_be_accepted_first(hub: Hub, tmp_path: Path) -> None:
    listed = models(hub, tmp_path, "list").stdout.splitlines()
    gated = {line.split()[0] for line in listed if "accept its licence" in line}
    assert gated == {name for name, release in RELEASES.items() if release.gated}


def test_a_repository_that_is_not_there_says_so(hub: Hub, tmp_path: Path) -> None:
    pulled = models(hub, tmp_path, "pull", "someone/something")
    assert pulled.returncode == 1
    assert "no repository someone/something" in pulled.stderr


def test_a_name_nobody_knows_is_answered_with_the_nearest(hub: Hub, tmp_path: Path) -> None:
    pulled = models(hub, tmp_path, "pull", "jasco-40M")
    assert pulled.returncode == 1
    assert "did you mean jasco-400M?" in pulled.stderr


def test_a_repository_without_a_checkpoint_says_so(hub: Hub, tmp_path: Path, released: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    hub.repositories["someone/empty"] = empty
    pulled = models(hub, tmp_path, "pull", "someone/empty")
    assert pulled.returncode == 1
    assert "someone/empty lacks a file that is needed (compression_state_dict.bin)" in pulled.stderr


def test_a_hub_that_cannot_be_reached_says_so(released: Path, tmp_path: Path) -> None:
    nowhere = Hub(repositories={}, endpoint="http://127.0.0.1:9")
    pulled = models(nowhere, tmp_path, "pull", "jasco-400M")
    assert pulled.returncode == 1
    assert "cannot be reached" in pulled.stderr
    assert "Traceback" not in pulled.stderr


def test_bytes_that_are_not_what_was_published_are_not_kept(hub: Hub, tmp_path: Path) -> None:
    hub.changed = {"state_dict.bin"}
    pulled = models(hub, tmp_path, "pull", "jasco-400M")
    assert pulled.returncode == 1
    assert "did not come as it was published" in pulled.stderr
    assert not list(stored(tmp_path).rglob("state_dict.bin*[!k]"))
    hub.changed = set()
    assert models(hub, tmp_path, "pull", "jasco-400M").returncode == 0


def test_the_token_does_not_go_where_the_files_are(hub: Hub, tmp_path: Path) -> None:
    """The Hub answers with the address of a file elsewhere, as the real one does for large files."""
    with hub_server(Hub(repositories=hub.repositories)) as files:
        hub.elsewhere, hub.gated, hub.token = files.endpoint, {REPOSITORY}, "hf_right"
        pulled = models(hub, tmp_path, "pull", "jasco-400M", HF_TOKEN="hf_right")
        assert pulled.returncode == 0, pulled.stderr
        assert len(files.tokens) >= 5
        assert set(files.tokens) == {""}
    assert models(hub, tmp_path, "check", "jasco-400M").returncode == 0


def test_the_token_goes_to_the_hub_itself(hub: Hub, tmp_path: Path) -> None:
    hub.gated, hub.token = {REPOSITORY}, "hf_right"
    assert models(hub, tmp_path, "pull", "jasco-400M", HF_TOKEN="hf_right").returncode == 0
    assert "Bearer hf_right" in hub.tokens


def test_a_file_of_another_version_is_downloaded_again(hub: Hub, tmp_path: Path) -> None:
    """Of the right size is not enough."""
    folder = stored(tmp_path) / ".downloads" / REPOSITORY.replace("/", "--")
    folder.mkdir(parents=True)
    size = (hub.repositories[REPOSITORY] / "compression_state_dict.bin").stat().st_size
    (folder / "compression_state_dict.bin").write_bytes(b"x" * size)
    (folder / "compression_state_dict.bin.etag").write_text("of an older one")
    pulled = models(hub, tmp_path, "pull", "jasco-400M")
    assert pulled.returncode == 0, pulled.stderr


def test_a_part_that_is_too_long_is_begun_anew(hub: Hub, tmp_path: Path) -> None:
    path = hub.repositories[REPOSITORY] / "compression_state_dict.bin"
    folder = stored(tmp_path) / ".downloads" / REPOSITORY.replace("/", "--")
    folder.mkdir(parents=True)
    etag = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / f"compression_state_dict.bin.{etag}.part").write_bytes(bytes(path.stat().st_size + 1))
    pulled = models(hub, tmp_path, "pull", "jasco-400M")
    assert pulled.returncode == 0, pulled.stderr


def test_what_another_model_has_downloaded_stays(hub: Hub, tmp_path: Path) -> None:
    other = stored(tmp_path) / ".downloads" / "facebook--other" / "state_dict.bin.1.part"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"half of it")
    assert models(hub, tmp_path, "pull", "jasco-400M").returncode == 0
    assert other.read_bytes() == b"half of it"
    assert sorted(path.name for path in other.parent.parent.iterdir()) == ["facebook--other", "pull.lock"]


def test_two_pulls_at_once_are_one_too_many(hub: Hub, tmp_path: Path) -> None:
    folder = stored(tmp_path) / ".downloads"
    folder.mkdir(parents=True)
    with FileLock(folder / "pull.lock"):
        pulled = models(hub, tmp_path, "pull", "jasco-400M")
    assert pulled.returncode == 1
    assert "Another model is being pulled" in pulled.stderr


@pytest.mark.parametrize("missing", ["tokenizer.json", "model.safetensors"])
def test_a_missing_file_of_the_text_encoder_is_named_and_the_download_is_kept(
    hub: Hub, tmp_path: Path, missing: str
) -> None:
    text = Path(shutil.copytree(hub.repositories["google-t5/t5-base"], tmp_path / "text"))
    (text / missing).unlink()
    hub.repositories["google-t5/t5-base"] = text
    pulled = models(hub, tmp_path, "pull", "jasco-400M")
    assert pulled.returncode == 1
    assert f"google-t5/t5-base lacks a file that is needed ({missing})" in pulled.stderr
    assert list(stored(tmp_path).rglob("state_dict.bin")), "a second try has it already"


def test_a_missing_file_of_the_codec_is_named(hub: Hub, tmp_path: Path) -> None:
    changed_copy(hub, "facebook/encodec_32khz", tmp_path / "codec", "config.json", None)
    pulled = models(hub, tmp_path, "pull", "jasco-400M")
    assert pulled.returncode == 1
    assert "facebook/encodec_32khz lacks a file that is needed (config.json)" in pulled.stderr


@pytest.mark.parametrize(
    ("repository", "file", "words"),
    [
        ("google-t5/t5-base", "tokenizer.json", "text encoder .* cannot be loaded"),
        ("facebook/encodec_32khz", "config.json", "codec's configuration .* cannot be read"),
    ],
)
def test_a_bad_part_goes_and_the_checkpoint_stays(
    near: Hub, tmp_path: Path, repository: str, file: str, words: str
) -> None:
    good = near.repositories[repository]
    changed_copy(near, repository, tmp_path / "bad", file, b"{ not json")
    with pytest.raises(ModelError, match=words):
        pull("jasco-400M", tmp_path / "model", tmp_path / "downloads")
    kept = {path.name for path in (tmp_path / "downloads").iterdir()}
    assert repository.replace("/", "--") not in kept
    assert (tmp_path / "downloads" / REPOSITORY.replace("/", "--") / "state_dict.bin").is_file()
    near.repositories[repository] = good
    assert pull("jasco-400M", tmp_path / "model", tmp_path / "downloads").name == "jasco-400M"


def test_a_checkpoint_that_does_not_fit_is_not_kept(near: Hub, tmp_path: Path) -> None:
    config = json.loads((near.repositories["facebook/encodec_32khz"] / "config.json").read_text(encoding="utf-8"))
    other = json.dumps(config | {"sampling_rate": 16000}).encode()
    changed_copy(near, "facebook/encodec_32khz", tmp_path / "other", "config.json", other)
    with pytest.raises(ModelError, match="another model's codec"):
        pull("jasco-400M", tmp_path / "model", tmp_path / "downloads")
    assert not (tmp_path / "downloads" / REPOSITORY.replace("/", "--")).exists()


def test_ctrl_c_while_converting_keeps_what_came_and_nobody_else_pulls_meanwhile(
    near: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*given: object, **options: object) -> None:
        with pytest.raises(Timeout):
            FileLock(tmp_path / "downloads" / "pull.lock").acquire(timeout=0)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("models.checkpoints.convert", stopped)
        with pytest.raises(KeyboardInterrupt):
            pull("jasco-400M", tmp_path / "model", tmp_path / "downloads")
    assert (tmp_path / "downloads" / REPOSITORY.replace("/", "--") / "state_dict.bin").is_file()
    assert pull("jasco-400M", tmp_path / "model", tmp_path / "downloads").name == "jasco-400M"


def test_a_place_that_is_taken_is_told_before_anything_is_asked_for(near: Hub, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "diary.txt").write_text("private")
    with pytest.raises(ModelError, match="something else than a converted model"):
        pull("jasco-400M", tmp_path / "model", tmp_path / "downloads")
    assert near.tokens == []


def test_a_store_that_cannot_be_written_says_so(near: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ModelError, match="downloads cannot be written: Not a directory"):
        pull("jasco-400M", tmp_path / "model", tmp_path / "file" / "downloads")


def test_a_file_that_comes_short_is_not_called_a_disk_error(near: Hub, tmp_path: Path) -> None:
    near.longer = {"state_dict.bin"}
    with pytest.raises(ModelError, match=r"did not come whole \(Consistency check failed.*pull it again"):
        pull("jasco-400M", tmp_path / "model", tmp_path / "downloads")
    near.longer = set()
    assert pull("jasco-400M", tmp_path / "model", tmp_path / "downloads").name == "jasco-400M"


def test_an_error_in_words_is_not_its_own_cause(near: Hub, tmp_path: Path) -> None:
    near.changed = {"state_dict.bin"}
    with pytest.raises(ModelError, match="as it was published") as raised:
        pull("jasco-400M", tmp_path / "model", tmp_path / "downloads")
    assert raised.value.__cause__ is not raised.value


@pytest.mark.parametrize(
    ("name", "words"),
    [("t5-small", "no repository t5-small"), ("../text", "did not give ../text"), ("/text", "did not give /text")],
)
def test_any_name_of_a_text_encoder_is_asked_of_the_hub_alone(
    near: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    """Names without an owner are the older ones of the Hub; a path is none of its names."""
    monkeypatch.setattr("models.hub._needs", lambda folder: (None, name, "jasco"))
    with pytest.raises(ModelError, match=words):
        pull("jasco-400M", tmp_path / "model", tmp_path / "downloads")


def test_a_download_that_stops_before_the_file_is_in_place_is_not_taken_for_done(
    near: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = near.repositories[REPOSITORY] / "compression_state_dict.bin"
    (tmp_path / path.name).write_bytes(b"x" * path.stat().st_size)

    def stopped(*given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", stopped)
        with pytest.raises(KeyboardInterrupt):
            download(REPOSITORY, path.name, tmp_path)
    assert download(REPOSITORY, path.name, tmp_path).read_bytes() == path.read_bytes()


def test_a_card_with_another_kind_of_value_for_the_codec_cannot_be_read(hub: Hub, tmp_path: Path) -> None:
    assert models(hub, tmp_path, "pull", "jasco-400M").returncode == 0
    folder = stored(tmp_path) / "jasco-400M"
    values = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    for change in ({"sample_rate_hz": "32000"}, {"bins": 0}, {"ratios": []}, {"pad_mode": "zeros"}, {"new": 1}):
        (folder / "model.json").write_text(json.dumps(values | {"codec": values["codec"] | change}), encoding="utf-8")
        with pytest.raises(ModelError, match="cannot be read: run sideman models pull or convert"):
            read_card(folder)


def test_a_folder_that_happens_to_be_called_like_a_text_encoder_is_not_used(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t5-base").mkdir()
    (tmp_path / "t5-base" / "diary.txt").write_text("private")
    monkeypatch.chdir(tmp_path)
    pulled = models(hub, tmp_path, "pull", "jasco-400M")
    assert pulled.returncode == 0, pulled.stderr
    assert not list(stored(tmp_path).rglob("diary.txt"))


def test_a_full_disk_keeps_what_came(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Conversion writes the last gigabytes; what was downloaded is not thrown away for it."""
    for name, value in environment(hub, tmp_path).items():
        monkeypatch.setenv(name, value)
    code = (
        "import models.checkpoints as c\n"
        "def full(*given): raise OSError(28, 'No space left on device')\n"
        "c.save_file = full\n"
        "from bridge.cli import main\n"
        "import sys; sys.argv = ['sideman', 'models', 'pull', 'jasco-400M']\n"
        "main()\n"
    )
    ran = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 1
    assert "No space left" in ran.stderr
    assert list(stored(tmp_path).rglob("state_dict.bin"))
    assert not list(stored(tmp_path).glob("[!.]*"))


def test_a_damaged_download_leaves_nothing_in_the_store(hub: Hub, tmp_path: Path, released: Path) -> None:
    damaged = Path(shutil.copytree(released / "released", tmp_path / "damaged"))
    os.truncate(damaged / "state_dict.bin", 5000)
    hub.repositories[REPOSITORY] = damaged
    pulled = models(hub, tmp_path, "pull", "jasco-400M")
    assert pulled.returncode == 1
    assert "damaged" in pulled.stderr
    assert not list(stored(tmp_path).glob("[!.]*"))


def test_a_folder_is_converted_from_the_command_line(hub: Hub, tmp_path: Path, released: Path) -> None:
    made = models_apart(
        hub, tmp_path, "convert", str(released / "released"), "--text", str(released / "text"),
        "--codec", str(released / "codec" / "config.json"), "--to", str(tmp_path / "mine"),
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    checked = models_apart(hub, tmp_path, "check", str(tmp_path / "mine"))
    assert checked.returncode == 0, checked.stderr


def test_the_emulated_checkpoint_is_pulled_and_played_over_osc(hub: Hub, released: Path, tmp_path: Path) -> None:
    """From the Hub to a clip: the packages of the reference numbers, a second of music at a time."""
    parity = Path(__file__).parent.parent / "data" / "parity"
    hub.repositories[REPOSITORY] = parity / "checkpoint_emulation" / "jasco_chords_drums"
    hub.repositories["facebook/encodec_32khz"] = parity / "encodec_32khz_hf_tiny"
    pulled = models(hub, tmp_path, "pull", "jasco-400M")
    assert pulled.returncode == 0, pulled.stderr
    options = ("--engine", "jasco", "--model", str(stored(tmp_path) / "jasco-400M"), "--device", "cpu")
    with spawned_daemon(tmp_path / "clips", *options) as daemon, OscClient(daemon.host, daemon.port) as client:
        client.send("/sideman/tempo", "f", 240.0)
        client.send("/sideman/chords", "s", "Dm7 G7 |")
        client.send("/sideman/bars", "i", 1)
        client.send("/sideman/generate", "s", "heard")
        heard = list(client.hear_until("/sideman/done", "/sideman/error", within_s=120))
    assert heard[-1].arguments == ("heard", 1), heard[-1]
    (clip,) = [Path(str(message.arguments[3])) for message in heard if message.address == "/sideman/clip"]
    with wave.open(str(clip)) as file:
        assert file.getnframes() == 48000
    receipt = json.loads(clip.with_suffix(".json").read_text(encoding="utf-8"))
    assert receipt["model"].startswith(f"jasco-400M ({REPOSITORY}, SHA-256 ")
    assert receipt["weights_licence"] == "CC-BY-NC-4.0"
