"""Prices at which others are watching."""

from __future__ import annotations

from tapeline.indicators import levels
from tapeline.indicators.entry import Indicator, Storage, period
from tapeline.indicators.kernels.shared_columns import highest, lowest

ENTRIES = (
    Indicator(
        "pivots", "Pivot points of the previous session", "levels", (),
        levels.pivots, lambda: Storage({"high": 0, "low": 0, "close": 0, "session": 0}, 8), lambda: 1,
        "p = (high + low + close)/3; r1 = 2p - low, r2 = p + (high - low), r3 = high + 2(p - low); s1 = 2p - high, "
        "s2 = p - (high - low), s3 = low - 2(high - p); absent in the first session",
        "floor traders' pivots: J. Person, A Complete Guide to Technical Trading Tactics (2004)",
        outputs=("_p", "_r1", "_r2", "_r3", "_s1", "_s2", "_s3"), pane="price",
    ),
    Indicator(
        "fibonacci", "Fibonacci retracements", "levels", (period(60, low=2),),
        levels.fibonacci, lambda n: Storage({}, shared=(highest("high", n), lowest("low", n))), lambda n: n - 1,
        "highest high - share (highest high - lowest low) of n bars, for 0, 23.6, 38.2, 50, 61.8, 78.6 and 100 percent",
        "R. Fischer, Fibonacci Applications and Strategies for Traders (1993)",
        outputs=("_0", "_236", "_382", "_500", "_618", "_786", "_1000"), pane="price",
    ),
)  # fmt: skip
