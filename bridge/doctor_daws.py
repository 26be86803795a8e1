"""The doctor's look at DAWs: scripts that were installed into them, and mailboxes for those without sockets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from bridge.config import Config
from bridge.doctor_findings import Finding
from bridge.errors import SidemanError
from bridge.hosts import HOSTS
from bridge.install import SCRIPTS, Found, find_installed
from bridge.machine import Machine


def scripts(config: Config, machine: Machine) -> Iterator[Finding]:
    """Each DAW's script: installed or not, and whether it is this version's."""
    for name in SCRIPTS:
        try:
            found = find_installed(name, machine)
        except SidemanError as error:
            yield Finding(status="missing", what=f"script for {name}: {error}")
            continue
        if found is None:
            status = "missing" if config.host.name == name else "ok"
            yield Finding(
                status=status,  # type: ignore[arg-type]
                what=f"script for {name}: not installed where {name} usually looks",
                advice=f"Where you use {name}: sideman install {name}",
            )
        else:
            yield from _script(name, found, config)


def _script(name: str, found: Found, config: Config) -> Iterator[Finding]:
    here = metadata.version("sideman")
    version = found.version or "of a version that did not note it"
    what = f"script for {name} {version} in {found.folder}"
    if found.changed:
        yield Finding(
            status="missing",
            what=f"{what}: changed by hand: {', '.join(found.changed)}",
            advice=f"Move these files away, and run: sideman install {name}",
        )
    elif found.outdated:
        yield Finding(
            status="missing",
            what=f"{what} is not that of this Sideman {here}: {len(found.outdated)} files differ",
            advice=f"Run: sideman install {name}, and start {name} anew.",
        )
    else:
        yield Finding(status="ok", what=what)
    _, _, port = (found.daemon or "").rpartition(":")
    if found.daemon and port != str(config.osc.port):
        yield Finding(
            status="missing",
            what=f"script for {name}: it looks for a daemon at {found.daemon}; the port here is {config.osc.port}",
            advice=f"Run: sideman install {name} --config FILE, or change daemon.txt in {found.folder}.",
        )


def mailboxes(config: Config, machine: Machine) -> Iterator[Finding]:
    """The folders in which scripts without sockets are met."""
    for name, kind in HOSTS.items():
        if kind.mailbox is None:
            continue
        is_chosen = config.host.name == name
        folder = (config.host.mailbox if is_chosen else None) or kind.mailbox(machine)
        if folder.is_dir():
            yield _mailbox(name, folder)
        elif is_chosen:
            advice = f"sideman serve --host {name} makes it; the script must look in the same place."
            yield Finding(status="missing", what=f"mailbox for {name}: {folder} is not there yet", advice=advice)


def _mailbox(name: str, folder: Path) -> Finding:
    what = f"mailbox for {name}: {folder}"
    if not os.access(folder, os.W_OK | os.X_OK):
        advice = "Change its permissions, or choose another folder with --set host.mailbox=DIR."
        return Finding(status="missing", what=f"{what} cannot be written to", advice=advice)
    rejected = folder / "rejected"
    count = sum(1 for _ in rejected.iterdir()) if rejected.is_dir() else 0
    served = "a daemon serves it" if (folder / "daemon.txt").is_file() else "no daemon serves it now"
    if count:
        advice = f"Its messages lie in {rejected}; an old script and a new daemon may differ. Remove them in the end."
        return Finding(
            status="missing", what=f"{what}, {served}, and {count} messages could not be read", advice=advice
        )
    return Finding(status="ok", what=f"{what}, {served}")
