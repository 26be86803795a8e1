"""The daemon's HTTP and WebSocket service as a whole: server, routes, clients and rules, from its settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridge.clip_shelf import Shelf
from bridge.errors import StartError
from bridge.http_app import Sources, built_panel, made_app
from bridge.http_config import HttpConfig
from bridge.http_events import Hub, Take
from bridge.http_guard import rules_for
from bridge.http_server import HttpServer
from bridge.live_takes import LiveTakes

Json = dict[str, Any]


class HttpService:
    """Used on one event loop."""

    def __init__(
        self,
        config: HttpConfig,
        *,
        token: str | None,
        take: Take,
        session: Callable[[], Json],
        shelf: Shelf,
        live: LiveTakes,
        version: str,
        started: str,
    ) -> None:
        """Nothing is opened before ``start``. ``take`` is given commands, ``session`` is the session as it is now."""
        self._config = config
        self._server = HttpServer()
        self.hub = Hub(take=take, session=session, cut=self._server.cut)
        self._rules = rules_for(config.host, names=config.allow_hosts, origins=config.allow_origins, token=token)
        self._sources = Sources(
            hub=self.hub, shelf=shelf, live=live, session=session, version=version, started=started, panel=built_panel()
        )
        self.is_on = False

    async def start(self) -> str:
        """Serve, and return the line that says where, or why not.

        Raises ``StartError`` where the address is taken and was asked for; the usual one may be another daemon's.
        """
        if not self._config.enabled:
            return ""
        try:
            await self._server.listen(self._config.host, self._config.port)
        except StartError as error:
            if self._config.asked_for:
                raise
            return f"http off: {error}"
        await self._server.start(made_app(self._sources, self._rules, self._server.cut))
        self.is_on = True
        return f"http {self._server.url}"

    @property
    def url(self) -> str | None:
        """Where it is served; None where it is not."""
        return self._server.url if self.is_on else None

    async def close(self) -> None:
        """Tell the clients, and let go; safe to call twice, and before ``start``."""
        self.is_on = False
        self.hub.close()
        await self._server.close()
