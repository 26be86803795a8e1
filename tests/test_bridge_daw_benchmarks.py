"""Category: unit. The benchmarks of the DAWs' scripts run; what they measure is not judged here."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[1] / "benchmarks"


def benchmark(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{name}_benchmark", FOLDER / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_in_live_is_measured() -> None:
    module = benchmark("ableton")
    assert len(module.ticks(30, 4, 2)) == 30
    assert len(module.round_trips(1)) == 1


def test_the_script_in_reaper_is_measured() -> None:
    module = benchmark("reaper")
    assert len(module.cycles(60, 4)) == 60
    assert len(module.round_trips(1, 4)) == 1
