"""Turn rows into Arrow columns under the names that files, frames and SQL have for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tapeline.core.market import OHLCV
from tapeline.core.rows import FORECAST, Direction, Rows
from tapeline.forecast.horizons import COLUMNS, FIELDS, horizon_columns
from tapeline.forecast.range_layout import HORIZONS
from tapeline.forecast.range_model import RangeModel

#: The type of times: UTC, in milliseconds.
TIME = pa.timestamp("ms", "UTC")

#: The columns of a bar, and those of what was said about it, with their types.
BAR_TYPES: dict[str, pa.DataType] = {
    "symbol": pa.string(), "timestamp": TIME, **dict.fromkeys(OHLCV, pa.float64()), "final": pa.bool_(),
}  # fmt: skip
FORECAST_TYPES: dict[str, pa.DataType] = {
    name: pa.string() if name == "prediction" else pa.from_numpy_dtype(dtype) for name, (dtype, _) in FORECAST.items()
} | {"model": pa.string()}

#: The columns of what was expected over each horizon, such as `low_80_5`, and which version said it.
RANGE_TYPES: dict[str, pa.DataType] = {**dict.fromkeys(COLUMNS, pa.float64()), "range_model": pa.string()}

_DIRECTIONS = pa.array([None if direction is Direction.NONE else direction.name for direction in Direction])


def column(rows: Rows, name: str) -> pa.Array:
    """Return one column of the rows: of `BAR_TYPES`, of `FORECAST_TYPES`, `range_model`, or an output of an indicator.

    Absent values are null: of an indicator that is not warm, and of whatever was said where nothing was.
    """
    bars = rows.bars
    if name == "symbol":
        return pa.array(bars.symbols, pa.string()).take(pa.array(bars.code))
    if name == "timestamp":
        return pa.array(bars.timestamp).cast(TIME)
    if name in BAR_TYPES:
        return pa.array(getattr(bars, name))
    if name in {"model", "range_model"}:
        models = pa.array([*rows.models, None], pa.string())
        by = rows.model if name == "model" else rows.said_ranges[1]
        return models.take(pa.array(np.where(by < 0, len(rows.models), by)))
    if name == "prediction":
        return _DIRECTIONS.take(pa.array(rows.prediction))
    if name in FORECAST_TYPES:
        return pa.array(rows.forecast[name], from_pandas=True, mask=rows.prediction == Direction.NONE)
    return pa.array(np.ascontiguousarray(rows.indicator[:, rows.names.index(name)]), from_pandas=True)


def columns(rows: Rows, names: Iterable[str], ranges: Mapping[str, RangeModel]) -> dict[str, pa.Array]:
    """Return these columns of the rows by name; those of `RANGE_TYPES` need the range models, by version."""
    names = list(names)
    expected = {} if set(COLUMNS).isdisjoint(names) else horizon_columns(rows, ranges)
    return {
        name: pa.array(expected[name], from_pandas=True) if name in expected else column(rows, name) for name in names
    }


def table(rows: Rows, names: Iterable[str], ranges: Mapping[str, RangeModel]) -> pa.Table:
    """Return these columns of the rows as a table."""
    return pa.table(columns(rows, names, ranges))


def schema(names: Iterable[str]) -> pa.Schema:
    """Return the schema of such a table; names that are no columns of bars or forecasts are outputs of indicators."""
    types = BAR_TYPES | FORECAST_TYPES | RANGE_TYPES
    return pa.schema([(name, types.get(name, pa.float64())) for name in names])


def indicator_map(rows: Rows) -> pa.MapArray:
    """Return the rows' indicators as one map each, name to value, with the warm ones only, as DynamoDB has them."""
    warm = ~np.isnan(rows.indicator)
    offsets = np.concatenate(([0], np.cumsum(warm.sum(axis=1)))).astype(np.int32)
    which = np.broadcast_to(np.arange(len(rows.names), dtype=np.int32), warm.shape)[warm]
    keys: Any = pa.array(rows.names, pa.string()).take(pa.array(which))
    return pa.MapArray.from_arrays(pa.array(offsets), keys, pa.array(rows.indicator[warm]))


def names_of(outputs: Sequence[str], *, forecasts: bool, ranges: bool = False) -> list[str]:
    """Return the names of a table of bars with these outputs: forecasts and ranges, if wanted, between both."""
    return [*BAR_TYPES, *(FORECAST_TYPES if forecasts else ()), *(RANGE_TYPES if ranges else ()), *outputs]


def horizon_map(rows: Rows, ranges: Mapping[str, RangeModel]) -> pa.MapArray:
    """Return what the rows expect as a map each, horizon to name to value, as DynamoDB has it; null where nothing."""
    expected = horizon_columns(rows, ranges)
    values = np.stack([expected[name] for name in COLUMNS], axis=1).reshape(len(rows), len(HORIZONS), len(FIELDS))
    said = ~np.isnan(values[:, :, 0])
    some = ~np.isnan(values) & said[:, :, None]
    fields: Any = pa.array(FIELDS, pa.string()).take(pa.array(np.nonzero(some)[2]))
    inner = pa.MapArray.from_arrays(_offsets(some.sum(axis=2)[said]), fields, pa.array(values[some]))
    horizons: Any = pa.array(map(str, HORIZONS), pa.string()).take(pa.array(np.nonzero(said)[1]))
    return pa.MapArray.from_arrays(_offsets(said.sum(axis=1)), horizons, inner)


def _offsets(counts: NDArray[np.int64]) -> pa.Array:
    """Return where each list of this length begins and the last one ends; an empty one is null."""
    ends = np.concatenate(([0], np.cumsum(counts)))
    return pa.array(ends.astype(np.int32), mask=np.append(counts == 0, False))
