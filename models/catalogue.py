"""The released checkpoints, and the codecs of EnCodec files, by short name. Importing this module imports no torch."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final, Literal

from models.bundled import BUNDLED

Kind = Literal["jasco", "magnet"]

CODEC_32KHZ: Final = "facebook/encodec_32khz"
"""The codec that a checkpoint names; of it only the configuration is needed where a copy of the weights comes along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One released checkpoint: its repository on the Hub, what it is, and if its licence must be accepted first."""

    name: str
    repository: str
    kind: Kind
    summary: str
    licence: str = "CC-BY-NC-4.0"
    gated: bool = False


RELEASES: Final[dict[str, Release]] = {
    release.name: release
    for release in (
        Release(
            name="jasco-400M",
            repository="facebook/jasco-chords-drums-400M",
            kind="jasco",
            summary="text, chords and drums, 10 s",
            gated=True,
        ),
        Release(
            name="jasco-1B",
            repository="facebook/jasco-chords-drums-1B",
            kind="jasco",
            summary="text, chords and drums, 10 s",
            gated=True,
        ),
        Release(
            name="jasco-melody-400M",
            repository="facebook/jasco-chords-drums-melody-400M",
            kind="jasco",
            summary="text, chords, drums and melody, 10 s",
            gated=True,
        ),
        Release(
            name="jasco-melody-1B",
            repository="facebook/jasco-chords-drums-melody-1B",
            kind="jasco",
            summary="text, chords, drums and melody, 10 s",
            gated=True,
        ),
        Release(
            name="magnet-small-10secs",
            repository="facebook/magnet-small-10secs",
            kind="magnet",
            summary="text to music, 300M, 10 s",
        ),
        Release(
            name="magnet-medium-10secs",
            repository="facebook/magnet-medium-10secs",
            kind="magnet",
            summary="text to music, 1.5B, 10 s",
        ),
        Release(
            name="magnet-small-30secs",
            repository="facebook/magnet-small-30secs",
            kind="magnet",
            summary="text to music, 300M, 30 s",
        ),
        Release(
            name="magnet-medium-30secs",
            repository="facebook/magnet-medium-30secs",
            kind="magnet",
            summary="text to music, 1.5B, 30 s",
        ),
        Release(
            name="audio-magnet-small",
            repository="facebook/audio-magnet-small",
            kind="magnet",
            summary="text to sound, 300M, 10 s",
        ),
        Release(
            name="audio-magnet-medium",
            repository="facebook/audio-magnet-medium",
            kind="magnet",
            summary="text to sound, 1.5B, 10 s",
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EcdcCodec:
    """One of Meta's codecs: its name in a file, its weights (the name ends in their SHA-256), and what it takes."""

    name: str
    weights: str
    sample_rate_hz: int
    channels: int
    bitrates_kbps: tuple[float, ...]


ECDC_CODECS: Final[dict[str, EcdcCodec]] = {
    "encodec-24khz": EcdcCodec(
        name="encodec_24khz",
        weights="encodec_24khz-d7cc33bc.th",
        sample_rate_hz=24000,
        channels=1,
        bitrates_kbps=(1.5, 3.0, 6.0, 12.0, 24.0),
    ),
    "encodec-48khz": EcdcCodec(
        name="encodec_48khz",
        weights="encodec_48khz-7e698e3e.th",
        sample_rate_hz=48000,
        channels=2,
        bitrates_kbps=(3.0, 6.0, 12.0, 24.0),
    ),
}
"""The codecs that a file may be of, by short name."""


def find_release(name: str) -> Release | None:
    """The release of a short name or of a repository."""
    return RELEASES.get(name) or next((one for one in RELEASES.values() if one.repository == name), None)


def nearest_release(name: str) -> str | None:
    """The short name that ``name`` may have meant, the bundled model's among them."""
    near = difflib.get_close_matches(name, [BUNDLED, *RELEASES], n=1)
    return near[0] if near else None
