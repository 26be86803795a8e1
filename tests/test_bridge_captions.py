"""Category: unit, property. What a model is asked for in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.captions import DEFAULT_CAPTION, FIELDS, caption, check_parts, drum_feel
from bridge.conditioning import AudioFormat, plan, plan_window
from bridge.jasco_plan import JascoSettings
from bridge.magnet_plan import MagnetSettings
from bridge.neural_config import BadSetting, require_setting
from bridge.osc_schema import MAX_VALUE_CHARACTERS
from bridge.session import SessionState
from midi.charts import ChordChart, DrumChart
from midi.chords import parse_progression
from midi.drums import DrumHit, parse_pattern
from midi.keys import parse_key
from midi.time import Beats, Bpm, Meter, MeterPoint, TempoMap, TempoPoint
from models.generator import JascoControls, MagnetPrompt
from models.presets import Decoding

TEMPO = TempoMap.constant(Bpm(92.0))
MAGNET = MagnetSettings(model="m", licence="l", segment_s=10.0, decoding=Decoding())
JASCO = JascoSettings(
    model="j",
    licence="l",
    segment_s=30.0,
    frame_rate_hz=50.0,
    melody=False,
    all_weight=5.0,
    text_weight=0.0,
    solver="standard",
)
STATE = SessionState(engine="magnet", tempo_map=TEMPO, tempo_said=True, meter_said=True, bars=4, prompt="dub techno")
A_MINOR = parse_key("A minor")
CHORDS = ChordChart(progression=parse_progression("Am7 | Dm7 |"))


def drums(**patterns: str) -> DrumChart:
    chart = DrumChart()
    for voice, text in patterns.items():
        chart = chart.with_pattern(parse_pattern(voice, text, TEMPO))
    return chart


def asked(state: SessionState, settings: MagnetSettings | JascoSettings = MAGNET) -> tuple[str, list[str]]:
    made = plan(state, request_id="a", seed=5, audio=AudioFormat(), model=settings)
    controls = made.request.controls[0]
    assert isinstance(controls, MagnetPrompt | JascoControls)
    return controls.description, [notice.message for notice in made.notices if notice.code == "caption"]


def test_tempo_and_key_stand_after_the_users_words() -> None:
    text, notices = asked(replace(STATE, key=A_MINOR))
    assert text == "dub techno. key: A minor. bpm: 92"
    assert notices == [f"The engine magnet is asked for: {text}"]


def test_what_is_not_known_is_left_out() -> None:
    assert asked(STATE)[0] == "dub techno. bpm: 92"


def test_jasco_is_told_in_words_only_what_its_controls_do_not_say() -> None:
    state = replace(STATE, engine="jasco", key=A_MINOR)
    beat = drums(kick="x...x...x...x...")
    assert asked(replace(state, chords=CHORDS, drums=beat), JASCO) == ("dub techno", [])
    assert asked(replace(state, chords=CHORDS), JASCO)[0] == "dub techno. bpm: 92"
    assert asked(replace(state, drums=beat), JASCO)[0] == "dub techno. key: A minor"


def test_a_meter_is_said_where_it_is_another_than_common_time() -> None:
    waltz = TempoMap(tempos=TEMPO.tempos, meters=(MeterPoint(bar=1, meter=Meter(numerator=3, denominator=4)),))
    assert asked(replace(STATE, tempo_map=waltz))[0] == "dub techno. 3/4 time. bpm: 92"


def test_what_changes_inside_the_clip_is_not_said() -> None:
    ramp = TempoMap(
        tempos=(TempoPoint(at=Beats(0.0), bpm=Bpm(92.0)), TempoPoint(at=Beats(16.0), bpm=Bpm(140.0), ramp=True))
    )
    assert asked(replace(STATE, tempo_map=ramp))[0] == "dub techno"
    meters = (
        MeterPoint(bar=1, meter=Meter(numerator=3, denominator=4)),
        MeterPoint(bar=3, meter=Meter(numerator=5, denominator=4)),
    )
    assert asked(replace(STATE, tempo_map=TempoMap(tempos=TEMPO.tempos, meters=meters)))[0] == "dub techno. bpm: 92"


@pytest.mark.parametrize(
    ("patterns", "words"),
    [
        ({"kick": "x...x...x...x...", "snare": "....x.......x..."}, ""),
        ({"kick": "x...............", "snare": "........x......."}, "half-time drums"),
        ({"snare": "x.x.x.x.x.x.x.x.", "closed_hat": "x" * 16}, "busy drums"),
        ({}, ""),
    ],
    ids=["backbeat", "half-time", "busy", "none"],
)
def test_the_feel_of_the_drums(patterns: dict[str, str], words: str) -> None:
    state = replace(STATE, drums=drums(**patterns))
    window = plan_window(state, AudioFormat())
    hits = state.drums.layout(TEMPO, window.start, window.end).hits
    if words == "busy drums":
        hits = tuple(hits) * 2
    assert drum_feel(hits, window, TEMPO) == words


def test_swing_is_heard_from_the_off_beats() -> None:
    window = plan_window(STATE, AudioFormat())
    for place, words in ((2 / 3, "swing drums"), (0.5, "")):
        hits = [DrumHit(at=Beats(beat + off), voice="ride", velocity=90) for beat in range(8) for off in (0.0, place)]
        assert drum_feel(hits, window, TEMPO) == words


def test_the_users_words_alone_are_asked_for_when_they_are_the_whole_template() -> None:
    assert asked(replace(STATE, key=A_MINOR), replace(MAGNET, caption=("{prompt}",))) == ("dub techno", [])


@given(known=st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=12), max_size=5))
def test_no_part_is_left_half_filled(known: dict[str, str]) -> None:
    text = caption(DEFAULT_CAPTION, known)
    for name, start in (("key", "key: "), ("bpm", "bpm: ")):
        if not known.get(name):
            assert start not in text or any(start in words for words in known.values())


@given(words=st.text(alphabet="{}abc prompt:!", max_size=20))
def test_braces_in_the_users_words_are_only_words(words: str) -> None:
    assert caption(("{prompt}",), {"prompt": words}) == words.strip().rstrip(".")


@pytest.mark.parametrize(
    "part", ["{tempo}", "{}", "{prompt.upper}", "{0}", "{prompt", "{prompt[0]}", "{bpm:>999999999}", "{bpm!r}"]
)
def test_a_template_names_nothing_else(part: str) -> None:
    with pytest.raises(ValueError):
        check_parts([part])
    with pytest.raises(BadSetting):
        require_setting("magnet.caption", part)


def test_a_template_may_be_set_over_osc() -> None:
    assert len(" | ".join(DEFAULT_CAPTION)) * 4 < MAX_VALUE_CHARACTERS
    require_setting("magnet.caption", "{prompt} | {bpm} beats per minute")
    require_setting("jasco.caption", "{prompt}")
