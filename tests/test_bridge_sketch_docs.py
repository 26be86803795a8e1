"""Category: documentation. The sketch engine's page says what its tables say."""

from __future__ import annotations

from bridge.sketch_docs import PAGE, page


def test_the_page_is_what_the_tables_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m bridge.sketch_docs"
