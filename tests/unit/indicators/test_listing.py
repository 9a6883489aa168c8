"""Test that the docs page of indicators is made from the catalogue."""

from __future__ import annotations

from pathlib import Path

from tapeline.indicators import CATALOGUE
from tapeline.indicators.listing import listing, markdown

PAGE = Path(__file__).parents[3] / "docs" / "indicators.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == markdown()


def test_every_entry_is_listed_with_its_formula_and_source() -> None:
    rows = listing()
    assert [row.name for row in rows] == list(CATALOGUE)
    assert all(row.title and row.formula and row.source for row in rows)
