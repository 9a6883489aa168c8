"""Name jumps of a price that look like a split which the prices are not adjusted for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tapeline.core.market import Floats, Ints
from tapeline.core.symbol_forms import may_be_negative
from tapeline.core.times import DAY
from tapeline.feeds.files.file_records import Records
from tapeline.feeds.files.splits import Splits

#: A price that opens within this part of a whole ratio looks like a split; the smallest ratio is 2 to 1.
_CLOSE = 0.06
_LARGEST = 100
_MOST = 10_000

#: Bars further apart than this may differ as much without any split.
_APART = 40 * DAY


@dataclass(frozen=True, slots=True)
class PriceJump:
    """Hold a jump: from which close to which open, and when that bar opened (UTC epoch ms).

    `ratio` is how many new shares an old one became, if it was a split. A crash to a half looks the same.
    """

    symbol: str
    timestamp: int
    before: float
    opens: float
    ratio: float

    def __str__(self) -> str:
        day = dt.datetime.fromtimestamp(self.timestamp / 1000, dt.UTC)
        kind = f"{self.ratio:.0f}-for-1" if self.ratio > 1 else f"1-for-{1 / self.ratio:.0f}"
        moved = f"{self.symbol} goes from {self.before:g} to {self.opens:g} on {day:%Y-%m-%d}"
        return f"{moved}, as an unadjusted {kind} split does"


def splits_of(jumps: Iterable[PriceJump]) -> Splits:
    """Return the splits that these jumps are taken for."""
    found: dict[str, list[tuple[int, float]]] = {}
    for jump in jumps:
        found.setdefault(jump.symbol, []).append((jump.timestamp, jump.ratio))
    return found


class PriceJumps:
    """Watch the bars of a file for opens that are a whole ratio away from the close before.

    Of each symbol every bar is compared with the one in the row before, which may be the older or the newer one: many
    files begin with the newest. `found` are the jumps, in the order of the file.
    """

    def __init__(self) -> None:
        self.found: list[PriceJump] = []
        self._open: Floats = np.empty(0)
        self._close: Floats = np.empty(0)
        self._time: Ints = np.empty(0, np.int64)

    def look(self, records: Records, symbols: list[str]) -> None:
        """Look at the next bars. `symbols` are those that their codes mean."""
        missing = len(symbols) - len(self._time)
        if missing > 0:
            self._open, self._close = (np.append(each, np.full(missing, np.nan)) for each in (self._open, self._close))
            self._time = np.append(self._time, np.zeros(missing, np.int64))
        code = np.ascontiguousarray(records["code"])
        short = code.astype(np.uint16) if len(symbols) < 1 << 16 else code  # which NumPy sorts in a tenth of the time
        order = None if (code == code[0]).all() else np.argsort(short, kind="stable")
        opens, close = np.ascontiguousarray(records["open"]), np.ascontiguousarray(records["close"])
        times = np.ascontiguousarray(records["timestamp"])
        if order is not None:
            code, opens, close, times = code[order], opens[order], close[order], times[order]
        first = np.zeros(1, np.int64)
        if order is not None:
            first = np.append(first, np.flatnonzero(code[1:] != code[:-1]) + 1)
        own, last = code[first], np.append(first[1:], len(code)) - 1
        older = _shifted(times, first, self._time[own])
        before, after = _shifted(close, first, self._close[own]), opens
        back = times < older
        if back.any():  # the row before has the newer bar
            after = np.where(back, _shifted(opens, first, self._open[own]), opens)
            before = np.where(back, close, before)
        self._close[own], self._open[own], self._time[own] = close[last], opens[last], times[last]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = before / after
        for at in np.flatnonzero((ratio > 2 - 2 * _CLOSE) | (ratio < 1 / (2 - 2 * _CLOSE))).tolist():
            if abs(int(times[at]) - int(older[at])) <= _APART:
                time = max(int(times[at]), int(older[at]))
                self._judge(symbols[code[at]], time, float(before[at]), float(after[at]))

    def _judge(self, symbol: str, timestamp: int, before: float, opens: float) -> None:
        if len(self.found) >= _MOST or min(before, opens) <= 0 or may_be_negative(symbol):
            return
        times = max(before / opens, opens / before)
        whole = round(times)
        if 2 <= whole <= _LARGEST and abs(times / whole - 1) <= _CLOSE:
            ratio = float(whole) if before > opens else 1.0 / whole
            self.found.append(PriceJump(symbol, timestamp, before, opens, ratio))


def _shifted(values: Any, first: Ints, before: Any) -> Any:
    """Return of each row what the row before has, and `before` at the first row of each symbol."""
    found = np.empty_like(values)
    found[1:] = values[:-1]
    found[first] = before
    return found
