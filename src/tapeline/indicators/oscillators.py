"""Define indicators of where the price stands within its recent range or against its recent mean."""

from __future__ import annotations

from tapeline.indicators.entry import Entries, Storage, bar_count
from tapeline.indicators.kernels.interface import BLOCK, NAN, REBASE, Integers, Reals
from tapeline.indicators.kernels.shared_columns import highest, lowest, range_, typical
from tapeline.indicators.kernels.steps import smoothed, step
from tapeline.indicators.kernels.window_steps import (
    age_of_highest,
    age_of_lowest,
    deviations,
    extremes,
    means,
    moving_sums,
    window_sum,
)

ENTRIES = Entries("momentum")


@ENTRIES.add(
    "Stochastic", (bar_count(14, "%K period"), bar_count(3, "%K smoothing"), bar_count(3, "%D period")),
    lambda period, smoothing, mean: Storage(
        {"close": 0}, 0, (smoothing, mean), (highest("high", period), lowest("low", period))
    ),
    lambda period, smoothing, mean: period + smoothing + mean - 3,
    "100 (close - lowest low)/(highest high - lowest low) of n bars, 0 without a range; k = its mean over the "
    "smoothing, d = mean of k", "TA-Lib STOCH", outputs=("_k", "_d"), scale_free=True,
)  # fmt: skip
def stoch(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the stochastic: %K smoothed, and %D, its mean; 0 where there is no range.

    Own columns: raw and smoothed %K.
    """
    close, top, bottom, raw, smooth = ints[0], ints[1], ints[2], ints[3], ints[4]
    period, k_period, d_period = ints[5], ints[6], ints[7]
    for i in range(count):
        reach = columns[top + i] - columns[bottom + i]
        columns[raw + i] = 100.0 * ((columns[close + i] - columns[bottom + i]) / reach) if reach > 0.0 else 0.0
    means(columns, raw, k_period, count, columns, smooth)
    means(columns, smooth, d_period, count, scratch, 0)
    cold = min(max(period + k_period + d_period - 3 - first, 0), count)
    for i in range(cold):
        out[i * row_stride] = out[i * row_stride + column_stride] = NAN
    for i in range(cold, count):
        out[i * row_stride] = columns[smooth + i]
    for i in range(cold, count):
        out[i * row_stride + column_stride] = scratch[i]


@step
def _strength(columns: Reals, state: Reals, close: int, i: int, here: int, period: int) -> float:
    """Advance the RSI by one bar, and return it. State: Wilder averages of rises and of falls."""
    if here > 0:
        change = columns[close + i] - columns[close + i - 1]
        state[0] = smoothed(state[0], max(change, 0.0), here - 1, period, 1.0 - 1.0 / period, 1.0 / period)
        state[1] = smoothed(state[1], max(-change, 0.0), here - 1, period, 1.0 - 1.0 / period, 1.0 / period)
    total = state[0] + state[1]
    return 100.0 * (state[0] / total) if total > 0.0 else 0.0


@step
def _in_its_range(columns: Reals, strength: int, top: int, bottom: int, i: int) -> float:
    """Return where the RSI is in its range, in percent; 0 where rounding alone gives it one."""
    reach = columns[top + i] - columns[bottom + i]
    return 100.0 * ((columns[strength + i] - columns[bottom + i]) / reach) if reach > 1e-11 else 0.0


@ENTRIES.add(
    "Stochastic RSI", (bar_count(14, low=2), bar_count(5, "%K period"), bar_count(3, "%D period")),
    lambda period, window, mean: Storage({"close": 1}, 2, (window, mean, 0, 0)),
    lambda period, window, mean: period + window + mean - 2,
    "100 (RSI - its lowest)/(its highest - its lowest) of k bars, 0 without a range; d = its mean", "TA-Lib STOCHRSI",
    outputs=("_k", "_d"), scale_free=True, memory="decaying",
)  # fmt: skip
def stochrsi(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the stochastic of the RSI, and its mean; 0 where rounding alone gives the RSI a range.

    State: Wilder averages of rises and of falls. Own columns: the RSI, its raw stochastic and its extremes.
    """
    close, strength, raw, top, bottom = ints[0], ints[1], ints[2], ints[3], ints[4]
    period, k_period, d_period = ints[5], ints[6], ints[7]
    for i in range(count):
        columns[strength + i] = _strength(columns, state, close, i, first + i, period)
    extremes(columns, strength, k_period, count, 1.0, columns, top, scratch)
    extremes(columns, strength, k_period, count, -1.0, columns, bottom, scratch)
    for i in range(count):
        columns[raw + i] = _in_its_range(columns, strength, top, bottom, i)
    means(columns, raw, d_period, count, scratch, 0)
    for i in range(count):
        warm = first + i >= period + k_period + d_period - 2
        out[i * row_stride] = columns[raw + i] if warm else NAN
        out[i * row_stride + column_stride] = scratch[i] if warm else NAN


@ENTRIES.add(
    "Stochastic RSI, smoothed",
    (bar_count(14, low=2), bar_count(14, "%K period"), bar_count(3, "%K smoothing"), bar_count(3, "%D period")),
    lambda period, window, smoothing, mean: Storage({"close": 1}, 2, (window, smoothing, mean, 0, 0)),
    lambda period, window, smoothing, mean: period + window + smoothing + mean - 3,
    "as stochrsi, with k = its mean over the smoothing, d = mean of k", "TradingView's Stochastic RSI",
    outputs=("_k", "_d"), scale_free=True, memory="decaying",
)  # fmt: skip
def stochrsi_smoothed(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the stochastic of the RSI, smoothed, and its mean. State: as for `_strength`.

    Own columns: the RSI, its raw and its smoothed stochastic, and its extremes.
    """
    close, strength, raw, smooth, top, bottom = ints[0], ints[1], ints[2], ints[3], ints[4], ints[5]
    period, k_period, smoothing, d_period = ints[6], ints[7], ints[8], ints[9]
    for i in range(count):
        columns[strength + i] = _strength(columns, state, close, i, first + i, period)
    extremes(columns, strength, k_period, count, 1.0, columns, top, scratch)
    extremes(columns, strength, k_period, count, -1.0, columns, bottom, scratch)
    for i in range(count):
        columns[raw + i] = _in_its_range(columns, strength, top, bottom, i)
    means(columns, raw, smoothing, count, columns, smooth)
    means(columns, smooth, d_period, count, scratch, 0)
    for i in range(count):
        warm = first + i >= period + k_period + smoothing + d_period - 3
        out[i * row_stride] = columns[smooth + i] if warm else NAN
        out[i * row_stride + column_stride] = scratch[i] if warm else NAN


@ENTRIES.add(
    "Williams' %R", (bar_count(14, low=2),),
    lambda period: Storage({"close": 0}, shared=(highest("high", period), lowest("low", period))),
    lambda period: period - 1,
    "-100 (highest high - close)/(highest high - lowest low) of n bars, 0 without a range", "TA-Lib WILLR",
    scale_free=True,
)  # fmt: skip
def willr(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute Williams' %R; 0 where there is no range."""
    close, top, bottom, period = ints[0], ints[1], ints[2], ints[3]
    cold = min(max(period - 1 - first, 0), count)
    for i in range(cold):
        out[i * row_stride] = NAN
    for i in range(cold, count):
        reach = columns[top + i] - columns[bottom + i]
        out[i * row_stride] = -100.0 * ((columns[top + i] - columns[close + i]) / reach) if reach > 0.0 else 0.0


@step
def _precise_cci(columns: Reals, at: int, period: int) -> float:
    """Compute the CCI of one bar from its window, where rounding in the running sum could show in it."""
    mean = deviation = 0.0
    for j in range(period):
        mean += columns[at - j] - columns[at]
    mean /= period
    for j in range(period):
        deviation += abs((columns[at - j] - columns[at]) - mean)
    return -mean / (0.015 * (deviation / period)) if deviation > 1e-14 * columns[at] else 0.0


@ENTRIES.add(
    "Commodity channel index", (bar_count(20, low=2),),
    lambda period: Storage({}, 1, shared=(typical(period),)), lambda period: period - 1,
    "(typical price - its mean)/(0.015 mean absolute deviation), 0 without a deviation", "TA-Lib CCI", scale_free=True,
)  # fmt: skip
def cci(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the commodity channel index; 0 where nothing deviates. State: the sum of typical prices."""
    typical, period = ints[0], ints[1]
    total = window_sum(columns, typical - 1, period) if first % REBASE == 0 else state[0]
    share = 1.0 / period
    for i in range(count):
        total += columns[typical + i] - columns[typical + i - period]
        scratch[i] = total * share
    state[0] = total
    deviations(columns, typical, period, count, scratch, 0, BLOCK)
    cold = min(max(period - 1 - first, 0), count)
    for i in range(cold):
        out[i * row_stride] = NAN
    for i in range(cold, count):
        out[i * row_stride] = (columns[typical + i] - scratch[i]) / (0.015 * (scratch[BLOCK + i] * share))
    for i in range(cold, count):
        if scratch[BLOCK + i] * share < 1e-5 * scratch[i]:
            out[i * row_stride] = _precise_cci(columns, typical + i, period)


@ENTRIES.add(
    "Ultimate oscillator", (bar_count(7, "first"), bar_count(14, "second"), bar_count(28, "third")),
    lambda *periods: Storage({"low": 0, "close": 1}, 0, (max(periods),), (range_(max(periods)),)), max,
    "100 (4 A + 2 B + C)/7, each buying pressure over true range of a period, the shortest first", "TA-Lib ULTOSC",
    scale_free=True,
)  # fmt: skip
def ultosc(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the ultimate oscillator over three periods, the shortest weighing most. Own column: the pressure."""
    low, close, reach, pressure = ints[0], ints[1], ints[2], ints[3]
    shortest, longest = min(ints[4], ints[5], ints[6]), max(ints[4], ints[5], ints[6])
    middle = ints[4] + ints[5] + ints[6] - shortest - longest
    for i in range(count):
        if first + i > 0:
            columns[pressure + i] = columns[close + i] - min(columns[low + i], columns[close + i - 1])
        if first + i < longest:
            out[i * row_stride] = NAN
            continue
        total, weight = 0.0, 4.0
        for period in (shortest, middle, longest):
            span = window_sum(columns, reach + i, period)
            if span > 0.0:
                total += weight * (window_sum(columns, pressure + i, period) / span)
            weight /= 2.0
        out[i * row_stride] = 100.0 * (total / 7.0)


@ENTRIES.add(
    "Money flow index", (bar_count(14, low=2),),
    lambda period: Storage({"volume": period - 1}, 4, (period, period), (typical(1),)), lambda period: period,
    "100 inflow/all flow of n bars, flow = typical price times volume, in when the typical price rose; 0 without "
    "any flow, absent without any volume", "TA-Lib MFI", scale_free=True,
)  # fmt: skip
def mfi(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the money flow index; 0 where nothing flowed, absent where nothing traded. State: as for `moving_sums`.

    Typical prices that differ only by rounding count as equal. Own columns: inflow and all flow.
    """
    volume, typical, inflow, flow, period = ints[0], ints[1], ints[2], ints[3], ints[4]
    for i in range(count):
        price = columns[typical + i]
        change, money, least = price - columns[typical + i - 1], price * columns[volume + i], 1e-15 * price
        columns[inflow + i] = money if change > least else 0.0
        columns[flow + i] = money if abs(change) > least else 0.0
    if first == 0:
        columns[inflow] = columns[flow] = 0.0
    moving_sums(columns, state, inflow, flow, period, count, first % REBASE == 0, scratch)
    cold = min(max(period - first, 0), count)
    for i in range(cold):
        out[i * row_stride] = NAN
    for i in range(cold, count):
        if scratch[BLOCK + i] > 0.0:
            out[i * row_stride] = 100.0 * (scratch[i] / scratch[BLOCK + i])
        else:
            out[i * row_stride] = 0.0 if window_sum(columns, volume + i, period) > 0.0 else NAN


@ENTRIES.add(
    "Aroon", (bar_count(14, low=2),),
    lambda period: Storage({"high": period + 1, "low": period + 1}, 2), lambda period: period,
    "100 (n - bars since the highest high, lowest low of n + 1 bars)/n", "TA-Lib AROON", outputs=("_up", "_down"),
    scale_free=True,
)  # fmt: skip
def aroon(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute Aroon up and down: how near the highest high and the lowest low of n + 1 bars are.

    State: how many bars ago each was.
    """
    high, low, period = ints[0], ints[1], ints[2]
    for i in range(count):
        state[0] = age_of_highest(columns, high + i, period + 1, first + i, int(state[0]))
        state[1] = age_of_lowest(columns, low + i, period + 1, first + i, int(state[1]))
        out[i * row_stride] = 100.0 * (period - state[0]) / period if first + i >= period else NAN
        out[i * row_stride + column_stride] = 100.0 * (period - state[1]) / period if first + i >= period else NAN


@ENTRIES.add(
    "Aroon oscillator", (bar_count(14, low=2),),
    lambda period: Storage({"high": period + 1, "low": period + 1}, 2), lambda period: period,
    "Aroon up - Aroon down", "TA-Lib AROONOSC", scale_free=True,
)  # fmt: skip
def aroonosc(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute Aroon up less Aroon down. State: as for `aroon`."""
    high, low, period = ints[0], ints[1], ints[2]
    for i in range(count):
        state[0] = age_of_highest(columns, high + i, period + 1, first + i, int(state[0]))
        state[1] = age_of_lowest(columns, low + i, period + 1, first + i, int(state[1]))
        out[i * row_stride] = 100.0 * (state[1] - state[0]) / period if first + i >= period else NAN
