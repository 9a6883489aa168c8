"""Give the rows of a store at a longer interval: candles of all of a symbol's history, built once and then continued.

A candle never depends on which part of the history is asked for: its borders come from all bars of its series. Finished
candles may change all the same, because a bar came late or was corrected, or because a bar at an odd hour moves all
borders: that is what `Rows.revisions` says, which are those of the candles here, not of the store.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np

from tapeline.core.bars import resample_series
from tapeline.core.candle_intervals import CandleGrid, grid
from tapeline.core.market import BAR_COLUMNS, Bars, Ints, Revisions
from tapeline.core.rows import Rows
from tapeline.runtime.bar_pages import pages_of
from tapeline.runtime.indicator_view import RowReader

_MOST_CANDLES = 2_000_000  # kept for the next reader, over all symbols, at most; 60 bytes each
_MOST_REVISIONS = 64  # a symbol
_EARLIEST = -(1 << 62)


@dataclass(frozen=True, slots=True, eq=False)
class _Candles:
    """Hold one symbol's candles, the open time of the first bar in each, and what they were built from.

    `settled` is the index of the candle with the newest final bar: those before it change by revisions only.
    """

    bars: Bars
    first_bar: Ints
    settled: int
    grid: CandleGrid
    seen: Revisions | None
    revisions: Revisions = ()

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
        self._forgotten: dict[str, int] = {}  # the last revision of candles that are not kept any more

    def rows(self, symbol: str, start: int | None = None, end: int | None = None, limit: int | None = None) -> Rows:
        """Return candles with start <= open time < end as rows without forecasts; with `limit`, the newest ones."""
        with self._lock:
            candles = self._continued(symbol)
        times = candles.bars.timestamp
        first = 0 if start is None else int(np.searchsorted(times, start))
        last = len(times) if end is None else int(np.searchsorted(times, end))
        if limit is not None:
            first = max(first, last - limit)
        return _as_rows(candles.bars[first:last], candles.revisions)

    def _continued(self, symbol: str) -> _Candles:
        """Return the symbol's candles as of now, built from the first one on that may have changed."""
        kept = self._kept.get(symbol)
        cut = 0 if kept is None else max(kept.settled, 0)
        cells = None if kept is None or not cut else kept.grid
        while True:
            start = None if kept is None or not cut else int(kept.first_bar[cut])
            made = self._built(symbol, start, cells)
            if made is None:  # a bar at an odd hour
                cut, cells = 0, grid(symbol, self._interval, self._all_times(symbol))
                continue
            if kept is None or not cut:
                break
            since = _changed_since(kept.seen, made.seen)
            needed = cut if since is None else min(cut, int(np.searchsorted(kept.first_bar, since, "right")) - 1)
            if needed == cut:
                made = _Candles(
                    Bars.concat((kept.bars[:cut], made.bars)), np.concatenate((kept.first_bar[:cut], made.first_bar)),
                    cut + made.settled, kept.grid, made.seen,
                )  # fmt: skip
                break
            cut = max(needed, 0)
            cells = kept.grid if cut else None
        made = replace(made, revisions=self._revisions(symbol, kept, made, cut))
        self._kept[symbol] = made
        self._kept.move_to_end(symbol)
        while sum(map(len, self._kept.values())) > _MOST_CANDLES and len(self._kept) > 1:
            dropped, candles = self._kept.popitem(last=False)
            self._forgotten[dropped] = candles.revisions[-1][0] if candles.revisions else 0
        return made

    def _revisions(self, symbol: str, kept: _Candles | None, made: _Candles, cut: int) -> Revisions:
        """Return the changes to finished candles, the one between `kept` and `made` included, which begin at `cut`."""
        if kept is None:
            number = self._forgotten.pop(symbol, None)
            return () if number is None else ((number + 1, _EARLIEST),)
        finished = int(np.count_nonzero(kept.bars.final))
        same = max(0, min(finished, len(made)) - cut)
        before, now = kept.bars[cut : cut + same], made.bars[cut : cut + same]
        differs = np.zeros(same, np.bool_)
        for name in BAR_COLUMNS:
            differs |= getattr(before, name) != getattr(now, name)
        if not differs.any() and finished <= len(made):
            return kept.revisions
        at = cut + (int(differs.argmax()) if differs.any() else same)
        since = min([int(candles.bars.timestamp[at]) for candles in (kept, made) if at < len(candles)])
        number = kept.revisions[-1][0] if kept.revisions else 0
        return (*kept.revisions, (number + 1, since))[-_MOST_REVISIONS:]

    def _built(self, symbol: str, start: int | None, cells: CandleGrid | None) -> _Candles | None:
        """Return the candles of all bars from `start` on, None where the bars do not leave the grid as it is.

        Without `cells` the grid is that of the first page. A candle is made of all of its bars at once: those of the
        last one in a page are put in front of the next page.
        """
        begun = replace(Bars.of(()), symbols=(symbol,))
        parts, opens = [begun], [begun.timestamp]
        known, newest_final = _EARLIEST, _EARLIEST
        seen: Revisions | None = None
        for page, revisions in pages_of(self._store, symbol, start):
            seen = revisions
            if cells is None:
                cells = grid(symbol, self._interval, page.timestamp)
            if not cells.fits(page.timestamp):
                return None
            bars = Bars.concat((begun, page)) if len(begun) else page
            made, first = resample_series(bars, cells)
            if len(made):
                begun = bars[first[-1] :]
                parts.append(made[:-1])
                opens.append(bars.timestamp[first[:-1]])
            known = int(page.timestamp[-1]) + (self._stored if page.final[-1] else 0)
            newest_final = max(newest_final, int(page.timestamp[page.final].max(initial=_EARLIEST)))
        cells = grid(symbol, self._interval, begun.timestamp) if cells is None else cells
        if len(begun):
            newest, _ = resample_series(begun, cells)
            parts.append(replace(newest, final=np.array([cells.is_over(int(begun.timestamp[0]), known)])))
            opens.append(begun.timestamp[:1])
        first_bar = np.concatenate(opens)
        settled = int(np.searchsorted(first_bar, newest_final, "right")) - 1
        return _Candles(Bars.concat(parts), first_bar, settled, cells, seen)

    def _all_times(self, symbol: str) -> Ints:
        return np.concatenate([np.zeros(0, np.int64), *(page.timestamp for page, _ in pages_of(self._store, symbol))])


def _changed_since(before: Revisions | None, now: Revisions | None) -> int | None:
    """Return the time of the first bar that changed between two reads, None when none did."""
    if now is None:  # the store cannot tell
        return _EARLIEST
    number = before[-1][0] if before else 0
    since = [time for each, time in now if each > number]
    if since and now[0][0] > number + 1:
        return _EARLIEST
    return min(since) if since else None


def _as_rows(bars: Bars, revisions: Revisions | None) -> Rows:
    count = len(bars)
    return Rows(
        bars, (), np.empty((count, 0)), np.zeros(count, np.int8), np.full(count, np.nan), (),
        np.full(count, -1, np.int32), None, revisions,
    )  # fmt: skip
