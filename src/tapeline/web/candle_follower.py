"""The newest candles of one choice, and what changed in them since they were last looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tapeline.core.market import Bars, Rows
from tapeline.core.ports import Store
from tapeline.core.times import interval_name
from tapeline.errors import InputError
from tapeline.forecast.model import Metadata
from tapeline.web.candle_intervals import (
    chosen,
    stored_interval,
)
from tapeline.web.candles import Candles, ChartRequest, Columns, build, rows_needed

#: Candles that are watched for changes.
WATCHED = 300

_FIRST = 40  # candles that a new client is told at once: what was added since it asked for the bars is among them
_TAIL = 40  # newest rows read again at each look: they may be corrected
_WHOLE_EVERY = 60  # looks after which everything is read again, for corrections further back


class CandleFollower:
    """Follows one choice in the store. The newest rows alone are read where what is kept can be continued with them."""

    def __init__(self, store: Store, choice: ChartRequest) -> None:
        self._store = store
        self._choice = choice
        self._rows: Rows | None = None
        self._limit = 0
        self._candles: Candles | None = None
        self._looks = 0

    def refresh(self, models: Mapping[str, Metadata]) -> dict[str, Any] | None:
        """Reads on. The message with the candles that changed since the last look, None when none did."""
        rows = self._read()
        self._looks += 1
        if self._rows is not None and _same(self._rows, rows):
            return None
        self._rows = rows
        if not len(rows):
            self._candles = None
            return None
        before = self._candles
        made = build(rows, self._choice, models, whole=len(rows) < self._limit)
        self._candles = made[max(len(made) - WATCHED, 0) :]
        place = 0 if before is None else _first_difference(before.columns, self._candles.columns)
        return None if place is None or not len(self._candles) else self._message(place)

    def newest(self) -> dict[str, Any] | None:
        """The message with the newest candles, whether they changed or not."""
        if self._candles is None or not len(self._candles):
            return None
        return self._message(max(len(self._candles) - _FIRST, 0))

    def _message(self, place: int) -> dict[str, Any]:
        assert self._candles is not None  # noqa: S101 - both callers looked
        found = self._candles
        return {
            "symbol": self._choice.symbol,
            "interval": interval_name(found.interval),
            "since": int(found.columns["t"][place]),
            "names": list(found.names),
            "decimals": found.decimals,
            "columns": {name: np.ascontiguousarray(column[place:]) for name, column in found.columns.items()},
        }

    def _read(self) -> Rows:
        symbol, kept = self._choice.symbol, self._rows
        if kept is None or len(kept) <= _TAIL or self._looks % _WHOLE_EVERY == 0:
            return self._whole()
        since = int(kept.bars.timestamp[-_TAIL])
        tail = self._store.rows(symbol, start=since, limit=self._limit)
        if len(tail) in (0, self._limit) or tail.names != kept.names:
            return self._whole()
        return _joined(kept[kept.bars.timestamp < since], tail)[-self._limit :]

    def _whole(self) -> Rows:
        probe = self._store.rows(self._choice.symbol, limit=64)
        stored = stored_interval(probe.bars.timestamp)
        try:
            interval = chosen(self._choice.interval, stored)
        except InputError:
            return probe[:0]
        self._limit = rows_needed(self._choice, probe.names, stored, interval, WATCHED)
        return self._store.rows(self._choice.symbol, limit=self._limit)


def _same(a: Rows, b: Rows) -> bool:
    """Whether two reads say the same."""
    if len(a) != len(b) or a.names != b.names:
        return False
    bars = ("timestamp", "close", "volume", "high", "low", "open", "final")
    if not all(np.array_equal(getattr(a.bars, name), getattr(b.bars, name)) for name in bars):
        return False
    if not np.array_equal(a.prediction, b.prediction):
        return False
    return all(np.array_equal(getattr(a, n), getattr(b, n), equal_nan=True) for n in ("probability", "indicator"))


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
    """The place of the first candle that differs, None when none does. Candles dropped in front do not count."""
    times = after["t"]
    if before.keys() != after.keys() or not len(times):
        return 0
    start = int(np.searchsorted(before["t"], times[0]))
    count = min(len(before["t"]) - start, len(times))
    differ = np.zeros(count, np.bool_)
    for name, column in after.items():
        a, b = before[name][start : start + count], column[:count]
        both_nan = np.isnan(a) & np.isnan(b) if column.dtype.kind == "f" else np.False_
        differ |= (a != b) & ~both_nan
    place = int(differ.argmax()) if differ.any() else count
    return place if place < len(times) else None
