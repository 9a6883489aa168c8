"""Define indicators of what the volume says about a move.

Bars of an index or a currency have no volume, which comes as 0. An indicator of volumes has no value there: one that
sums up all bars until the first volume came, one of a window where the whole window has none.
"""

from __future__ import annotations

from math import sqrt

from tapeline.indicators.entry import Entries, Storage, bar_count, real_number
from tapeline.indicators.kernels.interface import BLOCK, NAN, REBASE, Integers, Reals
from tapeline.indicators.kernels.shared_columns import spread
from tapeline.indicators.kernels.steps import compensated_sum, seeded, step
from tapeline.indicators.kernels.window_steps import moving_sums, window_sum

ENTRIES = Entries("volume")


@step
def _trades(state: Reals, at: int, volume: float) -> bool:
    """Return whether there was a volume yet, this bar's included, and remember it in state[at]."""
    if volume > 0.0:
        state[at] = 1.0
    return state[at] > 0.0


@step
def _flow(columns: Reals, high: int, low: int, close: int, volume: int, i: int) -> float:
    """Return bar i's volume, weighted from -1 (close at the low) to 1 (close at the high)."""
    reach = columns[high + i] - columns[low + i]
    above, below = columns[close + i] - columns[low + i], columns[high + i] - columns[close + i]
    return (above - below) / reach * columns[volume + i] if reach > 0.0 else 0.0


