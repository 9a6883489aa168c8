"""Give the rows of a store at a longer interval: candles of all of a symbol's history, built once and then continued.

A candle never depends on which part of the history is asked for: its borders come from all bars of its series.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np

from tapeline.core.bars import resample
from tapeline.core.candle_intervals import CandleGrid, grid
from tapeline.core.market import Bars, Ints, Revisions, Rows
from tapeline.runtime.indicator_view import RowReader

_MOST_CANDLES = 2_000_000  # kept for the next reader, over all symbols, at most; 60 bytes each


@dataclass(frozen=True, slots=True, eq=False)
class _Candles:
    """One symbol's candles, the open time of the first bar in each, and what they were built from."""

    bars: Bars
    first_bar: Ints
    grid: CandleGrid
    revisions: Revisions | None

    def __len__(self) -> int:
        return len(self.bars)


class ResampledRows:
    """Read a store's bars as candles of `interval` ms, for any number of threads. `stored` is the bars' own interval.

    The rows carry no forecasts: those are about the stored bars.
    """

    def __init__(self, store: RowReader, stored: int, interval: int) -> None:
        self._store = store
        self._stored = stored
        self._interval = interval
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Candles] = OrderedDict()

    def rows(self, symbol: str, start: int | None = None, end: int | None = None, limit: int | None = None) -> Rows:
        """Return candles with start <= open time < end as rows without forecasts; with `limit`, the newest ones."""
        with self._lock:
            candles = self._continued(symbol)
        times = candles.bars.timestamp
        first = 0 if start is None else int(np.searchsorted(times, start))
        last = len(times) if end is None else int(np.searchsorted(times, end))
        if limit is not None:
            first = max(first, last - limit)
        return _as_rows(candles.bars[first:last], self._candle_times(candles))

    def _candle_times(self, candles: _Candles) -> Revisions | None:
        """Return the store's revisions with the open time of the candle that each of them begins in."""
        if not candles.revisions:
            return candles.revisions
        since = np.array([time for _, time in candles.revisions], np.int64)
        at = np.maximum(np.searchsorted(candles.first_bar, since, "right") - 1, 0)
        opens = candles.bars.timestamp[at].tolist() if len(candles) else since.tolist()
        numbers = [number for number, _ in candles.revisions]
        return tuple(zip(numbers, map(min, opens, since.tolist()), strict=True))

    def _continued(self, symbol: str) -> _Candles:
        """Return the symbol's candles as of now, built from the first one on that may have changed."""
        kept = self._kept.get(symbol)
        rows = self._store.rows(symbol, start=None if kept is None or not len(kept) else int(kept.first_bar[-1]))
        cut = 0
        if kept is not None and len(kept):
            cut = len(kept) - 1
            since = _changed_since(kept.revisions, rows.revisions)
            fits = kept.grid.fits(rows.bars.timestamp)
            if since is not None or not fits:
                cut = 0 if since is None else int(np.searchsorted(kept.first_bar, since, "right")) - 1
                cut = cut if fits else 0
                rows = self._store.rows(symbol, start=int(kept.first_bar[cut]) if cut > 0 else None)
        if kept is None or cut <= 0:
            cells = grid(symbol, self._interval, rows.bars.timestamp)
            made = self._built(rows, cells)
        else:
            tail = self._built(rows, kept.grid)
            bars = Bars.concat((kept.bars[:cut], tail.bars))
            made = _Candles(bars, np.concatenate((kept.first_bar[:cut], tail.first_bar)), kept.grid, rows.revisions)
        self._kept[symbol] = made
        self._kept.move_to_end(symbol)
        while sum(map(len, self._kept.values())) > _MOST_CANDLES and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return made

    def _built(self, rows: Rows, cells: CandleGrid) -> _Candles:
        bars = rows.bars
        made = resample(bars, cells)
        start, end, inside = cells.spans(bars.timestamp)
        first = np.flatnonzero(np.diff(start[inside], prepend=-(1 << 62)))
        if len(made):
            known = int(bars.timestamp[-1]) + (self._stored if bars.final[-1] else 0)
            over = known >= int(end[inside][-1])
            made = replace(made, final=np.append(made.final[:-1], over))
        return _Candles(made, bars.timestamp[inside][first], cells, rows.revisions)


def _changed_since(before: Revisions | None, now: Revisions | None) -> int | None:
    """Return the time of the first bar that changed between two reads, None when none did."""
    if now is None:  # the store cannot tell
        return -(1 << 62)
    number = before[-1][0] if before else 0
    since = [time for each, time in now if each > number]
    if since and now[0][0] > number + 1:
        return -(1 << 62)
    return min(since) if since else None


def _as_rows(bars: Bars, revisions: Revisions | None) -> Rows:
    count = len(bars)
    return Rows(
        bars, (), np.empty((count, 0)), np.zeros(count, np.int8), np.full(count, np.nan), (),
        np.full(count, -1, np.int32), None, revisions,
    )  # fmt: skip
