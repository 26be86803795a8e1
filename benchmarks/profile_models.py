"""Where the time of a model goes: torch's profiler over a short run of the fast path.

``python benchmarks/profile_models.py jasco-400M draft --device cpu --dtype int8`` prints the operations that take most,
with random weights of the released shape, as ``sideman bench`` has them.
"""

from __future__ import annotations

import argparse

import torch
from torch.profiler import ProfilerActivity, profile

from bridge.bench_cases import QUICK_SHAPES, SHAPES, Case
from bridge.bench_worker import _subject


def main() -> None:
    """Profile one short run, after one that warms up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=[*SHAPES, *QUICK_SHAPES])
    parser.add_argument("way", help="a solver or decoding")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--graphs", action="store_true")
    parser.add_argument("--codec", action="store_true", help="the codec rather than the model")
    options = parser.parse_args()
    case = Case(model=options.model, way=options.way, device=options.device, dtype=options.dtype, graphs=options.graphs)
    subject = _subject(case, alone=True)
    run = subject.codec if options.codec else lambda: subject.ours(False)
    activities = [ProfilerActivity.CPU]
    on_gpu = options.device.startswith("cuda")
    if on_gpu:
        activities.append(ProfilerActivity.CUDA)
    with torch.inference_mode():
        run()
        with profile(activities=activities) as found:
            run()
            if on_gpu:
                torch.cuda.synchronize()
    order = "self_cuda_time_total" if on_gpu else "self_cpu_time_total"
    print(found.key_averages().table(sort_by=order, row_limit=16, max_name_column_width=48))


if __name__ == "__main__":
    main()
