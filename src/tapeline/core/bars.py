"""Ticks or finer bars -> bars of a chosen interval: one at a time as they arrive (`BarBuilder`), or whole (`resample`).

What a bar covers is half-open, [start, end). Without sessions bars are aligned to the epoch, so that one-day bars are
days in UTC. With sessions they are aligned to the session's open, never span two sessions (the last one of a session
may be shorter), and a one-day bar is the session, stamped with midnight UTC of its date. Nothing is made up: an
interval without a tick has no bar.

What arrives out of order:

- Within the forming bar the order does not matter: the earliest time has the open, the latest the close (of several
  with the same time, the first and the last to arrive). Two ticks with the same time both count.
- A finer bar with the time of one that came before replaces it, as records on the stream do.
- Something for a bar that is already closed gives that bar again, corrected, if it is the previous one (or lies between
  it and the forming one) and not older than `lateness`. Anything older is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tapeline.core.market import Bars, Ints
from tapeline.core.times import DAY


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Trading sessions in the order of time, not overlapping, int64 [k] each.

    `open` and `close` are UTC epoch ms; `date` is midnight UTC of the date that the exchange gives the session.
    """

    open: Ints
    close: Ints
    date: Ints


@dataclass(frozen=True, slots=True)
class Grid:
    """Where bars begin and end. `interval` is in ms: a divisor of a day; with sessions anything up to a day.

    Raises `ValueError` for any other.
    """

    interval: int
    sessions: Sessions | None = None

    def __post_init__(self) -> None:
        if not 0 < self.interval <= DAY or (self.sessions is None and DAY % self.interval):
            raise ValueError(f"an interval of {self.interval} ms: it must divide a day (86,400,000 ms)")

    def spans(self, timestamps: Ints) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """Start and end of the bar that each of these times falls into, and whether there is one, [n] each."""
        if self.sessions is None:
            start = timestamps // self.interval * self.interval
            return start, start + self.interval, np.ones(len(timestamps), np.bool_)
        opens, closes = self.sessions.open, self.sessions.close
        if not len(opens):
            return timestamps, timestamps, np.zeros(len(timestamps), np.bool_)
        at = np.searchsorted(opens, timestamps, "right") - 1
        inside = (at >= 0) & (timestamps < closes[at])
        if self.interval == DAY:
            return self.sessions.date[at], closes[at], inside
        start = opens[at] + (timestamps - opens[at]) // self.interval * self.interval
        return start, np.minimum(start + self.interval, closes[at]), inside


def resample(bars: Bars, grid: Grid) -> Bars:
    """These finer bars (any symbols; a later one for the same symbol and time replaces) as bars on the grid.

    The answer is in the order of time, then of the symbol table. The last bar of each symbol is not final: more may
    still go into it. A finer bar belongs where it opens; those outside every session are left out.
    """
    arrival = np.arange(len(bars))
    order = np.lexsort((arrival, bars.timestamp, bars.code))
    bars = bars[order]
    replaced = np.zeros(len(bars), np.bool_)
    replaced[:-1] = (bars.code[1:] == bars.code[:-1]) & (bars.timestamp[1:] == bars.timestamp[:-1])
    start, _, inside = grid.spans(bars.timestamp)
    kept = inside & ~replaced
    bars, start = bars[kept], start[kept]
    if not len(bars):
        return bars
    first = np.flatnonzero(np.concatenate(([True], (bars.code[1:] != bars.code[:-1]) | (start[1:] != start[:-1]))))
    last = np.append(first[1:], len(bars)) - 1
    code = bars.code[first]
    built = Bars(
        bars.symbols,
        code,
        start[first],
        bars.open[first],
        np.maximum.reduceat(bars.high, first),
        np.minimum.reduceat(bars.low, first),
        bars.close[last],
        np.add.reduceat(bars.volume, first),
        np.append(code[1:] == code[:-1], False),
    )
    return built[np.lexsort((built.code, built.timestamp))]


def sort_and_dedupe(batches: Iterable[Bars], until: int | None = None) -> Bars:
    """The final bars up to `until` (inclusive) in the order of time, then symbol. Of bars with one key, the last stays.

    The result does not depend on how the bars were cut into batches or how symbols were interleaved.
    """
    kept = []
    for batch in batches:
        wanted = batch.final if until is None else batch.final & (batch.timestamp <= until)
        kept.append(batch if wanted.all() else batch[wanted])
    bars = Bars.concat(kept)
    names = sorted(bars.symbols)
    rank = np.array([names.index(symbol) for symbol in bars.symbols], np.int32)
    code = rank[bars.code] if len(bars) else bars.code
    order = np.lexsort((code, bars.timestamp))  # stable: what arrived later stays behind
    bars = Bars(tuple(names), code, *(getattr(bars, name) for name in _COLUMNS))[order]
    if len(bars) > 1:
        replaced = (bars.timestamp[1:] == bars.timestamp[:-1]) & (bars.code[1:] == bars.code[:-1])
        if replaced.any():
            bars = bars[np.append(~replaced, True)]
    return bars


_COLUMNS = ("timestamp", "open", "high", "low", "close", "volume", "final")