@ENTRIES.add(
    "On-balance volume", (),
    lambda: Storage({"close": 1, "volume": 0}, 2), lambda: 0,
    "sum of volumes, added when the close rose and taken away when it fell, beginning with the first bar's; absent "
    "before the first volume",
    "TA-Lib OBV", memory="endless",
)  # fmt: skip
def obv(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute on-balance volume, which begins with the first bar's volume. State: the sum, and as for `_trades`."""
    close, volume = ints[0], ints[1]
    total = state[0]
    for i in range(count):
        change = columns[close + i] - columns[close + i - 1]  # the first bar's is its price
        total += columns[volume + i] * float((change > 0.0) - (change < 0.0))
        out[i * row_stride] = total if _trades(state, 1, columns[volume + i]) else NAN
    state[0] = total


@ENTRIES.add(
    "Accumulation/distribution line", (),
    lambda: Storage({"high": 0, "low": 0, "close": 0, "volume": 0}, 3), lambda: 0,
    "sum of volume ((close - low) - (high - close))/(high - low); absent before the first volume", "TA-Lib AD",
    memory="endless",
)  # fmt: skip
def ad(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the accumulation/distribution line. State: as for `compensated_sum` and for `_trades`."""
    high, low, close, volume = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        line = compensated_sum(state, 0, _flow(columns, high, low, close, volume, i))
        out[i * row_stride] = line if _trades(state, 2, columns[volume + i]) else NAN


@ENTRIES.add(
    "Accumulation/distribution oscillator", (bar_count(3, "fast", 2), bar_count(10, "slow", 2)),
    lambda fast, slow: Storage({"high": 0, "low": 0, "close": 0, "volume": 0}, 5),
    lambda fast, slow: max(fast, slow) - 1,
    "fast EMA - slow EMA of the line, both seeded with its first value; absent before the first volume",
    "TA-Lib ADOSC", memory="endless",
)  # fmt: skip
def adosc(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the fast less the slow EMA of the accumulation/distribution line, both seeded with its first value.

    State: the line as for `compensated_sum`, the fast and the slow average, and as for `_trades`.
    """
    high, low, close, volume, fast_period, slow_period = ints[0], ints[1], ints[2], ints[3], ints[4], ints[5]
    fast_weight, slow_weight = 2.0 / (fast_period + 1), 2.0 / (slow_period + 1)
    for i in range(count):
        line = compensated_sum(state, 0, _flow(columns, high, low, close, volume, i))
        if first + i == 0:
            state[2] = state[3] = line
        else:
            state[2] += fast_weight * (line - state[2])
            state[3] += slow_weight * (line - state[3])
        warm = _trades(state, 4, columns[volume + i]) and first + i >= max(fast_period, slow_period) - 1
        out[i * row_stride] = state[2] - state[3] if warm else NAN


@ENTRIES.add(
    "Volume z-score", (bar_count(20, low=2),),
    lambda period: Storage({"volume": 0}, shared=(spread("volume", period),)), lambda period: period - 1,
    "(volume - mean)/population standard deviation of n volumes, this one included; 0 without a deviation, absent "
    "where all are 0",
    "the standard score", scale_free=True,
)  # fmt: skip
def volume_zscore(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute how many standard deviations the volume is from the mean of n volumes.

    It is 0 where they are all the same, and absent where they are all 0.
    """
    volume, mean, variance, period = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        offset, square = columns[volume + i] - columns[mean + i], columns[variance + i]
        same = 0.0 if columns[volume + i] > 0.0 else NAN
        value = offset / sqrt(square) if square > 0.0 else same
        out[i * row_stride] = value if first + i >= period - 1 else NAN


@ENTRIES.add(
    "Relative volume", (bar_count(20),),
    lambda period: Storage({"volume": period + 2}, 4), lambda period: period,
    "volume over the mean of the n volumes before it; absent where those are all 0", "TA-Lib RVOL", scale_free=True,
)  # fmt: skip
def relative_volume(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the volume over the mean of the n volumes before it; absent where those are all 0.

    State: as for `moving_sums`.
    """
    volume, period = ints[0], ints[1]
    moving_sums(columns, state, volume - 1, volume - 1, period, count, first % REBASE == 0, scratch)
    for i in range(count):
        warm = first + i >= period and scratch[i] > 0.0
        out[i * row_stride] = columns[volume + i] * period / scratch[i] if warm else NAN


@ENTRIES.add(
    "Chaikin money flow", (bar_count(20),),
    lambda period: Storage({"high": 0, "low": 0, "close": 0, "volume": period}, 4, (period,)),
    lambda period: period - 1,
    "sum of volume ((close - low) - (high - close))/(high - low) over sum of volume, of n bars; absent without any "
    "volume", "TA-Lib CMF", scale_free=True,
)  # fmt: skip
def cmf(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute Chaikin's money flow. State: as for `moving_sums`.

    Own column: the volume's share above the low, from which the flow follows and which is never negative.
    """
    high, low, close, volume, part, period = ints[0], ints[1], ints[2], ints[3], ints[4], ints[5]
    for i in range(count):
        flow = _flow(columns, high, low, close, volume, i)
        columns[part + i] = max(0.5 * (columns[volume + i] + flow), 0.0)
    moving_sums(columns, state, part, volume, period, count, first % REBASE == 0, scratch)
    for i in range(count):
        warm = first + i >= period - 1 and scratch[BLOCK + i] > 0.0
        out[i * row_stride] = 2.0 * (scratch[i] / scratch[BLOCK + i]) - 1.0 if warm else NAN


@ENTRIES.add(
    "Ease of movement", (bar_count(14), real_number(10_000.0, "scale", 1.0, 1e12)),
    lambda period, scale: Storage({"high": 1, "low": 1, "volume": period - 1}, 4, (period, period)),
    lambda period, scale: period,
    "mean over n bars of scale times (change of (high + low)/2) (high - low)/volume; a bar without volume counts as 0, "
    "absent without any", "R. Arms, Volume Cycles in the Stock Market (1983); TradingView's EOM",
)  # fmt: skip
def eom(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the ease of movement. State: as for `moving_sums`. Own columns: eases upward and downward."""
    high, low, volume, up, down, period, scale = ints[0], ints[1], ints[2], ints[3], ints[4], ints[5], reals[0]
    for i in range(count):
        change = (columns[high + i] - columns[high + i - 1] + columns[low + i] - columns[low + i - 1]) / 2.0
        amount = columns[volume + i]
        ease = scale * change * (columns[high + i] - columns[low + i]) / amount if amount > 0.0 else 0.0
        columns[up + i], columns[down + i] = max(ease, 0.0), max(-ease, 0.0)
    if first == 0:
        columns[up] = columns[down] = 0.0
    moving_sums(columns, state, up, down, period, count, first % REBASE == 0, scratch)
    for i in range(count):
        warm = first + i >= period and window_sum(columns, volume + i, period) > 0.0
        out[i * row_stride] = (scratch[i] - scratch[BLOCK + i]) / period if warm else NAN


@ENTRIES.add(
    "Force index", (bar_count(13),),
    lambda period: Storage({"close": 1, "volume": 0}, 2), lambda period: period,
    "EMA of the change of the close times volume; absent before the first volume", "TA-Lib EFI", memory="decaying",
)  # fmt: skip
def force_index(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute Elder's force index. State: the average (before it is warm: the sum), and as for `_trades`."""
    close, volume, period = ints[0], ints[1], ints[2]
    for i in range(count):
        here = first + i
        traded = _trades(state, 1, columns[volume + i])
        if here > 0:
            force = (columns[close + i] - columns[close + i - 1]) * columns[volume + i]
            state[0] = seeded(state[0], force, here - 1, period, 2.0 / (period + 1))
        out[i * row_stride] = state[0] if here >= period and traded else NAN
