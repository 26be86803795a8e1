"""Category: peer. Real Ardour: its session told, its transport followed, clips placed in it and found in its export."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
import soundfile as sf
from ardour_program import DATA, Ardour, Home, ardour, new_home, program, wait, xvfb

from bridge import session as sessions
from bridge.mailbox_text import read_mail, write_mail
from bridge.osc_client import Heard, OscClient
from bridge.osc_codec import Message, understand
from bridge.osc_replies import PlacedReply
from bridge.session import SessionState
from bridge.spawned import SpawnedDaemon, spawned_daemon
from midi.time import Beats, Seconds, TempoMap

pytestmark = pytest.mark.peer
RATE = 48000
SUPERCLOCKS = 282_240_000
"""A second, as Ardour's files count it."""
CHANGE = 16.0
"""The beat at which 120 becomes 90."""
AM_DM_G_C = ((57, 60, 64), (50, 53, 57), (55, 59, 62), (48, 52, 55))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return new_home(tmp_path_factory.mktemp("ardour") / "home")


@dataclass
class Stage:
    """Ardour with a session, a daemon, a client of it, and a client of Ardour's own OSC."""

    home: Home
    session: Path
    display: str
    daemon: SpawnedDaemon
    client: OscClient
    program: Ardour
    stack: ExitStack

    @property
    def osc(self) -> OscClient:
        return OscClient("127.0.0.1", self.program.port)

    def tell_ardour(self, address: str, tags: str = "", *arguments: Any) -> None:
        with self.osc as one:
            one.send(address, tags, *arguments)

    def state(self) -> dict[str, Any]:
        return state_of(self.client)

    def sees(self, condition: Callable[[dict[str, Any]], object], what: str) -> dict[str, Any]:
        return sees(self.client, condition, what)

    def made(self, request: str, within_s: float = 30.0) -> list[Heard]:
        """Ask for a clip; what is told of it until it is done."""
        self.client.send("/sideman/generate", "s", request)
        return until_done(self.client, request, within_s)

    def regions(self, track: str = "Sideman") -> list[tuple[str, int, int, int]]:
        """Name, sample, length and layer of a track's regions."""
        text = self.program.ask(f'TRACK = "{track}"\n' + (DATA / "regions.lua").read_text())
        rows = [line.split("\t") for line in text.splitlines()]
        return [(name, int(at), int(length), int(layer)) for name, at, length, layer in rows]

    def loop(self, low: int, high: int) -> None:
        """Set the loop range, in beats."""
        ends = ", ".join(f"Temporal.timepos_t.from_ticks ({1920 * beat})" for beat in (low, high))
        self.program.ask(f"Editor:set_loop_range ({ends}, 'loop')")

    def restart(self) -> None:
        """Ardour closed, and opened again with the same session."""
        self.stack.close()
        self.program = self.stack.enter_context(ardour(self.home, self.session, self.display))


def state_of(client: OscClient) -> dict[str, Any]:
    client.send("/sideman/state")
    *_, state = client.hear_until("/sideman/state", within_s=10)
    found: dict[str, Any] = json.loads(str(state.arguments[0]))
    return found


def sees(client: OscClient, condition: Callable[[dict[str, Any]], object], what: str) -> dict[str, Any]:
    """Wait until the session's state is so."""
    seen: dict[str, Any] = {}

    def holds() -> bool:
        seen.update(state_of(client))
        return bool(condition(seen))

    wait(holds, f"The session never had {what}; it is {seen}")
    return seen


def until_done(client: OscClient, request: str, within_s: float) -> list[Heard]:
    messages: list[Heard] = []
    while ("/sideman/done", request) not in [(message.address, message.arguments[0]) for message in messages]:
        messages += client.hear_until("/sideman/done", within_s=within_s)
    return [message for message in messages if message.arguments[:1] == (request,)]


