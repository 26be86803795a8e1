"""Where the reference numbers come from, and the cases that are found there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import parity_set as sets
import pytest
import torch
import tqdm

CASES: dict[str, tuple[Callable[[Path], Iterable[Any]], Callable[[Any], str]]] = {
    "run": (sets.runs, str),
    "codec_state": (
        lambda root: [
            (variant, state) for variant in sets.codec_variants(root) for state in sets.codec_states(root, variant)
        ],
        lambda case: f"{case[0]}-{case[1].split('_')[0]}",
    ),
    "codec_variant": (sets.codec_variants, str),
    "blur_case": (sets.blur_cases, str),
    "jasco_variant": (sets.jasco_variants, str),
    "chord_case": (sets.chord_cases, lambda case: str(case["name"])),
    "jasco_manifest": (lambda root: sets.manifests(root, "jasco"), str),
    "codec_manifest": (lambda root: sets.manifests(root, "encodec"), str),
    "jasco_checkpoint": (sets.jasco_checkpoints, str),
    "half_precision": (sets.half_precision, str),
    "packed_codec": (sets.packed_codecs, str),
    "magnet_variant": (sets.magnet_variants, str),
    "magnet_api": (sets.magnet_apis, str),
    "magnet_run": (sets.magnet_runs, str),
    "magnet_manifest": (
        lambda root: [*sets.manifests(root, "magnet"), *sets.manifests(root, "audio-magnet")],
        str,
    ),
}
"""The cases that an argument of a test stands for, and what they are called."""


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """The models here are tiny, and threads that wait for each other would take most of the time."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _no_monitor() -> None:
    """torch.compile shows progress with tqdm, which would leave a thread behind."""
    tqdm.tqdm.monitor_interval = 0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test the cases that its arguments name."""
    root = Path(metafunc.config.getoption("parity_dir") or sets.BUNDLED).resolve()
    if "parity" in metafunc.fixturenames:
        metafunc.parametrize("parity", [root], ids=["set"], scope="session")
    for name, (cases, ids) in CASES.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, list(cases(root)), ids=ids)
