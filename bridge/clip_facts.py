"""What is written down about a clip: its receipt, and the tags inside its WAV file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bridge.drafts import draft_request
from bridge.engines import JASCO
from bridge.jasco_labels import label_of
from bridge.made_from import made_from
from bridge.notices import Chart, Notice
from bridge.receipt_schema import AudioWindow, ChordAsked, ChordSubstituted, ChordUsed, Receipt
from bridge.requests import GenerationRequest, TakeMade, Window
from bridge.score_record import Score
from bridge.session import SessionState
from bridge.wav import LoopTags
from midi.chords import ChordSpan, chord_label
from midi.keys import Key
from midi.time import Bpm, Seconds, TempoMap
from models.checksums import sha256_of
from models.generator import JascoControls, MagnetPrompt, SketchChart

MIDDLE_C: Final = 60
STEADY_BPM: Final = 1e-6
STEADY_BEATS: Final = 1e-6
"""Differences from rounding, and no more."""
DEFAULT_SOUNDFONT: Final = ("TimGM6mb.sf2, inside the package pretty_midi", "GPL-2.0-only")
"""The soundfont that the sketch engine plays when none is named, and its licence."""


def receipt_for(
    request: GenerationRequest,
    chart: Chart,
    facts: TakeMade,
    state: SessionState,
    notices: Sequence[Notice],
    *,
    soundfont: Path | None,
    created_at: datetime,
    score: Score | None = None,
    sounds_sha256: str | None = None,
    replaces: str | None = None,
) -> Receipt:
    """The receipt of one take. ``state`` is the session as it was when the request was made.

    ``soundfont`` is what plays notes, None for the bundled one, and ``sounds_sha256`` the checksum of all that does.
    ``replaces`` is the file of the take's draft, where there is one.
    """
    window = request.window
    made = draft_request(request) if facts.draft else request
    controls = made.controls[facts.take]
    drum_track = _drum_track(controls)
    name, licence = (soundfont.name, "as the user's own file says") if soundfont else DEFAULT_SOUNDFONT
    plays_soundfont = request.model is None or (bool(chart.drums) and request.engine == JASCO and drum_track is None)
    return Receipt(
        engine=request.engine,
        model=request.model,
        weights_licence=request.weights_licence,
        soundfont=name if plays_soundfont else None,
        soundfont_licence=licence if plays_soundfont else None,
        request_id=request.id,
        take=facts.take,
        seed=facts.seed,
        draft=facts.draft,
        replaces=replaces,
        prompt=request.prompt,
        caption=_caption(controls),
        target=request.target,
        bpm=window.bpm,
        tempo=state.tempo_map.tempos,
        meter=state.tempo_map.meters,
        key=state.key,
        start=window.start,
        bars=window.bars,
        chords_asked=tuple(ChordAsked(start=span.start, label=_as_asked(span)) for span in chart.chords),
        chords_used=tuple(_chords_used(controls, state.tempo_map)),
        chords_substituted=tuple(_substituted(chart)) if request.engine == JASCO else (),
        drums=chart.drums,
        drum_track=drum_track,
        melody=chart.melody,
        engine_settings=_engine_settings(controls),
        given_audio=_given_audio(controls),
        windows=tuple(_windows(controls, facts, window)),
        tempo_fit=facts.tempo_fit,
        score=score,
        total_score=score.total if score else None,
        best_of=facts.best_of,
        sample_rate_hz=window.sample_rate_hz,
        frames=window.frames,
        seconds=window.seconds,
        loudness_lufs=facts.loudness_lufs,
        peak_dbfs=facts.peak_dbfs,
        gain_db=facts.gain_db,
        limited_db=facts.limited_db,
        folded_s=Seconds(facts.folded_s),
        computed_on=facts.computed_on,
        versions=facts.versions,
        seconds_spent=facts.seconds_spent,
        created_at=created_at.isoformat(timespec="seconds"),
        notices=(*notices, *take_notices(facts)),
        made_from=made_from(made, facts.take, sounds_sha256=sounds_sha256 if plays_soundfont else None),
    )


def take_notices(facts: TakeMade) -> Iterator[Notice]:
    """What there is to tell about one take, once it is made."""
    if facts.tempo_fit:
        yield Notice(code="tempo_fit", message=facts.tempo_fit.told(facts.seed))
    for text in facts.engine_notices:
        yield Notice(code="engine", message=text)
    for text in facts.notices:
        yield Notice(code="mastering", message=text)


def loop_tags(window: Window, key: Key | None) -> LoopTags:
    """The tags of a clip; the root note is the key's tonic from middle C up.

    A clip with a broken number of beats, or with a tempo that changes, may not be stretched: its beats do not
    lie where a host would look for them.
    """
    length = window.end - window.start
    mean_bpm = Bpm(60.0 * length / window.seconds)
    steady = abs(mean_bpm - window.bpm) < STEADY_BPM
    whole = abs(length - round(length)) < STEADY_BEATS and length > STEADY_BEATS
    return LoopTags(
        bpm=window.bpm if steady else mean_bpm,
        beats=max(1, round(length)),
        stretch=steady and whole,
        meter=window.meter,
        root_note=None if key is None else MIDDLE_C + key.tonic,
        frames=window.frames,
        sample_rate_hz=window.sample_rate_hz,
    )


def _engine_settings(controls: SketchChart | JascoControls | MagnetPrompt) -> dict[str, Any]:
    """How a model was asked."""
    match controls:
        case JascoControls():
            names = ("solver", "all_weight", "text_weight")
            return {name: getattr(controls, name) for name in names}
        case MagnetPrompt():
            return asdict(controls.decoding)
        case SketchChart():
            return {}


def _windows(
    controls: SketchChart | JascoControls | MagnetPrompt, facts: TakeMade, window: Window
) -> Iterator[AudioWindow]:
    """The stretches that the engine made, in order; where a model made them at bar lines, how they meet."""
    heard = [one.heard_s for one in controls.windows] if isinstance(controls, JascoControls) else []
    joins: list[float | None] = [None, *facts.joins_db]
    stretches = facts.windows_s or ((0.0, window.seconds),)
    for (start, end), heard_s, join_db in itertools.zip_longest(stretches, heard, joins[: len(stretches)]):
        yield AudioWindow(
            start_s=Seconds(start),
            duration_s=Seconds(end - start),
            heard_s=None if heard_s is None else Seconds(round(heard_s, 3)),
            join_db=None if join_db is None else round(join_db, 2),
        )


def _caption(controls: SketchChart | JascoControls | MagnetPrompt) -> str | None:
    """What a model was asked for in words."""
    return None if isinstance(controls, SketchChart) else controls.description


def _given_audio(controls: SketchChart | JascoControls | MagnetPrompt) -> str | None:
    """The audio that a clip goes on from, in words."""
    given = controls.given if isinstance(controls, MagnetPrompt) else None
    if given is None:
        return None
    if given.place == "before":
        return f"{given.path.name}, before the clip"
    return f"{given.path.name}, kept but for {given.from_s:.3f} s to {given.to_s:.3f} s"


def _drum_track(controls: SketchChart | JascoControls | MagnetPrompt) -> str | None:
    """The file that was heard as drums: its name, checksum, and whether its drums were isolated."""
    if not isinstance(controls, JascoControls) or controls.drum_track is None:
        return None
    how = ", its drums isolated by Demucs" if controls.separate_drums else ""
    try:
        checksum = f"SHA-256 {sha256_of(controls.drum_track)}"
    except OSError:
        checksum = "no longer there"
    return f"{controls.drum_track.name} ({checksum}){how}"


def _substituted(chart: Chart) -> Iterator[ChordSubstituted]:
    """Each chord of the chart that JASCO does not know, once."""
    for chord in dict.fromkeys(span.chord for span in chart.chords):
        found = label_of(chord)
        if not found.exact:
            yield ChordSubstituted(asked=chord_label(chord), label=found.label, distance=found.distance)


def _chords_used(controls: SketchChart | JascoControls | MagnetPrompt, tempo_map: TempoMap) -> Iterator[ChordUsed]:
    """The chords that the engine was given, in its own labels."""
    if isinstance(controls, MagnetPrompt):
        return
    if isinstance(controls, JascoControls):
        for start_s, label in controls.chords:
            yield ChordUsed(start_s=Seconds(start_s), label=label)
        return
    for span in controls.chords:
        yield ChordUsed(start_s=tempo_map.seconds_between(controls.start, span.start), label=chord_label(span.chord))


def _as_asked(span: ChordSpan) -> str:
    return span.chord.text if span.chord and span.chord.text else chord_label(span.chord)
