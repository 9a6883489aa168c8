"""Turn rows into DynamoDB items, and back.

A row's item has `stock_symbol` (S), `timestamp` (N), `open high low price volume` (N), `final` (BOOL), `indicator` (M,
name -> N, only values that are warm), and where they are known `prediction` (S), `probability` (N), `model` (S) and
`expires_at` (N, epoch seconds). A bar that was revised has `as_known` (M): the open, high, low, close and volume that
it was first stored with.

A number is written as the shortest text that gives the same float64 back, so what is read is exactly what was stored.
DynamoDB holds 0 and magnitudes from 1e-130 to below 1e126: what is smaller is stored as 0, what is larger as the
largest float64 in that range.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tapeline.core.market import OHLCV, Bars, Direction, Floats, Rows
from tapeline.errors import StorageError

#: An item as the low-level client takes it: attribute name -> {type: value}.
DynamoItem = dict[str, Any]

#: DynamoDB takes 400 KB an item, names included; a little is left for what the estimate below does not know.
ITEM_BYTES = 400_000

_SMALLEST = 1e-130
_LARGEST = math.nextafter(1e126, 0)
_PRICES = ("open", "high", "low", "price", "volume")
_DAY_SECONDS = 86_400


def row_items(rows: Rows, row_days: int) -> dict[tuple[str, int], DynamoItem]:
    """Return the items of these rows by (symbol, timestamp), the last one of every bar.

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
    names = rows.names
    items: dict[tuple[str, int], DynamoItem] = {}
    columns = zip(
        bars.code.tolist(), bars.timestamp.tolist(), bars.final.tolist(), _storable(prices).tolist(),
        _storable(rows.indicator).tolist(), rows.prediction.tolist(), _storable(rows.probability).tolist(),
        rows.model.tolist(),
        strict=True,
    )  # fmt: skip
    for code, timestamp, final, own, values, prediction, probability, model in columns:
        symbol = bars.symbols[code]
        item: DynamoItem = {"stock_symbol": {"S": symbol}, "timestamp": {"N": str(timestamp)}, "final": {"BOOL": final}}
        for name, value in zip(_PRICES, own, strict=True):
            item[name] = {"N": repr(value)}
        known = zip(names, values, strict=True)
        item["indicator"] = {"M": {name: {"N": repr(value)} for name, value in known if value == value}}  # noqa: PLR0124
        if prediction:
            item["prediction"] = {"S": Direction(prediction).name}
            item["probability"] = {"N": repr(probability)}
            item["model"] = {"S": rows.models[model]}
        if row_days:
            item["expires_at"] = {"N": str(timestamp // 1000 + row_days * _DAY_SECONDS)}
        items[symbol, timestamp] = item
    if rows.known is not None:
        for index in np.flatnonzero(~np.isnan(rows.known[:, 0])).tolist():
            first = zip(OHLCV, _storable(rows.known[index]).tolist(), strict=True)
            item = items[bars.symbols[bars.code[index]], int(bars.timestamp[index])]
            item["as_known"] = {"M": {name: {"N": repr(value)} for name, value in first}}
    if sum(len(name.encode()) + 16 for name in names) + 1000 > ITEM_BYTES:
        _check_sizes(items)
    return items


def read_rows(items: Sequence[DynamoItem], symbol: str = "stock_symbol") -> Rows:
    """Return the rows in these items, in their order; the attribute `symbol` names each one's symbol.

    Names of indicators are sorted; a row without a value has NaN there.
    """
    table: dict[str, int] = {}
    models: dict[str, int] = {}
    code = np.array([table.setdefault(item[symbol]["S"], len(table)) for item in items], np.int32)
    price = {name: np.array([float(item[name]["N"]) for item in items], np.float64) for name in _PRICES}
    bars = Bars(
        tuple(table),
        code,
        np.array([int(item["timestamp"]["N"]) for item in items], np.int64),
        price["open"],
        price["high"],
        price["low"],
        price["price"],
        price["volume"],
        np.array([item["final"]["BOOL"] for item in items], np.bool_),
    )
    maps = [item["indicator"]["M"] if "indicator" in item else {} for item in items]
    names = tuple(sorted(set().union(*maps)))
    absent = {"N": "nan"}
    values = [float(known.get(name, absent)["N"]) for known in maps for name in names]
    model = [models.setdefault(item["model"]["S"], len(models)) if "model" in item else -1 for item in items]
    return Rows(
        bars,
        names,
        np.array(values, np.float64).reshape(len(items), len(names)),
        np.array([Direction[item["prediction"]["S"]] if "prediction" in item else 0 for item in items], np.int8),
        np.array([float(item.get("probability", absent)["N"]) for item in items], np.float64),
        tuple(models),
        np.array(model, np.int32),
        _known_values(items),
    )


def _known_values(items: Sequence[DynamoItem]) -> Floats | None:
    """Return the values that revised bars were first stored with, float64 [n, 5], NaN elsewhere; None without any."""
    if not any("as_known" in item for item in items):
        return None
    absent = {name: {"N": "nan"} for name in OHLCV}
    maps = [item["as_known"]["M"] if "as_known" in item else absent for item in items]
    return np.array([[float(known[name]["N"]) for name in OHLCV] for known in maps], np.float64)


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
