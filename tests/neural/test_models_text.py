"""Category: unit. Text conditions: padding, rows without text, and the memory for descriptions."""

from __future__ import annotations

import parity_set as sets
import pytest
import torch

from models.errors import ModelError
from models.text import MAX_TOKENS, TextEncoder, load_t5


@pytest.fixture
def encoder() -> TextEncoder:
    return TextEncoder(load_t5(sets.BUNDLED / "t5_base_tiny"), sets.stub_tokens(64), cached=2)


def counted(encoder: TextEncoder) -> list[int]:
    """The lengths that T5 is asked for."""
    asked: list[int] = []
    encoder._model.register_forward_pre_hook(
        lambda module, args, kwargs: asked.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    return asked


def test_rows_without_text_and_padding_are_zero(encoder: TextEncoder) -> None:
    states, mask = encoder.encode(["one", None, "three words here", ""])
    assert mask.tolist() == [[1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]]
    assert not states[mask == 0].any()
    assert states[mask == 1].abs().sum(-1).all()


def test_a_description_is_encoded_once_and_the_oldest_is_forgotten(encoder: TextEncoder) -> None:
    asked = counted(encoder)
    for text in ("a", "b c", "a", "d e f", "a", "b c"):
        encoder.encode([text])
    assert asked == [2, 3, 4, 3], "a was used again and again, and b c made room"


def test_what_is_remembered_is_what_was_encoded(encoder: TextEncoder) -> None:
    first, _ = encoder.encode(["warm synth"])
    again, _ = encoder.encode(["warm synth"])
    assert torch.equal(first, again)
    alone, _ = encoder.encode(["warm synth", "a much longer one than that"])
    assert torch.equal(alone[0, : first.shape[1]], first[0])


def test_moving_forgets(encoder: TextEncoder) -> None:
    asked = counted(encoder)
    encoder.encode(["a"])
    encoder.to("cpu")
    encoder.encode(["a"])
    assert asked == [2, 2]


def test_too_long_a_description_is_refused(encoder: TextEncoder) -> None:
    with pytest.raises(ModelError, match=f"has {MAX_TOKENS + 1} tokens"):
        encoder.encode(["word " * MAX_TOKENS])
    assert encoder.encode(["word " * (MAX_TOKENS - 1)])[0].shape[1] == MAX_TOKENS
