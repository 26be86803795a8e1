"""Files of the Hub, downloaded so that a broken download goes on where it stopped, in another process too.

``huggingface_hub`` begins anew each time (since 1.18); its own ``http_get`` can still go on, so it is given a
file that is kept: ``NAME.ETAG.part`` beside the file that it becomes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from filelock import FileLock
from huggingface_hub import get_hf_file_metadata, hf_hub_url
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]
from tqdm.auto import tqdm

from models.checksums import sha256_of
from models.errors import ModelError

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def download(
    repository: str,
    name: str,
    folder: Path,
    *,
    revision: str | None = None,
    report: Callable[[float], None] = lambda share: None,
) -> Path:
    """The file ``name`` of a repository, in ``folder``; what is there of it already is not asked for again.

    Raises ``ModelError`` for a file that is not what the Hub says, and the errors of ``huggingface_hub`` and of
    the disk. What came of a download that broke off is kept.
    """
    url = hf_hub_url(repository, name, revision=revision)
    facts = get_hf_file_metadata(url)
    etag = re.sub(r"[^A-Za-z0-9]", "", facts.etag or "")
    path = folder / name
    part = folder / f"{name}.{etag[:64]}.part"
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / f"{name}.etag"
    with FileLock(folder / f"{name}.lock"):
        if etag and path.is_file() and path.stat().st_size == facts.size and _said(mark) == etag:
            return path
        _complete(facts.location, part, facts.size, report, headers=_headers_for(url, facts.location))
        if _SHA256.fullmatch(etag) and sha256_of(part) != etag:
            part.unlink()
            raise ModelError(f"{name} of {repository} did not come as it was published: pull it again.")
        mark.unlink(missing_ok=True)  # a file without its mark is downloaded again; the other way it would be believed
        part.replace(path)
        mark.write_text(etag, encoding="utf-8")
    return path


def _said(mark: Path) -> str | None:
    """The version of the file that lies there; None where that is not known."""
    return mark.read_text(encoding="utf-8") if mark.is_file() else None


def _headers_for(url: str, location: str) -> dict[str, str]:
    """The client's headers; the token goes to the Hub alone, and not to the host that it keeps its files on."""
    headers: dict[str, str] = build_hf_headers()
    if urlsplit(location).netloc != urlsplit(url).netloc:
        headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
    return headers


def _complete(
    url: str, part: Path, size: int | None, report: Callable[[float], None], *, headers: dict[str, str]
) -> None:
    """Get what is missing of a file; what is longer than the file can be is begun anew."""
    with part.open("ab") as file:
        if size is not None and file.tell() > size:
            file.truncate(0)
        there = file.seek(0, os.SEEK_END)
        if there == size:
            return

        class Bar(tqdm):  # type: ignore[misc]
            """The bar that ``http_get`` asks for: it draws nothing and passes on what came."""

            def __init__(self, *arguments: object, **options: object) -> None:
                self.came = there
                super().__init__(disable=True)

            def update(self, n: float | None = 1) -> bool | None:
                self.came += int(n or 0)
                if size:
                    report(min(1.0, self.came / size))
                return None

        http_get(
            url,
            file,
            resume_size=there,
            headers=headers,
            expected_size=size,
            tqdm_class=Bar,
        )
