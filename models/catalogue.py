"""The released checkpoints, by short name. Importing this module imports no torch."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final, Literal

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
    )
}


def find_release(name: str) -> Release | None:
    """The release of a short name or of a repository."""
    return RELEASES.get(name) or next((one for one in RELEASES.values() if one.repository == name), None)


def nearest_release(name: str) -> str | None:
    """The short name that ``name`` may have meant."""
    near = difflib.get_close_matches(name, RELEASES, n=1)
    return near[0] if near else None
