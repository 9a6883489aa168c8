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

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeline.core.market import Bar, Bars, Ints, Tick

DAY = 86_400_000
_SNAPSHOT_VERSION = 1


class RefusedError(ValueError):
    """A tick or bar that goes into no bar. The message is the reason."""


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


class BarBuilder:
    """Builds bars as ticks or finer bars arrive. Remembers two bars per symbol, the forming and the previous one.

    `lateness` (ms, one interval unless said otherwise) is how much older than the newest one a tick or finer bar of a
    closed bar may be. A tick far in the future would make all that follow late: refuse such before (`market.faults`).
    """

    def __init__(self, grid: Grid, *, lateness: int | None = None) -> None:
        self._grid = grid
        self._lateness = grid.interval if lateness is None else lateness
        self._symbols: dict[str, _Symbol] = {}

    def update(self, item: Tick | Bar) -> list[Bar]:
        """The bars that this changes: the one that it closes (final) and the forming one, or a corrected one (final).

        Raises `RefusedError` for what is too late, outside every session, or mixes ticks and bars of one symbol.
        """
        spans = self._grid.spans(np.array([item.timestamp], np.int64))
        start, end, inside = (values.item() for values in spans)
        if not inside:
            raise RefusedError("outside every trading session")
        state = self._symbols.get(item.symbol)
        if state is None:
            state = self._symbols[item.symbol] = _Symbol(item.timestamp)
        forming, previous = state.forming, state.previous
        newest = max(state.newest, item.timestamp)
        changed: list[Bar] = []
        if forming is not None and start == forming.start:
            forming.add(item)
        elif (forming is None or start > forming.start) and (previous is None or start > previous.start):
            if forming is not None:
                changed.append(forming.bar(item.symbol, final=True))
                state.previous = forming
            state.forming = forming = _window(start, end, item)
        else:
            if (late := newest - item.timestamp) > self._lateness:
                raise RefusedError(
                    f"{late:,} ms older than the newest of {item.symbol}; {self._lateness:,} are allowed"
                )
            if previous is not None and start < previous.start:
                raise RefusedError(
                    f"belongs to a bar of {item.symbol} before the previous one, which is closed for good"
                )
            if previous is not None and start == previous.start:
                previous.add(item)
            else:
                state.previous = previous = _window(start, end, item)
            state.newest = newest
            return [previous.bar(item.symbol, final=True)]
        state.newest = newest
        return [*changed, forming.bar(item.symbol, final=False)]

    def advance(self, now: int) -> list[Bar]:
        """Closes the bars that end at or before `now` (UTC epoch ms) and gives them; a next tick may never come."""
        closed = []
        for symbol, state in self._symbols.items():
            if state.forming is not None and state.forming.end <= now:
                closed.append(state.forming.bar(symbol, final=True))
                state.previous, state.forming = state.forming, None
        return closed

    def snapshot(self) -> dict[str, Any]:
        """Everything that is remembered, as plain data for JSON."""
        symbols = {
            symbol: [state.newest, *(None if w is None else w.dump() for w in (state.forming, state.previous))]
            for symbol, state in self._symbols.items()
        }
        return {"version": _SNAPSHOT_VERSION, "interval": self._grid.interval, "symbols": symbols}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Goes on from a snapshot. Raises `ValueError` for one of another version or interval."""
        found = (snapshot.get("version"), snapshot.get("interval"))
        if found != (_SNAPSHOT_VERSION, self._grid.interval):
            raise ValueError(
                f"a snapshot of version {found[0]}, interval {found[1]} ms; here it is {_SNAPSHOT_VERSION}, "
                f"{self._grid.interval} ms"
            )
        self._symbols = {}
        for symbol, (newest, *windows) in snapshot["symbols"].items():
            self._symbols[symbol] = _Symbol(newest, *(None if w is None else _loaded(w) for w in windows))


class _TickWindow:
    """A bar from ticks: `first` and `last` are the times of the ticks that have its open and its close."""

    def __init__(self, start: int, end: int, values: list[float]) -> None:
        self.start, self.end = start, end
        self._values = values  # first, last, open, high, low, close, volume

    @classmethod
    def of(cls, start: int, end: int, tick: Tick) -> _TickWindow:
        return cls(start, end, [tick.timestamp, tick.timestamp, *[tick.price] * 4, tick.size])

    def add(self, item: Tick | Bar) -> None:
        if not isinstance(item, Tick):
            raise RefusedError(f"a bar of {item.symbol} among its ticks; one bar cannot be built from both")
        first, last, open_, high, low, close, volume = self._values
        if item.timestamp < first:
            first, open_ = item.timestamp, item.price
        if item.timestamp >= last:
            last, close = item.timestamp, item.price
        high, low = max(high, item.price), min(low, item.price)
        self._values = [first, last, open_, high, low, close, volume + item.size]

    def bar(self, symbol: str, *, final: bool) -> Bar:
        _, _, open_, high, low, close, volume = self._values
        return Bar(symbol, self.start, open_, high, low, close, volume, final)

    def dump(self) -> list[Any]:
        return [self.start, self.end, "ticks", self._values]


Part = tuple[float, float, float, float, float]  # open, high, low, close, volume


class _BarWindow:
    """A bar from finer bars, which are kept, as each may still be replaced. `_before` is all but the newest, folded."""

    def __init__(self, start: int, end: int, parts: dict[int, Part]) -> None:
        self.start, self.end = start, end
        self._parts = parts
        self._newest = max(parts)
        self._before = self._folded()

    @classmethod
    def of(cls, start: int, end: int, bar: Bar) -> _BarWindow:
        return cls(start, end, {bar.timestamp: _part(bar)})

    def add(self, item: Tick | Bar) -> None:
        if not isinstance(item, Bar):
            raise RefusedError(f"a tick of {item.symbol} among its bars; one bar cannot be built from both")
        self._parts[item.timestamp] = _part(item)
        if item.timestamp > self._newest:
            newest, self._newest = self._newest, item.timestamp
            self._before = _joined(self._before, self._parts[newest])
        elif item.timestamp < self._newest:
            self._before = self._folded()

    def bar(self, symbol: str, *, final: bool) -> Bar:
        return Bar(symbol, self.start, *_joined(self._before, self._parts[self._newest]), final=final)

    def dump(self) -> list[Any]:
        return [self.start, self.end, "bars", [[time, *part] for time, part in self._parts.items()]]

    def _folded(self) -> Part | None:
        folded = None
        for time in sorted(self._parts)[:-1]:
            folded = _joined(folded, self._parts[time])
        return folded


@dataclass(slots=True)
class _Symbol:
    newest: int
    forming: _TickWindow | _BarWindow | None = None
    previous: _TickWindow | _BarWindow | None = None


def _window(start: int, end: int, item: Tick | Bar) -> _TickWindow | _BarWindow:
    return _TickWindow.of(start, end, item) if isinstance(item, Tick) else _BarWindow.of(start, end, item)


def _loaded(dumped: list[Any]) -> _TickWindow | _BarWindow:
    start, end, kind, values = dumped
    if kind == "ticks":
        return _TickWindow(start, end, list(values))
    return _BarWindow(start, end, {time: (part[0], part[1], part[2], part[3], part[4]) for time, *part in values})


def _part(bar: Bar) -> Part:
    return bar.open, bar.high, bar.low, bar.close, bar.volume


def _joined(before: Part | None, behind: Part) -> Part:
    if before is None:
        return behind
    return before[0], max(before[1], behind[1]), min(before[2], behind[2]), behind[3], before[4] + behind[4]
