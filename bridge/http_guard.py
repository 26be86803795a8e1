"""Who may use the HTTP server: the rules are pure, and a thin shell asks them before anything else is done.

* The ``Host`` header names this server. A page of another name that was made to point here (DNS rebinding) does not.
* A page of another origin is refused, unless the configuration names it: browsers send ``Origin``, or
  ``Sec-Fetch-Site``, with what such a page asks for.
* Where there is a token, everything needs it: as ``Authorization: Bearer``; as ``?token=`` where a browser can send no
  header (WebSocket, audio); or as the cookie that a visit with ``?token=`` leaves in a browser.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from starlette.datastructures import MutableHeaders, QueryParams
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.osc_clients import address_of
from bridge.tokens import cookie_of, same_token

log = logging.getLogger(__name__)

COOKIE: Final = "sideman_token"
LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
SEND_LIMIT_S: Final = 30.0
"""A client that takes nothing of an answer for so long is cut off."""
WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not listened on
ANY_ADDRESS: Final = "*"
SECURITY_HEADERS: Final[Mapping[str, str]] = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'",
}
CORS_HEADERS: Final[Mapping[str, str]] = {
    "access-control-allow-methods": "GET, HEAD, POST",
    "access-control-allow-headers": "Authorization, Content-Type, If-None-Match, If-Range, Range",
    "access-control-expose-headers": "Content-Disposition, Content-Length, Content-Range, ETag",
    "access-control-max-age": "600",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """``hosts`` are names in ``Host``, ``*`` for any IP address; ``origins`` are those of other servers' pages."""

    hosts: frozenset[str]
    origins: frozenset[str] = frozenset()
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why something is not done."""

    status: int
    code: str
    message: str


def rules_for(host: str, *, names: frozenset[str], origins: frozenset[str], token: str | None) -> Rules:
    """The rules of a server that listens at ``host``, and is reached by other ``names`` too."""
    own = {ANY_ADDRESS} if host in WILDCARDS else {host.lower()}
    hosts = LOOPBACK_NAMES | own | {name.lower().rstrip(".") for name in names}
    return Rules(hosts=hosts, origins=origins, token=token)


def host_name(header: str) -> str | None:
    """The name in a ``Host`` header, in small letters and without the port; None where it is none."""
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
    except ValueError:
        return None
    is_bare = not (parts.path or parts.query or parts.fragment or parts.username is not None)
    return parts.hostname.rstrip(".") if is_bare and parts.hostname else None


def judge_host(rules: Rules, headers: Mapping[str, str]) -> Refusal | None:
    """Whether the server is meant. Who sends the token in a header means it, by whatever name: no page can."""
    if "authorization" in headers and rules.token and judge_token(rules, headers, query=None, cookie=None) is None:
        return None
    name = host_name(headers.get("host", ""))
    if name is None:
        return Refusal(status=400, code="malformed", message="The Host header names no host.")
    is_address = ANY_ADDRESS in rules.hosts and address_of(name) is not None
    if name in rules.hosts or is_address:
        return None
    text = f"This server is not called {name[:100]!r}: use its address, or add the name to http.allow_hosts."
    return Refusal(status=403, code="not_allowed", message=text)


def judge_origin(rules: Rules, headers: Mapping[str, str], *, is_page: bool) -> Refusal | None:
    """Whether a page of this server, or no page at all, asks. ``is_page``: a page is opened, which a link may do."""
    origin = headers.get("origin")
    if origin is None:
        site = headers.get("sec-fetch-site", "none")
        opens = is_page and headers.get("sec-fetch-mode") == "navigate"
        is_foreign = site in {"cross-site", "same-site"} and not opens
    else:
        is_own = origin.lower() in {f"{scheme}://{headers.get('host', '').lower()}" for scheme in ("http", "https")}
        is_foreign = not is_own and origin.lower() not in rules.origins
    if not is_foreign:
        return None
    text = f"A page of {origin or 'another site'} may not use this server: add its origin to http.allow_origins."
    return Refusal(status=403, code="not_allowed", message=text[:500])


def judge_token(rules: Rules, headers: Mapping[str, str], *, query: str | None, cookie: str | None) -> Refusal | None:
    """Whether the token was shown. ``query`` is that of the address, where it is taken there."""
    if rules.token is None:
        return None
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    shown = bearer.strip() if scheme.lower() == "bearer" else query
    if shown is not None:
        is_right = same_token(shown, rules.token)
    else:
        is_right = cookie is not None and same_token(cookie, cookie_of(rules.token))
    if is_right:
        return None
    why = "is missing" if shown is None and cookie is None else "is not this daemon's"
    text = f"The token {why}: send the header Authorization: Bearer TOKEN, with the token of --token-file."
    return Refusal(status=401, code="not_allowed", message=text)


def takes_query_token(scope: Scope) -> bool:
    """Where ``?token=`` is read: a WebSocket, what an audio element plays, and the page itself."""
    path: str = scope["path"]
    return scope["type"] == "websocket" or path == "/" or path.endswith(("/audio", "/live"))


class Guard:
    """The shell around the rules, an ASGI application around another; errors of the other are answered here."""

    def __init__(self, app: ASGIApp, rules: Rules, cut: Callable[[tuple[str, int]], None]) -> None:
        """``cut`` ends the connection of a client that takes nothing of its answer."""
        self._app, self._rules, self._cut = app, rules, cut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is refused, and pass on what is not."""
        connection = HTTPConnection(scope)
        answer = self._answer(connection, scope)
        if answer is None:
            await self._pass_on(scope, receive, self._marked(connection, send))
            return
        if scope["type"] == "websocket":
            await receive()
        await answer(scope, receive, self._marked(connection, send))

    def _answer(self, connection: HTTPConnection, scope: Scope) -> Response | None:
        rules, headers = self._rules, connection.headers
        given = connection.query_params.get("token") if takes_query_token(scope) else None
        is_page = scope["type"] == "http" and scope["path"] == "/"
        refusal = judge_host(rules, headers) or judge_origin(rules, headers, is_page=is_page)
        if refusal:
            return error_response(refusal.status, refusal.code, refusal.message)
        if scope.get("method") == "OPTIONS" and headers.get("origin", "").lower() in rules.origins:
            return Response(status_code=204)
        refusal = judge_token(rules, headers, query=given, cookie=connection.cookies.get(COOKIE))
        if refusal:
            return error_response(refusal.status, refusal.code, refusal.message)
        if given and rules.token and scope["type"] == "http" and scope["path"] == "/":
            return _with_cookie(connection.query_params, rules.token)
        return None

    def _marked(self, connection: HTTPConnection, send: Send) -> Send:
        """Every answer says how browsers are to treat it."""
        origin = connection.headers.get("origin", "").lower()
        keep = "no-store" if connection.url.path.startswith("/api/") else "no-cache"

        async def marked(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                answer = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    answer.setdefault(name, value)
                answer.setdefault("cache-control", keep)
                if origin in self._rules.origins:
                    answer.update({"access-control-allow-origin": origin, "vary": "Origin", **CORS_HEADERS})
                    answer["cross-origin-resource-policy"] = "cross-origin"
            await send(message)

        return marked

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            if scope["type"] != "http":
                await send(message)
                return
            async with asyncio.timeout(SEND_LIMIT_S):
                await send(message)

        try:
            await self._app(scope, receive, noted)
        except TimeoutError:
            log.info("http: %s takes nothing of %s", scope["client"], scope["path"])
            self._cut(scope["client"])
            return
        except OSError as error:
            log.info("http: %s: %s", scope["path"], error)
        except Exception:
            log.exception("http: %s", scope["path"])
        else:
            return
        if not started and scope["type"] == "http":
            text = "A mistake in the daemon; its log has the details. Nothing else is affected."
            await error_response(500, "internal", text)(scope, receive, send)


def error_response(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as every answer has it."""
    more = {"www-authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse(
        {"error": {"code": code, "message": message}}, status_code=status, headers={**more, **(headers or {})}
    )


def _with_cookie(query: QueryParams, token: str) -> Response:
    """The page again, without the token in its address: the browser keeps a cookie in its place."""
    rest = urlencode([(name, value) for name, value in query.multi_items() if name != "token"], quote_via=quote)
    response = RedirectResponse(f"/?{rest}" if rest else "/", status_code=303)
    response.set_cookie(COOKIE, cookie_of(token), max_age=365 * 86400, httponly=True, samesite="strict", path="/")
    return response
