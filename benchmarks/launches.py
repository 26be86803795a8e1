"""What an evaluation of JASCO asks of a device, counted on no device: ``python benchmarks/launches.py [MODEL]``.

Every operator that computes is a launch on a GPU that is not captured. Views cost the host alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bridge.bench_cases import SHAPES, TEXT_LENGTH
from models.captured_solver import CapturedSolver
from models.fast_jasco import FastFlow
from models.fast_layers import Plain, bucket_of
from models.flow_stack import stack_of
from models.graphs import eager
from models.jasco import Conditions, FlowModel, Guidance, JascoConfig, combined
from models.presets import SOLVERS

VIEWS = (
    "view", "_unsafe_view", "t.default", "transpose", "permute", "expand", "unbind", "slice", "select", "split",
    "unsqueeze", "squeeze", "detach", "alias", "chunk", "reshape",
)  # fmt: skip


class Count(TorchDispatchMode):
    """Counts the operators that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.computing = self.views = 0

    def __torch_dispatch__(
        self,
        operator: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Called by torch for each operator."""
        if str(operator).removeprefix("aten.").startswith(VIEWS):
            self.views += 1
        else:
            self.computing += 1
        return operator(*args, **(kwargs or {}))


def counted(work: Callable[[], object]) -> Count:
    """The operators of some work."""
    with torch.inference_mode(), Count() as count:
        work()
    return count


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    jasco = [name for name, shape in SHAPES.items() if shape.kind == "jasco"]
    parser.add_argument("model", nargs="?", default=jasco[0], choices=jasco)
    shape = SHAPES[parser.parse_args().model]
    config = JascoConfig(
        dim=shape.dim, heads=shape.heads, layers=shape.layers, hidden_scale=4, flow_dim=128, chords_dim=16, drums_dim=2,
        melody_dim=0, melody_rows=0, chord_count=194, time_dim=128, skips=False, blur_frames=3, latent_mean=0.0,
        latent_std=1.0, frame_rate_hz=50.0, sample_rate_hz=32000, segment_s=shape.seconds,
        dropped_for_text=frozenset({"chords", "self_wav"}),
    )  # fmt: skip
    terms = Guidance().terms
    rows = len(terms)
    with torch.device("meta"):
        flow = FlowModel(config).eval().requires_grad_(requires_grad=False)
        text, z = torch.zeros(rows, TEXT_LENGTH, config.dim), torch.zeros(1, shape.frames, config.flow_dim)
        parts = {"chords": config.chords_dim, "self_wav": config.drums_dim}
        temporal = {name: torch.zeros(rows, shape.frames, size) for name, size in parts.items()}
        given, time = Conditions(temporal=temporal, text=text, told=1), torch.tensor(0.5)
    prepared = FastFlow(flow)._prepared(given, terms, z, bucket_of(TEXT_LENGTH))
    with torch.inference_mode():
        solver = CapturedSolver(stack_of(flow, Plain), prepared, z, eager)
    found = {
        "the plain path, one evaluation": lambda: combined(flow(z.repeat(rows, 1, 1), time, given), terms),
        "ours, one evaluation": solver._next,
        "ours, standard": lambda: solver._all(SOLVERS["standard"].evaluations),
    }
    for name, work in found.items():
        count = counted(work)
        print(f"{name}: {count.computing} that compute, {count.views} views")


if __name__ == "__main__":
    main()
