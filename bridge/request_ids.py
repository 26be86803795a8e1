"""What a request may be called."""

from __future__ import annotations

import re
from typing import Final

REQUEST_ID: Final = re.compile(
    r"(?!(?i:CON|PRN|AUX|NUL|COM[1-9]|LPT[1-9])(?:\.|$))[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", re.ASCII
)
"""An id becomes part of a file name on every system, so no dot comes first and no device name of Windows is one."""
REQUEST_ID_WORDS: Final = "1 to 64 letters, digits, '.', '_' and '-', with no dot first, and no device name of Windows"
