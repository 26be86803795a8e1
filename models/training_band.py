"""Who plays a composed piece, and what: instruments, a kit, and the sketch engine's arranger for comping and bass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from midi.chance import Chance
from midi.compose_split import drawn_from
from midi.composing import Piece
from midi.pulse import Figure
from midi.time import Beats
from models.arranger import (
    BASS_CHANNEL,
    COMPING_CHANNEL,
    LEAD_CHANNEL,
    LOUDNESS_LUFS,
    MIN_NOTE_S,
    bass,
    comping,
    drums,
    lead,
    volume_for,
)
from models.generator import SketchChart
from models.instruments import INSTRUMENTS, Instrument, Role
from models.soundfont import DRUM_CHANNEL, ChannelSetup, TimedNote
from models.style_words import Ensemble
from models.styles import HELD, STYLES
from models.voicing import voice_chords

LAYER_CHANNEL: Final = 3
"""A second instrument holds the chords."""
LAYER_BELOW: Final = 5.0
"""How much softer than the comping it is, in LU."""
KITS: Final[Mapping[int, str]] = {0: "", 8: "room", 16: "power", 24: "electronic", 25: "808", 40: "brushes"}
"""Drum kits by their program, and the word that asks for each."""
FAMILY_STYLES: Final[Mapping[str, tuple[str, ...]]] = {
    "pop": ("pop", "soul", "folk"),
    "rock": ("rock", "pop"),
    "funk": ("funk", "soul"),
    "four on the floor": ("electronic", "pop", "funk"),
    "half-time": ("hip hop", "ambient", "rock", "electronic"),
    "swing": ("jazz",),
    "shuffle": ("jazz", "rock", "soul"),
    "bossa": ("bossa", "jazz"),
    "latin": ("bossa", "pop", "funk"),
    "reggae": ("reggae",),
    "hip hop": ("hip hop", "soul"),
    "ballad": ("ballad", "orchestral", "ambient", "soul"),
    "train": ("folk", "rock"),
}
"""The styles that go with a family of grooves."""
_LEVELS_LU: Final = 4.0
_BROKEN_RING_BEATS: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The players of a piece. ``layer`` and ``bass`` may be missing; ``broken`` plays the comping note by note."""

    ensemble: Ensemble
    kit: int
    layer: Instrument | None
    has_bass: bool
    broken: bool

    @property
    def name(self) -> str:
        """What tells the band from every other: the instruments of its three parts."""
        players = self.ensemble
        return f"{players.comping.name} / {players.bass.name} / {players.lead.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the drums play and what all others do, in seconds from beat 0, and how the channels of each sound."""

    drums: tuple[TimedNote, ...]
    drum_channels: tuple[ChannelSetup, ...]
    band: tuple[TimedNote, ...]
    band_channels: tuple[ChannelSetup, ...]


def band_for(piece: Piece) -> Band:
    """The band of a piece, of those that belong to its split."""
    chance = Chance(piece.seed, "band")
    return drawn_from(piece.split, lambda: _draw(piece, chance), lambda band: band.name)


def _draw(piece: Piece, chance: Chance) -> Band:
    style = STYLES[chance.one_of(FAMILY_STYLES[piece.family])]
    figures: tuple[Figure, ...] = style.comping_figures
    if chance.happens(0.3):
        figures = STYLES[chance.one_of(tuple(STYLES))].comping_figures
    played = replace(
        style,
        comping_figures=figures,
        swing=piece.swing,
        voices=chance.one_of((3, 4, 4)),
        strum=style.strum or chance.happens(0.1),
        comping_velocity=round(chance.between(58, 100)),
        bass_velocity=round(chance.between(72, 112)),
    )
    return Band(
        ensemble=Ensemble(
            style=played,
            comping=_player("comping", style.comping, chance),
            bass=_player("bass", style.bass, chance),
            lead=_player("lead", style.lead, chance),
        ),
        kit=chance.one_of(tuple(KITS)),
        layer=_player("comping", "strings", chance) if chance.happens(0.25) else None,
        has_bass=chance.happens(0.9),
        broken=chance.happens(0.2),
    )


