"""A stand-in for Ableton Live: the part of its object model that the Remote Script uses, and the program around it.

It keeps to what Cycling '74's reference of the Live Object Model says, and to what others have measured in Live 12:
warping that is set later than it is told to, tempos that Live guesses, changes that a listener may not make, slots that
must be empty. Nobody has compared it with the real program.
"""

from plugin_host.standins.live.clips import Clip, MidiNote, WarpMarker
from plugin_host.standins.live.live_set import Song
from plugin_host.standins.live.objects import LimitationError
from plugin_host.standins.live.program import Live
from plugin_host.standins.live.tracks import ClipSlot, DrumPad, DrumRack, TakeLane, Track

__all__ = [
    "Clip",
    "ClipSlot",
    "DrumPad",
    "DrumRack",
    "LimitationError",
    "Live",
    "MidiNote",
    "Song",
    "TakeLane",
    "Track",
    "WarpMarker",
]
