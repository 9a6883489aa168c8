"""Speed and exhaustion of a move."""

from __future__ import annotations

from tapeline.indicators import direction, momentum, oscillators
from tapeline.indicators.entry import Indicator, Storage, period
from tapeline.indicators.kernels.shared_columns import highest, lowest, range_, typical


def _fast_below_slow(fast: int, slow: int, *_: int) -> str:
    return "" if fast < slow else "fast must be below slow"


ENTRIES = (
    Indicator(
        "macd", "Moving average convergence/divergence", "momentum",
        (period(12, "fast"), period(26, "slow"), period(9, "signal")),
        momentum.macd, lambda f, s, g: Storage({"close": 0}, 3), lambda f, s, g: s + g - 2,
        "fast EMA - slow EMA, both seeded to start together; signal = EMA of that; hist = difference", "TA-Lib MACD",
        outputs=("", "_signal", "_hist"), check=_fast_below_slow,
    ),
    Indicator(
        "ppo", "Percentage price oscillator", "momentum", (period(12, "fast"), period(26, "slow")),
        momentum.ppo, lambda f, s: Storage({"close": 0}, 2), lambda f, s: s - 1,
        "100 (fast EMA - slow EMA)/slow EMA", "TA-Lib PPO", scale_free=True,
        check=_fast_below_slow,
    ),
    Indicator(
        "rsi", "Relative strength index", "momentum", (period(14, low=2),),
        momentum.rsi, lambda n: Storage({"close": 1}, 2), lambda n: n,
        "100 rise/(rise + fall), Wilder averages of rises and falls; 0 where nothing moved", "TA-Lib RSI",
        scale_free=True,
    ),
    Indicator(
        "stoch", "Stochastic", "momentum",
        (period(14, "%K period"), period(3, "%K smoothing"), period(3, "%D period")),
        oscillators.stoch, lambda n, k, d: Storage({"close": 0}, 0, (k, d), (highest("high", n), lowest("low", n))),
        lambda n, k, d: n + k + d - 3,
        "100 (close - lowest low)/(highest high - lowest low) of n bars, 0 without a range; k = its mean over the "
        "smoothing, d = mean of k", "TA-Lib STOCH", outputs=("_k", "_d"), scale_free=True,
    ),
    Indicator(
        "stochrsi", "Stochastic RSI", "momentum",
        (period(14, low=2), period(5, "%K period"), period(3, "%D period")),
        oscillators.stochrsi, lambda n, k, d: Storage({"close": 1}, 2, (k, d, 0, 0)), lambda n, k, d: n + k + d - 2,
        "100 (RSI - its lowest)/(its highest - its lowest) of k bars, 0 without a range; d = its mean",
        "TA-Lib STOCHRSI", outputs=("_k", "_d"), scale_free=True,
    ),
    Indicator(
        "willr", "Williams' %R", "momentum", (period(14, low=2),),
        oscillators.willr, lambda n: Storage({"close": 0}, shared=(highest("high", n), lowest("low", n))),
        lambda n: n - 1,
        "-100 (highest high - close)/(highest high - lowest low) of n bars, 0 without a range", "TA-Lib WILLR",
        scale_free=True,
    ),
    Indicator(
        "cci", "Commodity channel index", "momentum", (period(20, low=2),),
        oscillators.cci, lambda n: Storage({}, 1, shared=(typical(n),)), lambda n: n - 1,
        "(typical price - its mean)/(0.015 mean absolute deviation), 0 without a deviation", "TA-Lib CCI",
        scale_free=True,
    ),
    Indicator(
        "cmo", "Chande's momentum oscillator", "momentum", (period(14, low=2),),
        momentum.cmo, lambda n: Storage({"close": 1}, 2), lambda n: n,
        "100 (rise - fall)/(rise + fall), Wilder averages; 0 where nothing moved", "TA-Lib CMO", scale_free=True,
    ),
    Indicator(
        "roc", "Rate of change", "momentum", (period(10),),
        momentum.roc, lambda n: Storage({"close": n}), lambda n: n,
        "100 (close/close n bars ago - 1)", "TA-Lib ROC", scale_free=True,
    ),
    Indicator(
        "mom", "Momentum", "momentum", (period(10),),
        momentum.mom, lambda n: Storage({"close": n}), lambda n: n,
        "close - close n bars ago", "TA-Lib MOM",
    ),
    Indicator(
        "trix", "TRIX", "momentum", (period(30),),
        momentum.trix, lambda n: Storage({"close": 0}, 3), lambda n: 3 * (n - 1) + 1,
        "one-bar rate of change of the triple EMA, in percent", "TA-Lib TRIX", scale_free=True,
    ),
    Indicator(
        "ultosc", "Ultimate oscillator", "momentum",
        (period(7, "first"), period(14, "second"), period(28, "third")),
        oscillators.ultosc,
        lambda *n: Storage({"low": 0, "close": 1}, 0, (max(n),), (range_(max(n)),)), max,
        "100 (4 A + 2 B + C)/7, each buying pressure over true range of a period, the shortest first",
        "TA-Lib ULTOSC", scale_free=True,
    ),
    Indicator(
        "mfi", "Money flow index", "momentum", (period(14, low=2),),
        oscillators.mfi, lambda n: Storage({"volume": 0}, 4, (n, n), (typical(1),)), lambda n: n,
        "100 inflow/all flow of n bars, flow = typical price times volume, in when the typical price rose; 0 without "
        "any flow", "TA-Lib MFI", scale_free=True,
    ),
    Indicator(
        "adx", "Average directional index", "momentum", (period(14, low=2),),
        direction.adx, lambda n: Storage({"high": 1, "low": 1}, 4, shared=(range_(),)), lambda n: 2 * n - 1,
        "Wilder average of 100 |+DI - -DI|/(+DI + -DI)", "TA-Lib ADX", scale_free=True,
    ),
    Indicator(
        "adxr", "Average directional index rating", "momentum", (period(14, low=2),),
        direction.adxr, lambda n: Storage({"high": 1, "low": 1}, 4, (n,), (range_(),)), lambda n: 3 * n - 2,
        "mean of the ADX and the ADX n - 1 bars ago", "TA-Lib ADXR", scale_free=True,
    ),
    Indicator(
        "plus_di", "Plus directional indicator", "momentum", (period(14, low=2),),
        direction.plus_di, lambda n: Storage({"high": 1, "low": 1}, 2, shared=(range_(),)), lambda n: n,
        "100 upward movement/true range, Wilder sums", "TA-Lib PLUS_DI", scale_free=True,
    ),
    Indicator(
        "minus_di", "Minus directional indicator", "momentum", (period(14, low=2),),
        direction.minus_di, lambda n: Storage({"high": 1, "low": 1}, 2, shared=(range_(),)), lambda n: n,
        "100 downward movement/true range, Wilder sums", "TA-Lib MINUS_DI", scale_free=True,
    ),
    Indicator(
        "aroon", "Aroon", "momentum", (period(14, low=2),),
        oscillators.aroon, lambda n: Storage({"high": n + 1, "low": n + 1}, 2), lambda n: n,
        "100 (n - bars since the highest high, lowest low of n + 1 bars)/n", "TA-Lib AROON", outputs=("_up", "_down"),
        scale_free=True,
    ),
    Indicator(
        "aroonosc", "Aroon oscillator", "momentum", (period(14, low=2),),
        oscillators.aroonosc, lambda n: Storage({"high": n + 1, "low": n + 1}, 2), lambda n: n,
        "Aroon up - Aroon down", "TA-Lib AROONOSC", scale_free=True,
    ),
    Indicator(
        "bop", "Balance of power", "momentum", (),
        momentum.bop, lambda: Storage({"open": 0, "high": 0, "low": 0, "close": 0}), lambda: 0,
        "(close - open)/(high - low), 0 without a range", "TA-Lib BOP", scale_free=True,
    ),
)  # fmt: skip
