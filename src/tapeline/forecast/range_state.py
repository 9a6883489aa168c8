"""Run the range forecast over bars of many symbols, with one row of state per symbol."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from tapeline.core.market import Bars, Codes, Floats
from tapeline.errors import DecodeError
from tapeline.forecast.range_layout import (
    HORIZONS,
    NUMBERS,
    OUTPUTS,
    REGRESSORS,
    REGRESSORS_WIDTH,
    VOLUME_REGRESSORS,
    WIDTH,
)
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_step import advance
from tapeline.forecast.time_of_day import season

_SNAPSHOT = struct.Struct("<4sI")
_MAGIC = b"RNG1"

_NO_REGRESSORS: Floats = np.empty((0, REGRESSORS_WIDTH))


class RangeStates:
    """Keep what the range forecast remembers of each symbol, and move it on bar by bar or in batches.

    The same bars give the same bits in any batches. One thread at a time.
    """

    def __init__(self) -> None:
        self._state: Floats = np.zeros((0, WIDTH))
        self._slots: dict[str, int] = {}

    def update(self, bars: Bars, model: RangeModel, regressors: Floats = _NO_REGRESSORS) -> Floats:
        """Commit final bars, each symbol's in the order of time, and return what is said after each.

        The result is float64 [len(bars), OUTPUTS], NaN where nothing is said: sigmas of the log return over each
        horizon, the usual sigma of one bar, mean volumes over each horizon; mean variances over each horizon, and the
        bar's own variance without the time of day, which it always has. `regressors`, float64 [len(bars),
        REGRESSORS_WIDTH], is filled in, for training.
        """
        out = np.empty((len(bars), OUTPUTS))
        if len(bars):
            slots = self._places(bars.symbols)[bars.code]
            factors = season(bars, model.interval, np.array(model.variance_profile), np.array(model.volume_profile))
            advance(
                slots, bars.timestamp, bars.open, bars.high, bars.low, bars.close, bars.volume, factors, self._state,
                *model.arrays, out, regressors,
            )  # fmt: skip
        return out

    def _places(self, symbols: Sequence[str]) -> Codes:
        """Return the row of each symbol's state; new symbols are given one."""
        for symbol in symbols:
            self._slots.setdefault(symbol, len(self._slots))
        if len(self._slots) > len(self._state):
            grown = np.zeros((max(len(self._slots), 2 * len(self._state), 16), WIDTH))
            grown[: len(self._state)] = self._state
            self._state = grown
        return np.fromiter((self._slots[symbol] for symbol in symbols), np.int32, len(symbols))

    def forget(self, symbol: str) -> None:
        """Drop what is remembered of the symbol: its next bar is its first."""
        if symbol in self._slots:
            self._state[self._slots[symbol]] = 0.0

    def snapshot(self, symbol: str) -> bytes:
        """Return the symbol's state as bytes for `restore`; it is empty where the symbol has none."""
        if symbol not in self._slots:
            return b""
        row = self._state[self._slots[symbol]]
        numbers: bytes = row.astype("<f8").tobytes()
        return _SNAPSHOT.pack(_MAGIC, WIDTH) + numbers

    def restore(self, symbol: str, data: bytes) -> None:
        """Take on the state in a snapshot. Raises `DecodeError` when it is damaged or of another layout."""
        if len(data) != _SNAPSHOT.size + 8 * WIDTH or _SNAPSHOT.unpack_from(data) != (_MAGIC, WIDTH):
            raise DecodeError(f"the range state of {symbol} is of another version, or damaged")
        slot = self._places((symbol,))[0]  # may move the matrix
        self._state[slot] = np.frombuffer(data, "<f8", WIDTH, _SNAPSHOT.size)


def warm_up() -> Floats:
    """Load the compiled step from the cache, or compile it; return what it says of one bar that it knows nothing of."""
    one, out = np.ones(1), np.empty((1, OUTPUTS))
    advance(
        np.zeros(1, np.int32), np.zeros(1, np.int64), one, one, one, one, one, np.ones((1, 2 + 2 * len(HORIZONS))),
        np.zeros((1, WIDTH)), np.full(NUMBERS, 0.5), np.zeros((len(HORIZONS), len(REGRESSORS) + 1)),
        np.zeros((len(HORIZONS), len(VOLUME_REGRESSORS) + 1)), out, _NO_REGRESSORS,
    )  # fmt: skip
    return out