@pytest.fixture(scope="module")
def stage(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    session = home.new_session()
    clips = tmp_path_factory.mktemp("clips")
    mailbox = f"host.mailbox={home.mailbox}"
    with (
        ExitStack() as stack,
        xvfb(home) as display,
        spawned_daemon(clips, "--host", "ardour", "--set", mailbox) as daemon,
        OscClient(daemon.host, daemon.port) as client,
    ):
        client.send("/sideman/subscribe")
        assert client.hear(10).address == "/sideman/subscribed"
        running = stack.enter_context(ardour(home, session, display))
        yield Stage(home, session, display, daemon, client, running, stack)
        stack.close()


def midi_file(path: Path, notes: list[tuple[float, float, int, int]]) -> Path:
    """Notes as beat, length in beats, pitch and velocity."""
    events = [(at, "note_on", pitch, velocity) for at, _, pitch, velocity in notes]
    events += [(at + length, "note_off", pitch, 0) for at, length, pitch, _ in notes]
    track, before = mido.MidiTrack(), 0
    for at, kind, pitch, velocity in sorted(events, key=lambda event: (event[0], event[1])):
        tick = round(at * 480)
        track.append(mido.Message(kind, note=pitch, velocity=velocity, time=tick - before))
        before = tick
    mido.MidiFile(ticks_per_beat=480, tracks=[track]).save(path)
    return path


def lay(stage: Stage, track: str, path: Path, beat: float) -> None:
    names = f'PATH, TRACK, BEAT = "{path}", "{track}", {beat}\n'
    stage.program.ask(names + (DATA / "import_midi.lua").read_text())


# Without the program's window: its own Lua interpreter


def test_ramps_and_odd_meters_are_told_so_that_the_seconds_agree_to_a_fraction_of_a_sample(home: Home) -> None:
    parts = f"{home.settings}/scripts/sideman/"
    printed = home.lua(DATA / "ramps.lua", str(home.path / "ramps"), parts).splitlines()
    places = [line.split()[1:] for line in printed if line.startswith("AT ")]
    assert len(places) == 161
    time = told_time([line.removeprefix("LINE ") for line in printed if line.startswith("LINE ")])
    assert [str(point.meter) for point in time.meters] == ["4/4", "7/8", "5/4"]
    assert sum(point.ramp for point in time.tempos) == 2
    off = []
    for beat, sample, bbt in places:
        off.append(time.seconds_at(Beats(float(beat))) * RATE - int(sample))
        assert str(time.bar_at(Beats(float(beat))).bar) == bbt.split("|")[0], (beat, bbt)
    # Ardour rounds down to samples, and a step of a tempo lies a tick before it.
    assert min(off) > -1.5 and max(off) < 2.5, (min(off), max(off))
    bent = told_time([line.removeprefix("BENT ") for line in printed if line.startswith("BENT ")])
    assert sum(not point.ramp for point in bent.tempos) > 10
    assert all(abs(bent.seconds_at(Beats(float(beat))) - int(sample) / RATE) < 0.05 for beat, sample, _ in places)
    ends = [row for row in places if float(row[0]) in {0.0, 16.0, 32.0, 47.5, 80.0}]
    assert all(abs(bent.seconds_at(Beats(float(beat))) - int(sample) / RATE) < 0.001 for beat, sample, _ in ends)


def told_time(lines: list[str]) -> TempoMap:
    """The time of a session that is told these lines of mail."""
    state = SessionState()
    for item in understand(read_mail("\n".join(["sideman 1", *lines, ""]).encode())):
        assert isinstance(item, Message), item
        state, _ = sessions.reduce(state, item.command, Seconds(0.0))  # type: ignore[arg-type]
    return state.tempo_map


def test_the_script_reads_and_writes_mail_as_the_daemon_does_and_knows_chords_from_sections(
    home: Home, tmp_path: Path
) -> None:
    texts = ["plain", "tab\tin it", "line\nfeed", 'quotes " and \\ backslash \\t', "emoji 🥁 é", "", " blanks ", "\r\n"]
    data = write_mail(*[PlacedReply(id=text, take=index, where=text) for index, text in enumerate(texts)])
    (tmp_path / "mail.txt").write_bytes(data)
    chords = ["Am7", "F#m7b5", "Bbmaj7/D", "C", "G7(b9)", "Dsus4", "N.C.", "E♭maj7", "C:min7", "Aadd9"]
    sections = [
        "Chorus",
        "Bridge",
        "Break",
        "Drop",
        "A part",
        "Verse",
        "Ending",
        "Gm riff",
        "Am7;",
        "B Section",
        "mark",
    ]
    printed = home.lua(
        DATA / "mail.lua", f"{home.settings}/scripts/sideman/", str(tmp_path / "mail.txt"), *chords, *sections
    )
    back = read_mail((tmp_path / "mail.txt.back").read_bytes())
    assert [message.values for message in back] == [(text, index, text) for index, text in enumerate(texts)]
    told = {name: word for word, name in re.findall(r"^CHORD (true|false) (.*)$", printed, re.MULTILINE)}
    assert told == dict.fromkeys(chords, "true") | dict.fromkeys(sections, "false")


# The program itself. The tests go on from one another in the order in which they stand.


def test_the_session_is_told_and_told_again_when_it_changes(stage: Stage, tmp_path: Path) -> None:
    state = stage.sees(lambda state: len(state["tempo_map"]) == 2 and len(state["meter_map"]) == 2, "the maps")
    assert [(point["beat"], point["bpm"]) for point in state["tempo_map"]] == [(0.0, 120.0), (CHANGE, 90.0)]
    assert [(point["bar"], point["meter"]) for point in state["meter_map"]] == [(1, "4/4"), (7, "3/4")]
    # Location markers named as chords, until the track CHORDS has notes; a marker that names a section is none.
    for index, name in enumerate(("Am7", "Chorus", "F/C")):
        stage.program.ask(
            f"Editor:add_location_mark (Temporal.timepos_t.from_ticks ({1920 * 4 * index}))\n"
            "for location in Session:locations ():list ():iter () do\n"
            f'  if location:start ():ticks () == {1920 * 4 * index} then location:set_name ("{name}") end\n'
            "end"
        )
    state = stage.sees(lambda state: len(state["chord_changes"]) == 2, "the chords of the markers")
    assert [(change["beat"], change["chord"]) for change in state["chord_changes"]] == [(0.0, "Am7"), (8.0, "F/C")]
    chords = [(4.0 * index, 4.0, note, 90) for index, notes in enumerate(AM_DM_G_C) for note in notes]
    lay(stage, "CHORDS", midi_file(tmp_path / "chords.mid", chords), 0)
    state = stage.sees(lambda state: len(state["chord_changes"]) == 4, "the chords of CHORDS")
    assert [(change["beat"], change["chord"]) for change in state["chord_changes"]] == [
        (0.0, "Am"), (4.0, "Dm"), (8.0, "G"), (12.0, "C")
    ]  # fmt: skip
    beat = [(float(at), 0.25, 36 if at % 2 == 0 else 38, 100) for at in range(8)]
    lay(stage, "DRUMS", midi_file(tmp_path / "drums.mid", beat), 8)
    state = stage.sees(lambda state: len(state["drum_hits"]) == 8, "the drums of DRUMS")
    assert [(hit["voice"], hit["beat"]) for hit in state["drum_hits"][:2]] == [("kick", 8.0), ("snare", 9.0)]
    stage.loop(16, 24)
    stage.sees(lambda state: (state["from"], state["bars"]) == (16.0, 2), "the loop range")
    # A range that is selected goes before the loop range.
    stage.program.ask('Editor:access_action ("Editor", "select-loop-range")')
    stage.loop(0, 16)
    for _ in range(8):  # a tick each: the script has looked at the range again
        stage.program.ask("return 1")
    assert (stage.state()["from"], stage.state()["bars"]) == (16.0, 2)
    stage.program.ask("Editor:get_selection ():clear_all ()")
    stage.sees(lambda state: (state["from"], state["bars"]) == (0.0, 4), "the loop range again")


def test_the_transport_is_followed(stage: Stage) -> None:
    stage.tell_ardour("/locate", "ii", 0, 0)
    stage.tell_ardour("/transport_play")
    state = stage.sees(
        lambda s: s["transport"]["playing"] and s["transport"]["position"] > 0.5, "a transport that plays"
    )
    assert state["transport"]["tempo"] == 120.0
    stage.tell_ardour("/locate", "ii", 13 * RATE, 1)  # 13 s: beat 23.5
    state = stage.sees(lambda s: s["transport"]["position"] > 23.5, "the place that was jumped to")
    assert state["transport"]["playing"]
    assert (state["transport"]["tempo"], state["transport"]["position"] < 26) == (90.0, True)
    stage.sees(lambda s: s["transport"]["meter"] == "3/4", "the other meter")
    stage.tell_ardour("/transport_stop")
    stage.sees(lambda s: not s["transport"]["playing"], "a transport that stands")
    stage.tell_ardour("/locate", "ii", 4 * RATE, 0)
    stage.sees(lambda s: s["transport"]["position"] == 8.0, "the place that was gone to while it stood")


def test_without_the_script_the_transport_tempo_and_meter_are_followed_over_osc(stage: Stage, tmp_path: Path) -> None:
    settings = ("--set", f"host.mailbox={tmp_path / 'nobody'}", "--set", f"host.port={stage.program.port}")
    with (
        spawned_daemon(tmp_path / "clips", "--host", "ardour", *settings) as daemon,
        OscClient(daemon.host, daemon.port) as client,
    ):
        stage.tell_ardour("/locate", "ii", 4 * RATE, 0)
        sees(client, lambda s: s["transport"]["position"] == 8.0, "the place that was gone to")
        stage.tell_ardour("/transport_play")
        sees(client, lambda s: s["transport"]["playing"] and s["transport"]["position"] > 8.2, "a transport that plays")
        state = sees(client, lambda s: s["transport"]["tempo"] == 90.0, "the tempo after the change")
        assert [point["bpm"] for point in state["tempo_map"]] == [90.0]
        stage.tell_ardour("/locate", "ii", 0, 1)
        sees(client, lambda s: s["transport"]["tempo"] == 120.0, "the tempo before the change")
        stage.tell_ardour("/locate", "ii", 13 * RATE, 1)
        sees(client, lambda s: s["transport"]["meter"] == "3/4", "the meter of the bars that pass by")
        stage.tell_ardour("/transport_stop")
        sees(client, lambda s: not s["transport"]["playing"], "a transport that stands")


def test_takes_are_placed_at_their_bar_undone_and_found_in_the_export(stage: Stage, tmp_path: Path) -> None:
    stage.loop(24, 30)
    stage.sees(lambda state: (state["from"], state["bars"]) == (24.0, 2), "the loop range after the change of tempo")
    stage.client.send("/sideman/takes", "i", 2)
    told = stage.made("verse-1")
    placed = [message.arguments for message in told if message.address == "/sideman/placed"]
    assert placed == [
        ("verse-1", 0, "track Sideman, bar 7"),
        ("verse-1", 1, "track Sideman, bar 7, on top of what lies there"),
    ]
    files = [Path(str(message.arguments[3])) for message in told if message.address == "/sideman/clip"]
    # 16 beats at 120 and 8 at 90, to the sample.
    start, frames = 8 * RATE + 8 * RATE * 60 // 90, 6 * RATE * 60 // 90
    first, second = ((file.stem, start, frames, layer) for layer, file in enumerate(files))
    assert stage.regions() == [first, second]
    # One step back for a take. Below it lies a step of Ardour's import, in which nothing changes.
    stage.tell_ardour("/undo")
    wait(lambda: stage.regions() == [first], "The newest take was never undone")
    stage.tell_ardour("/undo")
    stage.tell_ardour("/undo")
    wait(lambda: stage.regions() == [], "The older take was never undone")
    stage.tell_ardour("/redo")
    wait(lambda: stage.regions() == [first], "The older take was never redone")
    exported = export(stage, tmp_path)
    clip, rate = sf.read(files[0], always_2d=True)
    assert rate == RATE
    at, alike = found_in(exported, clip.mean(axis=1))
    assert at == start
    assert alike > 0.9999


def export(stage: Stage, folder: Path) -> np.ndarray[Any, Any]:
    """The session as Ardour's own tool renders it, all of it from the start; a mean of its channels."""
    stage.program.ask('Session:save_state ("", false, false, false)')
    copy = folder / "export"
    shutil.copytree(stage.session, copy)
    file = copy / "song.ardour"
    text = file.read_text(encoding="utf-8")
    # The range to export, from the start to 20 s, in the place of the session's own.
    text = re.sub(r"<Location [^>]*IsSessionRange[^>]*/>", "", text)
    whole = f'id="99991" name="session" start="a0" end="a{20 * SUPERCLOCKS}" flags="IsSessionRange" locked="0"'
    assert text.count("<Locations>") == 1
    text = text.replace("<Locations>", f"<Locations><Location {whole}/>")
    file.write_text(text, encoding="utf-8")
    out = folder / "export.wav"
    ran = subprocess.run(
        [program("ardour7-export"), "-o", str(out), str(copy), "song"],
        env=stage.home.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert out.exists(), ran.stdout + ran.stderr
    samples, rate = sf.read(out, always_2d=True)
    assert rate == RATE
    mean: np.ndarray[Any, Any] = samples.mean(axis=1)
    return mean


def found_in(whole: np.ndarray[Any, Any], part: np.ndarray[Any, Any]) -> tuple[int, float]:
    """The frame at which a part lies in a whole, and how alike they are there, by cross-correlation."""
    size = 1 << int(np.ceil(np.log2(len(whole) + len(part))))
    correlation = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)
    at = int(np.argmax(correlation[: len(whole) - len(part) + 1]))
    there = whole[at : at + len(part)]
    return at, float(there @ part / np.sqrt((there @ there) * (part @ part)))


def test_an_action_of_ardour_asks_for_a_clip(stage: Stage) -> None:
    stage.client.send("/sideman/takes", "i", 1)
    stage.tell_ardour("/access_action", "s", "LuaAction/script-3")
    *_, placed = stage.client.hear_until("/sideman/placed", within_s=30)
    assert str(placed.arguments[2]).startswith("track Sideman, bar 7")
    until_done(stage.client, str(placed.arguments[0]), 30)


Offered = tuple[int, str, str, float, int] | tuple[int, str, str, float, int, str]


def place(stage: Stage, *offers: Offered, between: str = "") -> list[str]:
    """Offer clips to the script's part inside Ardour: number, path, target, start, again, and what is replaced.

    ``between`` is what happens in Ardour when the first of them was placed. Returns what the script answers and says.
    """

    def literal(text: str) -> str:
        return '"' + "".join(f"\\{byte:03d}" for byte in text.encode()) + '"'

    rows = ", ".join(
        f'{{{number}, "id", 0, {literal(path)}, {literal(target)}, {start}, 4.0, 2.0, 120.0, 4, 4, {again}'
        + "".join(f", {literal(path)}" for path in replaces)
        + "}"
        for number, path, target, start, again, *replaces in offers
    )
    happens = f"BETWEEN = function () {between} end\n" if between else "BETWEEN = nil\n"
    return stage.program.ask(f"OFFERS = {{{rows}}}\n{happens}" + (DATA / "place.lua").read_text()).splitlines()


def tracks(stage: Stage) -> list[str]:
    """The names of the tracks in their order."""
    each = "for route in Session:get_tracks ():iter () do names[#names + 1] = route:name () end"
    return stage.program.ask(f"local names = {{}} {each} return table.concat (names, '\\n')").splitlines()


def wav(path: Path, frames: int = 4800) -> str:
    sf.write(path, np.random.default_rng(7).uniform(-0.5, 0.5, (frames, 2)), RATE, subtype="PCM_24")
    return str(path)


def test_what_cannot_be_placed_is_said_and_nothing_is_changed(stage: Stage, tmp_path: Path) -> None:
    clip = wav(tmp_path / "clip.wav")
    (tmp_path / "none.wav").write_text("not a WAV file")
    before = tracks(stage), stage.regions()
    cases = {
        "Keys": "The track Keys is no audio track: rename it, and one is made.",
        "Master": "Master is a bus, and takes no clips: rename it, and a track is made.",
    }
    for track, why in cases.items():
        assert place(stage, (1, clip, f":{track}", 0.0, 0))[0] == f"/sideman/place/failed\tis\t1\t{why}"
    for path in (tmp_path / "gone.wav", tmp_path / "none.wav"):
        failed, said = place(stage, (2, str(path), "", 0.0, 0))
        assert failed == f"/sideman/place/failed\tis\t2\tThe file of {path.stem} is gone, or is no WAV file."
        assert str(path) in said
    assert place(stage, (3, clip, "", -4.0, 0))[0].endswith("Ardour has no beat -4.")
    assert before == (tracks(stage), stage.regions())


@pytest.mark.parametrize(
    ("target", "track"),
    [
        ('arrangement:Gérald\'s "keys" 🎹', 'Gérald\'s "keys" 🎹'),
        ("Drums: left", "Drums: left"),
        ("lanes:a/b\\c", "a/b\\c"),
    ],
)
def test_a_track_is_made_whatever_its_name_and_a_file_is_placed_whatever_its_own(
    stage: Stage, tmp_path: Path, target: str, track: str
) -> None:
    clip = wav(tmp_path / 'it\'s a "clip" 🥁 100%.wav')
    answer, _ = place(stage, (4, clip, target, 5.5, 0))
    assert answer.startswith("/sideman/place/done\tis\t4\ttrack "), answer
    name = tracks(stage)[-1]
    assert name == track
    assert answer.endswith(f"track {name.replace(chr(92), chr(92) * 2)}, 2|2|960")
    found = stage.program.ask(
        f"for route in Session:get_tracks ():iter () do TRACK = route:name () end\n{(DATA / 'regions.lua').read_text()}"
    )
    assert found == f"{Path(clip).stem}\t{round(5.5 * RATE / 2)}\t4800\t0"


def test_a_clip_that_is_offered_twice_is_placed_once_and_one_that_is_there_is_left(
    stage: Stage, tmp_path: Path
) -> None:
    clip = wav(tmp_path / "once.wav")
    offer = (5, clip, ":Once", 8.0, 0)
    answers = [line for line in place(stage, offer, offer, (5, clip, ":Once", 8.0, 1)) if not line.startswith("SAID")]
    assert answers == ["/sideman/place/done\tis\t5\ttrack Once, bar 3"]
    # Another run of the script, to which the daemon offers what it had no answer for.
    answer, _ = place(stage, (5, clip, ":Once", 8.0, 1))
    assert answer == "/sideman/place/done\tis\t5\ttrack Once, bar 3, where it was already"
    assert len(stage.regions("Once")) == 1


def test_a_better_take_lies_where_its_draft_lay_and_one_undo_brings_that_back(stage: Stage, tmp_path: Path) -> None:
    draft, final, best = (wav(tmp_path / f"{name}.wav") for name in ("draft", "final", "best"))
    told = place(
        stage, (11, draft, ":Take", 9.5, 0), (12, final, ":Take", 9.5, 0, draft), (13, best, "", 9.5, 0, final)
    )
    assert [line for line in told if line.startswith("/sideman/place/")] == [
        "/sideman/place/done\tis\t11\ttrack Take, 3|2|960",
        "/sideman/place/done\tis\t12\ttrack Take, 3|2|960, in the place of its draft",
        "/sideman/place/done\tis\t13\ttrack Take, 3|2|960, in the place of its draft",
    ]
    (row,) = stage.regions("Take")
    assert row[0] == "best"
    stage.tell_ardour("/undo")
    wait(lambda: [row[0] for row in stage.regions("Take")] == ["final"], "The draft never came back")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("region:to_audioregion ():set_scale_amplitude (0.5)", "it was changed"),
        ("region:set_muted (true)", "it was changed"),
        ("region:set_name ('mine')", "it was changed"),
        ("region:set_position (Temporal.timepos_t (96000))", "it was changed"),
        (
            "for event in region:to_audioregion ():envelope ():events ():iter () do event.value = 0.5 end",
            "it was changed",
        ),
        ("playlist:remove_region (region)", "it is not where it was put"),
    ],
    ids=["quieter", "muted", "named", "moved", "faded by its envelope", "removed"],
)
def test_a_draft_that_was_touched_stays_and_the_better_take_lies_on_top_of_it(
    stage: Stage, tmp_path: Path, change: str, why: str
) -> None:
    track = f"Touched {abs(hash(change)) % 10**6}"
    draft, final = (wav(tmp_path / f"{name}.wav") for name in ("draft", "final"))
    find = (
        f"local playlist = Session:route_by_name ('{track}'):to_track ():playlist () "
        f"for region in playlist:region_list ():iter () do {change} break end"
    )
    told = place(stage, (14, draft, f":{track}", 8.0, 0), (15, final, f":{track}", 8.0, 0, draft), between=find)
    (answer,) = [line for line in told if line.startswith("/sideman/place/done\tis\t15")]
    assert answer.endswith(f"; its draft is not replaced: {why}")
    assert sum(row[0] == "final" for row in stage.regions(track)) == 1
    assert len(stage.regions(track)) == (1 if "remove" in change else 2)


