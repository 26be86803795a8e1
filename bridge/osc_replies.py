"""The table of everything the daemon sends: one frozen value and one row for each address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bridge.osc_arguments import MAX_BEAT, Argument, Real, Text, Whole
from bridge.score_record import NOT_ASKED
from midi.time import MAX_BPM, MIN_BPM

MAX_MESSAGE_CHARACTERS: Final = 16384


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """The daemon is there, in this version."""

    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """Broadcasts go to this address from now on."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A request waits for its turn, made from the session at ``revision``."""

    id: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DueReply:
    """The clips of a request begin at a bar that the daemon has chosen."""

    id: str
    bar: int
    beat: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReply:
    """The share of a request that is done, from 0 to 1."""

    id: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipReply:
    """A clip lies on disk."""

    id: str
    take: int
    bars: int
    path: str
    sample_rate_hz: int
    seconds: float
    tempo: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedReply:
    """The DAW took a clip."""

    id: str
    take: int
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreReply:
    """How near a take comes to its chart; a part that was not asked for is ``NOT_ASKED``."""

    id: str
    take: int
    chords: float
    drums: float
    tempo: float
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReply:
    """A take is kept."""

    id: str
    take: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedReply:
    """A take is rejected."""

    id: str
    take: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedReply:
    """The tags of a take are these now."""

    id: str
    take: int
    path: str
    tags: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundReply:
    """What a search of the library found, as JSON."""

    json: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneReply:
    """A request is finished."""

    id: str
    clips: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelledReply:
    """A request was cancelled."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SupersededReply:
    """A request was dropped before it began, for a newer one."""

    id: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeReply:
    """Something was substituted or assumed."""

    id: str = ""
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReply:
    """A message or a request failed."""

    id: str = ""
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateReply:
    """The session as JSON."""

    json: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """The daemon hears a DAW's script, in this run; ``places`` is 1 when it offers clips to it."""

    run: str
    places: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRequest:
    """A clip for the DAW's script to place."""

    offer: int
    id: str
    take: int
    path: str
    target: str
    start: float
    beats: float
    seconds: float
    tempo: float
    numerator: int
    denominator: int
    again: int
    replaces: str = ""
    """The file of the draft in whose place the clip goes; empty for a clip that replaces none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerReply:
    """Something has happened to the player. ``take`` is -1 and ``bar`` 0 where there is none."""

    state: str
    id: str = ""
    take: int = -1
    bar: int = 0
    message: str


Reply = (
    Pong | Hosting | PlaceRequest | Subscribed | Accepted | DueReply | ProgressReply | ClipReply | PlacedReply
    | PlayerReply | ScoreReply | KeptReply | RejectedReply | TaggedReply | FoundReply | DoneReply | CancelledReply
    | SupersededReply | NoticeReply | ErrorReply | StateReply
)  # fmt: skip
"""Everything that the daemon sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyRow:
    """One outgoing address. The arguments are named as the fields of ``type``, in the order they are sent.

    The last ``optional`` ones are texts that are left out where they are empty.
    """

    address: str
    type: type[Reply]
    arguments: tuple[Argument, ...]
    meaning: str
    optional: int = 0

    @property
    def forms(self) -> tuple[tuple[Argument, ...], ...]:
        """What is sent: with the last arguments and without them."""
        least = len(self.arguments) - self.optional
        return tuple(self.arguments[:count] for count in range(least, len(self.arguments) + 1))

    def sent(self, reply: Reply) -> tuple[Argument, ...]:
        """The arguments of a reply that are sent."""
        count, least = len(self.arguments), len(self.arguments) - self.optional
        while count > least and not getattr(reply, self.arguments[count - 1].name):
            count -= 1
        return self.arguments[:count]

    @property
    def tags(self) -> str:
        """The type tags, without the comma."""
        return "".join(argument.tag for argument in self.arguments)


