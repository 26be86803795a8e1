"""One case of ``sideman bench``, in a process of its own: ``python -m bridge.bench_worker CASE`` prints JSON.

With ``--memory`` ours alone is loaded and run, and its peak of memory printed.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor, nn

from bridge.bench_cases import TEXT_DIM, TEXT_LENGTH, Case, Found, flop_of
from models.codec import Codec, CodecConfig
from models.compiling import compiled
from models.fast_jasco import FastFlow
from models.fast_layers import Plain
from models.fast_magnet import FastTokens
from models.flex_band import flex_band
from models.graphs import cuda_graph
from models.graphs import timed as timed_work
from models.jasco import Controls, Guidance, Jasco, JascoConfig, noise_of
from models.magnet import Magnet, MagnetConfig, choose_by_seed
from models.plain_magnet import PlainTokens
from models.precision import Precision
from models.presets import DECODINGS, SOLVERS, Solver
from models.speed import release_copied
from models.text import TextEncoder

PEAK_SIZE: Final = {"cpu": 2048, "cuda": 8192, "mps": 4096}
SHORT: Final = 2
"""Evaluations of a short run; of MAGNeT, steps of the first codebook beside one of each other."""


class RandomText(TextEncoder):
    """Stands for T5: random states, the same for every description."""

    def __init__(self, device: str) -> None:
        generator = torch.Generator().manual_seed(0)
        self._state = torch.randn(1, TEXT_LENGTH, TEXT_DIM, generator=generator).to(device)

    @property
    def dim(self) -> int:
        """The size of a state."""
        return TEXT_DIM

    def encode(self, descriptions: Sequence[str | None]) -> tuple[Tensor, Tensor]:
        """States and mask; a row without a description has neither."""
        told = torch.tensor([bool(one) for one in descriptions], device=self._state.device)
        mask = told[:, None].expand(-1, TEXT_LENGTH).long()
        return self._state * mask[..., None], mask


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """A model under test: whole and short runs, plain and ours, and the codec."""

    plain: Callable[[bool], Tensor]
    ours: Callable[[bool], Tensor]
    codec: Callable[[], Tensor]
    passes: int
    short_passes: int


def measure(case: Case) -> Found:
    """All of a case but memory."""
    subject, synchronise = _subject(case), _synchroniser(case.device)
    threads = torch.get_num_threads() if case.device == "cpu" else 1

    def timed(run: Callable[[], object]) -> float:
        synchronise()
        began = time.perf_counter()
        run()
        synchronise()
        return time.perf_counter() - began

    def worked(run: Callable[[], object]) -> float:
        began = time.process_time()
        run()
        return (time.process_time() - began) / threads

    with torch.inference_mode():
        first = timed(lambda: subject.ours(True))
        subject.plain(False)
        turns = range(case.pairs)
        pairs = [(timed(lambda: subject.plain(False)), timed(lambda: subject.ours(False))) for _ in turns]
        runs = []
        for _ in range(case.runs):
            began = time.process_time()
            runs.append(timed(lambda: subject.ours(True)))
            work_s = (time.process_time() - began) / threads
        subject.codec()
        codec = statistics.median(timed(subject.codec) for _ in range(case.runs))
        error = _error(subject) if case.shape.kind == "jasco" and case.dtype != "float32" else None
        peak = _peak_flops(case, worked if case.device == "cpu" else timed)
    return Found(
        case=case,
        median_s=statistics.median(runs),
        work_s=work_s,
        first_s=first,
        plain_s=statistics.median(plain for plain, _ in pairs) * subject.passes / subject.short_passes,
        ratio=statistics.median(plain / ours for plain, ours in pairs),
        codec_s=codec,
        flop=flop_of(case.shape, subject.passes),
        peak_flops=peak,
        peak_bytes=0,
        error=error,
    )


def _error(subject: Subject) -> float:
    plain, ours = subject.plain(True).float().cpu(), subject.ours(True).float().cpu()
    return float((ours - plain).norm() / plain.norm())


def memory(case: Case) -> int:
    """The most memory that ours holds: of the GPU, or of the process."""
    subject = _subject(case, alone=True)
    if case.device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
    with torch.inference_mode():
        subject.ours(False)
        subject.codec()
    if case.device.startswith("cuda"):
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _subject(case: Case, *, alone: bool = False) -> Subject:
    """The model of a case; ``alone`` without what the plain path needs."""
    return (_jasco if case.shape.kind == "jasco" else _magnet)(case, alone)


def _codec(case: Case) -> Codec:
    with torch.device(case.device):
        codec = Codec(CodecConfig(sample_rate_hz=32000, filters=case.shape.filters))
    codec._settle()
    return codec.eval()


def _jasco(case: Case, alone: bool) -> Subject:
    shape, precision = case.shape, Precision(name=case.dtype)
    config = JascoConfig(
        dim=shape.dim, heads=shape.heads, layers=shape.layers, hidden_scale=4, flow_dim=128, chords_dim=16, drums_dim=2,
        melody_dim=0, melody_rows=0, chord_count=194, time_dim=128, skips=False, blur_frames=3, latent_mean=-0.0074,
        latent_std=4.0102, frame_rate_hz=50.0, sample_rate_hz=32000, segment_s=shape.seconds,
        dropped_for_text=frozenset({"chords", "self_wav"}),
    )  # fmt: skip
    torch.manual_seed(0)
    with torch.device(case.device):
        model = Jasco(config, Codec(CodecConfig(sample_rate_hz=32000, filters=shape.filters)), RandomText(case.device))
    model.codec._settle()
    _in(model.flow, model.conditioner, precision.dtype)
    path = FastFlow(
        model.flow,
        matrix=precision.matrix,
        capture=cuda_graph if case.graphs else None,
        pace=timed_work,
        compiler=compiled if case.compile else None,
    )
    if alone and precision.matrix:
        release_copied(list(model.flow.layers), list(model.flow.skips))
    controls = Controls(descriptions=("funk bass",), chords=torch.arange(shape.frames) // 50)
    noise = noise_of([0], shape.frames, config.flow_dim)
    solver = SOLVERS[case.way]

    def run(fast: FastFlow | None, whole: bool) -> Tensor:
        model.fast = fast
        how = solver if whole else replace(solver, evaluations=SHORT)
        return model.sample(controls, noise, guidance=Guidance(), solver=how)

    latents = torch.randn(1, shape.frames, config.flow_dim, device=case.device)
    return Subject(
        plain=lambda whole: run(None, whole),
        ours=lambda whole: run(path, whole),
        codec=lambda: model.decode(latents),
        passes=_evaluations(solver),
        short_passes=SHORT,
    )


def _evaluations(solver: Solver) -> int:
    if solver.method == "dopri5":
        raise SystemExit("The adaptive solver has no fixed number of evaluations: name another way.")
    return solver.evaluations


def _magnet(case: Case, alone: bool) -> Subject:
    shape, precision = case.shape, Precision(name=case.dtype)
    config = MagnetConfig(
        dim=shape.dim, heads=shape.heads, layers=shape.layers, hidden_scale=4, codebooks=4, bins=2048, reach=5, span=3,
        frame_rate_hz=50, sample_rate_hz=32000, segment_s=shape.seconds, sound=False,
    )  # fmt: skip
    torch.manual_seed(0)
    with torch.device(case.device):
        model = Magnet(config, Codec(CodecConfig(sample_rate_hz=32000, filters=shape.filters)), RandomText(case.device))
    model.codec._settle()
    _in(model.tokens, model.conditioner, precision.dtype)
    ours = model.tokens
    path = FastTokens(
        ours,
        matrix=precision.matrix,
        capture=cuda_graph if case.graphs else None,
        pace=timed_work,
        compiler=compiled if case.compile else None,
        compiled_band=flex_band if case.compile else None,
    )
    plain = ours if alone else PlainTokens(ours).eval()
    if alone and precision.matrix:
        release_copied(list(ours.layers))
    decoding = DECODINGS[case.way]
    short = replace(decoding, decoding_steps=(SHORT, 1, 1, 1))

    def run(fast: FastTokens | None, whole: bool) -> Tensor:
        model.fast, model.tokens = fast, ours if fast else plain
        return model.generate(["funk bass"], shape.frames, decoding if whole else short, choose_by_seed([0]))

    codes = torch.zeros(1, 4, shape.frames, dtype=torch.long, device=case.device)
    return Subject(
        plain=lambda whole: run(None, whole),
        ours=lambda whole: run(path, whole),
        codec=lambda: model.decode(codes),
        passes=sum(decoding.decoding_steps),
        short_passes=sum(short.decoding_steps),
    )


def _in(first: nn.Module, second: nn.Module, dtype: torch.dtype) -> None:
    for module in (first, second):
        module.to(dtype).eval().requires_grad_(requires_grad=False)


def _peak_flops(case: Case, timed: Callable[[Callable[[], object]], float]) -> float:
    """Operations a second of one large product in the case's precision: the best of a few."""
    precision, size = Precision(name=case.dtype), PEAK_SIZE[torch.device(case.device).type]
    weight = torch.randn(size, size, device=case.device).to(precision.dtype)
    product = (precision.matrix or Plain)(weight)
    x = torch.randn(size, size, device=case.device).to(precision.dtype)
    product(x)
    return 2.0 * size**3 / min(timed(lambda: product(x)) for _ in range(5))


def _synchroniser(device: str) -> Callable[[], None]:
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.synchronize
    return torch.mps.synchronize if kind == "mps" else lambda: None


def main() -> int:
    """Measure the case that is given as JSON."""
    parser = argparse.ArgumentParser(prog="bridge.bench_worker", description=__doc__)
    parser.add_argument("case")
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    case = Case.model_validate_json(options.case)
    print(memory(case) if options.memory else measure(case).model_dump_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
