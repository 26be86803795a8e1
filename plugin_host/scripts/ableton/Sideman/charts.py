"""Clips' notes as one chart in song beats, read in slices so that no tick takes long.

A reader is a generator: each step reads a window of one clip, and the last one returns the chart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Generator, List, Sequence, Tuple

    from .lom import Clip, Device, MidiNote

    Segment = Tuple[float, float, float]
    """Beats of a clip's content from and to, and the song beat that they are heard from."""
    Played = Tuple[int, float, float, int]
    """Pitch, song beat, length in beats, velocity."""
    Reader = Generator[None, None, List[Played]]

WINDOW_BEATS = 16.0
"""So many beats of a clip are read in one step."""
MOST_NOTES = 2000
"""A longer chart is cut: what came first counts."""
MOST_SEGMENTS = 512
MOST_DEPTH = 3
"""Racks inside racks that a Drum Rack is looked for in."""


def session_segments(clip: Clip) -> List[Segment]:
    """A session clip begins at beat 0 and repeats by itself: its loop, or what lies between its markers."""
    return [(clip.loop_start, clip.loop_end, 0.0)] if clip.loop_end > clip.loop_start else []


def arrangement_segments(clip: Clip) -> List[Segment]:
    """What is heard of an arrangement clip: from its start marker to the loop's end, then the loop again and again."""
    at, end = clip.start_time, clip.end_time
    if not clip.looping:
        return [(clip.loop_start, clip.loop_start + end - at, at)] if end > at else []
    segments: List[Segment] = []
    start = clip.start_marker
    if not clip.loop_end > clip.loop_start or start >= clip.loop_end:
        return []
    while at < end - 1e-9 and len(segments) < MOST_SEGMENTS:
        stop = min(clip.loop_end, start + end - at)
        segments.append((start, stop, at))
        at += stop - start
        start = clip.loop_start
    return segments


def read_clips(clips: Sequence[Clip]) -> Reader:
    """The notes of clips by song beat. A clip that is muted is not heard."""
    played: List[Played] = []
    for clip in clips:
        if clip.muted:
            continue
        for start, end, at in arrangement_segments(clip) if clip.is_arrangement_clip else session_segments(clip):
            low = start
            while low < end and len(played) < MOST_NOTES:
                high = min(low + WINDOW_BEATS, end)
                notes = clip.get_notes_extended(0, 128, low, high - low)
                played.extend(_heard(notes, start, end, at))
                low = high
                yield
    played.sort(key=lambda note: (note[1], note[0]))
    return played[:MOST_NOTES]


def _heard(notes: Sequence[MidiNote], start: float, end: float, at: float) -> List[Played]:
    heard = []
    for note in notes:
        begins, length = note.start_time, min(note.duration, end - note.start_time)
        if not note.mute and start <= begins < end and length > 0 and note.velocity >= 1:
            velocity = max(1, min(127, round(note.velocity)))
            heard.append((int(note.pitch), at + begins - start, length, velocity))
    return heard


def length_of(clips: Sequence[Clip]) -> float:
    """The length of the chart in beats: that of the session clip, or up to the end of the last arrangement clip."""
    ends = [clip.end_time if clip.is_arrangement_clip else clip.loop_end - clip.loop_start for clip in clips]
    return max(ends) if ends else 0.0


def chord_text(played: Sequence[Played]) -> str:
    """Notes as ``/sideman/chords/notes`` takes them: pitch, beat, length; pitch, beat, length; ..."""
    return " ".join("%d %s %s" % (pitch, _number(beat), _number(length)) for pitch, beat, length, _ in played)


def drum_text(played: Sequence[Played]) -> str:
    """Strokes as ``/sideman/drums/notes`` takes them: note, beat, velocity; note, beat, velocity; ..."""
    return " ".join("%d %s %d" % (pitch, _number(beat), velocity) for pitch, beat, _, velocity in played)


def _number(value: float) -> str:
    return ("%.6f" % value).rstrip("0").rstrip(".")


def pad_names(devices: Sequence[Device], depth: int = MOST_DEPTH) -> Generator[None, None, List[Tuple[int, str]]]:
    """Note and name of each pad that holds something, of the first Drum Rack among the devices and in their racks."""
    for device in devices:
        if getattr(device, "can_have_drum_pads", False):
            named = []
            for pad in device.drum_pads:
                if pad.chains:
                    named.append((int(pad.note), " ".join(pad.name.split())))
                if pad.note % 16 == 15:
                    yield
            return named
        if depth > 1 and getattr(device, "can_have_chains", False):
            for chain in device.chains:
                found = yield from pad_names(chain.devices, depth - 1)
                if found:
                    return found
    return []


def pad_text(pads: Sequence[Tuple[int, str]]) -> str:
    """Pads as ``/sideman/drums/notes`` takes them: a line for each, the note and the name."""
    return "\n".join("%d %s" % (note, name.replace(";", ",")) for note, name in pads)