def _player(role: Role, usual: str, chance: Chance) -> Instrument:
    """The style's own player of a role, or any other."""
    if chance.happens(0.35):
        return INSTRUMENTS[usual]
    return chance.one_of([instrument for instrument in INSTRUMENTS.values() if role in instrument.roles])


def parts_of(piece: Piece, band: Band) -> Parts:
    """All that is played of a piece."""
    chart = SketchChart(
        tempo_map=piece.tempo_map,
        start=Beats(0.0),
        end=piece.end,
        chords=piece.chords,
        drums=piece.drums,
        melody=piece.melody,
        key=piece.key,
        prompt="",
        seed=piece.seed,
    )
    players = band.ensemble
    chance = Chance(piece.seed, "levels")
    notes = list(_broken(chart, players, chance) if band.broken else comping(chart, players))
    notes += lead(chart, players)
    notes += bass(chart, players) if band.has_bass else ()
    notes += _layer(chart, players, band.layer) if band.layer else ()
    seats = [
        (COMPING_CHANNEL, players.comping, LOUDNESS_LUFS[COMPING_CHANNEL]),
        (BASS_CHANNEL, players.bass, LOUDNESS_LUFS[BASS_CHANNEL]),
        (LEAD_CHANNEL, players.lead, LOUDNESS_LUFS[LEAD_CHANNEL]),
        *([(LAYER_CHANNEL, band.layer, LOUDNESS_LUFS[COMPING_CHANNEL] - LAYER_BELOW)] if band.layer else []),
    ]
    return Parts(
        drums=tuple(drums(chart)),
        drum_channels=(ChannelSetup(channel=DRUM_CHANNEL, program=band.kit, reverb=round(chance.between(0, 30))),),
        band=tuple(sorted(notes, key=lambda note: (note.start_s, note.channel, note.pitch))),
        band_channels=tuple(
            ChannelSetup(
                channel=channel,
                program=player.program,
                volume=volume_for(min(0.0, loudness + chance.between(-_LEVELS_LU, _LEVELS_LU) - player.loudness_lufs)),
                reverb=0 if channel == BASS_CHANNEL else round(chance.between(0, 50)),
            )
            for channel, player, loudness in seats
        ),
    )


def _layer(chart: SketchChart, players: Ensemble, player: Instrument) -> Iterator[TimedNote]:
    """Held chords, voiced on their own."""
    held = replace(players, comping=player, style=replace(players.style, comping_figures=(HELD,), strum=False))
    for note in comping(replace(chart, seed=chart.seed + 1), held):
        yield replace(note, channel=LAYER_CHANNEL)


def _broken(chart: SketchChart, players: Ensemble, chance: Chance) -> Iterator[TimedNote]:
    """The chords note by note, on eighths or sixteenths: up, down, or up and down."""
    spans = [(span, span.chord) for span in chart.chords if span.chord is not None]
    style, meter = players.style, chart.tempo_map.meter_of(1)
    voicings = voice_chords([chord for _, chord in spans], voices=style.voices, register=chance.between(60.0, 67.0))
    step = 0.25 if chart.tempo_map.bpm_at(chart.start) < 120 and chance.happens(0.5) else 0.5
    way = chance.index(3)
    for (span, _), voicing in zip(spans, voicings, strict=True):
        rising = sorted(voicing)
        order = (rising, rising[::-1], rising + rising[-2:0:-1])[way]
        count = 0
        while (at := span.start + count * step) < span.end - 1e-6:
            line = chart.tempo_map.bar_start(chart.tempo_map.bar_at(Beats(at + 1e-6)).bar)
            swung = line + style.swing.warp(at - line) if meter.denominator <= 4 and count else at
            start_s = chart.tempo_map.seconds_at(Beats(swung))
            end_s = chart.tempo_map.seconds_at(Beats(min(at + _BROKEN_RING_BEATS, span.end)))
            yield TimedNote(
                start_s=start_s,
                end_s=max(end_s, start_s + MIN_NOTE_S),
                channel=COMPING_CHANNEL,
                pitch=min(127, max(0, order[count % len(order)] + players.comping.transpose)),
                velocity=int(min(127.0, style.comping_velocity + 10 + chance.between(-8.0, 8.0))),
            )
            count += 1
