"""Define what arrives or leaves one at a time: a tick, a bar, a stored row, and a record that was refused.

Everything between the edges flows in batches (`market`). Times are UTC epoch milliseconds; prices are in the
instrument's currency; volume is the shares traded in the bar.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tick:
    """Hold one trade or quote update: `price` at `timestamp`, `size` shares (0 for a quote)."""

    symbol: str
    timestamp: int
    price: float
    size: float = 0.0


@dataclass(frozen=True, slots=True)
class Bar:
    """Hold one bar of one symbol. `timestamp` is its open time; `final` is False while the bar is still forming."""

    symbol: str
    timestamp: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    final: bool = True


@dataclass(frozen=True, slots=True)
class Reject:
    """Hold a record that was not accepted: where from, where in there, why, what it was, and how many it stands for."""

    source: str
    place: str
    reason: str
    raw: bytes
    count: int = 1


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
