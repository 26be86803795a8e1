"""The token that other machines need: how it is made, kept and compared."""

from __future__ import annotations

import contextlib
import hmac
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final

from bridge.errors import ConfigError

TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]{16,512}", re.ASCII)
"""What a token may be: it goes into a header and into an address as it is."""
TOKEN_WORDS: Final = "16 to 512 letters, digits, '.', '_', '~', '+', '/', '=' and '-'"  # noqa: S105 - what one is
MAX_FILE_BYTES: Final = 4096
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def same_token(given: str, wanted: str) -> bool:
    """Whether two tokens are the same, in a time that does not tell how far they agree."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))


def cookie_of(token: str) -> str:
    """What a browser keeps in the place of the token; the token cannot be told from it."""
    return hmac.new(token.encode(), b"sideman panel", "sha256").hexdigest()


def read_token(path: Path) -> str:
    """The token in a file. Raises ``ConfigError`` for one that cannot be read, is none, or that others may read."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"The token file {path} cannot be read: {error.strerror}.") from None
    if os.name == "posix" and mode & _OTHERS:
        raise ConfigError(f"The token file {path} may be read by others: chmod 600 {path}")
    token = content.decode("ascii", "replace").strip()
    if not TOKEN.fullmatch(token):
        raise ConfigError(f"The token file {path} holds no token: it is one line of {TOKEN_WORDS}.")
    return token


def kept_token(path: Path) -> str:
    """The token in a file; where there is no such file one is drawn and kept there, for its owner alone.

    Raises ``ConfigError``.
    """
    token = secrets.token_urlsafe(32)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.exists():
            return read_token(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(f"{token}\n")
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise ConfigError(f"The token file {path} cannot be made: {error.strerror}.") from None
    return read_token(path)
