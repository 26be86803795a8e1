"""Category: unit, property. Precisions: int8 products, what auto chooses, what it remembers, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models import precision
from models.errors import ModelError
from models.fast_jasco import FastFlow
from models.jasco import Guidance
from models.precision import Int8, Precision, choose_precision, fastest, measured
from models.presets import SOLVERS


def apart(ours: torch.Tensor, exact: torch.Tensor) -> float:
    return float((ours - exact).norm() / exact.norm())


@given(rows=st.integers(1, 9), out=st.integers(1, 40), inner=st.integers(8, 70), seed=st.integers(0, 99))
def test_an_int8_product_is_near_the_exact_one(rows: int, out: int, inner: int, seed: int) -> None:
    """Whatever the size of a frame: each is rounded by its own largest number."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(out, inner, generator=generator) * 10 ** torch.randn(out, 1, generator=generator)
    x = torch.randn(1, rows, inner, generator=generator) * 10 ** (3 * torch.randn(1, rows, 1, generator=generator))
    ours, exact = Int8(weight)(x), x @ weight.T
    error = (ours - exact).abs()
    most = 1.1 / 127 * inner**0.5 * x.norm(dim=-1, keepdim=True) * weight.norm(dim=-1)
    assert ours.shape == exact.shape
    assert (error <= most).all()


def test_frames_of_zeros_and_rows_of_zeros_stay_zeros() -> None:
    weight, x = torch.randn(4, 8), torch.randn(3, 8)
    weight[1], x[2] = 0.0, 0.0
    out = Int8(weight)(x)
    assert torch.isfinite(out).all()
    assert not out[2].any() and not out[:, 1].any()


def test_a_loud_frame_does_not_make_the_others_coarser() -> None:
    weight, x = torch.randn(16, 64), torch.randn(10, 64)
    x[0] *= 1000.0
    exact = x @ weight.T
    assert apart(Int8(weight)(x)[1:], exact[1:]) < 0.02


def test_int8_latents_are_near_those_of_single_precision() -> None:
    from test_models_fast_jasco import CONFIG, TAKES, conditions

    from models.jasco import FlowModel

    torch.manual_seed(3)
    flow = FlowModel(CONFIG).eval().requires_grad_(requires_grad=False)
    terms = Guidance(all_weight=2.0).terms
    given = conditions(terms)
    single = type(given)(
        temporal={name: part.float() for name, part in given.temporal.items()}, text=given.text.float(), told=given.told
    )
    noise = torch.randn(TAKES, 20, CONFIG.flow_dim)
    exact, ours = (
        FastFlow(flow, matrix=matrix)(
            single, terms, noise, solver=SOLVERS["draft"], kept=None, watch=lambda share: None
        )
        for matrix in (None, Int8)
    )
    assert 0.0 < apart(ours, exact) < 0.05


# Choosing


@given(st.dictionaries(st.sampled_from(["int8", "bfloat16"]), st.floats(0.001, 10.0)), st.floats(0.001, 10.0))
def test_what_is_less_exact_must_be_worth_it(others: dict[str, float], single: float) -> None:
    found = fastest({"float32": single, **others})
    if found == "float32":
        assert all(single < precision.WORTH_IT * spent for spent in others.values())
    else:
        assert others[found] == min(others.values()) and single >= precision.WORTH_IT * others[found]


def test_every_precision_of_this_machine_is_measured() -> None:
    names = precision.candidates("cpu")
    assert names[0] == "float32"
    spent = measured(names, "cpu", 64)
    assert list(spent) == list(names) and all(seconds > 0 for seconds in spent.values())


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often something is measured; int8 is always fastest here."""
    calls: list[int] = []

    def fake(names: tuple[str, ...], device: str, dim: int) -> dict[str, float]:
        calls.append(dim)
        return {"float32": 3.0, "int8": 1.0}

    monkeypatch.setattr(precision, "measured", fake)
    monkeypatch.setattr(precision, "candidates", lambda device: ("float32", "int8"))
    return calls


def test_a_choice_is_remembered_for_the_machine_and_the_size(tmp_path: Path, counted: list[int]) -> None:
    memory = tmp_path / "cache" / "speed.json"
    for dim in (1024, 1024, 1536, 1024):
        assert choose_precision("auto", "cpu", dim, memory=memory).name == "int8"
    assert counted == [1024, 1536]
    assert len(json.loads(memory.read_text())) == 2
    assert [path.name for path in memory.parent.iterdir()] == ["speed.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"x": 3}', '{"KEY": "float64"}'], ids=repr)
def test_a_memory_that_cannot_be_read_is_measured_anew(tmp_path: Path, counted: list[int], text: str) -> None:
    memory = tmp_path / "speed.json"
    memory.write_text(text.replace("KEY", precision.machine_key("cpu", 1024).replace("\\", "")))
    assert choose_precision("auto", "cpu", 1024, memory=memory).name == "int8"
    assert counted == [1024]


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, counted: list[int]) -> None:
    (tmp_path / "file").write_text("")
    for _ in range(2):
        assert choose_precision("auto", "cpu", 1024, memory=tmp_path / "file" / "speed.json").name == "int8"
    assert counted == [1024, 1024]


def test_small_models_and_cuda_are_not_measured(counted: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_precision("auto", "cpu", 64).name == "float32"
    monkeypatch.undo()
    assert choose_precision("auto", "cuda", 1024) == Precision(name="float16")
    assert counted == []


@pytest.mark.parametrize(
    ("name", "device", "words"),
    [
        ("int8", "cuda", "cuda does not compute in int8"),
        ("int8", "mps", "mps does not compute in int8"),
        ("bfloat16", "mps", "mps does not compute in bfloat16"),
        ("float16", "cpu", "A CPU is slow in float16"),
    ],
)
def test_what_a_device_does_not_compute_in_is_refused(name: str, device: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        choose_precision(name, device, 1024)


def test_without_vnni_int8_is_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of 16 bits would overflow there."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False)
    assert "int8" not in precision.candidates("cpu")
    with pytest.raises(ModelError, match="int8"):
        choose_precision("int8", "cpu", 1024)


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (4, 3), (16, 15)])
def test_the_daemon_keeps_a_core_where_there_are_several(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    taken: list[int] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    monkeypatch.setattr(torch, "set_num_threads", taken.append)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    assert precision.share_cores() == threads
    assert taken == [threads]
