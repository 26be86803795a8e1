"""Requests that are made in one batch: those of one shape, which differ in their seeds. Pure.

Requests that wait together are of one revision of the session, so they are often takes of the same thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, TypeVar

from bridge.requests import GenerationRequest, TakeMade, TakeScored
from models.generator import MagnetPrompt

MOST_TAKES: Final = 8
"""Takes that are made at a time, of all requests together."""

Answer = TypeVar("Answer", TakeMade, TakeScored)


def may_share(one: GenerationRequest, other: GenerationRequest) -> bool:
    """Whether a model makes them as it makes takes of one request.

    Those that want the best of several are alone, and those that are laid on the beat: which seeds these try depends on
    the others'.
    """
    if any(request.best or request.engine == "sketch" or _is_fitted(request) for request in (one, other)):
        return False
    return _shape(one) == _shape(other)


def joined(requests: Sequence[GenerationRequest]) -> GenerationRequest:
    """One request for the takes of all, under the id of the first."""
    if len(requests) == 1:
        return requests[0]
    return requests[0].model_copy(
        update={
            "controls": tuple(take for request in requests for take in request.controls),
            "drafts": tuple(draft for request in requests for draft in request.drafts),
        }
    )


def owner_of(requests: Sequence[GenerationRequest], take: int) -> tuple[int, int]:
    """Whose a take of the joined request is: the place of its request, and which of that one's takes it is."""
    for place, request in enumerate(requests):
        if take < len(request.controls):
            return place, take
        take -= len(request.controls)
    raise ValueError(f"There is no take {take} in these requests.")


def as_own(answer: Answer, request: GenerationRequest, take: int) -> Answer:
    """What was said of a take, as it would be said had its request been alone."""
    return answer.model_copy(update={"id": request.id, "take": take})


def _is_fitted(request: GenerationRequest) -> bool:
    return any(isinstance(take, MagnetPrompt) and take.grid for take in request.controls)


def _shape(request: GenerationRequest) -> GenerationRequest:
    """All of a request but its id, its seeds, and how many takes it has."""
    blank = [replace(take, seed=0) for take in (*request.controls[:1], *request.drafts[:1])]
    alike = all(replace(take, seed=0) == blank[0] for take in request.controls)
    return request.model_copy(
        update={"id": "" if alike else request.id, "revision": 0, "controls": tuple(blank), "drafts": ()}
    )