_ID: Final = Text(name="id", meaning="the request", longest=64)
_ID_OR_EMPTY: Final = Text(name="id", meaning="the request, or empty", longest=64)
_TAKE: Final = Whole(name="take", meaning="which variation, from 0", low=0)
_TEMPO: Final = Real(
    name="tempo", meaning="tempo where the clip begins", unit="quarter notes/min", low=MIN_BPM, high=MAX_BPM
)
_CODE: Final = Text(name="code", meaning="one word to act on", longest=64)
_MESSAGE: Final = Text(name="message", meaning="what happened, and what to do", longest=MAX_MESSAGE_CHARACTERS)

PLAYER_STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "on": "The player is on.",
        "off": "The player is off, by `/sideman/player/off` or `/sideman/player/panic`.",
        "waiting": "A take waits for its bar, or for the song to start.",
        "launched": "A take is heard from this bar on.",
        "auditioning": "A take is heard alone.",
        "ended": "A take is heard no more: another was launched, it was stopped, or it was heard alone to its end.",
        "stretched": "A take that was made for another tempo has a version at the session's.",
        "opened": "The audio device plays, for the first time or again.",
        "lost": "There is no audio device; clips keep their place in the song until there is.",
        "underruns": "Frames were not ready in time, or the device ran dry. Told every few seconds at the most.",
    }
)
"""Every state of ``/sideman/player``, and what it means."""
_PLAYER_STATE: Final = Text(
    name="state", meaning="what has happened", longest=64, taken=", ".join(f"`{state}`" for state in PLAYER_STATES)
)

