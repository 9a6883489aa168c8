"""Follow the newest candles of one chart, and tell what changed in them since they were last looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tapeline.core.market import BAR_COLUMNS
from tapeline.core.rows import Rows
from tapeline.core.times import interval_name
from tapeline.errors import NotPossibleError
from tapeline.forecast.model import Metadata
from tapeline.web.candles import CandleReader, Candles, ChartRequest, Columns

#: Candles that are watched for changes.
WATCHED = 300

_FIRST = 40  # candles that a new client gets at once: what was added since it asked for the bars is among them
_TAIL = 40  # newest rows that tell whether anything changed
_WHOLE_EVERY = 60  # looks after which everything is read, for a store that cannot tell of older changes


class CandleFollower:
    """Follow one chart. While its newest rows stay the same, nothing else is read."""

    def __init__(self, reader: CandleReader, chart: ChartRequest) -> None:
        self._reader = reader
        self._chart = chart
        self._tail: Rows | None = None
        self._candles: Candles | None = None
        self._looks = 0

    def refresh(self, models: Mapping[str, Metadata]) -> dict[str, Any] | None:
        """Read on. Return the message with the candles that changed since the last look, None when none did."""
        self._looks += 1
        try:
            tail = self._reader.tail(self._chart, _TAIL)
        except NotPossibleError:
            return None
        old, due = self._tail, self._looks % _WHOLE_EVERY == 0
        if old is not None and not due and _same(old, tail):
            return None
        self._tail = tail
        before, self._candles = self._candles, None
        found = None
        if before is not None and old is not None and not due and old.revisions == tail.revisions:
            found = _continued(before, self._read(models, _FIRST))  # only the newest have changed
        if found is None:
            found = self._read(models, WATCHED)
        if found is None:
            return None
        self._candles = found
        index = 0 if before is None else _first_difference(before.columns, found.columns)
        return None if index is None else self._message(found, index)

    def _read(self, models: Mapping[str, Metadata], limit: int) -> Candles | None:
        try:
            found, _ = self._reader.read(self._chart, models, limit=limit)
        except NotPossibleError:
            return None
        return found if len(found) else None

    def newest(self) -> dict[str, Any] | None:
        """Return the message with the newest candles, whether they changed or not; None where there are none."""
        return None if self._candles is None else self._message(self._candles, max(len(self._candles) - _FIRST, 0))

    def _message(self, found: Candles, index: int) -> dict[str, Any]:
        return {
            "symbol": self._chart.symbol,
            "interval": interval_name(found.interval),
            "since": int(found.columns["t"][index]),
            "names": list(found.names),
            "decimals": found.decimals,
            "columns": {name: np.ascontiguousarray(column[index:]) for name, column in found.columns.items()},
        }


def _continued(before: Candles, after: Candles | None) -> Candles | None:
    """Return candles read earlier with the newest ones in their place; None where some between may be missing."""
    if after is None or before.columns.keys() != after.columns.keys():
        return None
    kept = int(np.searchsorted(before.columns["t"], after.columns["t"][0]))
    if kept == len(before):
        return None
    first = max(0, kept + len(after) - WATCHED)
    columns = {name: np.concatenate((before.columns[name][first:kept], after.columns[name])) for name in after.columns}
    return replace(after, columns=columns, rows=None)


def _same(a: Rows, b: Rows) -> bool:
    """Return whether two reads hold the same."""
    if len(a) != len(b) or a.revisions != b.revisions:
        return False
    bars = (np.array_equal(getattr(a.bars, name), getattr(b.bars, name)) for name in BAR_COLUMNS)
    said = np.array_equal(a.prediction, b.prediction) and np.array_equal(a.probability, b.probability, equal_nan=True)
    return said and all(bars)


def _first_difference(before: Columns, after: Columns) -> int | None:
    """Return the index of the first candle that differs, None when none does. Candles dropped in front do not count."""
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
    index = int(differ.argmax()) if differ.any() else count
    return index if index < len(times) else None
