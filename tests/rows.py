"""Rows for tests: one at a time, or a batch with random values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tapeline.core.market import FORECAST, OHLCV, Bar, Bars, Direction, Row, Rows


def row(symbol: str, timestamp: int, price: float, **values: object) -> Row:
    """Return a final row with this close, and the same open, high and low; `values` replace any other field.

    Without `values` it has a volume of 100, no indicators and no prediction.
    """
    plain: dict[str, object] = {
        "volume": 100.0, "indicator": {}, "prediction": None, "open": price, "high": price, "low": price,
        "final": True, "probability": None, "model": None,
    }  # fmt: skip
    return Row(stock_symbol=symbol, timestamp=timestamp, price=price, **(plain | values))  # type: ignore[arg-type]


def rows_of(rows: Sequence[Row]) -> Rows:
    """Return these rows as columns, under the union of their indicators' names."""
    names = tuple(dict.fromkeys(name for row in rows for name in row.indicator))
    models = tuple(dict.fromkeys(row.model for row in rows if row.model))
    return Rows(
        bars=Bars.of(
            Bar(row.stock_symbol, row.timestamp, row.open, row.high, row.low, row.price, row.volume, row.final)
            for row in rows
        ),
        names=names,
        indicator=np.array([[row.indicator.get(name, np.nan) for name in names] for row in rows]).reshape(
            len(rows), len(names)
        ),
        **{name: np.array([_said(row, name) for row in rows], dtype) for name, (dtype, _) in FORECAST.items()},
        models=models,
        model=np.array([models.index(row.model) if row.model else -1 for row in rows], np.int32),
        known=None if not any(row.as_known for row in rows) else np.array(
            [[(row.as_known or {}).get(name, np.nan) for name in OHLCV] for row in rows]
        ),
    )  # fmt: skip


def _said(row: Row, name: str) -> float:
    """Return what a row says in a column of `FORECAST`, as a number."""
    value = getattr(row, name)
    if name == "prediction":
        return Direction[value or "NONE"]
    return FORECAST[name][1] if value is None else value


def random_rows(bars: Bars, names: tuple[str, ...] = ("sma_20", "rsi_14"), model: str = "m1", seed: int = 0) -> Rows:
    """Return a row for each bar with random indicator values and predictions; a third lack the first indicator."""
    rng = np.random.default_rng(seed)
    indicator = rng.normal(size=(len(bars), len(names)))
    if names:
        indicator[::3, 0] = np.nan
    said = {"prediction": rng.integers(0, 4, len(bars)).astype(np.int8)}
    predicted = said["prediction"] > 0
    for name, (dtype, absent) in FORECAST.items():
        if name not in said:
            said[name] = np.where(predicted, rng.uniform(size=len(bars)), absent).astype(dtype)
    return Rows(
        bars=bars,
        names=names,
        indicator=indicator,
        models=(model,),
        model=np.where(predicted, 0, -1).astype(np.int32),
        **said,
    )


def rows_of_symbol(rows: Rows, symbol: str) -> list[Row]:
    """Return the rows of this symbol, in their order."""
    return [row for row in rows if row.stock_symbol == symbol]
