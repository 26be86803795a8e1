"""Where the reference numbers come from, and the cases that are found there."""

from __future__ import annotations

from pathlib import Path

import parity_set as sets
import pytest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test the cases that its arguments name."""
    root = Path(metafunc.config.getoption("parity_dir") or sets.BUNDLED).resolve()
    names = metafunc.fixturenames
    if "parity" in names:
        metafunc.parametrize("parity", [root], ids=["set"], scope="session")
    if "run" in names:
        metafunc.parametrize("run", list(sets.runs(root)), ids=str)
    if "codec_state" in names:
        states = [
            (variant, state) for variant in sets.codec_variants(root) for state in sets.codec_states(root, variant)
        ]
        metafunc.parametrize(
            "codec_state", states, ids=[f"{variant}-{state.split('_')[0]}" for variant, state in states]
        )
    if "codec_variant" in names:
        metafunc.parametrize("codec_variant", sets.codec_variants(root))
    if "blur_case" in names:
        metafunc.parametrize("blur_case", sets.blur_cases(root))
    if "jasco_variant" in names:
        metafunc.parametrize("jasco_variant", sets.jasco_variants(root))
    if "chord_case" in names:
        metafunc.parametrize("chord_case", sets.chord_cases(root), ids=lambda case: case["name"])
    if "jasco_manifest" in names:
        metafunc.parametrize("jasco_manifest", sets.manifests(root, "jasco"))
    if "codec_manifest" in names:
        metafunc.parametrize("codec_manifest", sets.manifests(root, "encodec"))
    if "jasco_checkpoint" in names:
        metafunc.parametrize("jasco_checkpoint", sets.jasco_checkpoints(root))
    if "half_precision" in names:
        metafunc.parametrize("half_precision", sets.half_precision(root))
    if "packed_codec" in names:
        metafunc.parametrize("packed_codec", sets.packed_codecs(root))
