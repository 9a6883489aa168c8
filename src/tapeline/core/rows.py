"""Define what is stored for a bar: the bar, its indicators and what was forecast, as one `Row` or as columns, `Rows`.

Times are UTC epoch milliseconds; prices are in the instrument's currency; volume is the shares traded in the bar.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeline.core.market import OHLCV, Bars, Codes, Floats, Revisions, Shorts, coded, columns_of


class Direction(enum.IntEnum):
    """Name a prediction: where the close will be `horizon` bars ahead. `NONE` means that no model answered."""

    NONE = 0
    UP = 1
    DOWN = 2
    HOLD = 3


#: What a forecast says about a bar, as columns of `Rows`: each one's type, and its value where nothing was said. Stores
#: keep these columns with the bar, and nothing that is learnt about it later changes them.
FORECAST: dict[str, tuple[type[np.generic], float]] = {
    "prediction": (np.int8, Direction.NONE),
    "probability": (np.float64, math.nan),
}


#: What the range forecast says about a bar, as columns of 16 bits: sigmas of the log return over each horizon, the
#: usual sigma of one bar, and mean volumes over each horizon. `forecast.said_codes` says what a code means.
RANGE_CODES = ("sigma_1", "sigma_5", "sigma_20", "usual_sigma", "volume_1", "volume_5", "volume_20")

#: The fields of a `Row` that are a bar's, in the order of `Bars`.
_BAR = ("timestamp", "open", "high", "low", "price", "volume", "final")


@dataclass(frozen=True, slots=True)
class Row:
    """Hold the stored result for one bar, under the names of the DynamoDB table (see `as_item`).

    `indicator` holds only values that are warm. `probability` is that of UP; it, `prediction` and `model` are None
    when no model answered. `as_known` has the open, high, low, close and volume that a bar which was revised since was
    first stored with; None where it never was.
    """

    stock_symbol: str
    timestamp: int
    price: float
    volume: float
    indicator: dict[str, float]
    prediction: str | None
    open: float
    high: float
    low: float
    final: bool
    probability: float | None
    model: str | None
    as_known: dict[str, float] | None = None

    def as_item(self) -> dict[str, Any]:
        """Return the row as the store's item: absent values are left out, as DynamoDB and the JSON output want it."""
        item = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in item.items() if value is not None}


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Results in the order of `bars`, as columns.

    `indicator` is float64 [len(bars), len(names)], NaN where an indicator is not warm; `names` are its columns.
    `prediction` is int8 (`Direction`), `probability` float64 (NaN where absent), `model` int32: the index in `models`
    of the version that predicted this row, -1 where none did. `known` holds the open, high, low, close and volume that
    a bar had when it was first stored, float64 [n, 5], NaN where they were never revised (None: nowhere). `revisions`
    are the latest changes to bars before the symbol's last one in the store they came from, None where it cannot tell.
    `ranges` is what the range forecast said, uint16 [n, len(RANGE_CODES)], and `range_model` which version said it, as
    `model` does; None for both where no row has any.
    """

    bars: Bars
    names: tuple[str, ...]
    indicator: Floats
    prediction: NDArray[np.int8]
    probability: Floats
    models: tuple[str, ...]
    model: Codes
    known: Floats | None = None
    revisions: Revisions | None = None
    ranges: Shorts | None = None
    range_model: Codes | None = None

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Rows:
        """Return these rows as columns, in their order, under the sorted union of their indicators' names."""
        names = tuple(sorted({name for row in rows for name in row.indicator}))
        models = tuple(dict.fromkeys(row.model for row in rows if row.model))
        known = None
        if any(row.as_known for row in rows):
            known = np.array([[(row.as_known or {}).get(name, np.nan) for name in OHLCV] for row in rows])
        return cls(
            Bars(*coded([row.stock_symbol for row in rows]), *columns_of(rows, _BAR)),
            names,
            np.array([[row.indicator.get(name, np.nan) for name in names] for row in rows]).reshape(
                len(rows), len(names)
            ),
            models=models,
            model=np.array([models.index(row.model) if row.model else -1 for row in rows], np.int32),
            known=known,
            revisions=None,
            **{name: np.array([_said(row, name) for row in rows], dtype) for name, (dtype, _) in FORECAST.items()},
        )

    @classmethod
    def concat(cls, parts: Sequence[Rows]) -> Rows:
        """Return one batch of several that have the same indicator columns, in order."""
        if len(parts) == 1:
            return parts[0]
        models = tuple(dict.fromkeys(model for part in parts for model in part.models))
        new = [np.array([*map(models.index, part.models), -1], np.int32) for part in parts]  # -1, no model, is last
        return cls(
            Bars.concat([part.bars for part in parts]),
            parts[0].names,
            np.concatenate([part.indicator for part in parts]),
            models=models,
            model=np.concatenate([index[part.model] for index, part in zip(new, parts, strict=True)]),
            known=_stacked([(part.known, len(part)) for part in parts]),
            revisions=parts[-1].revisions,
            **_stacked_ranges(parts, new),
            **{name: np.concatenate([part.forecast[name] for part in parts]) for name in FORECAST},
        )

    @property
    def forecast(self) -> dict[str, Any]:
        """Return the columns of `FORECAST` by name; one that was left out says nothing about any bar."""
        found = {name: getattr(self, name) for name in FORECAST}
        for name, (dtype, absent) in FORECAST.items():
            if found[name] is None:
                found[name] = np.full(len(self), absent, dtype)
        return found

    @property
    def said_ranges(self) -> tuple[Shorts, Codes]:
        """Return `ranges` and `range_model`, with 0 and -1 for every row where they are None."""
        count = len(self)
        ranges = np.zeros((count, len(RANGE_CODES)), np.uint16) if self.ranges is None else self.ranges
        return ranges, np.full(count, -1, np.int32) if self.range_model is None else self.range_model

    def as_known(self) -> Rows:
        """Return the rows with the values that each bar was first stored with, those its forecast was made from."""
        if self.known is None:
            return self
        bars = self.bars
        first = ~np.isnan(self.known[:, 0])
        open_, high, low, close, volume = (
            np.where(first, self.known[:, i], getattr(bars, name)) for i, name in enumerate(OHLCV)
        )
        then = Bars(bars.symbols, bars.code, bars.timestamp, open_, high, low, close, volume, bars.final)
        return replace(self, bars=then, known=None)

    def __len__(self) -> int:
        return len(self.bars)

    def __getitem__(self, where: slice | NDArray[Any]) -> Rows:
        return Rows(
            self.bars[where],
            self.names,
            self.indicator[where],
            models=self.models,
            model=self.model[where],
            known=None if self.known is None else self.known[where],
            revisions=self.revisions,
            ranges=None if self.ranges is None else self.ranges[where],
            range_model=None if self.range_model is None else self.range_model[where],
            **{name: column[where] for name, column in self.forecast.items()},
        )

    def __iter__(self) -> Iterator[Row]:
        said = {name: column.tolist() for name, column in self.forecast.items()}
        numbers = [name for name in said if name != "prediction"]
        for i, bar in enumerate(self.bars):
            direction = Direction(said["prediction"][i])
            values = zip(self.names, self.indicator[i].tolist(), strict=True)
            forecast: dict[str, Any] = {name: _number(said[name][i]) if direction else None for name in numbers}
            yield Row(
                stock_symbol=bar.symbol,
                timestamp=bar.timestamp,
                price=bar.close,
                volume=bar.volume,
                indicator={name: value for name, value in values if not math.isnan(value)},
                prediction=direction.name if direction else None,
                open=bar.open,
                high=bar.high,
                low=bar.low,
                final=bar.final,
                model=self.models[self.model[i]] if direction else None,
                as_known=self._first_values(i),
                **forecast,
            )

    def _first_values(self, index: int) -> dict[str, float] | None:
        if self.known is None or math.isnan(self.known[index, 0]):
            return None
        return dict(zip(OHLCV, self.known[index].tolist(), strict=True))


def _stacked_ranges(parts: Sequence[Rows], models: Sequence[Codes]) -> dict[str, Any]:
    """Return the range forecasts of several batches as one; `models` are each batch's versions in the joint table."""
    if all(part.ranges is None for part in parts):
        return {}
    said = [part.said_ranges for part in parts]
    versions = [index[own] for index, (_, own) in zip(models, said, strict=True)]
    return {"ranges": np.concatenate([ranges for ranges, _ in said]), "range_model": np.concatenate(versions)}


def _number(value: float) -> float | None:
    """Return the number, None for NaN."""
    return None if math.isnan(value) else value


def _said(row: Row, name: str) -> float:
    """Return what a row says in a column of `FORECAST`, as a number."""
    value = getattr(row, name)
    if value is None:
        return FORECAST[name][1]
    return Direction[value] if isinstance(value, str) else value


def _stacked(parts: Sequence[tuple[Floats | None, int]]) -> Floats | None:
    """Return first-known values of several batches as one, None where no batch has any."""
    if all(known is None for known, _ in parts):
        return None
    return np.concatenate([np.full((count, len(OHLCV)), np.nan) if known is None else known for known, count in parts])
