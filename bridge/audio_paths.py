"""Which files a message may name: audio inside folders that the user chose."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bridge.errors import RequestError
from bridge.osc_errors import NotAllowed


def allowed_audio(text: str, folders: Iterable[Path]) -> Path:
    """The file that a message names, links followed. Raises ``NotAllowed`` outside the folders, and ``RequestError``.

    A file outside is refused in the same words whether it is there or not.
    """
    path = Path(text)
    if "\0" in text or not path.is_absolute():
        raise RequestError("The path of an audio file is absolute.")
    try:
        real = path.resolve()
        inside = any(real.is_relative_to(folder.resolve()) for folder in folders)
    except (OSError, RuntimeError) as error:
        raise RequestError(f"The audio file {text[:200]} cannot be found.") from error
    if not inside:
        raise NotAllowed(
            "audio is read from the clips folder and from those of clips.audio_folders in the configuration alone."
        )
    if not real.is_file():
        raise RequestError(f"There is no audio file {text[:200]}.")
    return real
