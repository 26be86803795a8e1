"""Category: unit. JASCO's fast path equals the plain one in double precision, captured or not, and has no breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.captured_solver import LONGEST_LOOP_S, LOOPS_KEPT, MOST_EVALUATIONS, CapturedSolver
from models.fast_jasco import FastFlow, solved
from models.fast_layers import BUCKETS, Plain, bucket_of
from models.flow_stack import stack_of
from models.graphs import Replays, Work, eager
from models.jasco import Conditions, FlowModel, Guidance, JascoConfig, Term, combined, holding
from models.presets import SOLVERS, Solver
from models.solvers import evaluations, integrate

EXACT = 1e-10
TAKES, FRAMES = 2, 20
CONFIG = JascoConfig(
    dim=32, heads=4, layers=4, hidden_scale=2, flow_dim=6, chords_dim=3, drums_dim=2, melody_dim=3, melody_rows=53,
    chord_count=194, time_dim=16, skips=False, blur_frames=3, latent_mean=0.0, latent_std=1.0, frame_rate_hz=50.0,
    sample_rate_hz=32000, segment_s=0.4, dropped_for_text=frozenset({"chords", "self_wav", "melody"}),
)  # fmt: skip
GUIDANCES = {
    "two branches": Guidance(),
    "three branches": Guidance(all_weight=1.75, text_weight=3.5),
    "one branch": Guidance(all_weight=0.0, text_weight=1.0),
    "no null branch": Guidance(all_weight=-1.0, text_weight=2.0),
}
LENGTHS = [solver for name, solver in SOLVERS.items() if name != "reference"]


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "skips"])
def flow(request: pytest.FixtureRequest) -> FlowModel:
    """A flow of random weights that are large enough for everything to be heard."""
    torch.manual_seed(3)
    flow = FlowModel(replace(CONFIG, skips=request.param)).double().eval()
    with torch.no_grad():
        for weight in flow.parameters():
            weight.copy_(torch.randn_like(weight) * (weight.shape[-1] ** -0.5 if weight.dim() > 1 else 0.5))
    return flow.requires_grad_(requires_grad=False)


def conditions(
    terms: tuple[Term, ...], *, told: int | None = None, length: int = 5, frames: int = FRAMES
) -> Conditions:
    """Random conditions; the null term has no text, nor has a row after the ``told`` first ones."""
    torch.manual_seed(4)
    rows = TAKES * len(terms)
    with_text = TAKES * sum(term.kind != "null" for term in terms) if told is None else told
    text = torch.randn(rows, length, CONFIG.dim, dtype=torch.float64)
    text[with_text:] = 0.0
    text[: with_text // 2, length - 1 :] = 0.0  # padding of the model's own, which is heard
    sizes = {"chords": CONFIG.chords_dim, "self_wav": CONFIG.drums_dim, "melody": CONFIG.melody_dim}
    temporal = {name: torch.randn(rows, frames, size, dtype=torch.float64) for name, size in sizes.items()}
    return Conditions(temporal=temporal, text=text, told=with_text)


def plain(flow: FlowModel, given: Conditions, terms: tuple[Term, ...], solver: Solver, kept: Tensor | None) -> Tensor:
    """The plain way, without a look at what the fast one does."""

    def field(z: Tensor, t: Tensor) -> Tensor:
        return combined(flow(z.repeat(len(terms), 1, 1), t, given), terms)

    start = noise()
    if kept is not None:
        return integrate(holding(field, kept - start[:, : kept.shape[1]]), start, solver)
    return integrate(field, start, solver)


def noise() -> Tensor:
    return torch.randn(TAKES, FRAMES, CONFIG.flow_dim, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def fast(
    path: FastFlow, given: Conditions, terms: tuple[Term, ...], solver: Solver, kept: Tensor | None = None
) -> Tensor:
    return path(given, terms, noise(), solver=solver, kept=kept, watch=lambda share: None)


def apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())


@pytest.mark.parametrize("capture", [None, eager], ids=["eager", "captured"])
@pytest.mark.parametrize("guidance", GUIDANCES.values(), ids=GUIDANCES)
@pytest.mark.parametrize("solver", [*LENGTHS, Solver(method="euler", evaluations=5)], ids=str)
def test_fixed_steps_equal_the_plain_ones(
    flow: FlowModel, solver: Solver, guidance: Guidance, capture: Callable[[Work], Work] | None
) -> None:
    terms = guidance.terms
    given = conditions(terms)
    ours = fast(FastFlow(flow, capture=capture), given, terms, solver)
    assert apart(ours, plain(flow, given, terms, solver, None)) < EXACT


@pytest.mark.parametrize("guidance", GUIDANCES.values(), ids=GUIDANCES)
def test_the_adaptive_solver_equals_the_plain_one(flow: FlowModel, guidance: Guidance) -> None:
    terms, solver = guidance.terms, Solver(method="dopri5", tolerance=1e-3)
    given = conditions(terms)
    assert apart(fast(FastFlow(flow), given, terms, solver), plain(flow, given, terms, solver, None)) < 1e-8


@pytest.mark.parametrize("capture", [None, eager], ids=["eager", "captured"])
@pytest.mark.parametrize("name", ["draft", "reference"])
def test_kept_frames_equal_the_plain_ones(flow: FlowModel, name: str, capture: Callable[[Work], Work] | None) -> None:
    terms, kept = Guidance().terms, torch.full((TAKES, 7, CONFIG.flow_dim), 0.3, dtype=torch.float64)
    given, solver = conditions(terms), replace(SOLVERS[name], tolerance=1e-3)
    ours = fast(FastFlow(flow, capture=capture), given, terms, solver, kept)
    assert apart(ours, plain(flow, given, terms, solver, kept)) < 1e-8
    assert apart(ours[:, :7], kept) < 1e-4


@pytest.mark.parametrize("capture", [None, eager], ids=["eager", "captured"])
@pytest.mark.parametrize("told", [0, 1, 2])
def test_rows_without_a_text_hear_the_time_alone(
    flow: FlowModel, told: int, capture: Callable[[Work], Work] | None
) -> None:
    terms, solver = Guidance().terms, SOLVERS["draft"]
    given = conditions(terms, told=told)
    wanted = plain(flow, given, terms, solver, None)
    assert apart(fast(FastFlow(flow, capture=capture), given, terms, solver), wanted) < EXACT
    unknown = replace(given, told=None)
    assert apart(fast(FastFlow(flow, capture=capture), unknown, terms, solver), wanted) < EXACT


@pytest.mark.parametrize("frames", [FRAMES - 4, FRAMES + 4])
def test_conditions_of_another_length_are_cut_or_filled(flow: FlowModel, frames: int) -> None:
    terms, solver = Guidance().terms, SOLVERS["draft"]
    given = conditions(terms, frames=frames)
    assert apart(fast(FastFlow(flow), given, terms, solver), plain(flow, given, terms, solver, None)) < EXACT


def test_one_capture_serves_every_text_solver_and_weight_of_its_shape(flow: FlowModel) -> None:
    """Texts of any length in a bucket, every solver, any guidance: none of it is recorded again, and all are exact."""
    captured: list[Work] = []

    def capture(work: Work) -> Work:
        captured.append(work)
        return eager(work)

    path = FastFlow(flow, capture=capture)
    for length in (1, 2, 5, 8):
        for solver in LENGTHS:
            terms = Guidance(all_weight=1.0 + length).terms
            given = conditions(terms, length=length)
            assert apart(fast(path, given, terms, solver), plain(flow, given, terms, solver, None)) < EXACT
    assert len(captured) == 1
    fast(path, conditions(terms, length=9), terms, solver)
    assert len(captured) == 2


def quick(work: Work) -> float:
    """A GPU on which an evaluation takes a millisecond."""
    work()
    return 0.001


@pytest.mark.parametrize("guidance", GUIDANCES.values(), ids=GUIDANCES)
@pytest.mark.parametrize("solver", [*LENGTHS, Solver(method="euler", evaluations=5)], ids=str)
def test_a_whole_loop_in_one_capture_equals_the_plain_solver(
    flow: FlowModel, solver: Solver, guidance: Guidance
) -> None:
    terms = guidance.terms
    path = FastFlow(flow, capture=eager, pace=quick)
    for length in (5, 3):
        given = conditions(terms, length=length)
        assert apart(fast(path, given, terms, solver), plain(flow, given, terms, solver, None)) < EXACT


@pytest.mark.parametrize("told", [0, 1, 2])
def test_a_whole_loop_keeps_frames_and_hears_texts_as_the_plain_solver_does(flow: FlowModel, told: int) -> None:
    terms, solver = Guidance().terms, SOLVERS["draft"]
    kept = torch.full((TAKES, 7, CONFIG.flow_dim), 0.3, dtype=torch.float64)
    path, given = FastFlow(flow, capture=eager, pace=quick), conditions(terms, told=told)
    for held in (kept, None, kept[:, :3]):
        assert apart(fast(path, given, terms, solver, held), plain(flow, given, terms, solver, held)) < EXACT


class Recorder:
    """A capture that counts: how many evaluations are in each piece of work, and how often each is replayed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.evaluations: list[int] = []
        self.replays: list[int] = []
        self._made = 0
        evaluate = CapturedSolver._evaluate

        def counted(solver: CapturedSolver, shifts: Tensor, factors: Tensor) -> None:
            self._made += 1
            evaluate(solver, shifts, factors)

        monkeypatch.setattr(CapturedSolver, "_evaluate", counted)

    def capture(self, work: Work) -> Work:
        self._made = 0
        eager(work)
        index = len(self.evaluations)
        self.evaluations.append(self._made)
        self.replays.append(0)

        def replay() -> None:
            self.replays[index] += 1
            work()

        return replay


