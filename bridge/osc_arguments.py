"""Kinds of OSC arguments: how a value is described, checked and read.

Clients write numbers in many ways: TouchOSC sends every fader as a float, Max sends ``4.`` as a float and
``4`` as an int, REAPER sends booleans as floats. So a whole number is read from any number without a fraction and
from ``T`` and ``F``, and a real number from any number. Text is never read as a number, nor a number as text.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from bridge.osc_errors import OutOfRange, TooLong, WrongTypes

TAG_NAMES: Final = {
    "i": "32-bit integer",
    "h": "64-bit integer",
    "f": "32-bit float",
    "d": "64-bit float",
    "s": "string",
    "b": "blob",
    "T": "true",
    "F": "false",
    "N": "nil",
}
"""The type tags that are understood, and their names."""

INTEGER_TAGS: Final = frozenset("ih")
FLOAT_TAGS: Final = frozenset("fd")
BOOLEAN_TAGS: Final = frozenset("TF")
NUMBER_TAGS: Final = INTEGER_TAGS | FLOAT_TAGS

Value = float | int | str | bytes | bool | None
"""What an argument carries."""
MAX_BEAT: Final = 1e7
"""The last song position that a message can name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """A real number from ``low`` to ``high``; with ``above``, greater than ``low``."""

    name: str
    meaning: str
    unit: str = ""
    low: float
    high: float
    above: bool = False

    @property
    def tag(self) -> str:
        """The type tag of the contract."""
        return "f"

    @property
    def range(self) -> str:
        """The range in words."""
        low, high = (f"{limit:.15g}" for limit in (self.low, self.high))
        return f"above {low}, to {high}" if self.above else f"{low} to {high}"

    def read(self, tag: str, value: Value) -> float:
        """The number that was sent. Raises ``WrongTypes`` and ``OutOfRange``."""
        if tag not in NUMBER_TAGS or not isinstance(value, float | int):
            raise WrongTypes(f"{self.name} is a number, not a {TAG_NAMES[tag]}.")
        number = _finite(self.name, value)
        if not self.low <= number <= self.high or (self.above and number == self.low):
            raise OutOfRange(f"{self.name} is {number:g}, and goes from {self.range}.")
        return number + 0.0  # a zero without its sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole number from ``low`` to ``high``.

    ``taken`` says in words which numbers are taken, where the type that is made from them checks it.
    """

    name: str
    meaning: str
    unit: str = ""
    low: int = -(2**31)
    high: int = 2**31 - 1
    taken: str = ""

    @property
    def tag(self) -> str:
        """The type tag of the contract."""
        return "i"

    @property
    def range(self) -> str:
        """The range in words."""
        return self.taken or f"{self.low} to {self.high}"

    def read(self, tag: str, value: Value) -> int:
        """The number that was sent. Raises ``WrongTypes`` and ``OutOfRange``."""
        if tag not in NUMBER_TAGS | BOOLEAN_TAGS or not isinstance(value, float | int):
            raise WrongTypes(f"{self.name} is a whole number, not a {TAG_NAMES[tag]}.")
        if tag in FLOAT_TAGS and not _finite(self.name, value).is_integer():
            raise WrongTypes(f"{self.name} is a whole number, and {value:g} is not.")
        number = int(value)
        if not self.low <= number <= self.high:
            raise OutOfRange(f"{self.name} is {number}, and goes from {self.range}.")
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text of at most ``longest`` characters.

    With ``pattern`` the whole text matches it, and ``taken`` says in words what that means. With ``numbers`` a number
    is taken too, as it is written.
    """

    name: str
    meaning: str
    unit: str = ""
    longest: int
    pattern: re.Pattern[str] | None = None
    taken: str = ""
    numbers: bool = False

    @property
    def tag(self) -> str:
        """The type tag of the contract."""
        return "s"

    @property
    def range(self) -> str:
        """What is taken, in words."""
        return self.taken or f"up to {self.longest} characters"

    def read(self, tag: str, value: Value) -> str:
        """The text that was sent. Raises ``WrongTypes``, ``TooLong`` and ``OutOfRange``."""
        if self.numbers and isinstance(value, bool | int | float):
            return f"{_finite(self.name, value):g}"
        if not isinstance(value, str):
            raise WrongTypes(f"{self.name} is text, not a {TAG_NAMES[tag]}.")
        if len(value) > self.longest:
            raise TooLong(f"{self.name} has {len(value)} characters; at most {self.longest} are taken.")
        if self.pattern and not self.pattern.fullmatch(value):
            raise OutOfRange(f"{self.name} cannot be {value[:64]!r}: it is {self.taken}.")
        return value


Argument = Real | Whole | Text


def _finite(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise OutOfRange(f"{name} is not a finite number.")
    return float(value)
