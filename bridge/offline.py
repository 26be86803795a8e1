"""``sideman render``: a clip from a MIDI file, without a daemon.

It goes the same way as a clip over OSC: session state, plan, engine, mastering, clip and receipt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bridge.clip_facts import loop_tags, receipt_for, take_notices
from bridge.clips import Clip, ClipFolder, clip_file_name
from bridge.conditioning import plan
from bridge.config import Config
from bridge.engine_parts import model_folders, model_settings, sound_source, sounds_sha256
from bridge.engines import JASCO, MAGNET
from bridge.errors import ClipError, NothingToPlay, RequestError
from bridge.making import Engine, EngineOptions, Made, best_take, facts_of, make_takes, open_engine, score_take
from bridge.model_store import codec_folder, speed_memory
from bridge.notices import Notice
from bridge.requests import GenerationRequest, TakeMade
from bridge.score_record import Score
from bridge.session import SessionState
from bridge.song_events import song_bars
from midi.charts import ChordChart, DrumChart, MelodyChart
from midi.events import AudioRegion, DrumTrack
from midi.files import Song, read_song


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """What is rendered: ``bars`` None means up to the end of the file; bars count from 1."""

    file: Path
    out: Path
    bars: int | None = None
    start_bar: int = 1
    seed: int = 0
    takes: int = 1
    best: bool = False
    """Of the takes, the one that comes nearest to the chart alone is kept."""
    prompt: str = ""
    drum_track: Path | None = None
    """Drums as audio, for an engine that hears them; ``separate_drums`` isolates them from a mix."""
    separate_drums: bool = False
    given: AudioRegion | None = None
    """Audio that the clip goes on from, for an engine that does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The clips, and everything that was substituted or assumed."""

    clips: tuple[Clip, ...]
    scores: tuple[Score | None, ...]
    notices: tuple[Notice, ...]

    def view(self) -> dict[str, object]:
        """The result as JSON values."""
        clips = [
            {
                **asdict(clip),
                "path": str(clip.path),
                "receipt_path": str(clip.receipt_path),
                "score": None if score is None else {**asdict(score), "tempo": score.tempo, "total": score.total},
            }
            for clip, score in zip(self.clips, self.scores, strict=True)
        ]
        return {"clips": clips, "notices": [asdict(notice) for notice in self.notices]}


def state_of_song(song: Song, options: RenderOptions, engine: str) -> SessionState:
    """The session that the file stands for. Raises ``RequestError`` when the bars lie outside the file."""
    length = song_bars(song)
    if not 1 <= options.start_bar <= length:
        raise RequestError(f"Bar {options.start_bar} is not in the file: it has {length} bars.")
    return SessionState(
        tempo_map=song.tempo_map,
        tempo_said=True,
        meter_said=True,
        start=song.tempo_map.bar_start(options.start_bar),
        key=song.key,
        chords=ChordChart(changes=song.chord_changes, bars=length),
        drums=DrumChart(hits=song.drums, bars=length),
        melody=MelodyChart(notes=song.melody, bars=length),
        prompt=options.prompt,
        engine=engine,
        bars=options.bars or length - options.start_bar + 1,
        takes=options.takes,
        best=options.best,
        seed=options.seed,
        given=options.given,
        drum_track=DrumTrack(path=options.drum_track, separate=options.separate_drums) if options.drum_track else None,
    )


def render(options: RenderOptions, config: Config, report: Callable[[float], None]) -> Rendered:
    """Render the file into ``options.out``. ``report`` is told the share that is done. Raises ``SidemanError``."""
    if options.drum_track and config.engine.name != JASCO:
        raise RequestError(f"A drum track is for the engine jasco; {config.engine.name} does not hear it.")
    if options.separate_drums and not options.drum_track:
        raise RequestError("There is no drum track to isolate drums from: name one with --drum-track.")
    if options.given and config.engine.name != MAGNET:
        raise RequestError(f"The engine magnet goes on from audio; {config.engine.name} does not.")
    for path in (options.drum_track, options.given.path if options.given else None):
        if path and not path.is_file():
            raise RequestError(f"There is no audio file {path}.")
    song = read_song(options.file)
    if config.engine.name != MAGNET and not (song.chord_changes or song.drums or song.melody):
        raise NothingToPlay(f"{options.file} holds no notes and no chords: there is nothing to play.")
    state = state_of_song(song, options, config.engine.name)
    planned = plan(
        state,
        request_id=_id_of(options.file),
        seed=options.seed,
        audio=config.clips.audio,
        model=model_settings(state.engine, config),
        score=config.clips.score,
    )
    notices = (
        *(Notice(code="midi_file", message=text) for text in song.notices),
        *planned.notices,
    )
    folder = ClipFolder(options.out)
    folder.prepare()
    settings = config.engine
    engine = open_engine(
        settings.name,
        EngineOptions(
            soundfont=settings.soundfont,
            models=model_folders(config),
            kit=config.jasco.kit,
            device=settings.device,
            codecs=codec_folder(settings.models),
            dtype=settings.dtype,
            graphs="off",  # a capture is for what comes again
            memory=speed_memory(),
        ),
        warm=False,
    )
    request, soundfont = planned.request, sound_source(settings.name, config)
    clips: list[Clip] = []
    scores: list[Score | None] = []
    told: list[Notice] = []
    for facts, made, score in _scored_takes(engine, request, report):
        told += take_notices(facts)
        receipt = receipt_for(
            request,
            planned.chart,
            facts,
            state,
            notices,
            soundfont=soundfont,
            created_at=datetime.now(UTC),
            score=score,
            sounds_sha256=sounds_sha256(settings.name, config),
        )
        tags = loop_tags(request.window, state.key)
        clips.append(folder.write(made.mastered.samples, tags=tags, receipt=receipt))
        scores.append(score)
    report(1.0)
    return Rendered(clips=tuple(clips), scores=tuple(scores), notices=(*notices, *told))


def _scored_takes(
    engine: Engine, request: GenerationRequest, report: Callable[[float], None]
) -> Iterator[tuple[TakeMade, Made, Score | None]]:
    """Each take with its facts and its score; of all, the best alone where that is wanted."""
    takes = make_takes(engine, request, report=report, cancelled=lambda: False)
    if request.best:
        best = best_take(takes, request)
        yield facts_of(request, best.take, best.made).model_copy(update={"best_of": best.totals}), best.made, best.score
        return
    for take, made in enumerate(takes):
        yield facts_of(request, take, made), made, score_take(made, request)


def _id_of(file: Path) -> str:
    """A request id made of the file's name, or ``song`` where no file could be named after that."""
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "-" for letter in file.stem)
    request_id = kept.strip("-")[:48]
    try:
        clip_file_name(request_id, 0, 120.0, None)
    except ClipError:
        return "song"
    return request_id
