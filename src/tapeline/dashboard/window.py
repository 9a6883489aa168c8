"""The rows of one symbol that a chart shows, and what changed in them since they were last sent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeline.dashboard.board import decimals, is_daily
from tapeline.dashboard.panes import layout
from tapeline.market import Bars, Rows
from tapeline.ports import Store
from tapeline.prediction.grading import Grade, Grades, grade, score
from tapeline.prediction.model import Metadata

#: Bars a chart holds; older ones drop out.
SHOWN_BARS = 1000

_TAIL = 40  # newest bars read again at each refresh: they may be corrected, and outcomes reach back over them
_WHOLE_EVERY = 60  # refreshes after which everything is read again, for corrections further back
_EXTRA_DECIMALS = 2  # indicators are shown with more decimals than prices

Columns = dict[str, NDArray[Any]]


class Window:
    """The newest `SHOWN_BARS` rows of a symbol, as the chart's columns.

    Columns are `t` (UTC epoch ms), `o h l c v`, `f` (final), `s` (`Direction` predicted, 0 none), `p` (probability of
    UP), `y` (outcome: `Direction`, 0 not decided) and one for each indicator under its own name.
    """

    def __init__(self, store: Store, symbol: str, models: Mapping[str, Metadata]) -> None:
        self.symbol = symbol
        self._grade: Grade | None = None
        self._store = store
        self._models = models
        self._rows: Rows | None = None
        self._columns: Columns = {}
        self._refreshes = 0

    def refresh(self) -> dict[str, Any] | None:
        """Reads on; what changed since, as a `change` message for the chart (`show`, if much did), or None."""
        before = self._columns
        self._rows = self._read()
        self._refreshes += 1
        grades = score(self._rows, self._models)
        self._columns = _table(self._rows, grades)
        if before.keys() == self._columns.keys() and len(self._rows):
            since = _first_difference(before, self._columns)
            if since is None:
                return None
        elif len(self._rows) or len(before.get("t", ())):
            since = None
        else:
            return None
        self._grade = next(iter(grade(grades)), None)
        if since is None:
            return self.snapshot()
        return {"symbol": self.symbol, "since": since, "columns": self._values(since), **self._summary()}

    def snapshot(self) -> dict[str, Any]:
        """Everything, as a `show` message for the chart."""
        names = self._rows.names if self._rows is not None else ()
        return {"symbol": self.symbol, "layout": layout(names), "columns": self._values(None), **self._summary()}

    def _read(self) -> Rows:
        """The rows as they are now. The tail alone is read where what is kept can be continued with it."""
        kept = self._rows
        if kept is None or len(kept) <= _TAIL or self._refreshes % _WHOLE_EVERY == 0:
            return self._store.rows(self.symbol, limit=SHOWN_BARS)
        since = int(kept.bars.timestamp[-_TAIL])
        tail = self._store.rows(self.symbol, start=since, limit=SHOWN_BARS)
        if len(tail) in (0, SHOWN_BARS) or tail.names != kept.names:
            return self._store.rows(self.symbol, limit=SHOWN_BARS)
        return _joined(kept[kept.bars.timestamp < since], tail)[-SHOWN_BARS:]

    def _values(self, since: int | None) -> dict[str, list[Any]]:
        """The columns from `since` on as lists, rounded to what can be seen, NaN as None."""
        if not self._columns:
            return {}
        where = slice(None) if since is None else self._columns["t"] >= since
        places = decimals(self._columns["c"]) + _EXTRA_DECIMALS
        return {name: _list(column[where], places) for name, column in self._columns.items()}

    def _summary(self) -> dict[str, Any]:
        times = self._columns.get("t", np.zeros(0, np.int64))
        closes = self._columns.get("c", np.zeros(0))
        return {
            "first": int(times[0]) if len(times) else None,
            "daily": is_daily(times),
            "decimals": decimals(closes),
            "grade": _as_json(self._grade),
        }


def _table(rows: Rows, grades: Grades) -> Columns:
    bars = rows.bars
    outcome = np.zeros(len(rows), np.int8)
    outcome[np.searchsorted(bars.timestamp, grades.timestamp)] = grades.outcome
    columns: Columns = {
        "t": bars.timestamp,
        "o": bars.open,
        "h": bars.high,
        "l": bars.low,
        "c": bars.close,
        "v": bars.volume,
        "f": bars.final.astype(np.int8),
        "s": rows.prediction,
        "p": rows.probability,
        "y": outcome,
    }
    return columns | {name: rows.indicator[:, i] for i, name in enumerate(rows.names)}


def _joined(head: Rows, tail: Rows) -> Rows:
    """One symbol's rows of two reads with the same names, the second behind the first."""
    models = tuple(dict.fromkeys(head.models + tail.models))
    places = np.array([*map(models.index, tail.models), -1], np.int32)  # -1, for no model, is the one at the end
    return Rows(
        Bars.concat((head.bars, tail.bars)),
        head.names,
        np.concatenate((head.indicator, tail.indicator)),
        np.concatenate((head.prediction, tail.prediction)),
        np.concatenate((head.probability, tail.probability)),
        models,
        np.concatenate((head.model, places[tail.model])),
    )


def _first_difference(before: Columns, after: Columns) -> int | None:
    """The first time from which on the rows differ, None when they are the same. Rows dropped in front do not count."""
    times = after["t"]
    if not len(times):
        return None
    start = int(np.searchsorted(before["t"], times[0]))
    old = {name: column[start:] for name, column in before.items()}
    count = min(len(old["t"]), len(times))
    differ = np.zeros(count, np.bool_)
    for name, column in after.items():
        a, b = old[name][:count], column[:count]
        both_nan = np.isnan(a) & np.isnan(b) if column.dtype.kind == "f" else np.False_
        differ |= (a != b) & ~both_nan
    place = int(differ.argmax()) if differ.any() else count
    return int(times[place]) if place < len(times) else None


def _list(column: NDArray[Any], places: int) -> list[Any]:
    if column.dtype.kind != "f":
        return list(column.tolist())
    rounded: list[float] = np.round(column, places).tolist()
    return [None if math.isnan(value) else value for value in rounded]


def _as_json(found: Grade | None) -> dict[str, Any] | None:
    """The grade for the browser, None without predictions: shares are None where nothing was answered or is known."""
    if found is None:
        return None
    shares = {
        "hit": found.hit_rate.value, "low": found.hit_rate.low, "high": found.hit_rate.high, "base": found.base_rate
    }  # fmt: skip
    rounded = {name: None if math.isnan(value) else round(value, 4) for name, value in shares.items()}
    return {"predicted": found.predicted, "pending": found.pending, "answered": found.answered} | rounded
