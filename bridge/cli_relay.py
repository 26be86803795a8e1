"""``sideman relay`` on the command line."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer


def relay(
    daemon: Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="The machine of the daemon, and its HTTP port.")],
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The daemon's token, copied from its machine.")
    ] = None,
    osc: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where to listen; port 0 picks one.")] = None,
    clips: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for clips and receipts.")] = None,
    host: Annotated[str | None, typer.Option(metavar="NAME", help="DAW to place clips in.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration in TOML.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log to standard error.")] = False,
) -> None:
    """Bring a daemon on another machine to the DAW on this one, until it is stopped with Ctrl-C."""
    import asyncio

    from bridge.config import load_config, parse_address
    from bridge.errors import ConfigError
    from bridge.http_config import DEFAULT_HTTP_PORT
    from bridge.relay import Relay
    from bridge.stop_signals import stop_signals
    from bridge.tokens import read_token

    try:
        listen = parse_address(osc) if osc else (None, None)
        is_bare = ":" not in daemon.rpartition("]")[2] or (daemon.count(":") > 1 and not daemon.startswith("["))
        name, port = (daemon.strip("[]"), DEFAULT_HTTP_PORT) if is_bare else parse_address(daemon)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from None
    logging.basicConfig(level=logging.DEBUG if verbose else logging.ERROR, format="%(name)s: %(message)s")
    options: dict[str, dict[str, object]] = {
        "osc": {"host": listen[0], "port": listen[1]},
        "clips": {"folder": clips},
        "host": {"name": host},
    }
    settings = load_config(config, options)
    url = f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"

    def say(line: str) -> None:
        print(line, flush=True)

    async def run() -> None:
        token = read_token(token_file) if token_file else settings.http.token or None
        stop = asyncio.Event()
        with stop_signals(stop):
            await Relay(url, token, settings, tell=say).run(say, stop)

    asyncio.run(run())
