"""The table of everything the daemon understands: each address, its arguments, and the command it becomes.

What the daemon sends is tabled in ``bridge/osc_replies.py`` and is at hand from here. Codec, reference and tests
derive from the two tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bridge import osc_commands as make
from bridge.engines import ENGINES
from bridge.library_query import MAX_QUERY_CHARACTERS
from bridge.neural_config import SETTINGS
from bridge.osc_arguments import MAX_BEAT, Argument, Real, Text, Whole
from bridge.osc_commands import (
    AgainTake,
    AskState,
    ClipPlaced,
    Command,
    ContinueClip,
    Foreign,
    GridPattern,
    Infill,
    KeepTake,
    NextTake,
    Ping,
    PlayerDo,
    PlayerLevel,
    PlayerTake,
    RejectTake,
    SearchLibrary,
    Subscribe,
    TagTake,
    Unsubscribe,
    UseDrumTrack,
)
from bridge.osc_errors import ERROR_CODES
from bridge.osc_replies import (
    REPLIES,
    REPLY_ADDRESSES,
    Accepted,
    CancelledReply,
    ClipReply,
    DoneReply,
    DueReply,
    ErrorReply,
    KeptReply,
    NoticeReply,
    PlacedReply,
    PlayerReply,
    Pong,
    ProgressReply,
    Reply,
    ReplyRow,
    ScoreReply,
    StateReply,
    Subscribed,
    SupersededReply,
)
from bridge.played_charts import intervals_of
from bridge.player_config import MAX_LEVEL_DB, MIN_LEVEL_DB
from bridge.request_ids import REQUEST_ID, REQUEST_ID_WORDS
from midi import events as ev
from midi.chord_syntax import MAX_SYMBOL
from midi.chords import parse_progression
from midi.drums import VOICES
from midi.keys import MAX_KEY_TEXT, key_of_scale, parse_key
from midi.time import DENOMINATORS, MAX_BPM, MAX_NUMERATOR, MIN_BPM
from plugin_host.host import AREAS, Target

__all__ = [
    "COMMANDS",
    "ERROR_CODES",
    "REPLIES",
    "REPLY_ADDRESSES",
    "Accepted",
    "AgainTake",
    "AskState",
    "CancelledReply",
    "ClipPlaced",
    "ClipReply",
    "Command",
    "CommandRow",
    "ContinueClip",
    "DoneReply",
    "DueReply",
    "ErrorReply",
    "Foreign",
    "GridPattern",
    "Infill",
    "KeepTake",
    "KeptReply",
    "NextTake",
    "NoticeReply",
    "Ping",
    "PlacedReply",
    "PlayerDo",
    "PlayerLevel",
    "PlayerReply",
    "PlayerTake",
    "Pong",
    "ProgressReply",
    "RejectTake",
    "Reply",
    "ReplyRow",
    "ScoreReply",
    "SearchLibrary",
    "StateReply",
    "Subscribe",
    "Subscribed",
    "SupersededReply",
    "TagTake",
    "Unsubscribe",
    "UseDrumTrack",
]

MAX_BAR: Final = 10_000_000
MAX_LENGTH: Final = 1e4
MAX_CLIP_BARS: Final = 512
MAX_TAKES: Final = 16
MAX_SEED: Final = 2**31 - 1
MAX_PROMPT_CHARACTERS: Final = 4096
MAX_PROGRESSION_CHARACTERS: Final = 16384
MAX_PATTERN_CHARACTERS: Final = 8192
MAX_NAME_CHARACTERS: Final = 64
MAX_PATH_CHARACTERS: Final = 4096
MAX_VALUE_CHARACTERS: Final = 1024
MAX_CHART_CHARACTERS: Final = 60_000
MAX_PADS_CHARACTERS: Final = 16384
MAX_TARGET_CHARACTERS: Final = 256
MAX_CLIP_CHARACTERS: Final = 160
MAX_TOKEN_CHARACTERS: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRow:
    """One incoming address.

    ``forms`` are the lists of arguments that it takes, each of another length. ``build`` makes the
    command from the arguments of any form, and raises ``SidemanError`` when they spell no music.
    ``example`` holds arguments that work.
    """

    address: str
    forms: tuple[tuple[Argument, ...], ...]
    build: Callable[..., Command]
    meaning: str
    example: tuple[float | int | str, ...] = ()

    def form_of(self, count: int) -> tuple[Argument, ...] | None:
        """The form with ``count`` arguments."""
        return next((form for form in self.forms if len(form) == count), None)

    @property
    def is_trigger(self) -> bool:
        """Whether a button can send it: it goes without arguments, and a number is none of its own."""
        single = self.form_of(1)
        return self.form_of(0) is not None and (single is None or isinstance(single[0], Text))


# Arguments that several addresses take

_BPM: Final = Real(name="bpm", meaning="tempo", unit="quarter notes/min", low=MIN_BPM, high=MAX_BPM)
_BEAT: Final = Real(name="beat", meaning="song position", unit="beats", low=0, high=MAX_BEAT)
_LENGTH: Final = Real(name="length", meaning="length", unit="beats", low=0, high=MAX_LENGTH, above=True)
_NUMERATOR: Final = Whole(name="numerator", meaning="upper number of the meter", taken=f"1 to {MAX_NUMERATOR}")
_DENOMINATOR: Final = Whole(
    name="denominator", meaning="lower number of the meter", taken=", ".join(map(str, DENOMINATORS))
)
_VELOCITY: Final = Whole(
    name="velocity", meaning=f"MIDI velocity, {make.DEFAULT_VELOCITY} where not sent", low=1, high=127
)
_VOICE_NOTES: Final = sorted(note for voice in VOICES for note in voice.notes)
_HOST: Final = Text(
    name="host", meaning="where to send", longest=MAX_NAME_CHARACTERS, taken="an IP address, or localhost"
)
_PORT: Final = Whole(name="port", meaning="UDP port to send to", low=1, high=65535)
_ADDRESS_FORMS: Final = ((), (_PORT,), (_HOST, _PORT))
_TOKEN_FORM: Final = (
    Text(name="host", meaning="where to send; empty for the sender's own", longest=MAX_NAME_CHARACTERS),
    Whole(name="port", meaning="UDP port to send to; 0 for the sender's own", low=0, high=65535),
    Text(name="token", meaning="what another machine has to show", longest=MAX_TOKEN_CHARACTERS),
)
_CHART_LENGTH: Final = Real(
    name="length", meaning="length of the chart; 0 for as long as its notes", unit="beats", low=0, high=1e6
)
_OFFER: Final = Whole(name="offer", meaning="the number of `/sideman/place`", low=1)
_ID: Final = Text(
    name="id",
    meaning="the request's name, yours to choose",
    longest=MAX_NAME_CHARACTERS,
    pattern=REQUEST_ID,
    taken=REQUEST_ID_WORDS,
)
_CLIP: Final = Text(
    name="id", meaning="a request's name, or a clip's file name without its ending", longest=MAX_CLIP_CHARACTERS
)
_TAKE: Final = Whole(name="take", meaning="the take", low=0, high=MAX_TAKES - 1)
_TAGS: Final = Text(name="tags", meaning="words, parted by spaces or commas", longest=MAX_TARGET_CHARACTERS)
_SETTING: Final = Text(
    name="setting", meaning="its name", longest=MAX_NAME_CHARACTERS, taken=", ".join(f"`{name}`" for name in SETTINGS)
)
_TRIGGER: Final = Text(name="mode", meaning="`request`, `bars` or `chords`", longest=16)
_AUDIO_PATH: Final = Text(
    name="path",
    meaning="an audio file",
    longest=MAX_PATH_CHARACTERS,
    taken="an absolute path, inside the clips folder or a folder of `clips.audio_folders`",
)
_TAKE_FORMS: Final = (
    (_ID,),
    (_ID, Whole(name="take", meaning="the take, 0 where not sent", low=0, high=MAX_TAKES - 1)),
)
_SETTING_VALUE: Final = Text(
    name="value",
    meaning="its value",
    longest=MAX_VALUE_CHARACTERS,
    taken="as in the configuration; a number as such too",
    numbers=True,
)


_ROWS: Final = (
    CommandRow(
        address="/sideman/ping",
        forms=((),),
        build=Ping,
        meaning="Is the daemon there? Answers `/sideman/pong`.",
    ),
    CommandRow(
        address="/sideman/subscribe",
        forms=(*_ADDRESS_FORMS, _TOKEN_FORM),
        build=make.subscribe,
        meaning="Send every broadcast to this client too: to the sender, to another port of its host, or to another "
        "host that the configuration allows. Answers `/sideman/subscribed`. A client on another machine than the "
        "daemon's is not heard before it has subscribed with the daemon's token.",
        example=(9001,),
    ),
    CommandRow(
        address="/sideman/unsubscribe",
        forms=_ADDRESS_FORMS,
        build=make.unsubscribe,
        meaning="Send no more broadcasts there.",
        example=(9001,),
    ),
    CommandRow(
        address="/sideman/tempo",
        forms=((_BPM,),),
        build=lambda bpm: ev.SetTempo(bpm=bpm),
        meaning="A constant tempo, in the place of the whole tempo map.",
        example=(112.0,),
    ),
    CommandRow(
        address="/sideman/tempo/at",
        forms=(
            (_BEAT, _BPM),
            (_BEAT, _BPM, Whole(name="ramp", meaning="1 for a linear ramp from the point before", low=0, high=1)),
        ),
        build=make.tempo_point,
        meaning="A point of the tempo map: the tempo from this beat on.",
        example=(16.0, 132.0, 1),
    ),
    CommandRow(
        address="/sideman/meter",
        forms=((_NUMERATOR, _DENOMINATOR),),
        build=make.meter,
        meaning="A constant meter, in the place of the whole meter map.",
        example=(7, 8),
    ),
    CommandRow(
        address="/sideman/meter/at",
        forms=(
            (
                Whole(name="bar", meaning="the bar that it begins with, from 1", low=1, high=MAX_BAR),
                _NUMERATOR,
                _DENOMINATOR,
            ),
        ),
        build=make.meter_point,
        meaning="A point of the meter map: the meter from this bar on.",
        example=(5, 3, 4),
    ),
    CommandRow(
        address="/sideman/from",
        forms=((_BEAT,),),
        build=lambda beat: ev.SetStart(at=beat),
        meaning="The song beat at which clips begin. It is 0, the start of the chart, until said.",
        example=(32.0,),
    ),
    CommandRow(
        address="/sideman/key",
        forms=((Text(name="key", meaning="tonic and mode", longest=MAX_KEY_TEXT, taken="such as `C minor`"),),),
        build=lambda key: ev.SetKey(key=parse_key(key)),
        meaning="The key: `C minor`, `F# dorian`, `Ebmaj`.",
        example=("F# dorian",),
    ),
    CommandRow(
        address="/sideman/key/scale",
        forms=(
            (
                Whole(name="tonic", meaning="pitch class, 0 is C", low=0, high=11),
                Text(name="intervals", meaning="semitones above it", longest=MAX_KEY_TEXT, taken="as `0 2 4 5 7 9 11`"),
            ),
        ),
        build=lambda tonic, intervals: ev.SetKey(key=key_of_scale(tonic, intervals_of(intervals))),
        meaning="The key, as the scale of a DAW.",
        example=(2, "0 2 3 5 7 9 10"),
    ),
    CommandRow(
        address="/sideman/key/clear",
        forms=((),),
        build=ev.ClearKey,
        meaning="No key is known.",
    ),
    CommandRow(
        address="/sideman/play",
        forms=((), (_BEAT,)),
        build=make.play,
        meaning="The transport runs, from this beat or from where it stands.",
        example=(0.0,),
    ),
    CommandRow(
        address="/sideman/stop",
        forms=((),),
        build=ev.Stop,
        meaning="The transport stands still.",
    ),
    CommandRow(
        address="/sideman/position",
        forms=((_BEAT,),),
        build=lambda beat: ev.Locate(at=beat),
        meaning="The transport is here.",
        example=(17.25,),
    ),
    CommandRow(
        address="/sideman/chords",
        forms=((Text(name="progression", meaning="chords in bars", longest=MAX_PROGRESSION_CHARACTERS),),),
        build=lambda progression: ev.SetChords(progression=parse_progression(progression)),
        meaning="A whole progression, in the place of every chord before. Bars are parted by `|`, chords in a bar "
        "share it equally, `%` repeats a bar, `N.C.` is no chord. It begins at beat 0, and repeats where it is "
        "shorter than the clip.",
        example=("Am7 | Dm7 G7 | Cmaj7 | % |",),
    ),
    CommandRow(
        address="/sideman/chord",
        forms=((Text(name="label", meaning="chord symbol", longest=MAX_SYMBOL, taken="such as `F#m7b5`"), _BEAT),),
        build=make.chord,
        meaning="One chord change, laid over the progression.",
        example=("Bbmaj7/D", 8.0),
    ),
    CommandRow(
        address="/sideman/chords/notes",
        forms=(
            (
                Text(
                    name="notes",
                    meaning="the notes of a chord track",
                    longest=MAX_CHART_CHARACTERS,
                    taken="pitch, beat and length in beats in turn, with blanks between",
                ),
                _CHART_LENGTH,
            ),
        ),
        build=lambda notes, length: make.ChordNotes(text=notes, length=length),
        meaning="The chords that these notes make, in the place of every chord before. Beat 0 is the song's; a chart "
        "shorter than the clip repeats. No notes are no chords.",
        example=("57 0 4 60 0 4 64 0 4 50 4 4 53 4 4 57 4 4", 8.0),
    ),
    CommandRow(
        address="/sideman/chords/markers",
        forms=(
            (
                Text(
                    name="markers",
                    meaning="markers of the arrangement",
                    longest=MAX_CHART_CHARACTERS,
                    taken="the beat, a blank, the name; lines, or set off by `;`",
                ),
            ),
        ),
        build=lambda markers: make.ChordMarkers(text=markers),
        meaning="The chords that these markers are named as, in the place of every chord before. Other names are left "
        "out, and told in a notice.",
        example=("0 Am7; 8 Dm7; 12 G7",),
    ),
    CommandRow(
        address="/sideman/chords/clear",
        forms=((),),
        build=ev.ClearChords,
        meaning="No chords.",
    ),
    CommandRow(
        address="/sideman/drums",
        forms=(
            (
                Text(
                    name="voice", meaning="drum voice", longest=MAX_NAME_CHARACTERS, taken="a name of the voices below"
                ),
                Text(name="pattern", meaning="steps of a sixteenth, whole bars", longest=MAX_PATTERN_CHARACTERS),
            ),
        ),
        build=make.grid_pattern,
        meaning="One voice's pattern, in the place of that voice's pattern before. `X` is an accent, `x` a hit, `o` a "
        "ghost note, `.` a rest; 16 steps fill a bar of 4/4, 12 one of 3/4, 14 one of 7/8. It begins at beat 0, and "
        "repeats.",
        example=("kick", "x...x...x...x..."),
    ),
    CommandRow(
        address="/sideman/drum",
        forms=tuple(
            (
                Whole(
                    name="note",
                    meaning="General MIDI percussion note",
                    taken=f"{_VOICE_NOTES[0]} to {_VOICE_NOTES[-1]}",
                ),
                _BEAT,
                *velocity,
            )
            for velocity in ((), (_VELOCITY,))
        ),
        build=make.hit,
        meaning="One drum stroke.",
        example=(38, 6.5, 100),
    ),
    CommandRow(
        address="/sideman/drums/notes",
        forms=(
            (
                Text(
                    name="strokes",
                    meaning="the notes of a drum track",
                    longest=MAX_CHART_CHARACTERS,
                    taken="note, beat and velocity in turn, with blanks between",
                ),
                Text(
                    name="pads",
                    meaning="names of pads; empty for General MIDI",
                    longest=MAX_PADS_CHARACTERS,
                    taken="the note, a blank, the name; lines, or set off by `;`",
                ),
                _CHART_LENGTH,
            ),
        ),
        build=lambda strokes, pads, length: make.DrumNotes(text=strokes, pads=pads, length=length),
        meaning="A whole drum chart, in the place of patterns and strokes before. A pad's name tells its voice (`Kick "
        "808`, `Hi-Hat Open`); a pad whose name tells none, and a note without a pad, is read as General MIDI.",
        example=("36 0 110 38 1 96 36 2 110 38 3 96", "36 Kick 808; 38 Snare Tight", 4.0),
    ),
    CommandRow(
        address="/sideman/drums/track",
        forms=(
            (),
            (_AUDIO_PATH,),
            (_AUDIO_PATH, Whole(name="isolate", meaning="1 isolates the drums from a mix, by Demucs", low=0, high=1)),
        ),
        build=make.drum_track,
        meaning="The next clips hear the drums of a file, which begins at the clip's start, in the place of the "
        "chart's. `jasco` does this. Without a path they hear the chart's again.",
        example=("/music/drums.wav",),
    ),
    CommandRow(
        address="/sideman/drums/clear",
        forms=((),),
        build=ev.ClearDrums,
        meaning="No drums: neither patterns nor strokes nor a track.",
    ),
    CommandRow(
        address="/sideman/note",
        forms=tuple(
            (Whole(name="pitch", meaning="MIDI note, 60 is middle C", low=0, high=127), _BEAT, _LENGTH, *velocity)
            for velocity in ((), (_VELOCITY,))
        ),
        build=make.note,
        meaning="One melody note.",
        example=(73, 0.0, 1.5, 90),
    ),
    CommandRow(
        address="/sideman/melody/clear",
        forms=((),),
        build=ev.ClearMelody,
        meaning="No melody.",
    ),
    CommandRow(
        address="/sideman/prompt",
        forms=((Text(name="text", meaning="description of the music", longest=MAX_PROMPT_CHARACTERS),),),
        build=lambda text: ev.SetPrompt(text=text),
        meaning="What the music should be, in words; empty for none.",
        example=("bossa nova, nylon guitar, upright bass",),
    ),
    CommandRow(
        address="/sideman/engine",
        forms=(
            (
                Text(
                    name="name",
                    meaning="the engine that makes clips",
                    longest=MAX_NAME_CHARACTERS,
                    taken=", ".join(f"`{name}`" for name in ENGINES),
                ),
            ),
        ),
        build=lambda name: ev.SetEngine(name=name),
        meaning="Which engine plays. One that cannot run here is refused.",
        example=("sketch",),
    ),
    CommandRow(
        address="/sideman/bars",
        forms=((Whole(name="bars", meaning="length of a clip", unit="bars", low=1, high=MAX_CLIP_BARS),),),
        build=lambda bars: ev.SetBars(bars=bars),
        meaning="How long clips are.",
        example=(8,),
    ),
    CommandRow(
        address="/sideman/takes",
        forms=(
            (Whole(name="takes", meaning="variations of a request", low=1, high=MAX_TAKES),),
            (
                Whole(name="takes", meaning="variations of a request", low=1, high=MAX_TAKES),
                Whole(name="best", meaning="1 keeps the best alone, by its total score", low=0, high=1),
            ),
        ),
        build=lambda takes, best=0: ev.SetTakes(takes=takes, best=bool(best)),
        meaning="How many variations one request makes.",
        example=(2,),
    ),
    CommandRow(
        address="/sideman/seed",
        forms=((Whole(name="seed", meaning="seed of the first take; -1 draws one", low=-1, high=MAX_SEED),),),
        build=lambda seed: ev.SetSeed(seed=None if seed == -1 else seed),
        meaning="The seed of the next clips. The same seed and session give the same clip; the receipt says it.",
        example=(42,),
    ),
    CommandRow(
        address="/sideman/target",
        forms=(
            (
                Text(
                    name="target",
                    meaning="where in the DAW clips go",
                    longest=MAX_TARGET_CHARACTERS,
                    taken=f"{', '.join(f'`{area}`' for area in AREAS)}, a track's name, or both as `lanes:Keys`; empty "
                    "for the host's own place",
                ),
            ),
        ),
        build=lambda target: ev.SetTarget(target=str(Target.parse(target))),
        meaning="Where the next clips are placed: slots to launch, the arrangement at the beat that they begin at, or "
        "take lanes there; on which track.",
        example=("lanes:Keys",),
    ),
    CommandRow(
        address="/sideman/set",
        forms=((_SETTING,), (_SETTING, _SETTING_VALUE)),
        build=lambda setting, value=None: ev.SetSetting(name=setting, value=value),
        meaning="How a neural engine is asked, until it is set again. Without a value it is as configured.",
        example=("magnet.temperature", "2.5"),
    ),
    CommandRow(
        address="/sideman/continue",
        forms=((_ID,), (_ID, Whole(name="take", meaning="the take, 0 where not sent", low=0, high=MAX_TAKES - 1))),
        build=make.continue_clip,
        meaning="The next clips continue a clip of this daemon: its end is heard, and is not in them. `magnet` does "
        "this.",
        example=("verse-1", 0),
    ),
    CommandRow(
        address="/sideman/infill",
        forms=(
            (
                _AUDIO_PATH,
                Real(name="from", meaning="song position", unit="beats", low=0, high=MAX_BEAT),
                Real(name="to", meaning="song position", unit="beats", low=0, high=MAX_BEAT),
            ),
        ),
        build=make.infill,
        meaning="The next clips keep the audio of a file, which begins at the clip's start, and make these beats anew, "
        "and what the file does not reach. `magnet` does this.",
        example=("/music/loop.wav", 4.0, 8.0),
    ),
    CommandRow(
        address="/sideman/audio/clear",
        forms=((),),
        build=lambda: ev.SetGivenAudio(region=None),
        meaning="Clips begin from nothing: no clip is continued, no audio kept.",
    ),
    CommandRow(
        address="/sideman/generate",
        forms=((), (_ID,)),
        build=lambda request_id=None: ev.RequestClip(id=request_id),
        meaning="Make a clip from the session as it is now. Without an id the daemon chooses one.",
        example=("verse-1",),
    ),
    CommandRow(
        address="/sideman/generate/next",
        forms=((), (_ID,)),
        build=lambda request_id=None: ev.RequestClip(id=request_id, next_bar=True),
        meaning="The same, for the next bar that the clip can be ready for; where the transport stands still, for the "
        "first bar from there on. `/sideman/due` says which.",
        example=("chorus-1",),
    ),
    CommandRow(
        address="/sideman/trigger",
        forms=(
            (_TRIGGER,),
            (
                _TRIGGER,
                Whole(name="bars", meaning="bars of each clip; 0 is the session's number", low=0, high=MAX_CLIP_BARS),
            ),
        ),
        build=make.trigger,
        meaning="When clips are made. `request`: when they are asked for. `bars`: every so many bars while the "
        "transport runs, each ready before the bar that it is for. `chords`: when the chords have changed, for the "
        "next bar that can be made.",
        example=("bars", 4),
    ),
    CommandRow(
        address="/sideman/next",
        forms=((),),
        build=NextTake,
        meaning="Make the last clip again, as the session was then, from the next seeds.",
    ),
    CommandRow(
        address="/sideman/keep",
        forms=((), (_CLIP,), (_CLIP, _TAKE)),
        build=make.keep_take,
        meaning="This take is kept: its receipt says so. Without an id it is the last one made. Any clip of the clips "
        "folder can be kept.",
        example=("verse-1", 0),
    ),
    CommandRow(
        address="/sideman/reject",
        forms=((), (_CLIP,), (_CLIP, _TAKE)),
        build=make.reject_take,
        meaning="This take is not wanted: its receipt says so, and it is not kept any more. Its files stay. Without an "
        "id it is the last one made.",
        example=("verse-1", 1),
    ),
    CommandRow(
        address="/sideman/tag",
        forms=((_CLIP, _TAGS), (_CLIP, _TAKE, _TAGS)),
        build=make.tag_take,
        meaning="Words of your own for a take, in its receipt; one with a minus before it is taken away.",
        example=("verse-1", 0, "chorus loud -maybe"),
    ),
    CommandRow(
        address="/sideman/again",
        forms=((_CLIP,), (_CLIP, _TAKE)),
        build=make.again,
        meaning="Make a take again with the chart as it is now: same bars, prompt, engine, number of takes, target, "
        "and the seed of that take. Without a take it is the newest of the request.",
        example=("verse-1",),
    ),
    CommandRow(
        address="/sideman/library/search",
        forms=(
            (
                Text(
                    name="query", meaning="words and facts, as `docs/library.md` has them", longest=MAX_QUERY_CHARACTERS
                ),
            ),
        ),
        build=lambda query: SearchLibrary(query=query),
        meaning="Which clips are there? Answers `/sideman/library/found`.",
        example=("tempo:110-120 key:Am bossa kept",),
    ),
    CommandRow(
        address="/sideman/cancel",
        forms=((), (_ID,)),
        build=lambda request_id=None: ev.RequestCancel(id=request_id),
        meaning="Cancel one request, or without an id every one.",
        example=("verse-1",),
    ),
    CommandRow(
        address="/sideman/player/on",
        forms=((),),
        build=lambda: PlayerDo(action="on"),
        meaning="The player is on: takes are heard in time with the song. It opens its audio device.",
    ),
    CommandRow(
        address="/sideman/player/off",
        forms=((),),
        build=lambda: PlayerDo(action="off"),
        meaning="The player is off: what is heard is faded out, and nothing is launched. The device stays open.",
    ),
    CommandRow(
        address="/sideman/player/play",
        forms=_TAKE_FORMS,
        build=lambda clip_id, take=0: PlayerTake(action="play", id=clip_id, take=take),
        meaning="This take enters at the next bar, or where the song starts, and repeats until another takes its "
        "place.",
        example=("verse-1", 0),
    ),
    CommandRow(
        address="/sideman/player/audition",
        forms=_TAKE_FORMS,
        build=lambda clip_id, take=0: PlayerTake(action="audition", id=clip_id, take=take),
        meaning="This take is heard alone, now, from its start and once, whether the song runs or not.",
        example=("verse-1", 0),
    ),
    CommandRow(
        address="/sideman/player/stop",
        forms=((),),
        build=lambda: PlayerDo(action="stop"),
        meaning="What is heard is faded out, and what waits is dropped. The player stays on.",
    ),
    CommandRow(
        address="/sideman/player/level",
        forms=((Real(name="level", meaning="level", unit="dB", low=MIN_LEVEL_DB, high=MAX_LEVEL_DB),),),
        build=lambda level: PlayerLevel(level_db=level),
        meaning=f"The player's level; {MIN_LEVEL_DB:g} is silence.",
        example=(-6.0,),
    ),
    CommandRow(
        address="/sideman/player/panic",
        forms=((),),
        build=lambda: PlayerDo(action="panic"),
        meaning="Silence at once, and the player is off.",
    ),
    CommandRow(
        address="/sideman/daw",
        forms=(
            (
                Text(name="name", meaning="the DAW", longest=MAX_NAME_CHARACTERS),
                Text(name="version", meaning="of the script", longest=MAX_NAME_CHARACTERS),
            ),
        ),
        build=lambda name, version: make.DawHere(name=name, version=version),
        meaning="For a script inside a DAW, every two seconds: it is there, and takes clips. Answers "
        "`/sideman/hosting`, or the error `daw_taken` while another DAW is served.",
        example=("Ableton Live", "1"),
    ),
    CommandRow(
        address="/sideman/daw/bye",
        forms=((),),
        build=make.DawLeaves,
        meaning="The script goes: its DAW is closed. Clips wait until it comes back.",
    ),
    CommandRow(
        address="/sideman/place/done",
        forms=((_OFFER, Text(name="where", meaning="where the clip is now, in words", longest=MAX_PATH_CHARACTERS)),),
        build=lambda offer, where: make.PlaceDone(offer=offer, where=where),
        meaning="The script's answer to `/sideman/place`: the clip is in the session.",
        example=(1, "track Sideman, slot 1"),
    ),
    CommandRow(
        address="/sideman/place/failed",
        forms=((_OFFER, Text(name="why", meaning="why not, and what to do", longest=MAX_PATH_CHARACTERS)),),
        build=lambda offer, why: make.PlaceFailed(offer=offer, why=why),
        meaning="The script's answer to `/sideman/place`: the clip cannot be placed. It is not offered again.",
        example=(1, "The track Sideman is frozen: unfreeze it."),
    ),
    CommandRow(
        address="/sideman/clip/placed",
        forms=(
            (
                _ID,
                Whole(name="take", meaning="the take", low=0, high=MAX_TAKES - 1),
                Text(name="where", meaning="where the clip is now, in words", longest=MAX_PATH_CHARACTERS),
            ),
        ),
        build=lambda clip_id, take, where: ClipPlaced(id=clip_id, take=take, where=where),
        meaning="A relay has placed a clip, of this run or one that the library has, in the DAW on its machine. Told "
        "to everybody as `/sideman/placed`.",
        example=("verse-1", 0, "track Sideman, slot 1"),
    ),
    CommandRow(
        address="/sideman/state",
        forms=((),),
        build=AskState,
        meaning="Answers `/sideman/state` with the session as JSON.",
    ),
)

COMMANDS: Final[Mapping[str, CommandRow]] = MappingProxyType({row.address: row for row in _ROWS})
"""Every incoming address, in the order of the reference."""
