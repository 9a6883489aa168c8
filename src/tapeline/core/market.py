"""Define what arrives: ticks, bars, the batches in which bars flow, and records that were refused.

`Tick`, `Bar` and `Reject` are for the edges, where values come one at a time. `Bars` holds the same facts as columns,
because the engine, the model and the store are fast at a few thousand of them at once. Arrays of a batch are never
written to after it was made.

Times are UTC epoch milliseconds; prices are in the instrument's currency; volume is the shares traded in the bar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
Shorts = NDArray[np.uint16]
Flags = NDArray[np.bool_]

#: Changes to bars that were not the newest: the number of each, growing by 1, and the time of the first bar it changed.
Revisions = tuple[tuple[int, int], ...]

#: No market data is older than the ticker tape itself, nor from beyond the year 2200. Outside: a unit mistake.
EARLIEST_TIMESTAMP = -3_250_368_000_000  # 1867-01-01
LATEST_TIMESTAMP = 7_258_118_400_000  # 2200-01-01


#: The numbers of a bar, and all of its columns but the symbol, in the order of `Bars`.
OHLCV = ("open", "high", "low", "close", "volume")
BAR_COLUMNS = ("timestamp", *OHLCV, "final")


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


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Hold bars in the order of arrival, as columns of one length.

    `symbols` is this batch's own symbol table and `code[i]` the index of bar i's symbol in it (int32).
    `timestamp` is int64; `open high low close volume` are float64; `final` is bool.
    """

    symbols: tuple[str, ...]
    code: Codes
    timestamp: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    final: Flags

    @classmethod
    def of(cls, bars: Iterable[Bar]) -> Bars:
        """Return the batch of these bars, in their order."""
        bars = list(bars)
        return cls(*coded([bar.symbol for bar in bars]), *columns_of(bars, BAR_COLUMNS))

    @classmethod
    def concat(cls, batches: Sequence[Bars]) -> Bars:
        """One batch of several, in order. Their symbol tables may differ."""
        if len(batches) == 1:
            return batches[0]
        table: dict[str, int] = {}
        codes = []
        for batch in batches:
            new = np.fromiter((table.setdefault(s, len(table)) for s in batch.symbols), np.int32, len(batch.symbols))
            codes.append(new[batch.code] if len(batch) else batch.code)
        if not batches:
            return cls.of(())
        return cls(
            tuple(table),
            np.concatenate(codes),
            *(np.concatenate([getattr(b, name) for b in batches]) for name in BAR_COLUMNS),
        )

    def __len__(self) -> int:
        return len(self.code)

    def __getitem__(self, where: slice | NDArray[Any]) -> Bars:
        """Return the bars at `where` (a slice, an index array or a mask), in that order, with the same symbol table."""
        return Bars(self.symbols, self.code[where], *(getattr(self, name)[where] for name in BAR_COLUMNS))

    def __iter__(self) -> Iterator[Bar]:
        columns = (self.code, self.timestamp, self.open, self.high, self.low, self.close, self.volume, self.final)
        for code, *values in zip(*(column.tolist() for column in columns), strict=True):
            yield Bar(self.symbols[code], *values)


def coded(symbols: Sequence[str]) -> tuple[tuple[str, ...], Codes]:
    """Return the different symbols, and the index among them (int32) of each one given."""
    table: dict[str, int] = {}
    code = np.fromiter((table.setdefault(symbol, len(table)) for symbol in symbols), np.int32, len(symbols))
    return tuple(table), code


def columns_of(objects: Sequence[Any], names: Sequence[str]) -> list[Any]:
    """Return these attributes of each object as the columns of `Bars` after its code, whose order they have."""
    dtypes = (np.int64, *[np.float64] * len(OHLCV), np.bool_)
    return [
        np.fromiter(map(attrgetter(name), objects), dtype, len(objects))
        for name, dtype in zip(names, dtypes, strict=True)
    ]
