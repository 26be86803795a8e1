"""The folder of a training run: what the run hangs on, its state, its log and its curves.

``run.json`` says it all again, so that another training or an export needs nothing but the folder:

``plan.toml``            the plan as it was written
``run.json``             ``RunFacts``
``state.safetensors``    ``models.training_state``
``log.jsonl``            ``bridge.training_log``
``curves.png``           ``bridge.training_curves``
``codec.safetensors``    the codec that a model is trained on
``tokenizer.json``       the words of a model
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from tokenizers import Tokenizer

from models.errors import TrainingError
from models.training_files import write_whole
from models.training_run import STATE_FILE

FACTS: Final = "run.json"
PLAN: Final = "plan.toml"
LOG: Final = "log.jsonl"
CURVES: Final = "curves.png"
CODEC: Final = "codec.safetensors"
TOKENIZER: Final = "tokenizer.json"
FORMAT: Final = 1
Kind = Literal["codec", "jasco", "magnet"]


class RunFacts(BaseModel):
    """What a run hangs on: its recipe (a plan without places), the music, the codec and what it starts with by digests.

    ``latent_mean`` and ``latent_std`` are those of the latents that a JASCO is trained on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    kind: Kind
    recipe: dict[str, Any]
    music: str = ""
    codec: str = ""
    start: str = ""
    latent_mean: float = 0.0
    latent_std: float = 1.0

    @property
    def text(self) -> str:
        """All that the state's digest is of."""
        names = {"kind", "recipe", "music", "codec", *(["start"] if self.start else [])}
        return json.dumps(self.model_dump(mode="json", include=names), sort_keys=True)


class RunFolder:
    """A folder of ours."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def state(self) -> Path:
        """Where the state is."""
        return self.path / STATE_FILE

    def facts(self) -> RunFacts:
        """What the run hangs on. Raises ``TrainingError`` for a folder that is none of a run."""
        path = self.path / FACTS
        try:
            return RunFacts.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise TrainingError(
                f"{self.path} is no folder of a training run: it lacks {FACTS}. Name the run of a plan."
            ) from None
        except OSError as error:
            raise TrainingError(f"{path} cannot be read: {error.strerror or error}.") from error
        except ValidationError as error:
            raise TrainingError(f"{path} is not what this version writes: name another folder.") from error

    def begin(self, facts: RunFacts, plan: Path) -> None:
        """Make the folder, or see that it is of the same run.

        Raises ``TrainingError`` for a run of something else, with what differs; nothing is changed then.
        """
        if (self.path / FACTS).exists():
            _require_same(self.path, self.facts(), facts)
            return
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise TrainingError(f"{self.path} holds something else than a training run: name an empty folder.")
        write_whole(self.path / PLAN, _bytes_of(plan), "The plan")
        self.write_facts(facts)

    def write_facts(self, facts: RunFacts) -> None:
        """Write what the run hangs on. Raises ``TrainingError``."""
        content = (facts.model_dump_json(indent=2) + "\n").encode()
        write_whole(self.path / FACTS, content, "The description of the run")

    def write_tokenizer(self, tokenizer: Tokenizer) -> None:
        """Keep the words of the model. Raises ``TrainingError``."""
        write_whole(self.path / TOKENIZER, tokenizer.to_str(pretty=True).encode(), "The vocabulary")

    def tokenizer(self) -> Tokenizer:
        """The words of the model. Raises ``TrainingError``."""
        path = self.path / TOKENIZER
        try:
            return Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except Exception as error:  # the library knows no other
            raise TrainingError(f"{path} cannot be read: the run is damaged.") from error


def _require_same(folder: Path, there: RunFacts, wanted: RunFacts) -> None:
    if there.kind != wanted.kind:
        raise TrainingError(f"{folder} is a run of {there.kind}, not of {wanted.kind}: name another folder.")
    before, now = dict(_flat(there.recipe)), dict(_flat(wanted.recipe))
    other = [
        f"{name} {before.get(name)} and not {now.get(name)}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    other += ["other music"] if there.music != wanted.music else []
    other += ["another codec"] if there.codec != wanted.codec else []
    other += ["another start"] if there.start != wanted.start else []
    if other:
        raise TrainingError(
            f"{folder} was begun otherwise ({', '.join(other)}): go on with the same plan, or name another folder. "
            "Nothing was changed."
        )


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TrainingError(f"The plan {path} cannot be read: {error.strerror or error}.") from error
