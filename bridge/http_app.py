"""The routes of the HTTP server. What they answer comes from the daemon's tables, session and clips."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.clip_shelf import Shelf, ShelvedClip
from bridge.errors import SidemanError
from bridge.http_events import Hub
from bridge.http_guard import Guard, Rules, error_response
from bridge.json_messages import MAX_JSON_BYTES, PREFIX, messages_of, named_message, read_json, reply_json, table_json
from bridge.live_takes import LiveTakes
from bridge.openapi import DEFAULT_PAGE, MAX_PAGE, document
from bridge.osc_errors import MessageError, OutOfRange, TooLong
from bridge.osc_replies import ErrorReply
from bridge.osc_schema import COMMANDS, MAX_TAKES
from bridge.osc_wire import WireMessage
from bridge.peaks import DEFAULT_WIDTH, MAX_WIDTH, KeptPeaks

BODY_LIMIT_S: Final = 15.0
"""A body has to be there within this time."""
PANEL: Final = "panel"
"""The folder of ``bridge.data`` with the page, where it is built."""
STATUSES: Final[Mapping[str, int]] = {
    "unknown_address": 404,
    "no_such_request": 404,
    "not_allowed": 403,
    "id_in_use": 409,
    "not_leading": 409,
    "daw_taken": 409,
    "queue_full": 429,
    "engine_unavailable": 409,
    "disk": 507,
    "internal": 500,
    "malformed": 400,
}
"""HTTP's word for an error; every other is 422, a message that can be read and not be used."""
OTHER_STATUS: Final = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the routes answer from."""

    hub: Hub
    shelf: Shelf
    live: LiveTakes
    session: Callable[[], dict[str, Any]]
    version: str
    started: str
    panel: Path | None = None


def made_app(sources: Sources, rules: Rules, cut: Callable[[tuple[str, int]], None] = lambda client: None) -> ASGIApp:
    """The application, with its guard around it; ``cut`` ends the connection of a client that takes nothing."""
    handlers = _Handlers(sources)
    clip = "/api/clips/{id}"
    routes: list[BaseRoute] = [
        Route("/api/health", handlers.health),
        Route("/api/session", handlers.session),
        Route("/api/commands", handlers.commands),
        Route("/api/openapi.json", handlers.openapi),
        Route("/api/command", handlers.command, methods=["POST"]),
        Route("/api/command/{name:path}", handlers.named_command, methods=["POST"]),
        Route("/api/clips", handlers.clips),
        Route(clip, handlers.receipt),
        Route(f"{clip}/audio", handlers.audio),
        Route(f"{clip}/peaks", handlers.peaks),
        Route("/api/requests/{id}/live", handlers.live),
        WebSocketRoute("/api/events", sources.hub.serve),
        *_page(sources.panel),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _http_error, SidemanError: _error})
    return Guard(app, rules, cut)


def built_panel() -> Path | None:
    """The folder of the page's built files; None where they are not there."""
    folder = Path(str(resources.files("bridge.data"))) / PANEL
    return folder if (folder / "index.html").is_file() else None


def _page(panel: Path | None) -> list[BaseRoute]:
    """The panel's page and what it loads, or a plain page. Nothing else is taken: what is not there is said as JSON."""
    if panel is None:
        return [Route("/", _plain_page)]
    index = panel / "index.html"

    async def page(request: Request) -> Response:
        return FileResponse(index, headers={"cache-control": "no-cache"})

    return [Route("/", page), Mount("/assets", StaticFiles(directory=panel / "assets"))]


