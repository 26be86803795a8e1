"""Category: unit. Names of loop packs: what they say, and that every system takes them, whatever a prompt holds."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi.keys import parse_key
from midi.time import Beats, Bpm, Meter
from plugin_host.host import Placement
from plugin_host.pack_names import folder_name, pack_name

CLIP = Placement(
    request_id="one", take=0, path=Path("/clips/one.wav"), name="one", start=Beats(0.0), bars=4, tempo=Bpm(112.0),
    meter=Meter(numerator=4, denominator=4), sample_rate_hz=48000, frames=96000, target="",
    prompt="bossa nova", key=parse_key("A minor"),
)  # fmt: skip
CLEAN = re.compile(r"[a-z0-9-]{1,48}_[0-9.]+bpm(_[A-G]#?b?m?)?_[0-9]+bars?_take[0-9]+")
DEVICES = {"con", "prn", "aux", "nul", *(f"{name}{number}" for name in ("com", "lpt") for number in range(10))}


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("bossa nova", "bossa-nova"),
        ("Bossa Nova, nylon guitar!", "bossa-nova-nylon-guitar"),
        ("", "sideman"),
        ("🎸🎹", "sideman"),
        ("🎸 rock / pop", "rock-pop"),
        ("../../etc/passwd", "etc-passwd"),
        ('C:\\Windows "quoted" <b>|?*', "c-windows-quoted-b"),
        ("Café señor Straße smørrebrød", "cafe-senor-strasse-smorrebrod"),
        ("ボサノバ", "sideman"),
        ("CON", "con"),
        ("trailing dots...", "trailing-dots"),
        ("a" * 60, "a" * 48),
        ("warm electric piano with a slow rotary speaker and tape hiss",
         "warm-electric-piano-with-a-slow-rotary-speaker"),
    ],
)  # fmt: skip
def test_the_prompt_becomes_words(prompt: str, words: str) -> None:
    assert pack_name(replace(CLIP, prompt=prompt), 1) == f"{words}_112bpm_Am_4bars_take1"


def test_tempo_key_bars_and_take_are_said() -> None:
    assert pack_name(replace(CLIP, tempo=Bpm(97.504), bars=1, key=None), 12) == "bossa-nova_97.5bpm_1bar_take12"


@given(st.text(max_size=300), st.integers(1, 999), st.floats(5, 999), st.integers(1, 512))
def test_every_name_is_clean_and_short(prompt: str, take: int, bpm: float, bars: int) -> None:
    name = pack_name(replace(CLIP, prompt=prompt, tempo=Bpm(bpm), bars=bars), take)
    assert CLEAN.fullmatch(name)
    assert len(name) < 100
    assert name.split(".")[0].lower() not in DEVICES


@pytest.mark.parametrize(
    ("track", "folder"),
    [
        ("Keys", "Keys"),
        ("  Lead/Synth: 2 ", "Lead Synth 2"),
        ("..", "track"),
        ("🎹", "track"),
        ("con", "con track"),
        ("in", "in track"),
        ("Nul", "Nul track"),
        ("a" * 80, "a" * 40),
    ],
)
def test_a_track_s_name_becomes_a_folder_s(track: str, folder: str) -> None:
    assert folder_name(track) == folder


@given(st.text(max_size=120))
def test_every_folder_is_one_plain_name(track: str) -> None:
    name = folder_name(track)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9 _-]{0,45}", name)
    assert name == name.strip()
    assert name.lower() not in DEVICES | {"in"}
