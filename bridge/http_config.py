"""What can be set of the daemon's HTTP server, and of the token that other machines need."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from bridge.errors import StartError
from bridge.neural_config import Section
from bridge.osc_clients import address_of
from bridge.tokens import TOKEN, TOKEN_WORDS, kept_token
from bridge.user_paths import expanded

DEFAULT_HTTP_PORT: Final = 9131


def _token(text: str) -> str:
    if text and not TOKEN.fullmatch(text):
        raise ValueError(f"a token is {TOKEN_WORDS}")
    return text


def _origin(text: str) -> str:
    """An origin as browsers send it. Raises ``ValueError`` for what is none, such as ``*``."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path not in {"", "/"} or parts.query:
        raise ValueError(f"{text!r} is no origin such as http://localhost:5173")
    return f"{parts.scheme}://{parts.netloc}".lower()


class HttpConfig(Section):
    """Where HTTP and WebSocket are served, and who may use them."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = DEFAULT_HTTP_PORT
    token: Annotated[str, AfterValidator(_token)] = ""
    """What every client has to show; empty for none."""
    token_file: Annotated[Path, AfterValidator(expanded)] | None = None
    """A file with the token; it is made where there is none."""
    allow_hosts: frozenset[str] = frozenset()
    """Other names that the server is reached by, such as ``studio.local``."""
    allow_origins: frozenset[Annotated[str, AfterValidator(_origin)]] = frozenset()
    """Pages of other servers that may use this one."""

    @property
    def asked_for(self) -> bool:
        """Whether somebody said where to serve; an address that is taken ends the daemon then."""
        return self.enabled and not self.model_fields_set.isdisjoint({"enabled", "host", "port"})


def is_loopback(host: str) -> bool:
    """Whether what listens at this host is reached from this machine alone; a name other than localhost is not."""
    address = address_of(host)
    return address is not None and address.is_loopback


def required_token(http: HttpConfig, *, osc_host: str, osc_allows_hosts: bool) -> str | None:
    """The token that clients have to show; None where there is none, and none is needed.

    Raises ``StartError`` where something listens beyond this machine without one, and ``ConfigError`` for a token file
    that cannot be used.
    """
    token = http.token or (kept_token(http.token_file) if http.token_file else None)
    if token:
        return token
    if http.enabled and not is_loopback(http.host):
        raise StartError(
            f"HTTP at {http.host} is reached from other machines, and needs a token: sideman serve --http "
            f"{http.host}:{http.port} --token-file FILE makes one and keeps it in FILE."
        )
    if not is_loopback(osc_host) and not osc_allows_hosts:
        raise StartError(
            f"OSC at {osc_host} is reached from other machines: name those that may send in osc.allow_hosts, or say "
            "--token-file FILE, and clients subscribe with the token in it."
        )
    return None
