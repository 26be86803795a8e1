"""Category: unit. Awkward charts and times, as clients send them: every plan explains, or refuses in a sentence.

Each session is written as the lines that a client sends, and read by the codec and the reducer.
"""

from __future__ import annotations

import itertools

import pytest

from bridge.conditioning import AudioFormat, Plan, plan
from bridge.errors import NothingToPlay
from bridge.jasco_plan import JascoSettings
from bridge.magnet_plan import MagnetSettings
from bridge.osc_client import datagram, read_script
from bridge.osc_codec import Malformed, Message, decode
from bridge.osc_schema import GridPattern
from bridge.session import SessionState, reduce
from midi.chords import chord_label
from midi.drums import parse_pattern
from midi.errors import SidemanError
from midi.events import SetPattern
from midi.time import Seconds
from models.generator import JascoControls, MagnetPrompt, SketchChart
from models.presets import Decoding

SETTINGS = {
    "sketch": None,
    "jasco": JascoSettings(
        model="m", licence="l", segment_s=10.0, frame_rate_hz=50.0, melody=True, all_weight=5.0, text_weight=0.0,
        solver="standard",
    ),
    "magnet": MagnetSettings(model="m", licence="l", segment_s=30.0, decoding=Decoding()),
}  # fmt: skip
ENGINES = tuple(SETTINGS)


class Refused(Exception):
    """A message that was answered with an error."""


def session(script: str) -> SessionState:
    """The session after some messages. Raises ``Refused`` with the error of one that cannot be used."""
    state = SessionState()
    for address, types, arguments in read_script(script):
        (incoming,) = decode(datagram(address, types, *arguments))
        if isinstance(incoming, Malformed):
            raise Refused(incoming.message)
        assert isinstance(incoming, Message)
        command = incoming.command
        if isinstance(command, GridPattern):
            command = SetPattern(pattern=parse_pattern(command.voice, command.text, state.tempo_map))
        try:
            state, _ = reduce(state, command, Seconds(0.0))  # type: ignore[arg-type]
        except SidemanError as error:
            raise Refused(str(error)) from error
    return state


def planned(engine: str, script: str) -> Plan:
    state = session(f"/sideman/prompt s soul\n/sideman/engine s {engine}\n{script}")
    return plan(state, request_id="a", seed=1, audio=AudioFormat(), model=SETTINGS[engine])


def chords_of(made: Plan) -> list[tuple[float, str]]:
    """The chords that an engine is given, by seconds."""
    (controls,) = made.request.controls
    match controls:
        case JascoControls():
            return [(round(start_s, 3), label) for start_s, label in controls.chords]
        case SketchChart():
            seconds = controls.tempo_map.seconds_between
            return [(round(seconds(controls.start, one.start), 3), chord_label(one.chord)) for one in controls.chords]
        case MagnetPrompt():
            return []


@pytest.mark.parametrize("engine", ["sketch", "jasco"])
def test_chords_that_come_backwards_and_on_each_other_are_put_in_order(engine: str) -> None:
    """Of two at one beat the later message counts; each sounds up to the next."""
    script = """
        /sideman/tempo f 120
        /sideman/chord sf G 4
        /sideman/chord sf C 0
        /sideman/chord sf F 2
        /sideman/chord sf Am 2
        /sideman/bars i 2
    """
    assert chords_of(planned(engine, script)) == [(0.0, "C"), (1.0, "Am"), (2.0, "G")]


def test_a_tempo_of_nothing_is_refused_in_words_and_a_ramp_to_the_slowest_is_planned() -> None:
    with pytest.raises(Refused, match=r"bpm.*5 to 999"):
        session("/sideman/tempo/at ffi 8 0 1")
    for engine in ("sketch", "jasco"):
        made = planned(engine, "/sideman/chords s 'C | F |'\n/sideman/tempo/at ffi 8 5 1\n/sideman/bars i 2")
        assert made.request.window.seconds > 12.0


@pytest.mark.parametrize("engine", ["sketch", "jasco"])
def test_three_bars_at_20_are_36_seconds(engine: str) -> None:
    made = planned(engine, "/sideman/tempo f 20\n/sideman/chords s 'C | F | G |'\n/sideman/bars i 3")
    assert made.request.window.frames == 36 * 48000
    assert chords_of(made) == [(0.0, "C"), (12.0, "F"), (24.0, "G")]


@pytest.mark.parametrize("engine", ENGINES)
def test_sixty_four_bars_at_200_are_planned(engine: str) -> None:
    made = planned(engine, "/sideman/tempo f 200\n/sideman/chords s 'C | F |'\n/sideman/bars i 64")
    assert made.request.window.frames == round(76.8 * 48000)


def test_a_meter_that_changes_inside_a_window_moves_the_bar_lines() -> None:
    """Four bars of 4/4 and four of 7/8 at 120: windows meet at 9.75 s, a bar of 7/8 after the change."""
    script = """
        /sideman/tempo f 120
        /sideman/meter/at iii 5 7 8
        /sideman/chords s 'C | F | G | Am |'
        /sideman/bars i 8
    """
    (controls,) = planned("jasco", script).request.controls
    assert isinstance(controls, JascoControls)
    assert [window.from_s for window in controls.windows] == [0.0, 9.75]
    assert controls.duration_s == 15.0
    assert [start for start, _ in controls.chords] == [0.0, 2.0, 4.0, 6.0, 8.0, 9.75, 11.5, 13.25]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_empty_chart_says_what_to_send(engine: str) -> None:
    with pytest.raises(NothingToPlay, match="send /sideman/"):
        planned(engine, "/sideman/prompt s ''\n/sideman/bars i 2")


@pytest.mark.parametrize("engine", ["sketch", "jasco"])
def test_drums_outside_the_clip_are_not_in_it(engine: str) -> None:
    script = """
        /sideman/tempo f 120
        /sideman/drum if 36 0
        /sideman/drum if 38 5
        /sideman/drum if 36 64
        /sideman/from f 4
        /sideman/bars i 1
    """
    made = planned(engine, script)
    assert [(hit.at, hit.voice) for hit in made.chart.drums] == [(5.0, "snare")]


@pytest.mark.parametrize("engine", ["sketch", "jasco"])
def test_a_clip_that_begins_with_a_pickup_is_as_long_as_its_beats(engine: str) -> None:
    """Three bars from the last beat of a bar on, over two bar lines; the chart goes on where the song is."""
    script = "/sideman/tempo f 120\n/sideman/chords s 'C | F | G | Am |'\n/sideman/from f 3\n/sideman/bars i 3"
    made = planned(engine, script)
    assert made.request.window.seconds == 6.0
    assert chords_of(made) == [(0.0, "C"), (0.5, "F"), (2.5, "G"), (4.5, "Am")]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_clip_longer_than_any_engine_plays_is_refused_with_its_length(engine: str) -> None:
    with pytest.raises(SidemanError, match=r"512 bars last 6144 seconds here"):
        planned(engine, "/sideman/tempo f 20\n/sideman/chords s 'C |'\n/sideman/bars i 512")


def test_the_chords_of_a_long_clip_go_forward_through_all_its_windows() -> None:
    made = planned("jasco", "/sideman/tempo f 97.3\n/sideman/chords s 'C F G Am |'\n/sideman/bars i 40")
    starts = [start for start, _ in chords_of(made)]
    assert all(later > earlier for earlier, later in itertools.pairwise(starts))
