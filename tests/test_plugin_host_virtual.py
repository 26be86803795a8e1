"""Category: unit. The DAW in memory: its dialect, and the clips that it takes and refuses."""

from __future__ import annotations

import asyncio
import wave
from dataclasses import replace
from pathlib import Path

import pytest

from midi import events as ev
from midi.errors import MeterError, NotationError
from midi.time import FOUR_FOUR, Beats, Bpm, Meter
from plugin_host.host import HostError, OscArgument, Placement
from plugin_host.virtual import VirtualHost

FRAMES = 480


@pytest.fixture
def placement(tmp_path: Path) -> Placement:
    path = tmp_path / "clip.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(3)
        file.setframerate(48000)
        file.writeframes(bytes(6 * FRAMES))
    return Placement(
        request_id="a", take=0, path=path, name="clip", start=Beats(0.0), bars=4, tempo=Bpm(120.0),
        meter=FOUR_FOUR, sample_rate_hz=48000, frames=FRAMES, target="",
    )  # fmt: skip


def place(host: VirtualHost, *placements: Placement) -> list[str]:
    async def run() -> list[str]:
        await host.start()
        try:
            return [await host.place(one) for one in placements]
        finally:
            await host.close()

    return asyncio.run(run())


def test_clips_fill_the_slots_of_their_track(placement: Placement) -> None:
    host = VirtualHost()
    other = replace(placement, target="Keys")
    assert place(host, placement, placement, other) == [
        "track Sideman, slot 1",
        "track Sideman, slot 2",
        "track Keys, slot 1",
    ]
    clip = host.tracks["Sideman"].slots[0]
    assert clip is not None
    assert (clip.frames, clip.channels, clip.sample_rate_hz) == (FRAMES, 2, 48000)


def test_an_emptied_slot_is_taken_again(placement: Placement) -> None:
    host = VirtualHost()
    place(host, placement, placement)
    host.tracks["Sideman"].slots[0] = None
    assert place(host, placement) == ["track Sideman, slot 1"]


def test_a_clip_of_another_length_is_refused(placement: Placement) -> None:
    host = VirtualHost()
    with pytest.raises(HostError, match="481"):
        place(host, replace(placement, frames=481))
    assert host.tracks == {}


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a WAV file at all"], ids=["empty", "cut", "text"])
def test_a_file_that_is_no_clip_is_refused(placement: Placement, content: bytes) -> None:
    placement.path.write_bytes(content)
    with pytest.raises(HostError, match=r"clip\.wav"):
        place(VirtualHost(), placement)


def test_a_missing_file_is_refused(placement: Placement) -> None:
    placement.path.unlink()
    with pytest.raises(HostError, match="cannot be read"):
        place(VirtualHost(), placement)


def test_a_closed_daw_takes_nothing(placement: Placement) -> None:
    with pytest.raises(HostError, match="not running"):
        asyncio.run(VirtualHost().place(placement))


@pytest.mark.parametrize(
    ("address", "arguments", "event"),
    [
        ("/virtual/song/tempo", (97.5,), ev.SetTempo(bpm=Bpm(97.5))),
        ("/virtual/song/signature", (7, 8), ev.SetMeter(meter=Meter(numerator=7, denominator=8))),
        ("/virtual/song/is_playing", (1,), ev.Play()),
        ("/virtual/song/is_playing", (0,), ev.Stop()),
        ("/virtual/song/current_song_time", (8.5,), ev.Locate(at=Beats(8.5))),
    ],
)
def test_the_dialect_becomes_events(address: str, arguments: tuple[OscArgument, ...], event: ev.SessionEvent) -> None:
    assert VirtualHost().interpret(address, arguments) == (event,)


def test_other_addresses_are_not_its_own() -> None:
    assert VirtualHost().interpret("/live/song/get/tempo", (1,)) is None


@pytest.mark.parametrize(
    ("address", "arguments", "error"),
    [
        ("/virtual/song/tempo", (), HostError),
        ("/virtual/song/tempo", ("fast",), HostError),
        ("/virtual/song/tempo", (0.0,), NotationError),
        ("/virtual/song/tempo", (float("nan"),), NotationError),
        ("/virtual/song/signature", (5, 3), MeterError),
        ("/virtual/song/signature", (float("inf"), 4), NotationError),
        ("/virtual/song/current_song_time", (-1.0,), NotationError),
    ],
)
def test_nonsense_of_the_dialect_is_refused(
    address: str, arguments: tuple[OscArgument, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        VirtualHost().interpret(address, arguments)


def test_a_better_take_goes_where_its_draft_is(placement: Placement) -> None:
    host = VirtualHost()
    other, better = replace(placement, take=1), replace(placement, replaces=placement.path)
    assert place(host, placement, other, better) == [
        "track Sideman, slot 1",
        "track Sideman, slot 2",
        "track Sideman, slot 1, in the place of its draft",
    ]
    (where,) = place(host, replace(placement, replaces=placement.path.parent / "gone.wav"))
    assert where == "track Sideman, slot 3; its draft is not replaced: it is not on this track"
