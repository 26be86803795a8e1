"""Where chords and drums come from: the tracks CHORDS and DRUMS, a clip of such a name, locators, the selected clip.

``SourceFinder.look`` is a generator that goes through the set in slices; ``Roles`` is what it finds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, Generator, List, Optional, Tuple

    from .lom import Clip, CuePoint, Song, Track

CHORDS, DRUMS, ASK = "CHORDS", "DRUMS", "ASK"
ROLES = (CHORDS, DRUMS, ASK)
SLOTS_A_STEP = 24
"""Slots that are looked into in one step."""
TRACKS_A_STEP = 8
_CHORD = re.compile(
    r"(?:N|NC|N\.C\.?|[A-G](?:[Mm]aj|[Mm]in|hdim|[Dd]im|[Aa]ug|sus|add|alt|omit|no|dom|ma|mi|m|M|o|b|:|/[A-G]|[^A-Za-z\s;])*)$"
)
"""What could be a chord symbol, told from section names. The daemon is the judge of what is one."""


class Roles:
    """The tracks that have a role by their name, and the clips that have one."""

    def __init__(self) -> None:
        self.tracks: Dict[str, Track] = {}
        self.clips: Dict[str, Clip] = {}

    def clips_of(self, role: str) -> List[Clip]:
        """The MIDI clips to read for a role; empty where nothing has it."""
        track = self.tracks.get(role)
        if track is not None:
            found = clips_of_track(track)
            if found:
                return found
        named = self.clips.get(role)
        return [] if named is None else [named]


def role_of(name: str) -> Optional[str]:
    """The role that a track or clip has by its name; case and blanks around it do not matter."""
    word = name.strip().upper()
    return word if word in ROLES else None


def look(song: Song) -> Generator[None, None, Roles]:
    """Go through the tracks, and then the slots of MIDI tracks; the first of a name counts."""
    roles = Roles()
    tracks = list(song.tracks)
    for index, track in enumerate(tracks):
        role = role_of(track.name)
        if role is not None and track.has_midi_input:
            roles.tracks.setdefault(role, track)
        if index % TRACKS_A_STEP == TRACKS_A_STEP - 1:
            yield
    wanted = [role for role in (CHORDS, DRUMS) if role not in roles.tracks]
    if wanted:
        yield from _look_into_slots(tracks, wanted, roles)
    return roles


def _look_into_slots(tracks: List[Track], wanted: List[str], roles: Roles) -> Generator[None, None, None]:
    seen = 0
    for track in tracks:
        if not track.has_midi_input:
            continue
        for slot in track.clip_slots:
            clip = slot.clip if slot.has_clip else None
            role = None if clip is None else role_of(clip.name)
            if clip is not None and role in wanted:
                roles.clips.setdefault(role, clip)
            seen += 1
            if seen % SLOTS_A_STEP == 0:
                yield


def clips_of_track(track: Track) -> List[Clip]:
    """What a track plays: its session clip that runs, else its arrangement, else its first session clip."""
    slots = track.clip_slots
    playing = track.playing_slot_index
    if 0 <= playing < len(slots) and slots[playing].has_clip:
        return _midi([slots[playing].clip])
    arranged = _midi(list(track.arrangement_clips))
    if arranged:
        return arranged
    for slot in slots:
        if slot.has_clip:
            return _midi([slot.clip])
    return []


def selected_clip(song: Song) -> List[Clip]:
    """The MIDI clip that is open in Live's clip view."""
    return _midi([song.view.detail_clip])


def _midi(clips: List[Optional[Clip]]) -> List[Clip]:
    return [clip for clip in clips if clip is not None and clip.is_midi_clip]


def chord_markers(cue_points: List[CuePoint]) -> List[Tuple[float, str]]:
    """Beat and name of the locators that could be chords, in order."""
    found = [(max(0.0, float(point.time)), point.name.strip()) for point in cue_points]
    return sorted((at, name) for at, name in found if _CHORD.match(name))


def marker_text(markers: List[Tuple[float, str]]) -> str:
    """Locators as ``/sideman/chords/markers`` takes them: a line for each, the beat and the name."""
    return "\n".join("%s %s" % (("%.6f" % at).rstrip("0").rstrip("."), name) for at, name in markers)