_ROWS: Final = (
    ReplyRow(
        address="/sideman/pong",
        type=Pong,
        arguments=(Text(name="version", meaning="the daemon's version", longest=64),),
        meaning="The answer to `/sideman/ping`.",
    ),
    ReplyRow(
        address="/sideman/subscribed",
        type=Subscribed,
        arguments=(
            Text(name="host", meaning="the IP address that broadcasts go to", longest=64),
            Whole(name="port", meaning="the UDP port", low=1, high=65535),
        ),
        meaning="The answer to `/sideman/subscribe`.",
    ),
    ReplyRow(
        address="/sideman/accepted",
        type=Accepted,
        arguments=(_ID, Whole(name="revision", meaning="the session's revision that the clip is made from", low=0)),
        meaning="The request waits for its turn. It ends in exactly one of `done`, `cancelled`, `superseded`, `error`.",
    ),
    ReplyRow(
        address="/sideman/due",
        type=DueReply,
        arguments=(
            _ID,
            Whole(name="bar", meaning="the bar that the clip is for, from 1", low=1),
            Real(name="beat", meaning="where that bar begins", unit="beats", low=0, high=MAX_BEAT),
        ),
        meaning="The clips of a request that a trigger has begun, or `/sideman/generate/next`, begin at this bar. "
        "Follows its `accepted`.",
    ),
    ReplyRow(
        address="/sideman/progress",
        type=ProgressReply,
        arguments=(_ID_OR_EMPTY, Real(name="share", meaning="the part that is done", low=0, high=1)),
        meaning="Sent at least once a second while a request runs; with an empty id while an engine gets ready.",
    ),
    ReplyRow(
        address="/sideman/clip",
        type=ClipReply,
        arguments=(
            _ID,
            _TAKE,
            Whole(name="bars", meaning="length", unit="bars", low=1),
            Text(name="path", meaning="absolute path of the WAV file; its receipt lies beside it", longest=4096),
            Whole(name="sample_rate_hz", meaning="sample rate", unit="Hz", low=8000, high=192000),
            Real(name="seconds", meaning="length", unit="s", low=0, high=3600),
            _TEMPO,
        ),
        meaning="A clip lies on disk, complete.",
    ),
    ReplyRow(
        address="/sideman/hosting",
        type=Hosting,
        arguments=(
            Text(name="run", meaning="this run of the daemon: another one knows nothing of the session", longest=64),
            Whole(name="places", meaning="1 when clips are offered to this script", low=0, high=1),
        ),
        meaning="The answer to `/sideman/daw`.",
    ),
    ReplyRow(
        address="/sideman/place",
        type=PlaceRequest,
        arguments=(
            Whole(name="offer", meaning="its number, for the answer; each clip of a run has another", low=1),
            _ID,
            _TAKE,
            Text(name="path", meaning="absolute path of the WAV file", longest=4096),
            Text(name="target", meaning="where, as `/sideman/target` has it", longest=256),
            Real(name="start", meaning="song position that the clip was made for", unit="beats", low=0, high=1e7),
            Real(name="beats", meaning="length", unit="beats", low=0, high=1e7),
            Real(name="seconds", meaning="length", unit="s", low=0, high=3600),
            _TEMPO,
            Whole(name="numerator", meaning="upper number of the meter where it begins", low=1),
            Whole(name="denominator", meaning="lower number of that meter", low=1),
            Whole(name="again", meaning="1 when it was offered before", low=0, high=1),
            Text(
                name="replaces",
                meaning="absolute path of the draft of this take, in whose place it goes where nobody touched that",
                longest=4096,
            ),
        ),
        optional=1,
        meaning="To the script inside a DAW: place this clip, and answer `/sideman/place/done` or "
        "`/sideman/place/failed`. Sent again, with growing pauses, until an answer comes. `replaces` is sent to "
        "scripts of version 2 and later.",
    ),
    ReplyRow(
        address="/sideman/placed",
        type=PlacedReply,
        arguments=(_ID, _TAKE, Text(name="where", meaning="where the DAW put it, in words", longest=4096)),
        meaning="The DAW took the clip into the session.",
    ),
    ReplyRow(
        address="/sideman/score",
        type=ScoreReply,
        arguments=(
            _ID,
            _TAKE,
            Real(name="chords", meaning="share of the time with the chords asked for", low=NOT_ASKED, high=1),
            Real(name="drums", meaning="F-measure of onsets against hits", low=NOT_ASKED, high=1),
            Real(name="tempo", meaning="1 at the tempo asked for, 0 from 8 % beside it", low=NOT_ASKED, high=1),
            Real(name="total", meaning="mean of what was asked for, melody included", low=NOT_ASKED, high=1),
        ),
        meaning="How near a take comes to its chart, from 0 to 1; -1 stands for what was not asked for. It follows the "
        "clip. `docs/evaluation.md` says how it is measured.",
    ),
    ReplyRow(
        address="/sideman/kept",
        type=KeptReply,
        arguments=(_ID, _TAKE, Text(name="path", meaning="absolute path of the WAV file", longest=4096)),
        meaning="A take is kept: its receipt says so.",
    ),
    ReplyRow(
        address="/sideman/player",
        type=PlayerReply,
        arguments=(
            Text(
                name="state", meaning="what has happened", longest=64, taken=", ".join(f"`{s}`" for s in PLAYER_STATES)
            ),
            Text(name="id", meaning="the request of the take, or empty", longest=64),
            Whole(name="take", meaning="the take, or -1", low=-1),
            Whole(name="bar", meaning="the bar, from 1, or 0", low=0),
            _MESSAGE,
        ),
        meaning="Something has happened to the player. The states are listed below.",
    ),
    ReplyRow(
        address="/sideman/rejected",
        type=RejectedReply,
        arguments=(_ID, _TAKE, Text(name="path", meaning="absolute path of the WAV file", longest=4096)),
        meaning="A take is rejected: its receipt says so.",
    ),
    ReplyRow(
        address="/sideman/tagged",
        type=TaggedReply,
        arguments=(
            _ID,
            _TAKE,
            Text(name="path", meaning="absolute path of the WAV file", longest=4096),
            Text(name="tags", meaning="all that it has now, parted by spaces", longest=MAX_MESSAGE_CHARACTERS),
        ),
        meaning="A take's tags have changed: its receipt has them.",
    ),
    ReplyRow(
        address="/sideman/library/found",
        type=FoundReply,
        arguments=(
            Text(
                name="json",
                meaning="a JSON object: `found` clips in all, the first of them in `clips`, and `left_off` others",
                longest=65000,
            ),
        ),
        meaning="The answer to `/sideman/library/search`.",
    ),
    ReplyRow(
        address="/sideman/done",
        type=DoneReply,
        arguments=(_ID, Whole(name="clips", meaning="clips made", low=0)),
        meaning="The request is finished.",
    ),
    ReplyRow(
        address="/sideman/cancelled",
        type=CancelledReply,
        arguments=(_ID,),
        meaning="The request was cancelled.",
    ),
    ReplyRow(
        address="/sideman/superseded",
        type=SupersededReply,
        arguments=(_ID, Text(name="by", meaning="the id of the request that replaced it", longest=64)),
        meaning="The request had not begun when a newer one of a changed session came in; it was dropped.",
    ),
    ReplyRow(
        address="/sideman/notice",
        type=NoticeReply,
        arguments=(_ID_OR_EMPTY, _CODE, _MESSAGE),
        meaning="Something was substituted or assumed, such as a tempo or a chord.",
    ),
    ReplyRow(
        address="/sideman/error",
        type=ErrorReply,
        arguments=(_ID_OR_EMPTY, _CODE, _MESSAGE),
        meaning="A message could not be used and changed nothing, or a request failed. The codes are listed below.",
    ),
    ReplyRow(
        address="/sideman/state",
        type=StateReply,
        arguments=(Text(name="json", meaning="the session, as a JSON object", longest=65000),),
        meaning="The answer to `/sideman/state`.",
    ),
)

