"""What ``sideman doctor`` finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final, Literal

Status = Literal["ok", "missing", "wrong"]
_MARKS: Final[dict[Status, str]] = {"ok": "ok     ", "missing": "missing", "wrong": "WRONG  "}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. ``wrong`` ones keep the daemon from working; ``topic`` is what it belongs to."""

    status: Status
    what: str
    advice: str = ""
    topic: str = ""

    @property
    def fatal(self) -> bool:
        """Whether the daemon cannot work without it."""
        return self.status == "wrong"

    @property
    def line(self) -> str:
        """The finding as one line of text, and another with what to do."""
        return f"{_MARKS[self.status]}  {self.what}" + (f"\n         -> {self.advice}" if self.advice else "")

    @property
    def view(self) -> dict[str, str]:
        """The finding as JSON values."""
        return asdict(self)
