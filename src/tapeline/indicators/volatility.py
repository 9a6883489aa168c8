"""Define indicators of how far prices move."""

from __future__ import annotations

from math import log, log10, sqrt

from tapeline.indicators.entry import Entries, Storage, bar_count
from tapeline.indicators.kernels.interface import NAN, REBASE, Integers, Reals
from tapeline.indicators.kernels.shared_columns import highest, lowest, range_, spread
from tapeline.indicators.kernels.steps import smoothed
from tapeline.indicators.kernels.window_steps import moving_sums, moving_variances

ENTRIES = Entries("volatility")

_PARKINSON = 4.0 * log(2.0)


@ENTRIES.add(
    "Average true range", (bar_count(14),),
    lambda period: Storage({}, 1, shared=(range_(),)), lambda period: period,
    "Wilder average of max(high, previous close) - min(low, previous close)", "TA-Lib ATR", memory="decaying",
)  # fmt: skip
def atr(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute Wilder's average true range. State: the average (before it is warm: the sum)."""
    reach, period = ints[0], ints[1]
    weight = 1.0 / period
    keep = 1.0 - weight
    value = state[0]
    cold = min(max(period + 1 - first, 0), count)
    for i in range(cold):
        if first + i > 0:
            value = smoothed(value, columns[reach + i], first + i - 1, period, keep, weight)
        out[i * row_stride] = value if first + i >= period else NAN
    for i in range(cold, count):
        value = value * keep + columns[reach + i] * weight
        out[i * row_stride] = value
    state[0] = value


@ENTRIES.add(
    "Normalised average true range", (bar_count(14),),
    lambda period: Storage({"close": 0}, 1, shared=(range_(),)), lambda period: period,
    "100 ATR/close", "TA-Lib NATR", scale_free=True, memory="decaying",
)  # fmt: skip
def natr(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the average true range in percent of the close. State: as for `atr`."""
    close, reach, period = ints[0], ints[1], ints[2]
    for i in range(count):
        if first + i > 0:
            state[0] = smoothed(state[0], columns[reach + i], first + i - 1, period, 1.0 - 1.0 / period, 1.0 / period)
        out[i * row_stride] = state[0] / columns[close + i] * 100.0 if first + i >= period else NAN


@ENTRIES.add(
    "True range", (),
    lambda: Storage({}, shared=(range_(),)), lambda: 1,
    "max(high, previous close) - min(low, previous close)", "TA-Lib TRANGE",
)  # fmt: skip
def trange(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the true range."""
    for i in range(count):
        out[i * row_stride] = columns[ints[0] + i] if first + i > 0 else NAN


@ENTRIES.add(
    "Standard deviation", (bar_count(20, low=2),),
    lambda period: Storage({}, shared=(spread("close", period),)), lambda period: period - 1,
    "population standard deviation of n closes", "TA-Lib STDDEV",
)  # fmt: skip
def stddev(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the population standard deviation of n closes."""
    variance, period = ints[1], ints[2]
    cold = min(max(period - 1 - first, 0), count)
    for i in range(cold):
        out[i * row_stride] = NAN
    for i in range(cold, count):
        out[i * row_stride] = sqrt(columns[variance + i])


@ENTRIES.add(
    "Realised volatility, close to close", (bar_count(20, low=2),),
    lambda period: Storage({"close": 1}, 4, (period, 0, 0)), lambda period: period,
    "sample standard deviation of n log returns, per bar (not annualised)",
    "J. Hull, Options, Futures, and Other Derivatives, estimating volatility from historical data", scale_free=True,
)  # fmt: skip
def volatility(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the sample standard deviation of n log returns. State: as for `moving_variances`.

    Own columns: the log returns, their mean and their variance.
    """
    close, returns, mean, variance, period = ints[0], ints[1], ints[2], ints[3], ints[4]
    skipped = 1 if first == 0 else 0  # the first bar has no return
    for i in range(skipped, count):
        columns[returns + i] = log(columns[close + i] / columns[close + i - 1])
    moving_variances(
        columns, state, returns + skipped, period, first + skipped - 1, count - skipped, first % REBASE == 0,
        mean + skipped, variance + skipped, scratch,
    )  # fmt: skip
    for i in range(count):
        out[i * row_stride] = sqrt(columns[variance + i] * (period / (period - 1.0))) if first + i >= period else NAN


@ENTRIES.add(
    "Realised volatility, Parkinson", (bar_count(20),),
    lambda period: Storage({"high": 0, "low": 0}, 4, (period,)), lambda period: period - 1,
    "√(sum of ln²(high/low) of n bars/(4 n ln 2)), per bar (not annualised)",
    "M. Parkinson, The extreme value method for estimating the variance of the rate of return (1980)", scale_free=True,
)  # fmt: skip
def parkinson(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute Parkinson's volatility from the ranges of n bars. State: as for `moving_sums`.

    Own column: squared log ranges.
    """
    high, low, squares, period = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        reach = log(columns[high + i] / columns[low + i])
        columns[squares + i] = reach * reach
    moving_sums(columns, state, squares, squares, period, count, first % REBASE == 0, scratch)
    for i in range(count):
        out[i * row_stride] = sqrt(scratch[i] / (period * _PARKINSON)) if first + i >= period - 1 else NAN


@ENTRIES.add(
    "Average day range", (bar_count(14),),
    lambda period: Storage({"high": 0, "low": 0}, 4, (period,)), lambda period: period - 1,
    "mean of high - low of n bars", "TA-Lib ADR",
)  # fmt: skip
def adr(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the mean range of n bars. State: as for `moving_sums`. Own column: the ranges."""
    high, low, reach, period = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        columns[reach + i] = columns[high + i] - columns[low + i]
    moving_sums(columns, state, reach, reach, period, count, first % REBASE == 0, scratch)
    for i in range(count):
        out[i * row_stride] = scratch[i] / period if first + i >= period - 1 else NAN


@ENTRIES.add(
    "Choppiness index", (bar_count(14, low=2),),
    lambda period: Storage({}, 4, shared=(highest("high", period), lowest("low", period), range_(period))),
    lambda period: period,
    "100 log(sum of true ranges/(highest high - lowest low))/log(n) of n bars; 100 without a range",
    "E. W. Dreiss, Choppiness Index (1993)", scale_free=True,
)  # fmt: skip
def choppiness(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the choppiness index. State: as for `moving_sums`."""
    top, bottom, reach, period = ints[0], ints[1], ints[2], ints[3]
    moving_sums(columns, state, reach, reach, period, count, first % REBASE == 0, scratch)
    for i in range(count):
        span = columns[top + i] - columns[bottom + i]
        value = 100.0 * log10(scratch[i] / span) / log10(period) if span > 0.0 and scratch[i] > 0.0 else 100.0
        out[i * row_stride] = value if first + i >= period else NAN
