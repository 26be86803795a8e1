"""The clients of a relay by number: whom an answer of the daemon is for. Pure."""

from __future__ import annotations

from typing import Final

from bridge.osc_clients import Client

MAX_CLIENTS: Final = 1024


class Numbers:
    """A number for each client, the last ``limit`` of them."""

    def __init__(self, limit: int = MAX_CLIENTS) -> None:
        self._limit = limit
        self._numbers: dict[Client, int] = {}
        self._clients: dict[int, Client] = {}
        self._last = 0

    def of(self, client: Client) -> int:
        """The client's number, from 1 to the limit."""
        number = self._numbers.pop(client, None)
        if number is None:
            number = self._last = self._last % self._limit + 1
            old = self._clients.get(number)
            if old is not None:
                self._numbers.pop(old, None)
            self._clients[number] = client
        self._numbers[client] = number
        return number

    def client(self, number: object) -> Client | None:
        """The client of a number; None where there is none."""
        return self._clients.get(number) if isinstance(number, int) else None
