"""TOML files as checked trees: every mistake at once, each with its place."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final, get_type_hints

from pydantic import ValidationError

MAX_BYTES: Final = 1_000_000


def read_table(path: Path) -> dict[str, Any]:
    """The tree of a TOML file. Raises ``ValueError`` with the end of a sentence that begins with the file."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"is larger than {MAX_BYTES} bytes")
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"is not TOML: {error}") from None


def mistakes_of(error: ValidationError, model: type) -> Iterator[str]:
    """What is wrong with a tree, line by line; ``model`` is what it was read as."""
    for mistake in error.errors():
        place = ".".join(str(part) for part in mistake["loc"])
        if mistake["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
            yield f"{place}: there is no such setting{_suggestion(mistake['loc'], model)}"
        elif mistake["type"] in {"missing", "missing_argument"}:
            yield f"{place}: it has to be there"
        else:
            told = mistake["msg"].removeprefix("Value error, ")
            value = "" if mistake["type"] == "value_error" else f" (it is {mistake['input']!r})"
            yield f"{place}: {told}{value}"


def _suggestion(place: tuple[int | str, ...], model: type) -> str:
    known = _fields(model)
    for part in place[:-1]:
        known = _fields(known.get(str(part)))
    near = difflib.get_close_matches(str(place[-1]), known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}." if known else ""


def _fields(model: Any) -> Mapping[str, Any]:  # noqa: ANN401  an annotation
    """The fields of a table, each with its annotation."""
    if is_dataclass(model) and isinstance(model, type):
        hints = get_type_hints(model)
        return {one.name: hints[one.name] for one in fields(model)}
    found: Mapping[str, Any] = getattr(model, "model_fields", {})
    return {name: field.annotation for name, field in found.items()}
