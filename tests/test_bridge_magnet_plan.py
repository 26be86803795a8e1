"""Category: unit. From the session to MAGNeT's prompt; its settings; which audio files a message may name."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.audio_paths import allowed_audio
from bridge.conditioning import AudioFormat, plan
from bridge.errors import ClipTooLong, NothingToPlay, RequestError
from bridge.magnet_plan import MagnetSettings
from bridge.neural_config import SETTINGS, BadSetting, JascoConfig, MagnetConfig, overlaid_magnet, require_setting
from bridge.osc_errors import NotAllowed
from bridge.session import SessionState, reduce
from midi import events as ev
from midi.charts import ChordChart, DrumChart
from midi.chords import parse_progression
from midi.drums import parse_pattern
from midi.keys import parse_key
from midi.time import Beats, Bpm, Seconds, TempoMap
from models.generator import MagnetPrompt
from models.presets import DECODINGS, Decoding

SETTINGS_OF_MODEL = MagnetSettings(
    model="magnet-small-10secs", licence="CC-BY-NC-4.0", segment_s=10.0, decoding=Decoding(), caption=("{prompt}",)
)
TEMPO = TempoMap.constant(Bpm(120.0))
STATE = SessionState(engine="magnet", tempo_map=TEMPO, tempo_said=True, meter_said=True, bars=4, prompt="dub techno")


def planned(state: SessionState) -> tuple[MagnetPrompt, list[str]]:
    made = plan(state, request_id="a", seed=5, audio=AudioFormat(), model=SETTINGS_OF_MODEL)
    prompt = made.request.controls[0]
    assert isinstance(prompt, MagnetPrompt)
    return prompt, [f"{notice.code}: {notice.message}" for notice in made.notices]


def test_a_description_alone_is_a_clip() -> None:
    prompt, notices = planned(STATE)
    assert (prompt.description, prompt.duration_s, prompt.seed, prompt.given) == ("dub techno", 8.0, 5, None)
    assert notices == []


def test_what_is_not_heard_is_told() -> None:
    chords = ChordChart(progression=parse_progression("Am7 |"))
    drums = DrumChart().with_pattern(parse_pattern("kick", "x...x...x...x...", TEMPO))
    _, notices = planned(replace(STATE, chords=chords, drums=drums))
    assert notices == [
        "not_heard: MAGNeT hears the description alone; the session's chords and drums are not in the clip."
    ]


def test_a_key_is_no_description() -> None:
    with pytest.raises(NothingToPlay, match="/sideman/prompt"):
        planned(replace(STATE, prompt="", key=parse_key("C minor")))
    _, notices = planned(replace(STATE, key=parse_key("C minor")))
    assert notices == []


def test_more_than_two_minutes_are_refused() -> None:
    with pytest.raises(ClipTooLong, match="120 seconds at the most"):
        planned(replace(STATE, bars=61))


def test_the_audio_before_is_passed_on() -> None:
    prompt, _ = planned(replace(STATE, given=ev.AudioRegion(path=Path("/a.wav"), place="before")))
    assert prompt.given is not None
    assert (prompt.given.path, prompt.given.place) == (Path("/a.wav"), "before")


@given(start=st.floats(0, 40), length=st.floats(0.01, 40), begin=st.floats(0, 20))
def test_beats_to_be_made_anew_become_seconds_of_the_clip(start: float, length: float, begin: float) -> None:
    region = ev.AudioRegion(path=Path("/a.wav"), place="within", start=Beats(start), end=Beats(start + length))
    state = replace(STATE, given=region, start=Beats(begin))
    if start + length <= begin or start >= begin + 16:
        with pytest.raises(RequestError, match="made anew"):
            planned(state)
        return
    prompt, _ = planned(state)
    assert prompt.given is not None
    assert prompt.given.from_s == pytest.approx(max(0.0, (start - begin) / 2), abs=1e-6)
    assert prompt.given.to_s == pytest.approx(min(8.0, (start + length - begin) / 2), abs=1e-6)


def test_other_engines_say_that_they_do_not_go_on_from_audio() -> None:
    region = ev.AudioRegion(path=Path("/a.wav"), place="before")
    chords = ChordChart(progression=parse_progression("Am7 |"))
    made = plan(replace(STATE, engine="sketch", given=region, chords=chords), request_id="a", seed=5,
                audio=AudioFormat())  # fmt: skip
    assert [notice.code for notice in made.notices] == ["not_heard"]
    assert "a.wav" in made.notices[0].message


# Settings


def test_the_settings_are_those_of_the_configuration() -> None:
    of_magnet = {name.partition(".")[2] for name in SETTINGS if name.startswith("magnet.")}
    assert of_magnet == {"preset", "caption", "tempo_fit", *(one.name for one in fields(Decoding))}
    assert {name for name in SETTINGS if name.startswith("jasco.")} == {
        f"jasco.{name}" for name in JascoConfig.model_fields if name not in {"model", "kit"}
    }


@pytest.mark.parametrize(
    ("preset", "sound", "wanted"),
    [("auto", False, "standard"), ("auto", True, "sound"), ("fine", True, "fine"), ("draft", False, "draft")],
)
def test_a_preset_suits_the_model(preset: str, sound: bool, wanted: str) -> None:
    assert MagnetConfig(preset=preset).decoding(sound=sound) == DECODINGS[wanted]


def test_what_is_set_lies_over_the_preset() -> None:
    config = overlaid_magnet(
        MagnetConfig(preset="fine", top_p=0.5),
        [("jasco.solver", "fine"), ("magnet.cfg_max", "3"), ("magnet.decoding_steps", "[4, 3,2  1]")],
    )
    assert config.decoding(sound=False) == replace(
        DECODINGS["fine"], top_p=0.5, cfg_max=3.0, decoding_steps=(4, 3, 2, 1)
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("magnet.temprature", "3", "did you mean magnet.temperature?"),
        ("magnet.model", "x", "no setting 'magnet.model'"),
        ("engine.device", "cuda", "no setting"),
        ("magnet.temperature", "0", "greater than 0"),
        ("magnet.temperature", "nan", "cannot be 'nan'"),
        ("magnet.top_p", "1.1", "less than or equal to 1"),
        ("magnet.decoding_steps", "1,2,3", "at least 4"),
        ("magnet.decoding_steps", "0,1,1,1", "greater than or equal to 1"),
        ("magnet.decoding_steps", "a b c d", "integer"),
        ("magnet.preset", "best", "the presets are auto, draft"),
        ("magnet.span_arrangement", "stride2", "'nonoverlap' or 'stride1'"),
        ("magnet.sampling", "perhaps", "boolean"),
        ("jasco.solver", "rk4", "the solvers are"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_words(name: str, value: str, words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        require_setting(name, value)


def test_the_session_keeps_settings_until_they_are_taken_back() -> None:
    state, _ = reduce(STATE, ev.SetSetting(name="magnet.top_k", value="5"), Seconds(0.0))
    state, _ = reduce(state, ev.SetSetting(name="magnet.preset", value="fine"), Seconds(0.0))
    assert state.settings == (("magnet.preset", "fine"), ("magnet.top_k", "5"))
    state, _ = reduce(state, ev.SetSetting(name="magnet.top_k", value=None), Seconds(0.0))
    assert state.settings == (("magnet.preset", "fine"),)


# Paths


def test_a_file_inside_the_folders_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    file = tmp_path / "clips" / "a.wav"
    file.write_bytes(b"")
    assert allowed_audio(str(file), [tmp_path / "other", tmp_path / "clips"]) == file.resolve()


@pytest.mark.parametrize("text", ["{root}/secret.wav", "{root}/clips/../secret.wav", "{root}/clips/link.wav", "/"])
def test_a_file_outside_is_not(tmp_path: Path, text: str) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "secret.wav").write_bytes(b"")
    (tmp_path / "clips" / "link.wav").symlink_to(tmp_path / "secret.wav")
    with pytest.raises(NotAllowed):
        allowed_audio(text.format(root=tmp_path), [tmp_path / "clips"])


@pytest.mark.parametrize("text", ["a.wav", "", "{root}/clips/none.wav", "{root}/clips", "{root}/clips/a\0.wav"])
def test_what_is_no_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "clips").mkdir()
    with pytest.raises(RequestError):
        allowed_audio(text.format(root=tmp_path), [tmp_path / "clips"])