class _Handlers:
    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._peaks = KeptPeaks()
        self._document = document(sources.version)
        self._tables = table_json()

    async def health(self, request: Request) -> Response:
        return JSONResponse({"version": self._sources.version, "started": self._sources.started})

    async def session(self, request: Request) -> Response:
        return Response(self._sources.hub.session_json().encode(), media_type="application/json")

    async def commands(self, request: Request) -> Response:
        return JSONResponse(self._tables)

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(self._document)

    async def command(self, request: Request) -> Response:
        return self._taken(messages_of(read_json(await _body(request))))

    async def named_command(self, request: Request) -> Response:
        address = PREFIX + request.path_params["name"]
        if address not in COMMANDS:
            raise HTTPException(404, f"There is no command {address[:100]}; GET /api/commands lists them.")
        body = await _body(request)
        arguments = read_json(body) if body.strip() else {}
        if not isinstance(arguments, dict):
            raise MessageError(f"{address} takes an object of its arguments' names and values.")
        return self._taken((named_message(address, arguments),))

    def _taken(self, messages: Sequence[WireMessage]) -> Response:
        replies = self._sources.hub.ask(messages)
        error = next((reply for reply in replies if isinstance(reply, ErrorReply)), None)
        told: dict[str, Any] = {"replies": [reply_json(reply) for reply in replies]}
        if error is None:
            return JSONResponse(told)
        told |= {"error": {"code": error.code, "message": error.message}}
        return JSONResponse(told, status_code=STATUSES.get(error.code, OTHER_STATUS))

    async def clips(self, request: Request) -> Response:
        limit = _whole(request, "limit", 1, MAX_PAGE, DEFAULT_PAGE)
        offset = _whole(request, "offset", 0, 10_000_000, 0)
        query = request.query_params.get("query", "").strip()
        return JSONResponse(await asyncio.to_thread(self._listed, query, limit, offset))

    def _listed(self, query: str, limit: int, offset: int) -> dict[str, Any]:
        shelf = self._sources.shelf
        page = shelf.found(query, limit, offset) if query else shelf.page(limit, offset)
        return {"clips": [shelf.view(clip) for clip in page.clips], "total": page.total}

    async def receipt(self, request: Request) -> Response:
        clip = await self._clip(request)
        content = await asyncio.to_thread(_read, clip.receipt_path)
        return Response(content, media_type="application/json")

    async def audio(self, request: Request) -> Response:
        clip = await self._clip(request)
        tag = f'"{clip.receipt.sha256}"'
        headers = {"etag": tag, "cache-control": "no-cache"}
        if tag in [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=304, headers=headers)
        return _Audio(clip.path, headers, await asyncio.to_thread(_stat, clip.path))

    async def peaks(self, request: Request) -> Response:
        width = _whole(request, "width", 1, MAX_WIDTH, DEFAULT_WIDTH)
        clip = await self._clip(request)
        found = await asyncio.to_thread(lambda: self._peaks.of(clip.path, width).view)
        return JSONResponse(found)

    async def live(self, request: Request) -> Response:
        request_id, take = request.path_params["id"], _whole(request, "take", 0, MAX_TAKES - 1, 0)
        live = self._sources.live.get(request_id, take)
        if live is None:
            raise HTTPException(404, "There is no such take of a request of this daemon to listen to.")
        headers = {"content-length": str(live.size)}
        if request.method == "HEAD":
            return Response(headers=headers, media_type="audio/wav")
        stream = self._sources.live.stream(request_id, take)
        return StreamingResponse(stream, headers=headers, media_type="audio/wav")

    async def _clip(self, request: Request) -> ShelvedClip:
        clip = await asyncio.to_thread(self._sources.shelf.get, request.path_params["id"])
        if clip is None:
            raise HTTPException(404, "There is no such clip; GET /api/clips lists them.")
        return clip


class _Audio(Response):
    """A file, whole or in ranges; a range that is none, or lies beyond the end, is answered as every error is."""

    def __init__(self, path: Path, headers: Mapping[str, str], state: os.stat_result) -> None:
        super().__init__()
        self._size = state.st_size
        self._file = FileResponse(
            path,
            headers=headers,
            media_type="audio/wav",
            filename=path.name,
            content_disposition_type="inline",
            stat_result=state,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = 0

        async def watched(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] in {400, 416}:
                refused = message["status"]
            elif not refused:
                await send(message)

        await self._file(scope, receive, watched)
        if refused:
            text = f"The range cannot be read, or lies beyond the end: the file has {self._size} bytes."
            headers = {"content-range": f"bytes */{self._size}"}
            await error_response(refused, OutOfRange.code, text, headers)(scope, receive, send)


async def _body(request: Request) -> bytes:
    """The body. Raises ``TooLong``, and an HTTP error for one that does not come to an end."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_LIMIT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_JSON_BYTES:
                    raise TooLong(f"The body has more than {MAX_JSON_BYTES} bytes.")
    except TimeoutError:
        raise HTTPException(408, f"The body was not there within {BODY_LIMIT_S:g} seconds.") from None
    return bytes(body)


def _whole(request: Request, name: str, low: int, high: int, usual: int) -> int:
    """A whole number of the query. Raises ``OutOfRange``."""
    text = request.query_params.get(name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) < 12 and low <= int(text) <= high):
        raise OutOfRange(f"{name} is a whole number from {low} to {high}, not {text[:40]!r}.")
    return int(text)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _gone(path, error) from None


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise _gone(path, error) from None


def _gone(path: Path, error: OSError) -> HTTPException:
    """A file that was there a moment ago."""
    return HTTPException(404, f"{path.name} cannot be read any more: {error.strerror}.")


async def _http_error(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    code = {404: "not_found", 405: "not_allowed"}.get(status, "failed")
    text = str(getattr(error, "detail", error))
    if status == 405:
        text = f"{request.method} is not for this address."
    return error_response(status, code, text, getattr(error, "headers", None))


async def _error(request: Request, error: Exception) -> Response:
    code = getattr(error, "code", SidemanError.code)
    status = 413 if isinstance(error, TooLong) else STATUSES.get(code, OTHER_STATUS)
    return error_response(status, code, str(error))


_PLAIN_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Sideman</title>
<style>body{background:#111;color:#ddd;font:16px/1.6 sans-serif;max-width:46em;margin:3em auto}a{color:#9cf}</style>
<h1>Sideman</h1>
<p>The daemon is running. The panel is not built in this installation; everything else is here:</p>
<ul>
<li><a href="/api/session">the session</a></li>
<li><a href="/api/clips">the clips</a></li>
<li><a href="/api/commands">the commands</a> and <a href="/api/openapi.json">the OpenAPI document</a></li>
</ul></html>
"""


async def _plain_page(request: Request) -> Response:
    return HTMLResponse(_PLAIN_PAGE)