REPLIES: Final[Mapping[type[Reply], ReplyRow]] = MappingProxyType({row.type: row for row in _ROWS})
"""Every outgoing address by the value that is sent there, in the order of the reference."""
REPLY_ADDRESSES: Final = frozenset(row.address for row in _ROWS)

NOTICE_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "assumed_tempo": "No tempo was sent, and one is assumed.",
        "assumed_meter": "No meter was sent, and one is assumed.",
        "assumed_chord": "Nothing but a key was sent, and its own chord is played.",
        "pattern_fitted": "A drum pattern meets bars of another length, and was cut or goes on there.",
        "caption": "The model is asked for more than the prompt says; the message is what it is asked for.",
        "chord_substituted": "A chord that the model does not know is played as the nearest one that it does.",
        "melody_reduced": "Melody notes sound together, and the model takes the highest.",
        "melody_moved": "Melody notes outside the model's range were moved by octaves.",
        "melody_ignored": "The model takes no melody; the clip is made without it.",
        "not_heard": "The engine does not hear something of the session: chords, drums or melody, or given audio.",
        "midi_file": "Something in a MIDI file was left out or assumed; receipts of `sideman render` have it.",
        "drum_track": "A file of drums takes the place of the chart's.",
        "windows": "The clip is longer than the model's window and is made in several; where they meet is said.",
        "tempo_fit": "How MAGNeT's audio was laid on the session's beats, or that it was not; the receipt has it too.",
        "score": "The receipt of a clip could not be given its score.",
        "time_source": "Who tells tempo and position, and who else would.",
        "clock_lost": "The MIDI clock that leads has fallen silent, or is there again.",
        "midi_port": "A MIDI port was opened, is missing or has vanished, or messages were dropped.",
        "late": "No clip can be ready for a bar, and a later one is taken; or one was ready after its bar had begun. "
        "Or a take is listened to faster than it is made.",
        "engine": "The engine made the clip in another way than planned, such as in single precision.",
        "mastering": "The clip could not be made as loud as it should be.",
        "library": "The library of takes cannot be used, or was not for a while; takes are made and kept without it.",
        "replay": "The clip was made again by `sideman replay` and is not the same; its receipt says this.",
        "left_out": "Notes or markers of a DAW's track mean no drum or no chord, and were left out.",
        "host": "The DAW did not take the clip; it lies in the clips folder. Or something else about the DAW.",
    }
)
"""Every code of ``/sideman/notice``, and what it means."""
