"""Name jumps of a price that look like a split which the prices are not adjusted for."""

from __future__ import annotations

import datetime as dt

import numpy as np

from tapeline.core.market import Floats
from tapeline.core.symbol_forms import may_be_negative
from tapeline.feeds.files.file_records import Records

#: A price that opens within this part of a whole ratio looks like a split; the smallest ratio is 2 to 1.
_CLOSE = 0.06
_LARGEST = 100
_MOST_NAMED = 20


class PriceJumps:
    """Watch the bars of a file, in its order, for opens that are a whole ratio away from the close before.

    `named` has a sentence for each of the first jumps. A crash to a half looks the same: it is a suspicion.
    """

    def __init__(self) -> None:
        self.named: list[str] = []
        self._last: Floats = np.empty(0)

    def look(self, records: Records, symbols: list[str]) -> None:
        """Look at the next bars. `symbols` are those that their codes mean."""
        if len(self._last) < len(symbols):
            self._last = np.append(self._last, np.full(len(symbols) - len(self._last), np.nan))
        code = np.ascontiguousarray(records["code"])
        short = code.astype(np.uint16) if len(symbols) < 1 << 16 else code  # which NumPy sorts in a tenth of the time
        order = None if (code == code[0]).all() else np.argsort(short, kind="stable")
        opens, close = np.ascontiguousarray(records["open"]), np.ascontiguousarray(records["close"])
        if order is not None:
            code, opens, close = code[order], opens[order], close[order]
        first = np.append(True, code[1:] != code[:-1])
        before = np.append(np.nan, close[:-1])
        before[first] = self._last[code[first]]
        last = np.append(first[1:], True)
        self._last[code[last]] = close[last]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = before / opens
        for at in np.flatnonzero((ratio > 2 - 2 * _CLOSE) | (ratio < 1 / (2 - 2 * _CLOSE))).tolist():
            row = records[at if order is None else order[at]]
            self._name(symbols[code[at]], int(row["timestamp"]), float(before[at]), float(opens[at]))

    def _name(self, symbol: str, timestamp: int, before: float, opens: float) -> None:
        if len(self.named) >= _MOST_NAMED or min(before, opens) <= 0 or may_be_negative(symbol):
            return
        times = max(before / opens, opens / before)
        whole = round(times)
        if not 2 <= whole <= _LARGEST or abs(times / whole - 1) > _CLOSE:
            return
        day = dt.datetime.fromtimestamp(timestamp / 1000, dt.UTC)
        kind = f"{whole}-for-1" if before > opens else f"1-for-{whole}"
        self.named.append(
            f"{symbol} goes from {before:g} to {opens:g} on {day:%Y-%m-%d}, as an unadjusted {kind} split does; "
            "--adjust scales prices where the file has adjusted closes"
        )
