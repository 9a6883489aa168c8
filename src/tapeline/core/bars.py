"""Build whole bars of a chosen interval from ticks or finer bars, and tell the interval of bars that are there.

`bar_builder.BarBuilder` builds the same bars one at a time, as ticks and finer bars arrive.

A bar covers start <= t < end. Without sessions bars are aligned to the epoch, so that one-day bars are days in UTC.
With sessions they are aligned to the session's open, never span two sessions (the last one of a session may be
shorter), and a one-day bar is the session, stamped with midnight UTC of its date.

A bar of a week or a month is made of whole one-day bars: of the days in UTC, or of the sessions, by the date that the
exchange gives them. It is stamped with midnight UTC of the week's Monday or of the first of the month, whether there is
a session on that date or not: a stamp then never depends on which holidays a calendar knows.

Nothing is made up: an interval without a tick has no bar.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tapeline.core.market import Bars, Codes, Flags, Ints
from tapeline.core.times import DAY, MONTH, WEEK


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Hold trading sessions in the order of time, not overlapping, int64 [sessions] each.

    `open` and `close` are UTC epoch ms; `date` is midnight UTC of the date that the exchange gives the session.
    """

    open: Ints
    close: Ints
    date: Ints

    def find(self, timestamps: Ints) -> tuple[NDArray[np.intp], Flags]:
        """Return the session that each time falls into, as an index, and whether there is one, [len(timestamps)] each.

        The index is that of some session where there is none.
        """
        if not len(self.open):
            return np.zeros(len(timestamps), np.intp), np.zeros(len(timestamps), np.bool_)
        if len(timestamps) and (timestamps[1:] >= timestamps[:-1]).all():
            # sessions are looked for among the times: fewer searches than the other way round
            first, after = np.searchsorted(self.open, timestamps[[0, -1]], "right").tolist()
            edges = np.searchsorted(timestamps, self.open[first:after])
            at = np.repeat(np.arange(first - 1, after), np.diff(edges, prepend=0, append=len(timestamps)))
        else:
            at = np.searchsorted(self.open, timestamps, "right") - 1
        at = np.maximum(at, 0)
        return at, (timestamps >= self.open[at]) & (timestamps < self.close[at])


@dataclass(frozen=True, slots=True)
class Grid:
    """Say where bars begin and end.

    `interval` is in ms: a divisor of a day, with sessions anything up to a day; or `WEEK` or `MONTH`. Raises
    `ValueError` for any other.
    """

    interval: int
    sessions: Sessions | None = None

    def __post_init__(self) -> None:
        within_a_day = 0 < self.interval <= DAY and (self.sessions is not None or DAY % self.interval == 0)
        if not within_a_day and self.interval not in {WEEK, MONTH}:
            raise ValueError(
                f"an interval of {self.interval} ms does not divide a day (86,400,000 ms), nor is it a week or a month"
            )

    def spans(self, timestamps: Ints) -> tuple[Ints, Ints, Flags]:
        """Return start and end of the bar that each time falls into, and whether there is one, [len(timestamps)] each.

        With sessions a bar of a day or longer ends as its last session closes. Start and end mean nothing where there
        is no bar: outside every session.
        """
        if self.sessions is None:
            if self.interval <= DAY:
                start = timestamps // self.interval * self.interval
                return start, start + self.interval, np.ones(len(timestamps), np.bool_)
            start, end = _dates_of(timestamps, self.interval)
            return start, end, np.ones(len(timestamps), np.bool_)
        opens, closes, dates = self.sessions.open, self.sessions.close, self.sessions.date
        at, inside = self.sessions.find(timestamps)
        if not inside.any():
            return timestamps, timestamps, inside
        if self.interval >= DAY:
            first = int(at.min())
            start, end = _dates_of(dates[first : int(at.max()) + 1], self.interval)
            return start[at - first], closes[np.searchsorted(dates, end) - 1][at - first], inside
        start = opens[at] + (timestamps - opens[at]) // self.interval * self.interval
        return start, np.minimum(start + self.interval, closes[at]), inside


def _dates_of(timestamps: Ints, interval: int) -> tuple[Ints, Ints]:
    """Return midnight UTC of the first date of the day, week or month that each time is in, and of the next one's."""
    if interval == MONTH:
        month = timestamps.astype("datetime64[ms]").astype("datetime64[M]")
        first, following = ((month + step).astype("datetime64[ms]").astype(np.int64) for step in (0, 1))
        return first, following
    day = timestamps // DAY
    first = day - (day + 3) % 7 if interval == WEEK else day  # 1970-01-01 was a Thursday
    return first * DAY, first * DAY + interval


def usual_interval(timestamps: Ints, codes: Codes | None = None) -> int | None:
    """Return the interval of a series (ms): the most frequent time between two of its bars, the smallest of ties.

    This is the one answer to "how long are these bars": gaps of every kind (nights, halts, minutes without a trade) are
    rarer than the interval itself in any series worth a chart or a model. `timestamps` are open times, int64, in any
    order; with `codes`, those of several symbols, whose bars are not compared with one another. Where all of them open
    at midnight UTC it is a week or a month if no two are closer than such bars are, and a day otherwise, even for a
    Friday and a Monday alone. None where no two bars differ in time.
    """
    daily = len(timestamps) > 0 and not (timestamps % DAY).any()
    codes = np.zeros(len(timestamps), np.int32) if codes is None else codes
    order = np.lexsort((timestamps, codes))
    steps = np.diff(timestamps[order])[np.diff(codes[order]) == 0]
    lengths, counts = np.unique(steps[steps > 0], return_counts=True)
    if daily:
        shortest, usual = (lengths[0], lengths[counts.argmax()]) if counts.sum() > 1 else (0, 0)
        if shortest >= 28 * DAY and usual <= 31 * DAY:
            return MONTH
        return WEEK if shortest >= _SHORTEST_WEEK and usual == WEEK else DAY
    return int(lengths[counts.argmax()]) if len(lengths) else None


