"""A MIDI file's song as events: what it makes of the session. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.osc_schema import MAX_CLIP_BARS
from midi import events as ev
from midi.charts import ChordChart, DrumChart, MelodyChart
from midi.file_timeline import NO_TEMPO
from midi.song import Song
from midi.time import Beats


def song_bars(song: Song) -> int:
    """Bars that the song fills, at least one."""
    last = song.tempo_map.bar_at(song.end)
    return max(1, last.bar if last.offset > 1e-6 else last.bar - 1)


def says_tempo(song: Song) -> bool:
    """Whether the tempo is the file's own."""
    return NO_TEMPO not in song.notices


def song_events(song: Song) -> Iterator[ev.SessionEvent]:
    """The song in the place of all that the session holds of time, key and chart; clips are as long as it is.

    A file that says no tempo leaves the session's: a clock or Ableton Link may tell it.
    """
    if says_tempo(song):
        first, *tempos = song.tempo_map.tempos
        yield ev.SetTempo(bpm=first.bpm)
        for tempo in tempos:
            yield ev.AddTempoPoint(point=tempo)
    begins, *meters = song.tempo_map.meters
    yield ev.SetMeter(meter=begins.meter)
    for meter in meters:
        yield ev.AddMeterPoint(point=meter)
    yield ev.ClearKey() if song.key is None else ev.SetKey(key=song.key)
    length = song_bars(song)
    yield ev.SetStart(at=Beats(0.0))
    yield ev.SetBars(bars=min(length, MAX_CLIP_BARS))
    yield ev.SetChordChart(chart=ChordChart(changes=song.chord_changes, bars=length))
    yield ev.SetDrumChart(chart=DrumChart(hits=song.drums, bars=length))
    yield ev.SetMelodyChart(chart=MelodyChart(notes=song.melody, bars=length))