def test_a_draft_of_another_run_of_the_script_stays(stage: Stage, tmp_path: Path) -> None:
    draft, final = (wav(tmp_path / f"{name}.wav") for name in ("other draft", "other final"))
    place(stage, (16, draft, ":Other", 8.0, 0))
    answer, _ = place(stage, (17, final, ":Other", 8.0, 0, draft))
    assert answer.endswith(
        "on top of what lies there; its draft is not replaced: this run of the script did not put it there"
    )
    failed, _ = place(stage, (18, str(tmp_path / "gone.wav"), ":Other", 8.0, 0, draft))
    assert failed.endswith("Its draft stays where it is.")
    assert len(stage.regions("Other")) == 2


def test_clips_wait_while_ardour_records(stage: Stage, tmp_path: Path) -> None:
    offer = (6, wav(tmp_path / "later.wav"), "", 8.0, 0)
    armed = 'Session:route_by_name ("Once"):to_track ():rec_enable_control ()'
    stage.program.ask(f"{armed}:set_value (1, PBD.GroupControlDisposition.NoGroup) Session:maybe_enable_record (false)")
    stage.tell_ardour("/transport_play")
    wait(lambda: stage.program.ask("return Session:actively_recording ()") == "true", "Ardour does not record")
    assert place(stage, offer) == []
    stage.tell_ardour("/transport_stop")
    stage.program.ask(f"Session:disable_record (false) {armed}:set_value (0, PBD.GroupControlDisposition.NoGroup)")
    wait(lambda: stage.program.ask("return Session:actively_recording ()") == "false", "Ardour records on")
    assert place(stage, offer)[0].startswith("/sideman/place/done\tis\t6\ttrack Sideman, bar 3")