def may_have_interval(timestamps: Ints, interval: int) -> bool:
    """Return whether bars at these times, in order, can be a series of this interval (ms), which need not be usual.

    It answers "do these bars belong to that series", where `usual_interval` would say no for a thin share: the bars of
    one that trades every few minutes are further apart than they are long. They are of another length where two are
    closer than `interval`, or where most of a day's are the same longer time apart. A single bar that does not open at
    midnight UTC may have any interval within a day.
    """
    if usual_interval(timestamps) == interval or not len(timestamps):
        return True
    if interval >= DAY or not (timestamps % DAY).any():
        return False
    steps = np.diff(timestamps)
    if not len(steps) or steps.min() <= interval:
        return not len(steps) or bool(steps.min() == interval)
    return is_thin(timestamps)


def is_thin(timestamps: Ints) -> bool:
    """Return whether no time between two bars is that of most in a day, as of a share that trades now and then.

    `timestamps` are the open times (ms) of one symbol's bars, in order. Such bars are further apart than they are long.
    """
    lengths, counts = np.unique(np.diff(timestamps)[np.diff(timestamps // DAY) == 0], return_counts=True)
    return len(lengths) > 0 and bool(2 * counts.max() <= counts.sum())


#: Weekly bars of sessions are closer than a week where a holiday moves one of them.
_SHORTEST_WEEK = 6 * DAY


def shortest_interval(timestamps: Ints) -> int | None:
    """Return the shortest time (ms) between two bars of one symbol, whose open times these are, in order.

    It answers "how soon can the next bar come": a thin series whose usual interval is five minutes has bars a minute
    apart. It is a day where all of them open at midnight UTC, and None where no two differ in time.
    """
    if len(timestamps) and not (timestamps % DAY).any():
        return DAY
    steps = np.diff(timestamps)
    return int(steps[steps > 0].min()) if (steps > 0).any() else None


def resample(bars: Bars, grid: Grid) -> Bars:
    """Return the bars on the grid that these finer bars of any symbols make.

    Of finer bars with one symbol and time, the last counts. A finer bar belongs where it opens; those outside every
    session are left out. The result is in the order of time, then of the symbol table. The last bar of each symbol is
    not final: more may still go into it.
    """
    order = np.lexsort((bars.timestamp, bars.code))  # stable: what arrived later stays later
    if (order[1:] < order[:-1]).any():
        bars = bars[order]
    replaced = np.zeros(len(bars), np.bool_)
    replaced[:-1] = (bars.code[1:] == bars.code[:-1]) & (bars.timestamp[1:] == bars.timestamp[:-1])
    start, _, inside = grid.spans(bars.timestamp)
    kept = inside & ~replaced
    if not kept.all():
        bars, start = bars[kept], start[kept]
    if not len(bars):
        return bars
    built, _ = _united(bars, start)
    return built[np.lexsort((built.code, built.timestamp))]


def resample_series(bars: Bars, grid: Grid) -> tuple[Bars, NDArray[np.intp]]:
    """Return what `resample` does of one symbol's bars, in the order of time, no two of one time.

    Beside them stands the index in `bars` of the first finer bar of each.
    """
    start, _, inside = grid.spans(bars.timestamp)
    where = None if inside.all() else np.flatnonzero(inside)
    if where is not None:
        bars, start = bars[where], start[where]
    if not len(bars):
        return bars, np.zeros(0, np.intp)
    built, first = _united(bars, start)
    return built, first if where is None else where[first]


def _united(bars: Bars, start: Ints) -> tuple[Bars, NDArray[np.intp]]:
    """Return one bar for each run of bars with one symbol and start, and the index of the first one in each."""
    first = np.flatnonzero(np.concatenate(([True], (bars.code[1:] != bars.code[:-1]) | (start[1:] != start[:-1]))))
    last = np.append(first[1:], len(bars)) - 1
    code = bars.code[first]
    return replace(
        bars[first],
        timestamp=start[first],
        high=np.maximum.reduceat(bars.high, first),
        low=np.minimum.reduceat(bars.low, first),
        close=bars.close[last],
        volume=np.add.reduceat(bars.volume, first),
        final=np.append(code[1:] == code[:-1], False),
    ), first


def sort_and_dedupe(batches: Iterable[Bars], until: int | None = None) -> Bars:
    """Return the final bars up to `until` (inclusive) in the order of time, then symbol, each key once.

    Of bars with one symbol and time, the last stays. The result does not depend on how the bars were cut into batches
    or how symbols were interleaved, so that a model trained on it does not either.
    """
    kept = []
    for batch in batches:
        wanted = batch.final if until is None else batch.final & (batch.timestamp <= until)
        kept.append(batch if wanted.all() else batch[wanted])
    bars = Bars.concat(kept)
    names = sorted(bars.symbols)
    rank = np.array([names.index(symbol) for symbol in bars.symbols], np.int32)
    code = rank[bars.code] if len(bars) else bars.code
    order = np.lexsort((code, bars.timestamp))  # stable: what arrived later stays later
    bars = replace(bars, symbols=tuple(names), code=code)[order]
    if len(bars) > 1:
        replaced = (bars.timestamp[1:] == bars.timestamp[:-1]) & (bars.code[1:] == bars.code[:-1])
        if replaced.any():
            bars = bars[np.append(~replaced, True)]
    return bars
