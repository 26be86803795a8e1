"""Category: unit. Takes that are listened to while they are made."""

from __future__ import annotations

import asyncio
import io
import itertools
from dataclasses import replace
from pathlib import Path

import httpx2
import numpy as np
import pytest
import soundfile
from http_bench import a_clip, on_loop, serving, until
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine_client import CHANNELS
from bridge.live_takes import LiveBroken, LiveTake, LiveTakes
from bridge.requests import GenerationRequest, Run, TakeHeard, Window
from bridge.shared_audio import part_path, read_shared
from bridge.wav import dequantise, quantise, read_info
from bridge.window_sender import WindowSender
from midi.time import FOUR_FOUR, Beats, Bpm, Seconds
from models.generator import HeardWindow, JascoControls, Samples

RATE = 8000


def a_request(frames: int, *seeds: int, rate: int = RATE) -> GenerationRequest:
    seconds = Seconds(frames / rate)
    window = Window(
        start=Beats(0.0), end=Beats(4.0), bars=1, seconds=seconds, sample_rate_hz=rate, frames=frames, bpm=Bpm(120.0),
        meter=FOUR_FOUR,
    )  # fmt: skip
    one = JascoControls(
        description="", chords=(), drums=(), melody=(), duration_s=seconds, all_weight=1.0, text_weight=0.0,
        solver="draft", seed=0,
    )  # fmt: skip
    controls = tuple(replace(one, seed=seed) for seed in seeds)
    return GenerationRequest(
        id="one", revision=1, engine="jasco", controls=controls, window=window, loudness_lufs=-14.0, ceiling_dbfs=-1.0
    )


def noise(frames: int, seed: int = 0) -> Samples:
    """Noise on the grid of 24 bits."""
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, (frames, CHANNELS))
    return dequantise(quantise(samples))


def written(path: Path, samples: Samples) -> Path:
    soundfile.write(path, samples, RATE, subtype="PCM_24")
    return path


class Bench:
    def __init__(self, frames: int = RATE) -> None:
        self.now = 0.0
        self.late: list[tuple[str, int, float]] = []
        self.live = LiveTakes(late=lambda *what: self.late.append(what), clock=lambda: self.now)
        self.live.begin(a_request(frames, 1, 2))
        self.heard = b""

    async def listen(self) -> None:
        async for data in self.live.stream("one", 0):
            self.heard += data


@given(st.lists(st.integers(1, 40_000), max_size=5), st.integers(0, 5), st.integers(1, 70_000))
def test_a_listener_hears_the_parts_and_then_the_rest_of_the_finished_clip(
    tmp_path_factory: pytest.TempPathFactory, parts: list[int], finish_after: int, frames: int
) -> None:
    path = tmp_path_factory.mktemp("live") / "clip.wav"

    async def main() -> None:
        bench, raw, finished = Bench(frames), noise(frames, 1), noise(frames, 2)
        listening = asyncio.create_task(bench.listen())
        start = 0
        for index, length in enumerate(parts):
            if index == finish_after:
                break
            bench.live.add("one", 0, start, raw[start : start + length])
            start = min(frames, start + length)
            for _ in range(8):
                await asyncio.sleep(0)
        bench.live.finish("one", 0, written(path, finished))
        await asyncio.wait_for(listening, 20)
        heard, rate = soundfile.read(io.BytesIO(bench.heard), dtype="float32", always_2d=True)
        assert (len(heard), rate) == (frames, RATE)
        np.testing.assert_array_equal(quantise(heard[:start]), quantise(raw[:start]))
        np.testing.assert_array_equal(quantise(heard[start:]), quantise(finished[start:]))

    asyncio.run(main())


@on_loop
async def test_the_first_part_is_heard_before_the_second_is_made() -> None:
    bench = Bench()
    listening = asyncio.create_task(bench.listen())
    bench.live.add("one", 0, 0, noise(100))
    await until(lambda: len(bench.heard) == LiveTake(frames=RATE, sample_rate_hz=RATE).size - (RATE - 100) * 6)
    assert read_info(bench.heard).sample_rate_hz == RATE
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


@on_loop
async def test_where_the_play_head_overtakes_the_engine_it_is_said_once(tmp_path: Path) -> None:
    bench = Bench()
    listening = asyncio.create_task(bench.listen())
    bench.live.add("one", 0, 0, noise(80))
    await until(lambda: len(bench.heard) > 44)
    await until(lambda: len(bench.late) == 1)
    assert bench.late == [("one", 0, 0.01)]
    bench.live.finish("one", 0, written(tmp_path / "clip.wav", noise(RATE)))
    await asyncio.wait_for(listening, 20)
    assert len(bench.late) == 1


