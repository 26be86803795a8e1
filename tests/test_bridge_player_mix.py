"""Category: unit. What the player sounds, frame by frame, in a time that the tests make pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from player_rig import FADE, RATE, Rig, clicks, loops_of, noise_take, settle_chunks, sine_take, take_of

from bridge import player_mix as mix
from bridge.player_stretch import stretched_loop
from bridge.player_take import Take
from bridge.player_voices import Fade, Sound, Voice, slip_of
from midi import events as ev
from midi.time import Beats, Bpm, Meter, MeterPoint, Seconds, TempoMap

TONE_HZ = 200.0
SMOOTH = 3.0
"""A tone bends by no more than this many times its own bend; a step of a hundredth bends it by thirty."""


def own(take: Take) -> npt.NDArray[np.float32]:
    return take.sounds[0].samples


def heard_at(rig: Rig, beat: float, count: int) -> npt.NDArray[np.float32]:
    place = round(rig.frame_of(beat))
    return rig.audio[place : place + count]


def playing(take: Take, rig: Rig | None = None, *, beat: float = 0.0, seconds: float = 1.0) -> Rig:
    """A rig whose song starts with a take that waits for it."""
    rig = rig or Rig()
    rig.launch(take)
    rig.play(beat)
    rig.run(seconds)
    return rig


# Where a clip enters


def start_found(rig: Rig, take: Take, line: float) -> int:
    """The frame near a line at which the clip begins as it is."""
    count, place = 2000, round(rig.frame_of(line))
    first = own(take)[:count]
    found = [start for start in range(place - 9, place + 10) if np.array_equal(rig.audio[start:][:count], first)]
    assert found, "the clip is not heard as it is, near its line"
    return found[0]


@settings(max_examples=25)
@given(
    bpm=st.integers(60, 200),
    block=st.sampled_from([64, 256, 1024]),
    latency_ms=st.integers(1, 200),
    sixteenth=st.integers(0, 11),
)
def test_a_clip_starts_within_a_frame_of_its_bar_line(bpm: int, block: int, latency_ms: int, sixteenth: int) -> None:
    rig = Rig(block=block, latency_s=latency_ms / 1e3)
    rig.tempo(bpm)
    rig.run(0.5)
    take = noise_take("a", bpm=bpm)
    rig.play(sixteenth / 4)
    rig.run(0.1)
    rig.launch(take)
    rig.run(240 / bpm + 0.5)
    start = start_found(rig, take, 4.0)
    assert abs(start - rig.frame_of(4.0)) <= 1.0
    assert not rig.audio[: start - FADE].any()


@pytest.mark.parametrize("drift", [1e-4, -1e-4])
def test_it_does_so_on_a_device_whose_clock_drifts_and_whose_blocks_are_late(drift: float) -> None:
    """A hundred parts in a million are 2 ms in the 20 seconds before the start: the clock has been learnt by then."""
    rig = Rig(drift=drift, jitter_s=0.0002)
    rig.run(20.0)
    take = noise_take("a")
    rig.launch(take)
    rig.play(3.0)
    rig.run(1.0)
    start = start_found(rig, take, 4.0)
    assert abs(start - rig.frame_of(4.0) + 0.0001 * RATE) <= 3.0  # the mean of the lateness cannot be told apart


def test_it_repeats_as_its_own_samples_do() -> None:
    take = noise_take("a")
    rig = playing(take, beat=4.0, seconds=30.0)
    entered = round(rig.frame_of(5.0))
    count = 28 * RATE
    assert np.array_equal(rig.audio[entered:][:count], loops_of(own(take), RATE // 2, count))
    assert rig.states() == ["launched a"]
    assert rig.told[0].bar == 2


@pytest.mark.parametrize("frames_off", [0.25, 0.5])
def test_a_clip_whose_bars_are_no_whole_frames_repeats_untouched(frames_off: float) -> None:
    """120 and a bit: the bar line wanders through the frames, and the loop stays whole while that is nothing."""
    seconds = (96000 + frames_off) / RATE
    samples = own(noise_take("a"))
    rig = Rig()
    rig.tempo(240 / seconds)
    rig = playing(take_of("a", samples, beats=4.0), rig, seconds=40.0)
    entered = start_found(rig, take_of("a", samples, beats=4.0), 4.0)
    count = 36 * RATE
    assert np.array_equal(rig.audio[entered:][:count], loops_of(samples, 0, count))


@pytest.mark.parametrize(("quantise", "enters"), [("bar", 4.0), ("beat", 2.0)])
def test_it_enters_on_the_next_bar_or_beat(quantise: mix.Quantise, enters: float) -> None:
    rig = Rig(quantise=quantise)
    rig.play(1.2)
    rig.run(0.1)
    take = noise_take("a")
    rig.launch(take)
    rig.run(2.0)
    place = round(enters / 4 * len(own(take)))
    assert np.array_equal(heard_at(rig, enters, 4000), loops_of(own(take), place, 4000))
    assert not heard_at(rig, enters - 0.2, 2000).any()


def test_now_is_as_soon_as_it_can_be() -> None:
    rig = Rig(quantise="now")
    rig.play()
    rig.run(0.5)
    rig.launch(noise_take("a"))
    asked = len(rig.audio)
    rig.run(0.5)
    first = int(np.argmax(np.abs(rig.audio[asked:]).max(axis=1) > 0))
    assert first < 0.03 * RATE


def test_by_song_a_clip_lies_where_it_was_made_for_and_by_launch_it_begins() -> None:
    for align, place in (("song", 2), ("launch", 0)):
        take = noise_take("a", bars=4, start=0.0)
        rig = Rig(align=align)
        rig.play(5.0)
        rig.run(0.2)
        rig.launch(take)
        rig.run(2.0)
        assert np.array_equal(heard_at(rig, 8.0, 4000), own(take)[place * 96000 :][:4000])


def test_a_take_that_was_made_for_a_bar_ahead_waits_for_it() -> None:
    take = noise_take("a", bars=4, start=16.0)
    rig = Rig()
    rig.play(9.0)
    rig.run(0.2)
    rig.launch(take)
    rig.run(4.0)
    assert not heard_at(rig, 15.9, 1).any()
    assert np.array_equal(heard_at(rig, 16.0, 4000), own(take)[:4000])
    assert [(told.state, told.bar) for told in rig.told] == [("launched", 5)]


def test_one_that_is_for_a_bar_far_ahead_enters_at_the_next() -> None:
    rig = Rig()
    rig.play(1.0)
    rig.run(0.2)
    rig.launch(noise_take("a", start=400.0))
    rig.run(2.5)
    assert [(told.state, told.bar) for told in rig.told] == [("launched", 2)]


def test_bars_of_other_meters_are_lines_too() -> None:
    rig = Rig()
    rig.tell(ev.SetMeter(meter=Meter(numerator=7, denominator=8)))
    rig.tell(ev.AddMeterPoint(point=MeterPoint(bar=3, meter=Meter(numerator=3, denominator=4))))
    rig.play(6.0)
    rig.run(0.2)
    take = take_of("a", own(noise_take("a"))[:72000], beats=3.0, start=7.0)
    rig.launch(take)
    rig.run(3.0)
    assert np.array_equal(heard_at(rig, 7.0, 70000), own(take)[:70000])


def test_earlier_by_the_offset() -> None:
    rig = playing(noise_take("a"), Rig(early_s=0.05), seconds=3.0)
    place = round(rig.frame_of(4.0)) - round(0.05 * RATE)
    assert np.array_equal(rig.audio[place:][:4000], own(noise_take("a"))[:4000])


# Taking turns


def test_the_next_take_is_whole_from_the_bar_line_on() -> None:
    first, second = noise_take("a"), noise_take("b", seed=1)
    rig = playing(first, seconds=2.5)
    rig.launch(second)
    rig.run(3.0)
    assert np.array_equal(heard_at(rig, 8.0, 40000), own(second)[:40000])
    line = round(rig.frame_of(8.0))
    assert np.array_equal(rig.audio[line - 20000 : line - FADE], loops_of(own(first), 96000 - 20000, 20000 - FADE))
    assert rig.states() == ["launched a", "ended a", "launched b"]
    assert {told.bar for told in rig.told[1:]} == {0, 3}


def test_a_change_of_takes_has_no_click() -> None:
    rig = playing(sine_take("a", TONE_HZ), seconds=2.5)
    rig.launch(sine_take("b", 1.5 * TONE_HZ, amplitude=0.3))
    rig.run(3.0)
    line = round(rig.frame_of(8.0))
    assert clicks(rig.audio[line - 4800 : line + 4800], TONE_HZ, 0.5) < SMOOTH
    hard = np.concatenate((rig.audio[line - 4800 : line - 600], rig.audio[line + 100 : line + 4800]))
    assert clicks(hard, TONE_HZ, 0.5) > 10 * SMOOTH, "a hard cut would have been heard of"


def test_the_fade_keeps_the_power() -> None:
    rig = playing(noise_take("a", bars=2), seconds=2.5)
    rig.launch(noise_take("b", bars=2, seed=1))
    rig.run(3.0)
    line = round(rig.frame_of(8.0))
    power = np.mean(rig.audio[line - FADE : line] ** 2) / np.mean(rig.audio[line : line + 48000] ** 2)
    assert power == pytest.approx(1.0, abs=0.15)


def test_the_newest_of_two_that_wait_is_heard() -> None:
    rig = playing(noise_take("a"), seconds=2.2)
    for name, seed in (("b", 1), ("c", 2)):
        rig.launch(noise_take(name, seed=seed))
        rig.run(0.1)
    rig.run(2.5)
    assert rig.states() == ["launched a", "ended a", "launched c"]


# The transport


def test_a_stop_is_followed_within_blocks_and_without_a_click() -> None:
    rig = playing(sine_take("a", TONE_HZ), seconds=2.5)
    asked = len(rig.audio)
    rig.tell(ev.Stop())
    rig.run(0.5)
    last = len(rig.audio) - int(np.argmax(np.abs(rig.audio[::-1]).max(axis=1) > 0))
    assert last - asked < 3 * 512 + 256 + FADE
    assert clicks(rig.audio[RATE:], TONE_HZ, 0.5) < SMOOTH
    assert rig.feeder.state.playing is not None


def test_a_start_is_followed_from_where_the_song_is() -> None:
    take = noise_take("a", bars=2)
    rig = playing(take, seconds=1.0)
    rig.tell(ev.Stop())
    rig.run(0.5)
    rig.play(14.0)
    rig.run(0.5)
    assert np.array_equal(heard_at(rig, 14.5, 8000), loops_of(own(take), round(6.5 * 24000), 8000))
    assert rig.states() == ["launched a"]


@settings(max_examples=20)
@given(to=st.floats(0, 64))
def test_a_jump_is_followed(to: float) -> None:
    take = sine_take("a", TONE_HZ, seconds=4.0, beats=8.0)
    swell = (0.6 + 0.4 * np.sin(np.linspace(0, 2 * np.pi, len(own(take))))).astype(np.float32)[:, None]
    take = take_of("a", own(take) * swell, beats=8.0)
    rig = playing(take, seconds=1.3)
    rig.tell(ev.Locate(at=Beats(to)))
    rig.run(0.3)
    place = (to + 0.2) % 8.0 * 24000
    wanted = loops_of(own(take), round(place), 2000)
    found = heard_at(rig, to + 0.2, 2000)
    shifts = range(-150, 151)
    near = min(np.abs(found - loops_of(own(take), round(place) + shift, 2000)).max() for shift in shifts)
    assert near < 0.02
    assert len(wanted) == 2000
    assert clicks(rig.audio[RATE // 2 :], TONE_HZ, 0.5) < SMOOTH


def test_a_jump_that_is_nearly_the_clips_length_is_exact_too() -> None:
    """Ten milliseconds beside it: a drift of that size would be slipped, a jump is not."""
    take = noise_take("a")
    rig = playing(take, seconds=2.0)
    rig.tell(ev.Locate(at=Beats(12.02)))
    rig.run(1.0)
    place = round(rig.frame_of(13.0))
    assert np.array_equal(rig.audio[place:][:8000], loops_of(own(take), 24000, 8000))


def test_a_cycle_of_the_clips_length_leaves_it_untouched() -> None:
    take = noise_take("a", bars=2)
    rig = playing(take, seconds=1.0)
    rig.run(4.0 - (rig.now - 1000.0))
    for _ in range(3):
        rig.tell(ev.Locate(at=Beats(0.0)))
        rig.run(4.0)
    entered = RATE
    audio = rig.audio[entered : 14 * RATE]
    place = round(entered - rig.frame_of(0.0)) % len(own(take))
    assert np.array_equal(audio, loops_of(own(take), place, len(audio)))


def test_what_waits_is_aimed_anew_after_a_jump() -> None:
    rig = Rig()
    rig.play(0.5)
    rig.run(0.1)
    rig.launch(noise_take("a"))
    rig.run(0.2)
    rig.tell(ev.Locate(at=Beats(21.0)))
    rig.run(2.0)
    assert [(told.state, told.bar) for told in rig.told] == [("launched", 7)]


def off_by(rig: Rig, ahead_s: float) -> float:
    """By how many frames a bar's clip is ahead of a song that began at 1000 and has since been moved ahead."""
    voice = rig.feeder.state.main
    assert voice is not None
    truth = (rig.sounds_at(rig.ring.read) - 1000.0 + ahead_s) * RATE
    return (voice.place_at(rig.feeder.heard) - truth + 48000) % 96000 - 48000


