"""What can be set of the DAW that clips are placed in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from bridge.errors import SidemanError
from bridge.hosts import require_host
from bridge.neural_config import Section
from bridge.user_paths import expanded

FOLDER: Final = "For the DAW"
"""The folder of the host ``folder`` in the clips folder, where none is set."""
OptionalPath = Annotated[Path, AfterValidator(expanded)] | None


def _host_name(name: str) -> str:
    try:
        require_host(name)
    except SidemanError as error:
        raise ValueError(str(error)) from None
    return name


class HostConfig(Section):
    """The DAW that clips are placed in, and how it is reached where that is not the usual way."""

    name: Annotated[str, AfterValidator(_host_name)] = "none"
    mailbox: OptionalPath = None
    """The folder in which the daemon meets a DAW's script that has no sockets; None is the DAW's own place."""
    folder: OptionalPath = None
    """The folder of the host ``folder``; None is a folder in the clips folder."""
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """The port that the DAW listens on; 0 is the DAW's usual one."""


def with_folder(config: HostConfig, clips: Path) -> HostConfig:
    """The settings with the usual folder of the host ``folder`` where none is set."""
    return config if config.folder else config.model_copy(update={"folder": clips / FOLDER})
