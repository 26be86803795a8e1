"""Category: peer. The HTTP service against its own OpenAPI document, as Schemathesis reads it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bridge.spawned import spawned_daemon

pytestmark = pytest.mark.peer

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection"
)
"""Positive data may be refused: a text that the document takes need spell no music."""


def test_schemathesis_finds_nothing_that_the_document_does_not_say(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("st")
    assert program.exists(), "schemathesis is not installed; it is in the extra lint"
    (tmp_path / "schemathesis.toml").write_text(
        "[checks.negative_data_rejection]\nexpected-statuses = [400, 401, 403, 404, 405, 409, 413, 422, 429]\n"
    )
    with spawned_daemon(tmp_path / "clips", "--http", "127.0.0.1:0") as daemon:
        ran = subprocess.run(
            [program, "run", f"{daemon.url}api/openapi.json", "--max-examples", "15", "--no-color", "--checks", CHECKS,
             "--phases", "examples,coverage,fuzzing", "--seed", "1"],
            cwd=tmp_path, capture_output=True, text=True, timeout=500, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr[-2000:]
        assert daemon.process.poll() is None
