"""Read all bars of a series page by page, so that a long history is gone through without being held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from tapeline.core.market import Bars, Revisions
from tapeline.runtime.indicator_view import RowReader


@runtime_checkable
class BarPages(Protocol):
    """Be a reader of rows that gives bars by the page, without what was said about them."""

    def bar_pages(self, symbol: str, start: int | None = None) -> Iterator[tuple[Bars, Revisions]]:
        """Yield the bars with start <= timestamp, in the order of time, some ten thousand at once.

        Beside each page stand the series' revisions. All pages are of one moment, that of the first. There is none
        where there are no bars.
        """
        ...


def pages_of(reader: RowReader, symbol: str, start: int | None = None) -> Iterator[tuple[Bars, Revisions | None]]:
    """Yield the bars as `BarPages` does; those of a reader that gives no pages as one, if there are any."""
    if isinstance(reader, BarPages):
        yield from reader.bar_pages(symbol, start)
        return
    rows = reader.rows(symbol, start=start)
    if len(rows):
        yield rows.bars, rows.revisions
