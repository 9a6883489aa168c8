"""A store in memory, for tests of what reads stores: it counts its reads and fails when told to."""

from __future__ import annotations

import dataclasses

import numpy as np

from tapeline.core.market import Bar, Bars, Direction, Row, Rows
from tapeline.core.ports import Commit, SymbolState


class MemoryStore:
    """The reading half of `Store`. `reads` counts rows handed out by `rows`; `error`, while set, is raised instead."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[int, Row]] = {}
        self.reads = 0
        self.error: Exception | None = None

    def put(self, *rows: Row) -> None:
        for row in rows:
            self.kept.setdefault(row.stock_symbol, {})[row.timestamp] = row

    def commit(self, commit: Commit) -> None:
        self.put(*commit.rows)

    def load(self) -> tuple[dict[str, SymbolState], int]:
        return {}, 0

    def checkpoint(self, symbol: str, timestamp: int) -> SymbolState | None:
        return None

    def rows(self, symbol: str, start: int | None = None, end: int | None = None, limit: int | None = None) -> Rows:
        self._fail()
        mine = self.kept.get(symbol, {})
        found = [mine[t] for t in sorted(mine) if (start is None or t >= start) and (end is None or t < end)]
        found = found[len(found) - min(len(found), limit) :] if limit is not None else found
        self.reads += len(found)
        return rows_of(found)

    def latest(self) -> Rows:
        self._fail()
        newest = [mine[max(mine)] for _, mine in sorted(self.kept.items())]
        return rows_of([dataclasses.replace(row, indicator={}) for row in newest])

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


def row(symbol: str, timestamp: int, price: float, **values: object) -> Row:
    """A final row whose open, high and low are its close, without indicators or prediction, but for `values`."""
    plain: dict[str, object] = {
        "volume": 100.0, "indicator": {}, "prediction": None, "open": price, "high": price, "low": price,
        "final": True, "probability": None, "model": None,
    }  # fmt: skip
    return Row(stock_symbol=symbol, timestamp=timestamp, price=price, **(plain | values))  # type: ignore[arg-type]


def rows_of(rows: list[Row]) -> Rows:
    """The columns of these rows, under the union of their indicators' names."""
    names = tuple(dict.fromkeys(name for row in rows for name in row.indicator))
    models = tuple(dict.fromkeys(row.model for row in rows if row.model))
    bars = [Bar(r.stock_symbol, r.timestamp, r.open, r.high, r.low, r.price, r.volume, r.final) for r in rows]
    indicator = np.array([[row.indicator.get(name, np.nan) for name in names] for row in rows])
    return Rows(
        Bars.of(bars),
        names,
        indicator.reshape(len(rows), len(names)),
        np.array([Direction[row.prediction or "NONE"] for row in rows], np.int8),
        np.array([np.nan if row.probability is None else row.probability for row in rows]),
        models,
        np.array([models.index(row.model) if row.model else -1 for row in rows], np.int32),
    )
