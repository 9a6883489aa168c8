"""Build bars from ticks or finer bars, one at a time as they arrive.

What arrives out of order:

- Within the forming bar the order does not matter: the earliest time has the open, the latest the close (of several
  with the same time, the first and the last to arrive). Two ticks with the same time both count.
- A finer bar with the time of one that came before replaces it, as records on the stream do.
- Something for a bar that is already closed returns that bar again, corrected, if it is the previous one (or lies
  between it and the forming one) and not older than `lateness`. Anything older is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tapeline.core.bars import Grid
from tapeline.core.market import Bar, Tick
from tapeline.errors import RejectedError

_SNAPSHOT_VERSION = 1


class BarBuilder:
    """Build bars as ticks or finer bars arrive. Memory is two bars per symbol, the forming and the previous one.

    `lateness` (ms, one interval by default) is how much older than the newest one a tick or finer bar of a closed bar
    may be. A tick far in the future would make all that follow late: refuse it before (`bar_faults.faults`).
    """

    def __init__(self, grid: Grid, *, lateness: int | None = None) -> None:
        self._grid = grid
        self._lateness = grid.interval if lateness is None else lateness
        self._symbols: dict[str, _Symbol] = {}

    def update(self, item: Tick | Bar) -> list[Bar]:
        """Return the bars that this changes: the one it closes (final) and the forming one, or a corrected one (final).

        Raises `RejectedError` for what is too late, outside every session, or mixes ticks and bars of one symbol;
        nothing has changed then.
        """
        spans = self._grid.spans(np.array([item.timestamp], np.int64))
        start, end, inside = (values.item() for values in spans)
        if not inside:
            raise RejectedError("outside every trading session")
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
                raise RejectedError(
                    f"{late:,} ms older than the newest of {item.symbol}; {self._lateness:,} are allowed"
                )
            if previous is not None and start < previous.start:
                raise RejectedError(
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
        """Close the bars that end at or before `now` (UTC epoch ms) and return them; a next tick may never come."""
        closed = []
        for symbol, state in self._symbols.items():
            if state.forming is not None and state.forming.end <= now:
                closed.append(state.forming.bar(symbol, final=True))
                state.previous, state.forming = state.forming, None
        return closed

    def snapshot(self) -> dict[str, Any]:
        """Return everything that is remembered, as plain data for JSON."""
        symbols = {
            symbol: [state.newest, *(None if w is None else w.dump() for w in (state.forming, state.previous))]
            for symbol, state in self._symbols.items()
        }
        return {"version": _SNAPSHOT_VERSION, "interval": self._grid.interval, "symbols": symbols}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Continue from a snapshot. Raises `ValueError` for one of another version or interval."""
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
    """Build one bar from ticks. `first` and `last` are the times of the ticks that have its open and its close."""

    def __init__(self, start: int, end: int, values: list[float]) -> None:
        self.start, self.end = start, end
        self._values = values  # first, last, open, high, low, close, volume

    @classmethod
    def of(cls, start: int, end: int, tick: Tick) -> _TickWindow:
        return cls(start, end, [tick.timestamp, tick.timestamp, *[tick.price] * 4, tick.size])

    def add(self, item: Tick | Bar) -> None:
        if not isinstance(item, Tick):
            raise RejectedError(f"a bar of {item.symbol} among its ticks; one bar cannot be built from both")
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
    """Build one bar from finer bars, which are kept because each may still be replaced.

    `_before` is all but the newest, merged into one.
    """

    def __init__(self, start: int, end: int, parts: dict[int, Part]) -> None:
        self.start, self.end = start, end
        self._parts = parts
        self._newest = max(parts)
        self._before = self._merged_before()

    @classmethod
    def of(cls, start: int, end: int, bar: Bar) -> _BarWindow:
        return cls(start, end, {bar.timestamp: _part(bar)})

    def add(self, item: Tick | Bar) -> None:
        if not isinstance(item, Bar):
            raise RejectedError(f"a tick of {item.symbol} among its bars; one bar cannot be built from both")
        self._parts[item.timestamp] = _part(item)
        if item.timestamp > self._newest:
            newest, self._newest = self._newest, item.timestamp
            self._before = _merged(self._before, self._parts[newest])
        elif item.timestamp < self._newest:
            self._before = self._merged_before()

    def bar(self, symbol: str, *, final: bool) -> Bar:
        return Bar(symbol, self.start, *_merged(self._before, self._parts[self._newest]), final=final)

    def dump(self) -> list[Any]:
        return [self.start, self.end, "bars", [[time, *part] for time, part in self._parts.items()]]

    def _merged_before(self) -> Part | None:
        merged = None
        for time in sorted(self._parts)[:-1]:
            merged = _merged(merged, self._parts[time])
        return merged


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


def _merged(before: Part | None, after: Part) -> Part:
    if before is None:
        return after
    return before[0], max(before[1], after[1]), min(before[2], after[2]), after[3], before[4] + after[4]