def test_a_short_solver_is_one_replay_and_its_watch_is_told_once(
    flow: FlowModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms, recorder = Guidance().terms, Recorder(monkeypatch)
    shares: list[float] = []
    path = FastFlow(flow, capture=recorder.capture, pace=quick)
    for _ in range(2):
        path(conditions(terms), terms, noise(), solver=SOLVERS["draft"], kept=None, watch=shares.append)
    assert shares == [0.0, 0.0]
    assert recorder.evaluations == [1, 8], "the evaluation that was measured, and the loop"
    assert recorder.replays == [1, 2]


def test_a_long_solver_is_replayed_one_evaluation_at_a_time(flow: FlowModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a request on a slow GPU can be cancelled, and says how far it is."""
    terms, recorder = Guidance().terms, Recorder(monkeypatch)
    shares: list[float] = []
    path = FastFlow(flow, capture=recorder.capture, pace=lambda work: LONGEST_LOOP_S / 10)
    given = conditions(terms)
    ours = path(given, terms, noise(), solver=SOLVERS["standard"], kept=None, watch=shares.append)
    assert apart(ours, plain(flow, given, terms, SOLVERS["standard"], None)) < EXACT
    assert (recorder.evaluations, recorder.replays) == ([1], [12])
    assert shares == [index / 12 for index in range(12)]
    # Eight of them are short enough, and then twelve are not again.
    for name, captures in (("draft", [1, 8]), ("standard", [1, 8, 1])):
        assert apart(fast(path, given, terms, SOLVERS[name]), plain(flow, given, terms, SOLVERS[name], None)) < EXACT
        assert recorder.evaluations == captures


def test_a_loop_is_cancelled_before_it_begins(flow: FlowModel, monkeypatch: pytest.MonkeyPatch) -> None:
    class Enough(Exception):
        pass

    def stop(share: float) -> None:
        raise Enough

    terms, recorder = Guidance().terms, Recorder(monkeypatch)
    path = FastFlow(flow, capture=recorder.capture, pace=quick)
    given = conditions(terms)
    with pytest.raises(Enough):
        path(given, terms, noise(), solver=SOLVERS["draft"], kept=None, watch=stop)
    assert recorder.replays == [1, 0], "the measured evaluation alone"
    assert apart(fast(path, given, terms, SOLVERS["draft"]), plain(flow, given, terms, SOLVERS["draft"], None)) < EXACT


def test_loops_are_kept_for_few_numbers_of_evaluations(flow: FlowModel, monkeypatch: pytest.MonkeyPatch) -> None:
    terms, recorder = Guidance().terms, Recorder(monkeypatch)
    path, given = FastFlow(flow, capture=recorder.capture, pace=quick), conditions(terms)
    counts = list(range(2, 3 + LOOPS_KEPT))
    for count in (*counts, counts[-1], counts[0]):
        fast(path, given, terms, Solver(method="euler", evaluations=count))
    assert recorder.evaluations == [1, *counts, counts[0]], "the one used longest ago went"


def test_a_bucket_s_padding_is_not_heard_whatever_is_in_it(flow: FlowModel) -> None:
    """Keys and values of a longer text lie there from the run before."""
    terms, solver = Guidance().terms, SOLVERS["draft"]
    for pace in (None, quick):
        path = FastFlow(flow, capture=eager, pace=pace)
        for length in (8, 2, 7, 1):
            given = conditions(terms, length=length)
            assert apart(fast(path, given, terms, solver), plain(flow, given, terms, solver, None)) < EXACT
    prepared = path._prepared(conditions(terms, length=3), terms, noise(), 8)
    for one in prepared.heard:
        assert one.mask is not None and one.mask.flatten().tolist() == [True] * 3 + [False] * 5
        one.keys[..., 3:, :], one.values[..., 3:, :] = 1e3, 1e3
    steps, stack = evaluations(solver), stack_of(flow, Plain)
    times = torch.tensor([one.time for one in steps], dtype=torch.float64)
    ours = solved(stack, prepared, noise(), steps=steps, shifts=stack.shifts(times), watch=lambda share: None)
    assert apart(ours, plain(flow, conditions(terms, length=3), terms, solver, None)) < EXACT


def test_more_evaluations_than_a_capture_has_room_for_are_made_without_one(flow: FlowModel) -> None:
    terms, solver = Guidance().terms, Solver(method="euler", evaluations=MOST_EVALUATIONS + 1)
    given = conditions(terms)
    ours = fast(FastFlow(flow, capture=eager), given, terms, solver)
    assert apart(ours, plain(flow, given, terms, solver, None)) < EXACT


def test_a_run_can_be_stopped_between_two_replays(flow: FlowModel) -> None:
    class Enough(Exception):
        pass

    shares: list[float] = []

    def watch(share: float) -> None:
        shares.append(share)
        if len(shares) == 3:
            raise Enough

    terms, path = Guidance().terms, FastFlow(flow, capture=eager)
    with pytest.raises(Enough):
        path(conditions(terms), terms, noise(), solver=SOLVERS["draft"], kept=None, watch=watch)
    assert shares == [0.0, 1 / 8, 2 / 8]
    given = conditions(terms)
    assert apart(fast(path, given, terms, SOLVERS["draft"]), plain(flow, given, terms, SOLVERS["draft"], None)) < EXACT


@pytest.mark.parametrize("solver", [*LENGTHS, Solver(method="euler", evaluations=7)], ids=str)
def test_a_solver_as_a_sum_is_the_solver(solver: Solver) -> None:
    def field(z: Tensor, t: Tensor) -> Tensor:
        return torch.sin(3.0 * z) + t * z

    z = start = torch.randn(2, 3, 4, dtype=torch.float64)
    last = torch.zeros_like(z)
    for one in evaluations(solver):
        slope = field(z, torch.tensor(one.time, dtype=torch.float64))
        z, last = z + one.new * slope + one.last * last, slope
    assert apart(z, integrate(field, start, solver)) < 1e-12


def test_the_whole_solver_is_one_graph_without_a_break(flow: FlowModel) -> None:
    """What torch.compile sees of all evaluations: nothing that depends on data, and no step back to Python."""
    terms, solver = Guidance().terms, Solver(method="ab2", evaluations=3)
    given, path = conditions(terms), FastFlow(flow)
    stack, prepared, steps = stack_of(flow, Plain), path._prepared(given, terms, noise(), 8), evaluations(solver)

    def loop(z: Tensor) -> Tensor:
        times = torch.tensor([one.time for one in steps], dtype=torch.float64)
        return solved(stack, prepared, z, steps=steps, shifts=stack.shifts(times), watch=lambda share: None)

    torch._dynamo.reset()
    told = torch._dynamo.explain(loop)(noise())
    assert told.graph_break_count == 0, told.break_reasons
    assert told.graph_count == 1
    for backend in ("eager", "aot_eager"):
        torch._dynamo.reset()
        with torch.no_grad():
            ours = torch.compile(loop, fullgraph=True, backend=backend)(noise())
        assert apart(ours, plain(flow, given, terms, solver, None)) < EXACT


def test_text_lengths_have_few_buckets() -> None:
    assert [bucket_of(length) for length in (1, 8, 9, 100, 512, 513)] == [8, 8, 16, 128, 512, 513]
    assert all(bucket_of(length) >= length for length in range(1, 600))
    assert {bucket_of(length) for length in range(1, 513)} == set(BUCKETS)


def test_what_was_captured_over_other_weights_is_not_replayed() -> None:
    replays: Replays[int] = Replays(2)
    made = iter(range(100))
    one, other = torch.zeros(3), torch.zeros(3)
    assert replays.get("a", one, lambda: next(made)) == 0
    assert replays.get("a", one, lambda: next(made)) == 0
    assert replays.get("a", other, lambda: next(made)) == 1
    assert replays.get("b", one, lambda: next(made)) == 2
    assert replays.get("a", other, lambda: next(made)) == 1
    assert replays.get("c", one, lambda: next(made)) == 3
    assert replays.get("a", other, lambda: next(made)) == 1
    assert replays.get("b", one, lambda: next(made)) == 4, "the one used longest ago went"
