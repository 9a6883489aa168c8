"""Speed and exhaustion of a move."""

from __future__ import annotations

from tapeline.indicators.entry import Indicator, Storage, period
from tapeline.indicators.kernels import direction, momentum, oscillators


def _fast_below_slow(fast: int, slow: int, *_: int) -> str:
    return "" if fast < slow else "fast must be below slow"


ENTRIES = (
    Indicator(
        "macd", "Moving average convergence/divergence", "momentum", ("close",),
        (period(12, "fast"), period(26, "slow"), period(9, "signal")),
        momentum.macd, lambda f, s, g: Storage((0,), 3), lambda f, s, g: s + g - 2,
        "fast EMA - slow EMA, both seeded to start together; signal = EMA of that; hist = difference", "TA-Lib MACD",
        outputs=("", "_signal", "_hist"), check=_fast_below_slow,
    ),
    Indicator(
        "ppo", "Percentage price oscillator", "momentum", ("close",), (period(12, "fast"), period(26, "slow")),
        momentum.ppo, lambda f, s: Storage((0,), 2), lambda f, s: s - 1,
        "100 (fast EMA - slow EMA)/slow EMA", "TA-Lib PPO", scale_free=True,
        check=_fast_below_slow,
    ),
    Indicator(
        "rsi", "Relative strength index", "momentum", ("close",), (period(14, low=2),),
        momentum.rsi, lambda n: Storage((1,), 2), lambda n: n,
        "100 rise/(rise + fall), Wilder averages of rises and falls; 0 where nothing moved", "TA-Lib RSI",
        scale_free=True,
    ),
    Indicator(
        "stoch", "Stochastic", "momentum", ("high", "low", "close"),
        (period(14, "%K period"), period(3, "%K smoothing"), period(3, "%D period")),
        oscillators.stoch, lambda n, k, d: Storage((n, n, 0), 0, (k, d)), lambda n, k, d: n + k + d - 3,
        "100 (close - lowest low)/(highest high - lowest low) of n bars, 0 without a range; k = its mean over the "
        "smoothing, d = mean of k", "TA-Lib STOCH", outputs=("_k", "_d"), scale_free=True,
    ),
    Indicator(
        "stochrsi", "Stochastic RSI", "momentum", ("close",),
        (period(14, low=2), period(5, "%K period"), period(3, "%D period")),
        oscillators.stochrsi, lambda n, k, d: Storage((1,), 2, (k, d)), lambda n, k, d: n + k + d - 2,
        "100 (RSI - its lowest)/(its highest - its lowest) of k bars, 0 without a range; d = its mean",
        "TA-Lib STOCHRSI", outputs=("_k", "_d"), scale_free=True,
    ),
    Indicator(
        "willr", "Williams' %R", "momentum", ("high", "low", "close"), (period(14, low=2),),
        oscillators.willr, lambda n: Storage((n, n, 0)), lambda n: n - 1,
        "-100 (highest high - close)/(highest high - lowest low) of n bars, 0 without a range", "TA-Lib WILLR",
        scale_free=True,
    ),
    Indicator(
        "cci", "Commodity channel index", "momentum", ("high", "low", "close"), (period(20, low=2),),
        oscillators.cci, lambda n: Storage((0, 0, 0), 1, (n,)), lambda n: n - 1,
        "(typical price - its mean)/(0.015 mean absolute deviation), 0 without a deviation", "TA-Lib CCI",
        scale_free=True,
    ),
    Indicator(
        "cmo", "Chande's momentum oscillator", "momentum", ("close",), (period(14, low=2),),
        momentum.cmo, lambda n: Storage((1,), 2), lambda n: n,
        "100 (rise - fall)/(rise + fall), Wilder averages; 0 where nothing moved", "TA-Lib CMO", scale_free=True,
    ),
    Indicator(
        "roc", "Rate of change", "momentum", ("close",), (period(10),),
        momentum.roc, lambda n: Storage((n,)), lambda n: n,
        "100 (close/close n bars ago - 1)", "TA-Lib ROC", scale_free=True,
    ),
    Indicator(
        "mom", "Momentum", "momentum", ("close",), (period(10),),
        momentum.mom, lambda n: Storage((n,)), lambda n: n,
        "close - close n bars ago", "TA-Lib MOM",
    ),
    Indicator(
        "trix", "TRIX", "momentum", ("close",), (period(30),),
        momentum.trix, lambda n: Storage((0,), 3), lambda n: 3 * (n - 1) + 1,
        "one-bar rate of change of the triple EMA, in percent", "TA-Lib TRIX", scale_free=True,
    ),
    Indicator(
        "ultosc", "Ultimate oscillator", "momentum", ("high", "low", "close"),
        (period(7, "first"), period(14, "second"), period(28, "third")),
        oscillators.ultosc, lambda a, b, c: Storage((0, 0, 1), 0, (max(a, b, c),) * 2), max,
        "100 (4 A + 2 B + C)/7, each buying pressure over true range of a period, the shortest first",
        "TA-Lib ULTOSC", scale_free=True,
    ),
    Indicator(
        "mfi", "Money flow index", "momentum", ("high", "low", "close", "volume"), (period(14, low=2),),
        oscillators.mfi, lambda n: Storage((0, 0, 0, 0), 5, (n, n)), lambda n: n,
        "100 inflow/all flow of n bars, flow = typical price times volume, in when the typical price rose; 0 without "
        "any flow", "TA-Lib MFI", scale_free=True,
    ),
    Indicator(
        "adx", "Average directional index", "momentum", ("high", "low", "close"), (period(14, low=2),),
        direction.adx, lambda n: Storage((1, 1, 1), 4), lambda n: 2 * n - 1,
        "Wilder average of 100 |+DI - -DI|/(+DI + -DI)", "TA-Lib ADX", scale_free=True,
    ),
    Indicator(
        "adxr", "Average directional index rating", "momentum", ("high", "low", "close"), (period(14, low=2),),
        direction.adxr, lambda n: Storage((1, 1, 1), 4, (n,)), lambda n: 3 * n - 2,
        "mean of the ADX and the ADX n - 1 bars ago", "TA-Lib ADXR", scale_free=True,
    ),
    Indicator(
        "plus_di", "Plus directional indicator", "momentum", ("high", "low", "close"), (period(14, low=2),),
        direction.plus_di, lambda n: Storage((1, 1, 1), 2), lambda n: n,
        "100 upward movement/true range, Wilder sums", "TA-Lib PLUS_DI", scale_free=True,
    ),
    Indicator(
        "minus_di", "Minus directional indicator", "momentum", ("high", "low", "close"), (period(14, low=2),),
        direction.minus_di, lambda n: Storage((1, 1, 1), 2), lambda n: n,
        "100 downward movement/true range, Wilder sums", "TA-Lib MINUS_DI", scale_free=True,
    ),
    Indicator(
        "aroon", "Aroon", "momentum", ("high", "low"), (period(14, low=2),),
        oscillators.aroon, lambda n: Storage((n + 1, n + 1), 2), lambda n: n,
        "100 (n - bars since the highest high, lowest low of n + 1 bars)/n", "TA-Lib AROON", outputs=("_up", "_down"),
        scale_free=True,
    ),
    Indicator(
        "aroonosc", "Aroon oscillator", "momentum", ("high", "low"), (period(14, low=2),),
        oscillators.aroonosc, lambda n: Storage((n + 1, n + 1), 2), lambda n: n,
        "Aroon up - Aroon down", "TA-Lib AROONOSC", scale_free=True,
    ),
    Indicator(
        "bop", "Balance of power", "momentum", ("open", "high", "low", "close"), (),
        momentum.bop, lambda: Storage((0, 0, 0, 0)), lambda: 0,
        "(close - open)/(high - low), 0 without a range", "TA-Lib BOP", scale_free=True,
    ),
)  # fmt: skip
