"""Category: unit. Compiled work: one graph, the same values, and used where it is measured to be faster alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from test_models_fast_jasco import CONFIG, EXACT, apart, conditions, fast, flow, plain  # noqa: F401
from test_models_fast_magnet import QUICK, Plainly, generated, model, same  # noqa: F401

from models.compiling import faster
from models.fast_jasco import FastFlow
from models.fast_magnet import FastTokens
from models.flex_band import flex_band
from models.graphs import Work, eager
from models.jasco import FlowModel, Guidance
from models.presets import SOLVERS

# ruff: noqa: F811 (a test's argument has the name of the fixture)


class Compiler:
    """``torch.compile`` without code for this processor: whole graphs, and a count of their calls."""

    def __init__(self) -> None:
        torch._dynamo.reset()
        self.calls = 0

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        made = torch.compile(function, fullgraph=True, dynamic=False, backend="eager")

        def called(*arguments: Any) -> Any:
            self.calls += 1
            return made(*arguments)

        return called


def paces(*seconds: float) -> Callable[[Work], float]:
    """What is measured, in turn; the last of them for all that follow."""
    left = list(seconds)
    return lambda work: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize("told", [1, 2])
@pytest.mark.parametrize("kept", [0, 7])
def test_jasco_compiled_is_one_graph_and_gives_the_same(flow: FlowModel, told: int, kept: int) -> None:
    terms, solver, compiler = Guidance().terms, SOLVERS["draft"], Compiler()
    given = conditions(terms, told=told)
    held = torch.full((2, kept, CONFIG.flow_dim), 0.3, dtype=torch.float64) if kept else None
    path = FastFlow(flow, capture=eager, pace=paces(1.0, 0.001), compiler=compiler)
    assert apart(fast(path, given, terms, solver, held), plain(flow, given, terms, solver, held)) < EXACT
    calls = compiler.calls
    assert calls >= 8, "the compiled slope is what is in the loop"
    shorter = conditions(terms, told=told, length=2)
    assert apart(fast(path, shorter, terms, solver, held), plain(flow, shorter, terms, solver, held)) < EXACT
    assert compiler.calls == calls + 8


def test_jasco_is_not_compiled_where_that_is_no_faster(flow: FlowModel) -> None:
    terms, solver, compiler = Guidance().terms, SOLVERS["draft"], Compiler()
    given = conditions(terms)
    path = FastFlow(flow, capture=eager, pace=paces(0.001), compiler=compiler)
    assert apart(fast(path, given, terms, solver), plain(flow, given, terms, solver, None)) < EXACT
    assert compiler.calls == 1, "the one that was measured"


@pytest.mark.parametrize("band", [None, flex_band], ids=["blocks", "flex attention"])
def test_magnet_compiled_is_one_graph_and_gives_the_same_tokens(model: Plainly, band: Any) -> None:
    compiler = Compiler()
    turns = itertools.cycle([1.0, 0.5])
    path = FastTokens(model.tokens, capture=eager, pace=lambda work: next(turns), compiler=compiler, compiled_band=band)
    ours = generated(model, path, QUICK)
    assert compiler.calls > sum(QUICK.decoding_steps)
    same(ours, generated(model, None, QUICK))


def test_magnet_is_not_compiled_where_that_is_no_faster(model: Plainly) -> None:
    compiler = Compiler()
    path = FastTokens(model.tokens, capture=eager, pace=lambda work: 1.0, compiler=compiler, compiled_band=flex_band)
    same(generated(model, path, QUICK), generated(model, None, QUICK))
    assert compiler.calls == 4, "one for each codebook, to be measured"


@pytest.mark.parametrize("ratio", [1.05, 1.2])
def test_the_faster_way_is_chosen_where_it_is_worth_it(ratio: float) -> None:
    seconds = {"plain": ratio, "other": 1.0}
    assert faster("plain", lambda: "other", seconds.__getitem__) == ("other" if ratio > 1.1 else "plain")


@pytest.mark.parametrize("error", [RuntimeError("no compiler"), torch.OutOfMemoryError("full"), RuntimeError("")])
def test_what_cannot_be_compiled_runs_as_it_is(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> str:
        raise error

    assert faster("plain", broken, lambda one: 1.0) == "plain"
    assert "cannot be compiled" in caplog.text


def test_a_break_is_an_error_and_the_plain_way_goes_on(flow: FlowModel) -> None:
    """With a step back to Python in it no graph could be captured."""

    def breaking(function: Callable[..., Any]) -> Callable[..., Any]:
        def broken(*arguments: Any) -> Any:
            torch._dynamo.graph_break()
            return function(*arguments)

        torch._dynamo.reset()
        return torch.compile(broken, fullgraph=True, backend="eager")

    terms, solver = Guidance().terms, replace(SOLVERS["draft"], evaluations=3)
    given = conditions(terms)
    path = FastFlow(flow, capture=eager, pace=paces(0.001), compiler=breaking)
    assert apart(fast(path, given, terms, solver), plain(flow, given, terms, solver, None)) < EXACT