@on_loop
async def test_a_take_that_is_never_finished_breaks_the_stream() -> None:
    for part in (0, 100):
        bench = Bench()
        listening = asyncio.create_task(bench.listen())
        if part:
            bench.live.add("one", 0, 0, noise(part))
        await asyncio.sleep(0.01)
        bench.live.end("one")
        with pytest.raises(LiveBroken):
            await asyncio.wait_for(listening, 20)


def test_parts_that_do_not_follow_and_takes_that_nobody_knows_are_passed_over() -> None:
    bench = Bench()
    bench.live.add("one", 0, 5, noise(10))
    bench.live.add("one", 7, 0, noise(10))
    bench.live.add("two", 0, 0, noise(10))
    bench.live.finish("two", 0, Path("x"))
    bench.live.end("two")
    live = bench.live.get("one", 0)
    assert live is not None
    assert live.have == 0
    bench.live.add("one", 0, 0, noise(RATE + 50))
    assert live.have == RATE


# Over HTTP


@on_loop
async def test_a_take_is_streamed_over_http_while_it_is_made(tmp_path: Path) -> None:
    clip = a_clip(tmp_path, "one", seconds=1.0)
    async with serving(tmp_path) as bench, httpx2.AsyncClient(base_url=bench.url, trust_env=False) as client:
        bench.live.begin(a_request(48000, 1, rate=48000))
        assert (await client.get("/api/requests/two/live")).status_code == 404
        assert (await client.get("/api/requests/one/live?take=1")).status_code == 404
        assert (await client.get("/api/requests/one/live?take=-1")).status_code == 422
        head = await client.head("/api/requests/one/live")
        assert head.headers["content-length"] == str(44 + 48000 * 6)
        part = noise(1000)
        async with client.stream("GET", "/api/requests/one/live") as response:
            blocks, heard = response.aiter_bytes(), b""
            bench.live.add("one", 0, 0, part)
            while len(heard) < 44 + 6000:
                heard += await anext(blocks)
            bench.live.finish("one", 0, clip.path)
            async for block in blocks:
                heard += block
        assert heard[44 + 6000 :] == clip.path.read_bytes()[-(48000 - 1000) * 6 :]
        bench.live.begin(a_request(48000, 1, rate=48000))
        with pytest.raises(httpx2.RemoteProtocolError):
            async with client.stream("GET", "/api/requests/one/live") as response:
                bench.live.end("one")
                async for _ in response.aiter_bytes():
                    pass
        assert (await client.get("/api/health")).status_code == 200


# From the engine


def windows(samples: Samples, rate: int, cuts: list[int], seed: int = 1) -> list[HeardWindow]:
    edges = [0, *cuts, len(samples)]
    return [
        HeardWindow(seed=seed, from_s=start / rate, samples=samples[start:end], sample_rate_hz=rate)
        for start, end in itertools.pairwise(edges)
    ]


def sent(tmp_path: Path, heard: list[HeardWindow], frames: int = 48000) -> list[tuple[TakeHeard, Samples]]:
    run = Run(request=a_request(frames, 1, 2, rate=48000), audio=(tmp_path / "0.f32", tmp_path / "1.f32"))
    told: list[TakeHeard] = []
    sender = WindowSender(run, told.append)  # type: ignore[arg-type]
    for window in heard:
        sender.hear(window)
    return [(one, read_shared(part_path(run.audio[one.take], one.part), one.frames, CHANNELS)) for one in told]


def test_windows_come_out_in_the_clips_rate_without_a_seam(tmp_path: Path) -> None:
    tone = np.sin(np.arange(32000) * 2 * np.pi * 440 / 32000, dtype=np.float32)[:, None] * np.float32(0.5)
    parts = sent(tmp_path, windows(tone, 32000, [7000, 20000]))
    assert [one.part for one, _ in parts] == [0, 1, 2]
    assert [one.start for one, _ in parts] == [0, *np.cumsum([one.frames for one, _ in parts])[:-1]]
    whole = np.concatenate([samples for _, samples in parts])
    wanted = np.sin(np.arange(len(whole)) * 2 * np.pi * 440 / 48000) * 0.5
    assert len(whole) > 47000
    np.testing.assert_allclose(whole[200:, 0], wanted[200:], atol=1e-3)
    np.testing.assert_array_equal(whole[:, 0], whole[:, 1])


def test_windows_that_come_again_or_are_no_numbers_are_passed_over(tmp_path: Path) -> None:
    first, second = windows(noise(16000)[:, :1], 32000, [8000])
    broken = HeardWindow(seed=1, from_s=second.from_s, samples=second.samples * np.float32("nan"), sample_rate_hz=32000)
    unknown = HeardWindow(seed=9, from_s=0.0, samples=first.samples, sample_rate_hz=32000)
    parts = sent(tmp_path, [unknown, first, first, broken, second])
    assert [one.part for one, _ in parts] == [0, 1]


def test_a_full_disk_costs_what_is_heard_early_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sent(tmp_path / "nowhere", windows(noise(16000)[:, :1], 32000, [8000])) == []
