"""Drafts: takes that are made sooner and worse, from the seeds of those that replace them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bridge.requests import GenerationRequest
from models.generator import JascoControls, MagnetPrompt, SketchChart
from models.presets import DECODINGS, SOLVERS

DRAFT: Final = "draft"
DRAFT_SHARE: Final = 0.4
"""The share of the work that is over when the drafts are made."""

Controls = SketchChart | JascoControls | MagnetPrompt


def drafts_of(takes: Sequence[Controls]) -> tuple[Controls, ...]:
    """The controls of each take's draft; none where a draft would not come sooner than the take."""
    drafts = tuple(_draft_of(take) for take in takes)
    return () if drafts == tuple(takes) else drafts


def draft_request(request: GenerationRequest) -> GenerationRequest:
    """The request for the drafts alone."""
    return request.model_copy(update={"controls": request.drafts, "drafts": ()})


def _draft_of(take: Controls) -> Controls:
    match take:
        case JascoControls(solver=name):
            asked, draft = SOLVERS[name], SOLVERS[DRAFT]
            sooner = asked.method == "dopri5" or asked.evaluations > draft.evaluations
            return replace(take, solver=DRAFT) if sooner else take
        case MagnetPrompt(decoding=decoding):
            fewest = zip(decoding.decoding_steps, DECODINGS[DRAFT].decoding_steps, strict=True)
            return replace(take, decoding=replace(decoding, decoding_steps=tuple(min(pair) for pair in fewest)))
        case _:
            return take
