"""Turn rows into Arrow columns under the names that files, frames and SQL have for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tapeline.core.market import FORECAST, OHLCV, Direction, Rows

#: The type of times: UTC, in milliseconds.
TIME = pa.timestamp("ms", "UTC")

#: The columns of a bar, and those of what was said about it, with their types.
BAR_TYPES: dict[str, pa.DataType] = {
    "symbol": pa.string(), "timestamp": TIME, **dict.fromkeys(OHLCV, pa.float64()), "final": pa.bool_(),
}  # fmt: skip
FORECAST_TYPES: dict[str, pa.DataType] = {
    name: pa.string() if name == "prediction" else pa.from_numpy_dtype(dtype) for name, (dtype, _) in FORECAST.items()
} | {"model": pa.string()}

_DIRECTIONS = pa.array([None if direction is Direction.NONE else direction.name for direction in Direction])


def column(rows: Rows, name: str) -> pa.Array:
    """Return one column of the rows: of `BAR_TYPES`, of `FORECAST_TYPES`, or an output of an indicator.

    Absent values are null: of an indicator that is not warm, and of whatever was said where nothing was.
    """
    bars = rows.bars
    if name == "symbol":
        return pa.array(bars.symbols, pa.string()).take(pa.array(bars.code))
    if name == "timestamp":
        return pa.array(bars.timestamp).cast(TIME)
    if name in BAR_TYPES:
        return pa.array(getattr(bars, name))
    if name == "model":
        models = pa.array([*rows.models, None], pa.string())
        return models.take(pa.array(np.where(rows.model < 0, len(rows.models), rows.model)))
    if name == "prediction":
        return _DIRECTIONS.take(pa.array(rows.prediction))
    if name in FORECAST_TYPES:
        return pa.array(rows.forecast[name], from_pandas=True, mask=rows.prediction == Direction.NONE)
    return pa.array(np.ascontiguousarray(rows.indicator[:, rows.names.index(name)]), from_pandas=True)


def table(rows: Rows, names: Iterable[str]) -> pa.Table:
    """Return these columns of the rows."""
    return pa.table({name: column(rows, name) for name in names})


def schema(names: Iterable[str]) -> pa.Schema:
    """Return the schema of such a table; names that are no columns of bars or forecasts are outputs of indicators."""
    types = BAR_TYPES | FORECAST_TYPES
    return pa.schema([(name, types.get(name, pa.float64())) for name in names])


def indicator_map(rows: Rows) -> pa.MapArray:
    """Return the rows' indicators as one map each, name to value, with the warm ones only, as DynamoDB has them."""
    warm = ~np.isnan(rows.indicator)
    offsets = np.concatenate(([0], np.cumsum(warm.sum(axis=1)))).astype(np.int32)
    which = np.broadcast_to(np.arange(len(rows.names), dtype=np.int32), warm.shape)[warm]
    keys: Any = pa.array(rows.names, pa.string()).take(pa.array(which))
    return pa.MapArray.from_arrays(pa.array(offsets), keys, pa.array(rows.indicator[warm]))


def names_of(outputs: Sequence[str], *, forecasts: bool) -> list[str]:
    """Return the names of a table of bars with these outputs: forecasts, if wanted, between both."""
    return [*BAR_TYPES, *(FORECAST_TYPES if forecasts else ()), *outputs]
