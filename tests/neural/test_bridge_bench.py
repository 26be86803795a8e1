"""Category: unit. sideman bench: its cases, what they cost by the description, its table, its page, and a real case."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from bridge import bench
from bridge.bench_cases import SHAPES, Case, Found, Report, cases_of, flop_of
from bridge.bench_docs import BEGIN, END, FIGURES, PAGE, section, with_section
from bridge.bench_worker import measure, memory
from bridge.cli import app
from bridge.errors import GeneratorError
from models.magnet import MagnetConfig, TokenModel
from models.plain_magnet import PlainTokens

CASE = Case(model="jasco-quick", way="draft", device="cpu", dtype="float32")
FOUND = Found(
    case=CASE, median_s=2.0, work_s=1.0, first_s=3.0, plain_s=8.0, ratio=4.0, codec_s=0.5, flop=1e12, peak_flops=1e12,
    peak_bytes=2_000_000_000, error=0.01,
)  # fmt: skip


def report_of(*rows: Found) -> Report:
    return Report(
        processor="A processor", threads=2, gpu=None, torch="2.0", python="3.11", version="0", quick=True, rows=rows
    )


def test_operations_are_those_of_the_facts() -> None:
    """The published sums: 38.6 and 547 TFLOP for MAGNeT, 9.1 for twelve evaluations of JASCO."""
    assert flop_of(SHAPES["magnet-small-10secs"], 50) == pytest.approx(38.6e12, rel=0.02)
    assert flop_of(SHAPES["magnet-medium-30secs"], 50) == pytest.approx(547e12, rel=0.02)
    assert flop_of(SHAPES["jasco-400M"], 12) == pytest.approx(9.1e12, rel=0.03)


def test_a_gpu_has_every_model_and_a_cpu_what_it_has_time_for() -> None:
    gpu = cases_of("cuda", ["float16"], (), quick=False, runs=5, graphs=True)
    assert {case.model for case in gpu} == set(SHAPES)
    assert all(case.graphs and case.runs == 5 for case in gpu)
    cpu = cases_of("cpu", ["float32", "int8"], (), quick=False, runs=1, graphs=True)
    assert {case.model for case in cpu} == {"jasco-400M", "magnet-small-10secs"}
    assert not any(case.graphs for case in cpu)
    assert [case.model for case in cases_of("cpu", ["int8"], ["jasco-1B"], quick=False, runs=1, graphs=True)] == (
        ["jasco-1B"] * 2
    )


@pytest.mark.parametrize("model", ["jasco-quick", "magnet-quick"])
def test_a_case_is_measured(model: str) -> None:
    found = measure(CASE.model_copy(update={"model": model, "pairs": 1}))
    assert min(found.median_s, found.first_s, found.plain_s, found.codec_s, found.ratio, found.share) > 0
    assert found.error is None, "single precision is what errors are from"


def test_int8_is_measured_with_its_error() -> None:
    found = measure(CASE.model_copy(update={"dtype": "int8", "pairs": 1}))
    assert found.error is not None and 1e-5 < found.error < 0.2


def test_memory_is_that_of_ours_alone() -> None:
    assert memory(CASE.model_copy(update={"dtype": "int8"})) > 1e8


def test_the_plain_network_gives_the_same_logits() -> None:
    config = MagnetConfig(
        dim=32, heads=4, layers=2, hidden_scale=2, codebooks=4, bins=16, reach=5, span=3, frame_rate_hz=50,
        sample_rate_hz=32000, segment_s=1.0, sound=False,
    )  # fmt: skip
    torch.manual_seed(0)
    ours = TokenModel(config).double().eval()
    plain = PlainTokens(ours)
    text, codes = torch.randn(1, 5, 32, dtype=torch.float64), torch.randint(0, 17, (2, 4, 40))
    with torch.inference_mode():
        for stage in (0, 1):
            one, other = (model(codes, model.hear(text), model.band(stage, 40)) for model in (ours, plain))
            assert float((one - other).abs().max()) < 1e-10


def test_the_command_prints_a_table_and_writes_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a worker that has measured already."""
    asked: list[tuple[str, ...]] = []

    def worker(case: Case, *options: str) -> str:
        asked.append((case.model, case.way, case.dtype, *options))
        return "2000000000" if options else FOUND.model_copy(update={"case": case}).model_dump_json()

    monkeypatch.setattr(bench, "_worker", worker)
    figures, picture = tmp_path / "bench.json", tmp_path / "bench.png"
    command = ["bench", "--quick", "--device", "cpu", "--dtype", "float32", "--json", str(figures)]
    ran = CliRunner().invoke(app, [*command, "--plot", str(picture)], env={"COLUMNS": "200"})
    assert ran.exit_code == 0, ran.output
    assert asked == [
        (model, "draft", "float32", *options)
        for model in ("jasco-quick", "magnet-quick")
        for options in ((), ("--memory",))
    ]
    assert "4.00" in ran.output and "100 %" in ran.output and "2.00 GB" in ran.output
    assert len(Report.model_validate_json(figures.read_text()).rows) == 2
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--model", "jasco-9B"], "there is no jasco-9B"), (["--way", "slow"], "in that way")],
)
def test_what_there_is_not_is_refused(options: list[str], words: str) -> None:
    ran = CliRunner().invoke(app, ["bench", "--device", "cpu", "--dtype", "float32", *options], env={"COLUMNS": "200"})
    assert ran.exit_code == 2
    assert words in re.sub(r"\s+", " ", ran.output)


def test_a_case_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GeneratorError, match="adaptive solver has no fixed number"):
        bench.run([CASE.model_copy(update={"way": "reference"})], quick=True, report=lambda share, what: None)


def test_the_page_is_made_of_the_figures() -> None:
    report = Report.model_validate_json(FIGURES.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    assert with_section(page, report) == page, "run python -m bridge.bench_docs"
    assert report.machine in page
    assert not report.quick, "the page tells of released shapes"


def test_figures_of_other_cases_of_the_same_machine_stay() -> None:
    other = FOUND.model_copy(update={"case": CASE.model_copy(update={"dtype": "int8"})})
    again = FOUND.model_copy(update={"median_s": 1.0})
    assert report_of(again).with_rows_of(report_of(FOUND, other)).rows == (other, again)
    elsewhere = report_of(other).model_copy(update={"processor": "Another"})
    assert report_of(again).with_rows_of(elsewhere).rows == (again,)


def test_a_section_replaces_the_one_before_and_nothing_else() -> None:
    one, other = report_of(FOUND), report_of(FOUND, FOUND)
    page = f"before\n{BEGIN}\n\nold\n\n{END}\nafter\n"
    assert section(one) in with_section(page, one)
    assert with_section(with_section(page, other), one) == with_section(page, one)
    assert with_section(page, one).startswith("before\n") and with_section(page, one).endswith("\nafter\n")
    with pytest.raises(ValueError, match="has no part"):
        with_section("nothing", one)