def test_reports_with_jitter_move_nothing_that_is_heard() -> None:
    """Ten reports a second, each up to 15 ms off: the clip is untouched, or slipped; it never jumps."""
    noise = np.random.default_rng(3)
    take = sine_take("a", TONE_HZ)
    rig = playing(take, seconds=0.1)
    for tenth in range(2, 300):
        rig.tell(ev.Locate(at=Beats(2 * (tenth / 10 + float(noise.uniform(-0.015, 0.015))))), at=1000 + tenth / 10)
        rig.run(0.1)
        assert not [voice for voice in rig.feeder.state.others if voice.falls]
    assert clicks(rig.audio[RATE // 2 :], TONE_HZ, 0.5) < 1.1
    assert np.sqrt(np.mean(rig.audio[RATE:] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=1e-3)


@pytest.mark.parametrize("drift", [3e-4, -3e-4])
def test_two_clocks_that_drift_apart_are_kept_together_without_clicks(drift: float) -> None:
    """The device's crystal is off by 300 parts in a million: 18 ms in a minute."""
    rig = playing(sine_take("a", TONE_HZ), Rig(drift=drift), seconds=60.0)
    assert clicks(rig.audio[RATE:], TONE_HZ, 0.5) < 1.1
    assert abs(off_by(rig, 0.0)) < 0.005 * RATE


def test_a_song_that_is_nudged_is_followed_with_a_crossfade() -> None:
    rig = playing(sine_take("a", TONE_HZ), seconds=2.0)
    for tenth in range(21, 80):
        rig.tell(ev.Locate(at=Beats(2 * (tenth / 10 + 0.08))), at=1000 + tenth / 10)
        rig.run(1000 + (tenth + 1) / 10 - rig.now)
    assert clicks(rig.audio[RATE:], TONE_HZ, 0.5) < SMOOTH
    assert abs(off_by(rig, 0.08)) < 0.005 * RATE


# Another tempo


def test_a_clip_that_does_not_fit_begins_anew_at_its_lines() -> None:
    """At 150 a bar of 120 is too long: it is cut at each line, where it begins again with its first stroke."""
    take = noise_take("a")
    rig = playing(take, seconds=1.0)
    rig.tempo(150.0)
    rig.run(5.0)
    for line in (4.0, 8.0):
        assert np.array_equal(heard_at(rig, line, 60000), own(take)[:60000])
    unfit = rig.feeder.unfit()
    assert unfit is not None
    assert unfit.seconds == pytest.approx(1.6)
    assert unfit.ratio == pytest.approx(0.8)


def test_a_clip_that_is_too_short_is_silent_until_its_next_line() -> None:
    take = sine_take("a", TONE_HZ)
    rig = playing(take, seconds=1.0)
    rig.tempo(60.0)
    rig.run(12.0)
    line = round(rig.frame_of(8.0))
    assert np.array_equal(rig.audio[line : line + 90000], own(take)[:90000])
    assert not rig.audio[line + 96000 : line + 190000].any()
    assert np.array_equal(rig.audio[line + 192000 :][:5000], own(take)[:5000])
    assert clicks(rig.audio[RATE // 2 :], TONE_HZ, 0.5) < SMOOTH


def test_a_stretched_version_takes_its_place_where_the_song_is() -> None:
    take = noise_take("a")
    rig = playing(take, seconds=1.0)
    rig.tempo(150.0)
    rig.run(0.5)
    unfit = rig.feeder.unfit()
    assert unfit is not None
    assert unfit.take is take
    stretched = take.with_stretched(Sound(own(noise_take("s", bpm=150.0, seed=9))))
    rig.do(lambda state, view, at: mix.swapped(state, take, stretched))
    rig.run(6.0)
    assert rig.feeder.unfit() is None
    place = round(heard_place := rig.frame_of(6.0))
    assert abs(place - heard_place) <= 0.5
    assert np.array_equal(rig.audio[place:][:70000], loops_of(stretched.sounds[1].samples, round(76800 / 2), 70000))


def test_back_at_its_own_tempo_it_is_itself_again() -> None:
    take = noise_take("a")
    rig = playing(take, seconds=1.0)
    rig.tempo(150.0)
    rig.run(3.0)
    rig.tempo(120.0)
    rig.run(6.0)
    line = 4 * round(rig.session.position_at(Seconds(rig.now)) / 4) - 4
    assert np.array_equal(heard_at(rig, line, 40000), own(take)[:40000])
    assert rig.feeder.unfit() is None


@pytest.mark.parametrize("ratio", [0.8, 1.25])
def test_a_stretched_loop_has_its_length_and_its_seam(ratio: float) -> None:
    take = sine_take("a", TONE_HZ)
    loop = stretched_loop(own(take), RATE, round(96000 * ratio))
    assert len(loop) == round(96000 * ratio)
    twice = np.concatenate((loop, loop))
    assert clicks(twice[len(loop) - 2000 : len(loop) + 2000], TONE_HZ, 0.5) < SMOOTH
    spectrum = np.abs(np.fft.rfft(loop[:, 0]))
    assert np.argmax(spectrum) / len(loop) * RATE == pytest.approx(TONE_HZ, abs=1.0)


# Alone, level, silence


def test_a_take_is_heard_alone_once_and_the_rest_comes_back() -> None:
    take, other = noise_take("a", bars=4), noise_take("b", bars=1, seed=1)
    rig = playing(take, seconds=1.0)
    asked = len(rig.audio)
    rig.do(lambda state, view, at: mix.auditioned(state, other, at, rig.settings))
    rig.run(4.0)
    audio = rig.audio
    start = next(
        asked + shift for shift in range(2500) if np.array_equal(audio[asked + shift :][:2000], own(other)[:2000])
    )
    assert start - asked < 3 * 512 + FADE
    assert np.array_equal(audio[start:][: 96000 - FADE], own(other)[: 96000 - FADE])
    assert np.array_equal(heard_at(rig, 7.0, 20000), loops_of(own(take), 7 * 24000, 20000))
    assert rig.states() == ["launched a", "ended b"]


def test_a_take_is_heard_alone_while_the_song_stands() -> None:
    rig = Rig()
    rig.run(0.3)
    rig.do(lambda state, view, at: mix.auditioned(state, noise_take("a"), at, rig.settings))
    rig.run(0.5)
    assert np.abs(rig.audio[-4800:]).max() > 0.4


@pytest.mark.parametrize("alone", [False, True])
def test_panic_is_silence_within_blocks_and_milliseconds(alone: bool) -> None:
    rig = playing(sine_take("a", TONE_HZ), seconds=1.0)
    if alone:
        rig.do(lambda state, view, at: mix.auditioned(state, sine_take("b", TONE_HZ), at, rig.settings))
        rig.run(0.004)
    asked = len(rig.audio)
    rig.do(lambda state, view, at: mix.silenced(state, at, 144))
    rig.run(1.0)
    assert not rig.audio[asked + 3 * 512 + 144 :].any()
    assert clicks(rig.audio[RATE // 2 :], TONE_HZ, 0.5) < SMOOTH
    assert rig.feeder.state.playing is None


def test_a_level_is_reached_without_a_step_and_a_level_of_0_db_changes_no_sample() -> None:
    take = sine_take("a", TONE_HZ)
    rig = playing(take, seconds=1.0)
    for gain in (0.25, 0.0, 1.0):
        rig.do(lambda state, view, at, gain=gain: mix.levelled(state, gain, at, 960))
        rig.run(1.0)
        assert np.abs(rig.audio[-9600:]).max() == pytest.approx(gain * 0.5, abs=1e-6)
    assert clicks(rig.audio[RATE // 2 :], TONE_HZ, 0.5) < SMOOTH
    place = len(rig.audio) - 9600
    assert np.array_equal(rig.audio[place:], loops_of(own(take), round(place - rig.frame_of(0.0)), 9600))


# The device


def test_without_a_device_the_song_goes_on_and_a_device_that_comes_back_is_in_it() -> None:
    take, other = noise_take("a", bars=2), noise_take("b", bars=2, seed=1)
    rig = playing(take, seconds=3.0)
    rig.feeder.detach(rig.now)
    rig.launch(other)
    for _ in range(60):
        rig.now += 0.05
        rig.told += rig.feeder.tick(rig.session, rig.now)
    rig.plug()
    rig.run(2.0)
    assert rig.states() == ["launched a", "ended a", "launched b"]
    place = round(rig.frame_of(14.0))
    assert np.array_equal(rig.audio[place:][:20000], loops_of(own(other), 14 * 24000, 20000))


def test_what_was_mixed_ahead_of_a_device_that_goes_is_told_all_the_same() -> None:
    rig = playing(noise_take("a", bars=2), Rig(ahead_s=0.5), seconds=2.7)
    rig.launch(noise_take("b", bars=2, seed=1))
    rig.run(1.1)
    assert rig.states() == ["launched a"]
    rig.feeder.detach(rig.now)
    for _ in range(20):
        rig.now += 0.05
        rig.told += rig.feeder.tick(rig.session, rig.now)
    assert rig.states() == ["launched a", "ended a", "launched b"]


def test_a_feeder_that_was_held_up_counts_and_goes_on_in_time() -> None:
    take = noise_take("a", bars=2)
    rig = playing(take, seconds=2.0)
    rig.run(0.4, feeding=False)
    assert rig.ring.underruns > 10
    rig.run(1.0)
    assert np.array_equal(heard_at(rig, 6.0, 9000), loops_of(own(take), 6 * 24000, 9000))


def test_a_device_that_stood_still_is_followed() -> None:
    """The device sleeps for 300 ms: its frames come later from then on, and the clip lies where the song is."""
    take = noise_take("a", bars=2)
    rig = playing(take, seconds=2.0)
    rig.began += 0.3
    rig.now += 0.3
    rig.run(1.0)
    assert np.array_equal(heard_at(rig, 6.0, 9000), loops_of(own(take), 6 * 24000, 9000))


# Whatever happens


@settings(max_examples=60)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["play", "stop", "locate", "launch", "audition", "panic", "level", "tempo", "swap"]),
            st.floats(0, 32),
            st.floats(0.003, 0.6),
        ),
        min_size=1,
        max_size=14,
    )
)
def test_nothing_that_is_done_makes_a_click(steps: list[tuple[str, float, float]]) -> None:
    rig = playing(sine_take("a", TONE_HZ, amplitude=0.2), seconds=0.2)
    for what, value, pause in steps:
        match what:
            case "play":
                rig.play(value)
            case "stop":
                rig.tell(ev.Stop())
            case "locate":
                rig.tell(ev.Locate(at=Beats(value)))
            case "launch":
                rig.launch(sine_take("b", TONE_HZ, seconds=4.0, beats=8.0, amplitude=0.2))
            case "audition":
                one = sine_take("c", TONE_HZ, seconds=0.5, beats=1.0, amplitude=0.2)
                rig.do(lambda state, view, at, one=one: mix.auditioned(state, one, at, rig.settings))
            case "panic":
                rig.do(lambda state, view, at: mix.silenced(state, at, 144))
            case "level":
                rig.do(lambda state, view, at, value=value: mix.levelled(state, value / 32, at, 960))
            case "tempo":
                rig.tempo(60 + 4 * value)
            case "swap":
                unfit = rig.feeder.unfit()
                if unfit:
                    periods = round(unfit.seconds * TONE_HZ)
                    sine = sine_take("s", periods / unfit.seconds, seconds=unfit.seconds, amplitude=0.2)
                    better = unfit.take.with_stretched(sine.sounds[0])
                    rig.do(lambda state, view, at, u=unfit, b=better: mix.swapped(state, u.take, b))
        rig.run(pause)
    rig.run(0.3)
    assert rig.ring.underruns == 0
    assert clicks(rig.audio, TONE_HZ, 0.2) < 2 * SMOOTH


# Voices


@given(by=st.integers(-1500, 1500), start=st.integers(0, 5000))
@settings(max_examples=30)
def test_a_slip_begins_and_ends_on_whole_frames(by: int, start: int) -> None:
    samples = np.random.default_rng(1).uniform(-1, 1, (4000, 1)).astype(np.float32)
    still = Voice(sound=Sound(samples), origin=7)
    slipping = replace(still, slip=slip_of(by, start))
    assert slipping.slip is not None
    end = slipping.slip.fade.end
    assert np.array_equal(slipping.render(start - 300, 300), still.render(start - 300, 300))
    after = slipping.settled(end)
    assert after.slip is None
    assert after.origin == 7 - by
    assert np.array_equal(slipping.render(end, 300), loops_of(samples, end - 7 + by, 300))
    middle = slipping.render(max(0, end - 40), 80)
    assert np.abs(middle[40:] - after.render(max(0, end - 40), 80)[40:]).max() < 1e-6


def test_between_samples_a_tone_is_itself() -> None:
    """Read at shares of a frame, a tone of 15 kHz has its own level and phase within -80 dB."""
    frames, hz = 48000, 15000
    tone = np.sin(2 * np.pi * hz * np.arange(frames) / frames).astype(np.float32)[:, None]
    voice = Voice(sound=Sound(tone), origin=0, slip=slip_of(-48, 0))
    assert voice.slip is not None
    places = np.arange(0, 9000) + voice.slip.moved(0, 9000)
    wanted = np.sin(2 * np.pi * hz * places / frames)
    assert np.abs(voice.render(0, 9000)[:, 0] - wanted).max() < 1e-4


@given(st.integers(-50, 50), st.integers(1, 300), st.integers(-200, 200))
def test_a_voice_is_the_same_however_it_is_cut_up(origin: int, count: int, first: int) -> None:
    samples = np.random.default_rng(2).uniform(-1, 1, (123, 2)).astype(np.float32)
    voice = Voice(sound=Sound(samples), origin=origin, rise=Fade(-30, 60), falls=(Fade(50, 40),), slip=slip_of(3, -10))
    whole = voice.render(first, count)
    parts = [voice.render(frame, 1) for frame in range(first, first + count)]
    assert np.allclose(whole, np.concatenate(parts), atol=1e-7)


def test_lines_of_an_empty_song() -> None:
    tempo_map = TempoMap.constant(Bpm(120.0))
    settings_ = Rig().settings
    launch = mix.aimed(mix.Launch(take=noise_take("a", start=99.0)), Beats(3.999999999), tempo_map, settings_)
    assert launch.line == 4.0
    settle_chunks(Rig())
