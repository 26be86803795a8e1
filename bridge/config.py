"""The configuration: one frozen tree, read from TOML, with every mistake reported at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import platformdirs
from pydantic import AfterValidator, Field, ValidationError

from bridge.conditioning import AudioFormat
from bridge.engines import JASCO, MAGNET, require_engine
from bridge.errors import ConfigError, SidemanError
from bridge.host_config import HostConfig
from bridge.http_config import HttpConfig
from bridge.midi_config import MidiConfig
from bridge.model_store import default_store, find_model, kind_of
from bridge.neural_config import DraftConfig, JascoConfig, MagnetConfig, Section
from bridge.player_config import PlayerConfig
from bridge.retention import LibraryConfig
from bridge.toml_tables import mistakes_of, read_table
from bridge.user_paths import expanded
from midi.events import TriggerMode
from models.card import read_card
from models.presets import CompileName, GraphsName, PrecisionName

DEFAULT_PORT: Final = 9130
COMMAND_LINE: Final = "the command line"
Port = Annotated[int, Field(ge=0, le=65535)]
UserPath = Annotated[Path, AfterValidator(expanded)]


def _engine_name(name: str) -> str:
    try:
        return require_engine(name).name
    except SidemanError as error:
        raise ValueError(str(error)) from None


def _device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,2})?", name):
        raise ValueError(f"there is no device {name!r}: use auto, cpu, cuda, cuda:1 or mps; sideman devices lists them")
    return name


class OscConfig(Section):
    """Where the daemon listens, and which other hosts are heard without a token, and may be subscribed."""

    host: str = "127.0.0.1"
    port: Port = DEFAULT_PORT
    allow_hosts: frozenset[str] = frozenset()


class ClipsConfig(Section):
    """Where clips go, and how they are written."""

    folder: UserPath = Field(default_factory=lambda: platformdirs.user_music_path() / "Sideman")
    sample_rate_hz: Annotated[int, Field(ge=8000, le=192000)] = 48000
    loudness_lufs: Annotated[float, Field(ge=-40, le=-6)] = -14.0
    ceiling_dbfs: Annotated[float, Field(ge=-20, le=0)] = -1.0
    score: bool = True
    """Whether each take is measured against its chart."""
    audio_folders: tuple[UserPath, ...] = ()
    """Other folders than ``folder`` that audio named in a message may lie in."""

    @property
    def audio(self) -> AudioFormat:
        """The format that clips are planned and written in."""
        return AudioFormat(
            sample_rate_hz=self.sample_rate_hz, loudness_lufs=self.loudness_lufs, ceiling_dbfs=self.ceiling_dbfs
        )


class EngineConfig(DraftConfig):
    """The engine that a session begins with, and its process."""

    name: Annotated[str, AfterValidator(_engine_name)] = "sketch"
    soundfont: UserPath | None = None
    models: UserPath = Field(default_factory=default_store)
    """Where converted models lie."""
    device: Annotated[str, AfterValidator(_device)] = "auto"
    """``auto``, ``cpu``, ``mps``, ``cuda``, or a GPU by number such as ``cuda:1``."""
    dtype: PrecisionName = "auto"
    """What a model computes in; ``auto`` is what a measurement on this machine says."""
    graphs: GraphsName = "auto"
    """``auto`` captures the work on a GPU and replays it, a whole solver at once where that is short; ``step`` captures
    single steps alone, ``off`` nothing: they are for looking for mistakes."""
    compile: CompileName = "off"
    """``auto`` compiles what is captured on a GPU, where a measurement at the start says that it is faster."""
    stall_s: Annotated[float, Field(gt=0, le=3600)] = 600.0
    """An engine that says nothing for this long while it works is stopped and started again."""
    queue: Annotated[int, Field(ge=1, le=256)] = 16
    """Requests that may wait."""


class LinkConfig(Section):
    """Ableton Link."""

    enabled: bool = False
    quantum: Annotated[float, Field(gt=0, le=64)] = 4.0
    """Beats that peers align: a bar of 4/4."""


class TriggerConfig(Section):
    """When a session's clips are made, until it says otherwise."""

    mode: TriggerMode = "request"
    bars: Annotated[int, Field(ge=0, le=512)] = 0
    """Bars of each clip; 0 is the session's own number."""


class Config(Section):
    """Everything that can be set."""

    osc: OscConfig = OscConfig()
    http: HttpConfig = HttpConfig()
    clips: ClipsConfig = Field(default_factory=ClipsConfig)
    library: LibraryConfig = LibraryConfig()
    engine: EngineConfig = Field(default_factory=EngineConfig)
    jasco: JascoConfig = JascoConfig()
    magnet: MagnetConfig = MagnetConfig()
    host: HostConfig = HostConfig()
    midi: MidiConfig = Field(default_factory=MidiConfig)
    trigger: TriggerConfig = TriggerConfig()
    link: LinkConfig = LinkConfig()
    player: PlayerConfig = PlayerConfig()


def default_config_path() -> Path:
    """The file that is read when ``--config`` is not given."""
    return platformdirs.user_config_path("sideman", appauthor=False) / "config.toml"


def parse_address(text: str) -> tuple[str, int]:
    """``HOST:PORT``, ``:PORT`` or ``[IPV6]:PORT`` as host and port. Raises ``ConfigError``."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"{text!r} is not an address: write HOST:PORT, as 127.0.0.1:{DEFAULT_PORT}.")
    return host.strip("[]") or "127.0.0.1", int(port)


def load_config(path: Path | None, overrides: Mapping[str, Mapping[str, object]] | None = None) -> Config:
    """Read the configuration file, and lay command-line options over it.

    ``path`` None reads the default file where there is one. ``overrides`` maps section to key to value;
    None values are left out. Raises ``ConfigError`` that lists every mistake.
    """
    tree = _read(path)
    sources = [str(path or default_config_path())] if tree else []
    for section, values in (overrides or {}).items():
        given = {key: value for key, value in values.items() if value is not None}
        if given and isinstance(tree.setdefault(section, {}), dict):
            tree[section].update(given)
            sources = sources if COMMAND_LINE in sources else [*sources, COMMAND_LINE]
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        lines = "\n".join(f"  {line}" for line in mistakes_of(error, Config))
        raise ConfigError(f"The configuration cannot be used ({' and '.join(sources)}):\n{lines}") from None


def with_model(config: Config, name: str, engine: str | None) -> Config:
    """The configuration with another model, in the section of its kind; ``engine`` is one that was asked for by name.

    Without one the model's own engine plays. Raises ``ConfigError`` for a model of another engine's, and
    ``ModelError`` for one that nobody knows.
    """
    kind = kind_of(name, config.engine.models) or engine
    if kind is None:
        read_card(find_model(name, config.engine.models))
        kind = config.engine.name
    if kind not in {JASCO, MAGNET}:
        raise ConfigError(f"The engine {kind} plays no model: say --engine {JASCO} or --engine {MAGNET} with --model.")
    if engine and engine != kind:
        raise ConfigError(f"{name} is a model of the engine {kind}, and {engine} was asked for: say --engine {kind}.")
    section = getattr(config, kind).model_copy(update={"model": name})
    return config.model_copy(update={kind: section, "engine": config.engine.model_copy(update={"name": kind})})


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        path = default_config_path()
        if not path.is_file():
            return {}
    try:
        return read_table(path)
    except ValueError as error:
        raise ConfigError(f"The configuration file {path} {error}.") from None
