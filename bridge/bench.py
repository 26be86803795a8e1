"""``sideman bench``: how fast the models are on this machine, against a plain version of themselves."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from bridge.bench_cases import Case, Found, Report
from bridge.engine_client import ENGINE_ENVIRONMENT
from bridge.errors import GeneratorError


def precisions(device: str, wanted: Sequence[str]) -> tuple[str, ...]:
    """The precisions that are measured: those asked for, or all that ``auto`` would choose from.

    On a GPU that is half precision, which stands for what plays there. Raises ``ModelError`` for one that the device
    has not.
    """
    from models.precision import candidates, choose_precision  # noqa: PLC0415  torch is loaded where it is needed

    for name in wanted:
        choose_precision(name, device, 0)
    return tuple(wanted) or candidates(device)


def run(cases: Sequence[Case], *, quick: bool, report: Callable[[float, str], None]) -> Report:
    """Measure every case, each in processes of its own. Raises ``GeneratorError``."""
    import torch  # noqa: PLC0415

    rows = []
    for place, case in enumerate(cases):
        report(place / len(cases), f"{case.model} {case.way} {case.dtype}")
        found = Found.model_validate_json(_worker(case))
        rows.append(found.model_copy(update={"peak_bytes": int(_worker(case, "--memory"))}))
    report(1.0, "done")
    gpu = next((torch.cuda.get_device_name(one.device) for one in cases if one.device.startswith("cuda")), None)
    return Report(
        processor=processor(),
        threads=torch.get_num_threads(),
        gpu=gpu,
        torch=torch.__version__,
        python=platform.python_version(),
        version=metadata.version("sideman"),
        quick=quick,
        rows=tuple(rows),
    )


def _worker(case: Case, *options: str) -> str:
    command = [sys.executable, "-P", "-m", "bridge.bench_worker", case.model_dump_json(), *options]
    ran = subprocess.run(command, capture_output=True, text=True, env=ENGINE_ENVIRONMENT | os.environ, check=False)  # noqa: S603
    if ran.returncode:
        last = next((line for line in reversed(ran.stderr.splitlines()) if line.strip()), "no word")
        what = f"{case.model} {case.way} in {case.dtype} on {case.device}"
        raise GeneratorError(f"{what} could not be measured: {last[:300]}")
    return ran.stdout.splitlines()[-1]


def processor() -> str:
    """The processor's name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


HEADINGS: Final = (
    "model", "sampled", "computed on", "seconds", "of work", "first", "codec", "plain path", "ratio", "of peak",
    "memory", "error",
)  # fmt: skip


def cells(found: Found) -> tuple[str, ...]:
    """A line of the table."""
    case = found.case
    return (
        case.model,
        case.way,
        f"{case.device} {case.dtype}{', graphs' if case.graphs else ''}{', compile auto' if case.compile else ''}",
        _seconds(found.median_s),
        _seconds(found.work_s),
        _seconds(found.first_s),
        _seconds(found.codec_s),
        _seconds(found.plain_s),
        f"{found.ratio:.2f}",
        f"{100 * found.share:.0f} %",
        f"{found.peak_bytes / 1e9:.2f} GB",
        "" if found.error is None else f"{found.error:.1e}",
    )


def _seconds(value: float) -> str:
    return f"{1000 * value:.1f} ms" if value < 1 else f"{value:.1f} s"


WIDE_RANGE: Final = 50.0


def plot(report: Report, path: Path) -> None:
    """Bars of the plain path and of ours; on a scale of powers of ten where they are far apart."""
    import matplotlib  # noqa: PLC0415

    matplotlib.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    names = [f"{row.case.model}, {row.case.way}\n{row.case.device} {row.case.dtype}" for row in report.rows]
    figure, axes = pyplot.subplots(figsize=(8, 1.5 + 0.7 * len(names)))
    places = range(len(names))
    axes.barh([place + 0.2 for place in places], [row.plain_s for row in report.rows], 0.38, label="plain, eager")
    axes.barh([place - 0.2 for place in places], [row.median_s for row in report.rows], 0.38, label="as shipped")
    axes.set_yticks(list(places), names)
    axes.invert_yaxis()
    times = [seconds for row in report.rows for seconds in (row.plain_s, row.median_s)]
    if max(times) > WIDE_RANGE * min(times):
        axes.set_xscale("log")
    axes.set_xlabel("seconds for one clip, without the codec")
    axes.set_title(report.machine, fontsize=8)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
