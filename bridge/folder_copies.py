"""Copies of clips in a folder of other programs: made under loop pack names, and replaced where they are as they were.

Blocking; called in worker threads.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.safe_files import Mark, Touched, copy_into, copy_over, mark_of, real_folder
from plugin_host.host import IN_PLACE, Placement, Target, not_replaced
from plugin_host.pack_names import folder_name, pack_name

MOST_KNOWN: Final = 1024
"""Copies that a better take can replace; the oldest are forgotten first."""


@dataclass(frozen=True, slots=True)
class _Copy:
    """A copy that was made, and what it was then."""

    path: Path
    mark: Mark


class Copies:
    """The copies of one run. A copy is of the clip at ``Placement.path``."""

    def __init__(self) -> None:
        self._made: OrderedDict[Path, _Copy] = OrderedDict()

    def put(self, placement: Placement, folder: Path) -> str:
        """Copy a clip into ``folder``, or over the copy of its draft; says where it is. Raises ``OSError``."""
        remark = ""
        if placement.replaces is not None:
            draft = self._made.get(placement.replaces)
            try:
                if draft is None:
                    raise Touched("this run of the daemon did not put it there")
                mark = copy_over(placement.path, draft.path, draft.mark)
                self._note(placement.path, _Copy(draft.path, mark))
                return f"{draft.path}{IN_PLACE}"
            except Touched as error:
                remark = not_replaced(str(error))
            except OSError as error:
                if draft is None or not draft.path.exists():
                    raise
                remark = not_replaced(error.strerror or type(error).__name__)
        path = self._beside(placement, folder)
        self._note(placement.path, _Copy(path, mark_of(path)))
        return f"{path}{remark}"

    def _beside(self, placement: Placement, folder: Path) -> Path:
        folder = real_folder(folder)
        track = Target.parse(placement.target).track
        if track:
            folder = real_folder(folder / folder_name(track))
        suffix = placement.path.suffix
        return copy_into(
            placement.path, folder, lambda take: f"{pack_name(placement, take)}{suffix}", first=placement.take + 1
        )

    def _note(self, clip: Path, copy: _Copy) -> None:
        self._made[clip] = copy
        while len(self._made) > MOST_KNOWN:
            self._made.popitem(last=False)
