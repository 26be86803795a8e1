"""Songs as standard MIDI files of format 1: chord symbols as markers, drums on channel 10, melody on channel 1."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import mido

from midi.chords import chord_label
from midi.drums import voice_named
from midi.errors import MidiFileError
from midi.file_notes import DRUM_CHANNEL
from midi.song import Song
from midi.time import Beats, Bpm, TempoMap

TICKS_PER_BEAT: Final = 960
_DRUM_TICKS: Final = TICKS_PER_BEAT // 8
_RAMP_STEP: Final = 0.25
"""Beats between the tempos that stand for a ramp, which MIDI files cannot hold."""
_MAX_MICROSECONDS: Final = 0xFFFFFF

_Timed = tuple[int, int, Any]
"""Tick, rank within the tick, message: releases (0) come before meta events (1) and strikes (2)."""


def song_bytes(song: Song) -> bytes:
    """The song as a file, positions rounded to 1/960 of a beat.

    Ramps become steps of a quarter beat that take the same time. MIDI files hold no other modes than major
    and minor: such a key is left out.
    """
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    file.tracks.append(_track("Sideman", _conductor(song), _tick(song.end)))
    if song.drums:
        file.tracks.append(_track("Drums", _drums(song), 0))
    if song.melody:
        file.tracks.append(_track("Melody", _melody(song), 0))
    stream = io.BytesIO()
    file.save(file=stream)
    return stream.getvalue()


def write_song(path: Path, song: Song) -> None:
    """Write the song; a reader of ``path`` never sees half of it. Raises ``MidiFileError`` when that fails."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(song_bytes(song))
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise MidiFileError(f"Cannot write {path}: {error.strerror or error}.") from None


def _tick(beat: float) -> int:
    return round(beat * TICKS_PER_BEAT)


def _track(name: str, timed: Iterable[_Timed], end: int) -> mido.MidiTrack:
    """Messages at ticks as a track with delta times, ending at ``end`` or with its last message."""
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
    here = 0
    for tick, _, message in sorted(timed, key=lambda item: item[:2]):
        track.append(message.copy(time=tick - here))
        here = tick
    track.append(mido.MetaMessage("end_of_track", time=max(0, end - here)))
    return track


def _conductor(song: Song) -> Iterator[_Timed]:
    for beat, bpm in _tempo_steps(song.tempo_map):
        microseconds = min(round(60e6 / bpm), _MAX_MICROSECONDS)
        yield _tick(beat), 1, mido.MetaMessage("set_tempo", tempo=microseconds)
    for point in song.tempo_map.meters:
        meter = {"numerator": point.meter.numerator, "denominator": point.meter.denominator}
        yield _tick(song.tempo_map.bar_start(point.bar)), 1, mido.MetaMessage("time_signature", **meter)
    if song.key and song.key.mode in {"major", "minor"}:
        yield 0, 1, mido.MetaMessage("key_signature", key=song.key.short)
    for change in song.chord_changes:
        yield _tick(change.at), 1, mido.MetaMessage("marker", text=chord_label(change.chord))


def _tempo_steps(tempo_map: TempoMap) -> Iterator[tuple[Beats, Bpm]]:
    """The tempo map without ramps; each step of a ramp takes as long as the ramp does there."""
    for here, there in pairwise(tempo_map.tempos):
        if not there.ramp:
            yield here.at, here.bpm
            continue
        steps = max(1, round((there.at - here.at) / _RAMP_STEP))
        edges = [Beats(here.at + (there.at - here.at) * index / steps) for index in range(steps + 1)]
        for low, high in pairwise(edges):
            yield low, Bpm(60.0 * (high - low) / tempo_map.seconds_between(low, high))
    last = tempo_map.tempos[-1]
    yield last.at, last.bpm


def _drums(song: Song) -> Iterator[_Timed]:
    for hit in song.drums:
        note = voice_named(hit.voice).note
        tick = _tick(hit.at)
        yield tick, 2, mido.Message("note_on", channel=DRUM_CHANNEL, note=note, velocity=hit.velocity)
        yield tick + _DRUM_TICKS, 0, mido.Message("note_off", channel=DRUM_CHANNEL, note=note)


def _melody(song: Song) -> Iterator[_Timed]:
    for note in song.melody:
        start = _tick(note.at)
        end = max(start + 1, _tick(note.at + note.length))
        yield start, 2, mido.Message("note_on", channel=0, note=note.pitch, velocity=note.velocity)
        yield end, 0, mido.Message("note_off", channel=0, note=note.pitch)
