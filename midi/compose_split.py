"""What a trained model may hear, and what it is tested on.

A seed belongs to one of the two, and so does every name of something that is composed: a progression in its key, a
groove, a band. A piece is made of what belongs to the side of its seed alone, so that nothing of a test was heard in
training, neither a progression in a key, nor a groove, nor a band.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Final, Literal, TypeVar, get_args

from midi.chance import share_of

Split = Literal["train", "test"]
SPLITS: Final[tuple[Split, ...]] = get_args(Split)
TEST_SHARE: Final = 1 / 8
_MAX_DRAWS: Final = 10_000
_T = TypeVar("_T")


def split_of(name: str) -> Split:
    """Where something that is composed belongs, by its name."""
    return "test" if share_of(f"split {name}") < TEST_SHARE else "train"


def split_of_seed(seed: int) -> Split:
    """Where a piece belongs, by its seed."""
    return split_of(f"seed {seed}")


def seeds_of(split: Split, first: int = 0) -> Iterator[int]:
    """Every seed from ``first`` on that belongs to a split, rising, without end."""
    return (seed for seed in count(first) if split_of_seed(seed) == split)


def drawn_from(split: Split, draw: Callable[[], _T], name: Callable[[_T], str]) -> _T:
    """The first thing drawn whose name belongs to the split."""
    for _ in range(_MAX_DRAWS):
        drawn = draw()
        if split_of(name(drawn)) == split:
            return drawn
    raise AssertionError(f"Nothing that is drawn belongs to {split}.")
