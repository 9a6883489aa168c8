"""Turn rows into DynamoDB items, and back.

A row's item has `stock_symbol` (S), `timestamp` (N), `open high low price volume` (N), `final` (BOOL), `indicator` (M,
name -> N, only values that are warm), and where they are known `prediction` (S), `probability` (N), `model` (S) and
`expires_at` (N, epoch seconds). A final bar whose range was forecast has `range_model` (S), `horizons` (M of M, name ->
N, by horizon in bars), and `range_codes` (S): what the embedded store keeps of it, from which all of it follows. A bar
that was revised has `as_known` (M): the open, high, low, close and volume that it was first stored with.

A number is written as the shortest text that gives the same float64 back, so what is read is exactly what was stored.
DynamoDB holds 0 and magnitudes from 1e-130 to below 1e126: what is smaller is stored as 0, what is larger as the
largest float64 in that range.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import numpy as np

from tapeline.core.market import OHLCV, Floats
from tapeline.core.rows import RANGE_CODES, Direction, Row, Rows
from tapeline.errors import StorageError
from tapeline.forecast.horizons import horizons_of
from tapeline.forecast.range_model import RangeModel

#: An item as the low-level client takes it: attribute name -> {type: value}.
DynamoItem = dict[str, Any]

#: DynamoDB takes 400 KB an item, names included; a little is left for what the estimate below does not know.
ITEM_BYTES = 400_000

#: What taking an item apart raises that is damaged, or that somebody else wrote.
NOT_OURS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)

#: The type that an attribute of a row must have. One that is not named here is taken as it is.
_KINDS = {
    "stock_symbol": "S", "timestamp": "N", "open": "N", "high": "N", "low": "N", "price": "N", "volume": "N",
    "final": "BOOL", "indicator": "M", "prediction": "S", "probability": "N", "model": "S", "as_known": "M",
}  # fmt: skip

_SMALLEST = 1e-130
_LARGEST = math.nextafter(1e126, 0)
_DAY_SECONDS = 86_400


def row_items(
    rows: Rows, row_days: int, ranges: Mapping[str, RangeModel] = MappingProxyType({})
) -> dict[tuple[str, int], DynamoItem]:
    """Return the items of these rows by (symbol, timestamp), the last one of every bar.

    `ranges` are the range models that spoke about them, by version.

    With `row_days` > 0 a row expires that many days after its bar. Raises `StorageError` for a price that is not
    finite, and for a row that is larger than an item may be.
    """
    bars = rows.bars
    prices = np.stack((bars.open, bars.high, bars.low, bars.close, bars.volume), axis=1)
    bad = np.flatnonzero(~np.isfinite(prices).all(axis=1))
    if len(bad):
        index = int(bad[0])
        bar = _row_name(bars.symbols[bars.code[index]], int(bars.timestamp[index]))
        raise StorageError(f"{bar} has a price or volume that is not a finite number: {prices[index]}")
    said: dict[str, Any] = {
        name: _storable(column) for name, column in rows.forecast.items() if column.dtype.kind == "f"
    }
    rows = replace(
        rows, bars=replace(bars, **dict(zip(OHLCV, _storable(prices).T, strict=True))),
        indicator=_storable(rows.indicator), known=None if rows.known is None else _storable(rows.known), **said,
    )  # fmt: skip
    items: dict[tuple[str, int], DynamoItem] = {}
    for row, expected in zip(rows, _expected(rows, ranges), strict=True):
        item: DynamoItem = {name: _typed(value) for name, value in (row.as_item() | expected).items()}
        if row_days:
            item["expires_at"] = _typed(row.timestamp // 1000 + row_days * _DAY_SECONDS)
        items[row.stock_symbol, row.timestamp] = item
    if sum(len(name.encode()) + 16 for name in rows.names) + 1000 > ITEM_BYTES:
        _check_sizes(items)
    return items


def _expected(rows: Rows, models: Mapping[str, RangeModel]) -> list[dict[str, Any]]:
    """Return what each row has of its range forecast: nothing where none was made."""
    codes, by = rows.said_ranges
    if not (by >= 0).any():
        return [{}] * len(rows)
    found: list[dict[str, Any]] = []
    for index, own, horizons in zip(by.tolist(), codes, horizons_of(rows, models), strict=True):
        said: dict[str, Any] = {}
        if index >= 0:
            said = {"range_model": rows.models[index], "range_codes": own.astype(">u2").tobytes().hex()}
            if horizons is not None:
                said["horizons"] = {horizon: _storable_numbers(values) for horizon, values in horizons.items()}
        found.append(said)
    return found


def _storable_numbers(values: Mapping[str, float]) -> dict[str, float]:
    numbers: list[float] = _storable(np.array(list(values.values()))).tolist()
    return dict(zip(values, numbers, strict=True))


def read_rows(items: Sequence[DynamoItem], symbol: str = "stock_symbol") -> Rows:
    """Return the rows in these items, in their order; the attribute `symbol` names each one's symbol.

    Names of indicators are sorted; a row without a value has NaN there. Raises `StorageError` for an item that is no
    row.
    """
    rows = []
    for item in items:
        try:
            rows.append(_row({**item, "stock_symbol": item[symbol]}))
        except NOT_OURS as error:
            raise damaged(item, error) from error
    return _with_ranges(Rows.of(rows), items)


def damaged(item: DynamoItem, error: Exception) -> StorageError:
    """Return the error about an item that cannot be taken apart, by its key."""
    keys = [item[name] for name in ("stock_symbol", "timestamp", "item") if isinstance(item.get(name), dict)]
    name = " / ".join(str(value) for key in keys for value in key.values())
    return StorageError(
        f"the item {name} in DynamoDB is damaged ({type(error).__name__}: {error}): restore the table to a moment "
        "before that"
    )


def _with_ranges(rows: Rows, items: Sequence[DynamoItem]) -> Rows:
    """Return the rows with the range forecasts of their items. What was stored otherwise than here is passed over."""
    said = {
        i: item
        for i, item in enumerate(items)
        if "S" in item.get("range_codes", {}) and "S" in item.get("range_model", {})
    }
    if not said:
        return rows
    models = tuple(dict.fromkeys([*rows.models, *(item["range_model"]["S"] for item in said.values())]))
    ranges, by = np.zeros((len(rows), len(RANGE_CODES)), np.uint16), np.full(len(rows), -1, np.int32)
    for i, item in said.items():
        try:
            own = np.frombuffer(bytes.fromhex(item["range_codes"]["S"]), ">u2")
        except ValueError:
            continue
        if len(own) == len(RANGE_CODES):
            ranges[i], by[i] = own, models.index(item["range_model"]["S"])
    return replace(rows, models=models, ranges=ranges, range_model=by)


def plain_horizons(item: DynamoItem) -> dict[str, Any]:
    """Return what an item says of the range: `horizons` and `range_model` as JSON types, as far as it has them."""
    return {name: _untyped(item[name]) for name in ("horizons", "range_model") if name in item}


def _row(item: DynamoItem) -> Row:
    values = {name: _untyped(item[name], _KINDS.get(name, "")) for name in Row.__slots__ if name in item}
    absent: dict[str, Any] = {"indicator": {}, "prediction": None, "probability": None, "model": None}
    row = Row(**absent | values | {"timestamp": int(item["timestamp"]["N"])})
    if row.prediction is not None:
        Direction[row.prediction]
    return row


def _typed(value: Any) -> dict[str, Any]:
    """Return a value of a row as an attribute."""
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case dict():
            return {"M": {name: _typed(each) for name, each in value.items()}}
        case _:
            return {"N": repr(value)}


def _untyped(attribute: Mapping[str, Any], wanted: str = "") -> Any:
    """Return what an attribute holds; a number is a float. Raises `TypeError` for one that is not of the type wanted.

    A map that is wanted holds numbers.
    """
    ((kind, value),) = attribute.items()
    if wanted and kind != wanted:
        raise TypeError(f"an attribute of the type {kind} in place of {wanted}")
    match kind:
        case "M":
            return {name: _untyped(each, "N" if wanted else "") for name, each in value.items()}
        case "N":
            return float(value)
        case _:
            return value


def _storable(values: Floats) -> Floats:
    """Return the values as DynamoDB can hold them; NaN where there is none (infinite counts as none)."""
    clipped = np.where(np.isfinite(values), np.clip(values, -_LARGEST, _LARGEST), np.nan)
    return np.where(np.abs(clipped) < _SMALLEST, 0.0, clipped)


def _check_sizes(items: Mapping[tuple[str, int], DynamoItem]) -> None:
    """Raise `StorageError` for the first item that is too large."""
    for (symbol, timestamp), item in items.items():
        size = _size(item)
        if size > ITEM_BYTES:
            raise StorageError(
                f"{_row_name(symbol, timestamp)} has about {size} bytes, DynamoDB takes {ITEM_BYTES} "
                "an item: store fewer indicators"
            )


def _size(item: DynamoItem) -> int:
    """Return an upper estimate of what DynamoDB counts: names, and a byte for two digits of a number."""
    size = 0
    for name, value in item.items():
        ((kind, content),) = value.items()
        size += len(name.encode()) + 1
        match kind:
            case "M":
                size += 3 + _size(content)
            case "N":
                size += len(content) // 2 + 2
            case "S":
                size += len(content.encode())
            case _:
                size += 1
    return size


def _row_name(symbol: str, timestamp: int) -> str:
    return f"the row of {symbol} at {datetime.fromtimestamp(timestamp / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
