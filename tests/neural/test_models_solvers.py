"""Category: unit. Solvers on fields whose solutions are known."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from models.presets import SOLVERS, Solver
from models.solvers import NotFinite, ab2, dopri5, euler, integrate, sway

SPREAD = torch.tensor([0.2, 0.5, 1.5], dtype=torch.float64)
NOISE = torch.tensor([[[1.0, -0.5, 0.3], [0.2, 2.0, -1.0]]], dtype=torch.float64)


def gaussian(z: Tensor, t: Tensor) -> Tensor:
    """The flow from a standard Gaussian to one of other spreads; noise arrives at ``SPREAD * noise``."""
    return (t * SPREAD**2 - (1 - t)) / (t**2 * SPREAD**2 + (1 - t) ** 2) * z


def error(z: Tensor) -> float:
    return float((z - SPREAD * NOISE).abs().max())


@pytest.mark.parametrize("solve", [lambda n: euler(gaussian, NOISE, n), lambda n: ab2(gaussian, NOISE, sway(n))])
def test_more_steps_come_nearer(solve: object) -> None:
    errors = [error(solve(n)) for n in (8, 16, 32, 64, 128)]  # type: ignore[operator]
    assert all(later < earlier for earlier, later in itertools.pairwise(errors))


def test_euler_is_of_first_order_and_ab2_of_second() -> None:
    halves = error(euler(gaussian, NOISE, 400)) / error(euler(gaussian, NOISE, 800))
    quarters = error(ab2(gaussian, NOISE, sway(400))) / error(ab2(gaussian, NOISE, sway(800)))
    assert halves == pytest.approx(2.0, rel=0.1)
    assert quarters == pytest.approx(4.0, rel=0.1)


@given(times=st.lists(st.integers(1, 99).map(lambda part: part / 100), min_size=1, max_size=8, unique=True).map(sorted))
def test_ab2_follows_a_field_that_changes_evenly_after_its_first_step(times: list[float]) -> None:
    """For v = t the method is exact on uneven steps; only the first, Euler's, misses half the square of its length."""
    steps = [0.0, *times, 1.0]
    arrived = float(ab2(lambda z, t: torch.ones_like(z) * t, torch.zeros(1, dtype=torch.float64), steps))
    assert arrived == pytest.approx(0.5 - steps[1] ** 2 / 2, abs=1e-9)


@given(steps=st.integers(1, 200))
def test_sway_goes_from_0_to_1_in_steps_that_grow(steps: int) -> None:
    times = sway(steps)
    assert len(times) == steps + 1
    assert times[0] == 0.0
    assert times[-1] == pytest.approx(1.0)
    lengths = [end - start for start, end in itertools.pairwise(times)]
    assert all(later >= earlier - 1e-12 for earlier, later in itertools.pairwise(lengths))


def test_sway_without_a_coefficient_is_even() -> None:
    assert sway(4, 0.0) == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_dopri5_keeps_its_tolerance_and_ends_where_the_reference_does() -> None:
    arrived = dopri5(gaussian, NOISE, 1e-8)
    t = 1.0 - 1e-5  # the reference's end
    exact = (t**2 * SPREAD**2 + (1 - t) ** 2).sqrt() * NOISE
    assert float((arrived - exact).abs().max()) < 1e-6


@pytest.mark.parametrize("name", SOLVERS)
def test_a_preset_asks_as_often_as_it_says_and_tells_before_each_time(name: str) -> None:
    solver = SOLVERS[name]
    asked: list[float] = []
    told: list[float] = []

    def field(z: Tensor, t: Tensor) -> Tensor:
        asked.append(float(t))
        return gaussian(z, t)

    integrate(field, NOISE, solver, told.append)
    assert len(told) == len(asked)
    assert all(0.0 <= share <= 1.0 for share in told)
    if solver.method == "ab2":
        assert len(asked) == solver.evaluations
        assert told == [index / solver.evaluations for index in range(solver.evaluations)]


@pytest.mark.parametrize("method", ["euler", "ab2", "dopri5"])
def test_a_watch_that_raises_stops_before_the_evaluation(method: str) -> None:
    asked = 0

    def field(z: Tensor, t: Tensor) -> Tensor:
        nonlocal asked
        asked += 1
        return gaussian(z, t)

    def watch(share: float) -> None:
        if asked == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        integrate(field, NOISE, Solver(method=method, evaluations=10), watch)  # type: ignore[arg-type]
    assert asked == 3


def test_the_adaptive_solver_stops_at_what_is_no_number() -> None:
    asked = 0

    def broken(z: Tensor, t: Tensor) -> Tensor:
        nonlocal asked
        asked += 1
        return z * float("nan") if asked == 5 else z

    with pytest.raises(NotFinite):
        dopri5(broken, NOISE, 1e-5)
    assert asked == 5
