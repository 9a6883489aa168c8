"""Define Wilder's directional movement indicators."""

from __future__ import annotations

from tapeline.indicators.entry import Entries, Storage, bar_count
from tapeline.indicators.kernels.interface import BLOCK, NAN, REBASE, Integers, Reals
from tapeline.indicators.kernels.shared_columns import range_
from tapeline.indicators.kernels.steps import smoothed, step
from tapeline.indicators.kernels.window_steps import moving_sums

ENTRIES = Entries("momentum")


@step
def _movement(columns: Reals, high: int, low: int, i: int) -> tuple[float, float]:
    """Return bar i's movement up and its movement down; one of them is 0."""
    up, down = columns[high + i] - columns[high + i - 1], columns[low + i - 1] - columns[low + i]
    return up if up > max(down, 0.0) else 0.0, down if down > max(up, 0.0) else 0.0


@step
def _smoothed(value: float, new: float, here: int, period: int, keep: float) -> float:
    """Add to Wilder's sum: a plain one over the first n - 1 changes, then each new one replaces a share 1/n."""
    return value * keep + new if here >= period else value + new


@step
def _adx(
    columns: Reals, state: Reals, high: int, low: int, span: int, period: int, scratch: Reals, first: int, count: int
) -> None:
    """Advance the ADX, to the block at the start of `scratch`. A bar without any movement leaves it as it is.

    State: sums of movement up, of movement down and of range, and the ADX (before it is warm: the sum of DX).
    """
    weight = 1.0 / period
    keep = 1.0 - weight
    plus, minus, whole, value = state[0], state[1], state[2], state[3]
    for i in range(count):
        here = first + i
        if here > 0:
            up, down = _movement(columns, high, low, i)
            plus = _smoothed(plus, up, here, period, keep)
            minus = _smoothed(minus, down, here, period, keep)
            whole = _smoothed(whole, columns[span + i], here, period, keep)
        total = plus + minus
        moved = total > 0.0 and whole > 0.0
        dx = 100.0 * (abs(plus - minus) / total) if moved else 0.0
        if here >= 2 * period:
            value = value * keep + dx * weight if moved else value
        elif here >= period:
            value = smoothed(value, dx, here - period, period, keep, weight)
        scratch[i] = value
    state[0], state[1], state[2], state[3] = plus, minus, whole, value


@step
def _share_of_range(
    columns: Reals, state: Reals, ints: Integers, out: Reals, row_stride: int, first: int, count: int, upward: bool
) -> None:
    """Write the movement in one direction in percent of the range; 0 where there is no range.

    State: sums of movement and of range.
    """
    high, low, span, period = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        if first + i > 0:
            up, down = _movement(columns, high, low, i)
            state[0] = _smoothed(state[0], up if upward else down, first + i, period, 1.0 - 1.0 / period)
            state[1] = _smoothed(state[1], columns[span + i], first + i, period, 1.0 - 1.0 / period)
        value = 100.0 * (state[0] / state[1]) if state[1] > 0.0 else 0.0
        out[i * row_stride] = value if first + i >= period else NAN


@ENTRIES.add(
    "Average directional index", (bar_count(14, low=2),),
    lambda period: Storage({"high": 1, "low": 1}, 4, shared=(range_(),)), lambda period: 2 * period - 1,
    "Wilder average of 100 |+DI - -DI|/(+DI + -DI)", "TA-Lib ADX", scale_free=True, memory="decaying",
)  # fmt: skip
def adx(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the average directional index. State: as for `_adx`."""
    high, low, span, period = ints[0], ints[1], ints[2], ints[3]
    _adx(columns, state, high, low, span, period, scratch, first, count)
    for i in range(count):
        out[i * row_stride] = scratch[i] if first + i >= 2 * period - 1 else NAN


@ENTRIES.add(
    "Average directional index rating", (bar_count(14, low=2),),
    lambda period: Storage({"high": 1, "low": 1}, 4, (period,), (range_(),)), lambda period: 3 * period - 2,
    "mean of the ADX and the ADX n - 1 bars ago", "TA-Lib ADXR", scale_free=True, memory="decaying",
)  # fmt: skip
def adxr(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the mean of the ADX and the ADX n - 1 bars earlier. State: as for `_adx`. Own column: the ADX."""
    high, low, span, index, period = ints[0], ints[1], ints[2], ints[3], ints[4]
    _adx(columns, state, high, low, span, period, scratch, first, count)
    for i in range(count):
        columns[index + i] = scratch[i]
        mean = (scratch[i] + columns[index + i - (period - 1)]) / 2.0
        out[i * row_stride] = mean if first + i >= 3 * period - 2 else NAN


@ENTRIES.add(
    "Plus directional indicator", (bar_count(14, low=2),),
    lambda period: Storage({"high": 1, "low": 1}, 2, shared=(range_(),)), lambda period: period,
    "100 upward movement/true range, Wilder sums", "TA-Lib PLUS_DI", scale_free=True, memory="decaying",
)  # fmt: skip
def plus_di(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute upward movement in percent of the range. State: as for `_share_of_range`."""
    _share_of_range(columns, state, ints, out, row_stride, first, count, True)


@ENTRIES.add(
    "Minus directional indicator", (bar_count(14, low=2),),
    lambda period: Storage({"high": 1, "low": 1}, 2, shared=(range_(),)), lambda period: period,
    "100 downward movement/true range, Wilder sums", "TA-Lib MINUS_DI", scale_free=True, memory="decaying",
)  # fmt: skip
def minus_di(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute downward movement in percent of the range. State: as for `_share_of_range`."""
    _share_of_range(columns, state, ints, out, row_stride, first, count, False)


@ENTRIES.add(
    "Vortex", (bar_count(14, low=2),),
    lambda period: Storage({"high": 1, "low": 1}, 8, (period, period), (range_(period),)), lambda period: period,
    "sum of |high - previous low| (plus) or |low - previous high| (minus) over sum of true ranges, of n bars; absent "
    "without a range", "TA-Lib VORTEX", outputs=("_plus", "_minus"), scale_free=True,
)  # fmt: skip
def vortex(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the vortex of upward and downward movement. State: as for `moving_sums`, twice. Own columns: both."""
    high, low, reach, up, down, period = ints[0], ints[1], ints[2], ints[3], ints[4], ints[5]
    for i in range(count):
        columns[up + i] = abs(columns[high + i] - columns[low + i - 1])
        columns[down + i] = abs(columns[low + i] - columns[high + i - 1])
    if first == 0:
        columns[up] = columns[down] = 0.0
    rebase = first % REBASE == 0
    moving_sums(columns, state, reach, reach, period, count, rebase, scratch, 4)
    for i in range(count):
        out[i * row_stride] = scratch[i] if first + i >= period and scratch[i] > 0.0 else NAN
    moving_sums(columns, state, up, down, period, count, rebase, scratch)
    for i in range(count):
        total = out[i * row_stride]
        out[i * row_stride] = scratch[i] / total
        out[i * row_stride + column_stride] = scratch[BLOCK + i] / total
