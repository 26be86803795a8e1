"""A small server that speaks the Hub's protocol on loopback: model information, and files with ranges.

It can refuse a repository the way gated ones are refused, and stop in the middle of a file.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the server holds, what it does, and what it was asked."""

    repositories: dict[str, Path]
    gated: set[str] = field(default_factory=set)
    token: str | None = None
    stop_after: int | None = None
    """The next file that is longer than this is broken off after so many bytes."""
    elsewhere: str = ""
    """Where the files themselves are: another server's address; the Hub then redirects to it."""
    changed: set[str] = field(default_factory=set)
    """Files that come with other bytes than their checksum says."""
    longer: set[str] = field(default_factory=set)
    """Files that are said to be a byte longer than what comes."""
    tokens: list[str] = field(default_factory=list)
    """The tokens that came with requests for files' bytes."""
    ranges: list[tuple[str, int]] = field(default_factory=list)
    """Files that were asked for from a place in their middle."""
    stalled: threading.Event = field(default_factory=threading.Event)
    """Set when a file was broken off; the connection stays open and silent until the server ends."""
    ended: threading.Event = field(default_factory=threading.Event)
    endpoint: str = ""


@contextmanager
def hub_server(hub: Hub) -> Iterator[Hub]:
    """Serve ``hub`` on a free port of loopback."""

    class Handler(_Handler):
        state = hub

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, name="hub")
        thread.start()
        try:
            yield hub
        finally:
            hub.ended.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = unquote(self.path.partition("?")[0]).strip("/")
        parts = path.split("/")
        if parts[:2] == ["api", "models"]:
            self._information("/".join(parts[2:4]), body)
        elif "resolve" in parts:
            self._file("/".join(parts[:2]), "/".join(parts[4:]), body)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "EntryNotFound", body)

    def _allowed(self, repository: str, body: bool) -> bool:
        if repository not in self.state.repositories:
            self._refuse(HTTPStatus.UNAUTHORIZED, "RepoNotFound", body)
            return False
        if repository in self.state.gated:
            given = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if not given:
                self._refuse(HTTPStatus.UNAUTHORIZED, "GatedRepo", body)
                return False
            if given != self.state.token:
                self._refuse(HTTPStatus.FORBIDDEN, "GatedRepo", body)
                return False
        return True

    def _information(self, repository: str, body: bool) -> None:
        if repository not in self.state.repositories:
            self._refuse(HTTPStatus.UNAUTHORIZED, "RepoNotFound", body)
            return
        files = sorted(path.name for path in self.state.repositories[repository].iterdir())
        text = json.dumps(
            {
                "_id": "1", "id": repository, "modelId": repository, "sha": COMMIT, "private": False, "tags": [],
                "cardData": {"license": "cc-by-nc-4.0"},
                "siblings": [{"rfilename": name} for name in files],
            }
        ).encode()  # fmt: skip
        self._send(HTTPStatus.OK, text, {"Content-Type": "application/json"}, body)

    def _file(self, repository: str, name: str, body: bool) -> None:
        if not self._allowed(repository, body):
            return
        path = self.state.repositories[repository] / name
        if not path.is_file():
            self._refuse(HTTPStatus.NOT_FOUND, "EntryNotFound", body)
            return
        content = path.read_bytes()
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": COMMIT,
            "Accept-Ranges": "bytes",
        }
        if self.state.elsewhere:
            linked = {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(len(content))}
            moved = {**linked, "X-Repo-Commit": COMMIT, "Location": f"{self.state.elsewhere}{self.path}"}
            self._send(HTTPStatus.FOUND, b"", moved, body)
            return
        if body:
            self.state.tokens.append(self.headers.get("Authorization", ""))
        if name in self.state.longer:
            headers["X-Linked-Size"] = str(len(content) + 1)
        if name in self.state.changed:
            content = bytes(len(content))
        start = 0
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes=") and body:
            start = int(asked.removeprefix("bytes=").partition("-")[0])
            if start:
                self.state.ranges.append((name, start))
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        status = HTTPStatus.PARTIAL_CONTENT if start else HTTPStatus.OK
        self._send(status, content[start:], headers, body)

    def _send(self, status: HTTPStatus, content: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not body:
            return
        limit = self.state.stop_after
        if limit is not None and len(content) > limit:
            self.state.stop_after = None
            self.wfile.write(content[:limit])
            self.wfile.flush()
            self.state.stalled.set()
            self.state.ended.wait()
            self.close_connection = True
            return
        self.wfile.write(content)

    def _refuse(self, status: HTTPStatus, code: str, body: bool) -> None:
        self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code}, body)
