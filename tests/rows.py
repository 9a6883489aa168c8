"""Rows for tests: one at a time, or a batch with random values."""

from __future__ import annotations

import numpy as np

from tapeline.core.market import Bars
from tapeline.core.rows import FORECAST, Row, Rows


def row(symbol: str, timestamp: int, price: float, **values: object) -> Row:
    """Return a final row with this close, and the same open, high and low; `values` replace any other field.

    Without `values` it has a volume of 100, no indicators and no prediction.
    """
    plain: dict[str, object] = {
        "volume": 100.0, "indicator": {}, "prediction": None, "open": price, "high": price, "low": price,
        "final": True, "probability": None, "model": None,
    }  # fmt: skip
    return Row(stock_symbol=symbol, timestamp=timestamp, price=price, **(plain | values))  # type: ignore[arg-type]


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
