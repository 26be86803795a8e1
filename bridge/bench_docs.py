"""The part of ``docs/performance.md`` that comes from ``docs/bench.json``: ``python -m bridge.bench_docs``.

``sideman bench --json docs/bench.json --plot docs/bench.png`` makes both on the machine that they are to tell of.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bridge.bench import HEADINGS, cells
from bridge.bench_cases import Report

DOCS: Final = Path(__file__).parent.parent / "docs"
PAGE: Final = DOCS / "performance.md"
FIGURES: Final = DOCS / "bench.json"
BEGIN: Final = "<!-- bench: made by `python -m bridge.bench_docs` from docs/bench.json; do not edit -->"
END: Final = "<!-- /bench -->"


def section(report: Report) -> str:
    """What the report says, as Markdown."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield f"Measured on: {report.machine}."
    yield ""
    yield f"| {' | '.join(HEADINGS)} |"
    yield "|" + "---|" * len(HEADINGS)
    for row in report.rows:
        yield f"| {' | '.join(cells(row))} |"
    yield ""
    yield "![Seconds of the plain path and of ours](bench.png)"


def with_section(page: str, report: Report) -> str:
    """The page with its measured part made anew. Raises ``ValueError`` where the page has no place for it."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no part between {BEGIN} and {END}.")
    return f"{before}{BEGIN}\n\n{section(report)}\n\n{END}{after}"


def main() -> None:
    """Write the page."""
    report = Report.model_validate_json(FIGURES.read_text(encoding="utf-8"))
    PAGE.write_text(with_section(PAGE.read_text(encoding="utf-8"), report), encoding="utf-8")


if __name__ == "__main__":
    main()
