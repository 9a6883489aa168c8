"""Every indicator there is, one entry each. Specs, docs, the picker and the model's features are made from this."""

from __future__ import annotations

from tapeline.indicators.entry import Indicator, Storage, factor, period
from tapeline.indicators.kernels import momentum, overlap, volatility

TA_LIB = "TA-Lib"


def _fast_below_slow(fast: int, slow: int, *_: int) -> str:
    return "" if fast < slow else "fast must be below slow"


_ENTRIES = (
    Indicator(
        "sma", "Simple moving average", "overlap", ("close",), (period(20),),
        overlap.sma, lambda n: Storage((n,), 1), lambda n: n - 1,
        "mean of the last n closes", TA_LIB, pane="price",
    ),
    Indicator(
        "ema", "Exponential moving average", "overlap", ("close",), (period(20),),
        overlap.ema, lambda n: Storage((0,), 1), lambda n: n - 1,
        "e += 2/(n+1) (close - e), seeded with the mean of the first n closes", TA_LIB, pane="price",
    ),
    Indicator(
        "bbands", "Bollinger bands", "overlap", ("close",), (period(20, low=2), factor(2.0)),
        overlap.bbands, lambda n, f: Storage((n,), 4), lambda n, f: n - 1,
        "mean ± f population standard deviations of n closes; width = (upper - lower)/middle; "
        "percent_b = (close - lower)/(upper - lower), 0.5 where they meet",
        "TA-Lib; width and %b: John Bollinger", outputs=("_upper", "_middle", "_lower", "_width", "_percent_b"),
        pane="price",
    ),
    Indicator(
        "macd", "Moving average convergence/divergence", "momentum", ("close",),
        (period(12, "fast"), period(26, "slow", 2), period(9, "signal")),
        momentum.macd, lambda f, s, g: Storage((0,), 3), lambda f, s, g: s + g - 2,
        "fast EMA - slow EMA; signal = EMA of that; hist = difference", TA_LIB, outputs=("", "_signal", "_hist"),
        check=_fast_below_slow,
    ),
    Indicator(
        "rsi", "Relative strength index", "momentum", ("close",), (period(14, low=2),),
        momentum.rsi, lambda n: Storage((1,), 2), lambda n: n,
        "100 gain/(gain + loss), Wilder averages of rises and falls; 0 where nothing moved", TA_LIB, scale_free=True,
    ),
    Indicator(
        "roc", "Rate of change", "momentum", ("close",), (period(10),),
        momentum.roc, lambda n: Storage((n,)), lambda n: n,
        "100 (close/close n bars ago - 1)", TA_LIB, scale_free=True,
    ),
    Indicator(
        "atr", "Average true range", "volatility", ("high", "low", "close"), (period(14),),
        volatility.atr, lambda n: Storage((0, 0, 1), 1), lambda n: n,
        "Wilder average of max(high, previous close) - min(low, previous close)", TA_LIB,
    ),
)  # fmt: skip

CATALOGUE: dict[str, Indicator] = {entry.name: entry for entry in _ENTRIES}

#: What is computed unless told otherwise.
DEFAULT: tuple[str, ...] = (
    "sma_20", "sma_50", "sma_200", "ema_12", "ema_26", "macd_12_26_9", "rsi_14", "bbands_20_2", "atr_14",
)  # fmt: skip