def test_offers_of_another_run_of_the_daemon_are_forgotten(stage: Stage, tmp_path: Path) -> None:
    loop = "for count = 1, #OFFERS"
    code = (DATA / "place.lua").read_text().replace(loop, f"placer.forget_waiting ()\n{loop}")
    assert "forget_waiting" in code
    path = wav(tmp_path / "old.wav")
    assert stage.program.ask(f'OFFERS = {{{{7, "id", 0, "{path}", "", 0, 4, 2, 120, 4, 4, 0}}}}\n{code}') == ""


def not_placed(told: list[Heard]) -> list[str]:
    """What is said of clips that the DAW has not taken."""
    return [str(one.arguments[2]) for one in told if one.address == "/sideman/notice" and one.arguments[1] == "host"]


def test_a_clip_that_is_made_while_ardour_is_closed_is_told_with_its_path(stage: Stage) -> None:
    stage.client.send("/sideman/takes", "i", 1)
    stage.program.ask('Session:save_state ("", false, false, false)')
    stage.program.kill()
    told = stage.made("while-closed", within_s=60)
    (clip,) = [str(message.arguments[3]) for message in told if message.address == "/sideman/clip"]
    (notice,) = not_placed(told)
    assert notice.startswith("Ardour ") and notice.endswith(f"It is {clip}: drag it onto an audio track.")


@pytest.fixture(scope="module")
def reopened(stage: Stage) -> Stage:
    """The stage after Ardour was killed, and has opened its session again."""
    stage.restart()
    return stage


def test_and_is_placed_when_ardour_is_back(reopened: Stage) -> None:
    *_, placed = reopened.client.hear_until("/sideman/placed", within_s=40)
    assert placed.arguments[:2] == ("while-closed", 0)
    assert [name for name, *_ in reopened.regions() if "while-closed" in name] == ["sideman-while-closed-t0_90bpm"]


def test_ardour_says_farewell_when_its_session_is_closed(reopened: Stage) -> None:
    stage = reopened
    stage.program.ask('Session:save_state ("", false, false, false)')
    stage.program.tell('Editor:access_action ("Common", "Quit")')
    wait(lambda: stage.program.process.poll() is not None, "Ardour did not quit")
    told = stage.made("after-farewell", within_s=60)
    (notice,) = not_placed(told)
    assert notice.startswith("Ardour is not there. The clip is offered to it when it comes back.")
