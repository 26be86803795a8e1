"""The configuration inside a checkpoint of audiocraft: YAML with interpolations, of which a model needs a few keys."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from models.errors import ModelError

_PLAIN_TRANSFORMER: Final[Mapping[str, object]] = {
    "norm_first": True,
    "bias_ff": False,
    "bias_attn": False,
    "bias_proj": False,
    "activation": "gelu",
    "norm": "layer_norm",
    "positional_embedding": "sin",
    "causal": False,
    "custom": False,
    "layer_scale": None,
    "qk_layer_norm": False,
    "qk_layer_norm_cross": False,
    "kv_repeat": 1,
    "xpos": False,
}
"""The transformer that Meta's released models have; the code knows no other."""


class XpConfig:
    """Read-only access to ``xp.cfg``. A key is resolved when it is asked for, so holes elsewhere do no harm."""

    def __init__(self, text: str) -> None:
        """Raises ``ModelError`` for what is not YAML with a mapping at its root."""
        try:
            tree = OmegaConf.create(text)
        except Exception as error:  # YAML's, OmegaConf's, and what either forgot
            raise ModelError(f"The checkpoint's configuration cannot be read: {_first_line(error)}.") from error
        if not isinstance(tree, DictConfig):
            raise ModelError("The checkpoint's configuration is no mapping: this is no checkpoint of audiocraft.")
        self._tree = tree

    def get(self, key: str, default: object = None) -> Any:  # noqa: ANN401  what YAML holds
        """The value at a dotted key, interpolations resolved; ``default`` where there is none.

        Raises ``ModelError`` for one that cannot be resolved.
        """
        try:
            value = OmegaConf.select(self._tree, key, default=default)
            return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        except OmegaConfBaseException as error:
            raise ModelError(f"The checkpoint's configuration has no usable {key}: {_first_line(error)}.") from error

    def need(self, key: str) -> Any:  # noqa: ANN401
        """As ``get``. Raises ``ModelError`` where there is nothing."""
        value = self.get(key)
        if value is None:
            raise ModelError(f"The checkpoint's configuration lacks {key}: it is of another model, or damaged.")
        return value

    def need_whole(self, key: str, *, default: int | None = None, at_least: int = 1) -> int:
        """A whole number. Raises ``ModelError`` where there is none, or it is smaller."""
        value = self.need(key) if default is None else self.get(key, default)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
            raise ModelError(
                f"The checkpoint's configuration has {key} = {value!r}: it is a whole number from {at_least}."
            )
        return value

    def need_number(self, key: str, *, above: float = -math.inf) -> float:
        """A number. Raises ``ModelError`` where there is none, or it is not above ``above``."""
        value = self.need(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not above < value < math.inf:
            more = "" if above == -math.inf else f" above {above:g}"
            raise ModelError(f"The checkpoint's configuration has {key} = {value!r}: it is a number{more}.")
        return float(value)

    def need_mapping(self, key: str) -> Mapping[str, Any]:
        """A mapping. Raises ``ModelError`` where there is none."""
        value = self.need(key)
        if not isinstance(value, dict):
            raise ModelError(f"The checkpoint's configuration has {key} = {value!r}: it is a mapping.")
        return value

    def mapping(self, key: str) -> Mapping[str, Any]:
        """A mapping, or none at all. Raises ``ModelError`` for anything else."""
        return self.need_mapping(key) if self.get(key) is not None else {}

    def need_heads(self) -> tuple[int, int]:
        """The transformer's size and its heads, which share it evenly. Raises ``ModelError``."""
        dim, heads = self.need_whole("transformer_lm.dim", at_least=4), self.need_whole("transformer_lm.num_heads")
        if dim % heads or dim % 2:
            raise ModelError(f"The checkpoint's configuration has {heads} heads for a size of {dim}: it is damaged.")
        return dim, heads

    def need_plain_transformer(self) -> None:
        """Raises ``ModelError`` when ``transformer_lm`` asks for what the released models do not have."""
        for key, wanted in _PLAIN_TRANSFORMER.items():
            value = self.get(f"transformer_lm.{key}", wanted)
            if value != wanted:
                raise ModelError(
                    f"The checkpoint has transformer_lm.{key} = {value!r}; Meta's releases have {wanted!r}, "
                    "and nothing else is known."
                )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
