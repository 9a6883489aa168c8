"""Define averages over the price that are weighted: by age twice over, and by volume."""

from __future__ import annotations

from math import sqrt

from tapeline.indicators.entry import Entries, Parameter, Storage, bar_count
from tapeline.indicators.kernels.interface import BLOCK, NAN, REBASE, Integers, Reals
from tapeline.indicators.kernels.shared_columns import typical
from tapeline.indicators.kernels.steps import compensated_sum, step
from tapeline.indicators.kernels.window_steps import moving_sums, window_sum

ENTRIES = Entries("overlap")

#: Days as whole numbers, such as 20240102; 0 is before all of them.
_LAST_DAY = 99_991_231


@step
def _weighted_mean(values: Reals, at: int, period: int) -> float:
    """Return the mean of the `period` values up to values[at], weighted 1 for the oldest to n for the newest."""
    total = 0.0
    for j in range(period):
        total += (j + 1) * values[at - period + 1 + j]
    return total / (period * (period + 1) // 2)


@step
def _weighted_means(
    values: Reals, state: Reals, at: int, own: int, period: int, count: int, rebase: bool, out: Reals, target: int
) -> None:
    """Write the mean of each window, weighted 1 for the oldest value to n for the newest.

    `own` is where in `state` the plain and the weighted sum of the window are.
    """
    if rebase:
        state[own] = window_sum(values, at - 1, period)
        state[own + 1] = 0.0
        for j in range(period):
            state[own + 1] += (j + 1) * values[at - period + j]
    plain, weighted = state[own], state[own + 1]
    share = 1.0 / (period * (period + 1) // 2)
    for i in range(count):
        weighted += period * values[at + i] - plain
        plain += values[at + i] - values[at + i - period]
        out[target + i] = weighted * share
    state[own], state[own + 1] = plain, weighted


def _root(period: int) -> int:
    return int(sqrt(period))


@ENTRIES.add(
    "Hull moving average", (bar_count(20, low=2),),
    lambda period: Storage({"close": period + _root(period)}, 6, (_root(period),)),
    lambda period: period + _root(period) - 2,
    "WMA over √n bars of 2 WMA over n/2 bars - WMA over n bars; n/2 and √n rounded down", "TA-Lib HMA", pane="price",
)  # fmt: skip
def hma(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the Hull moving average. State: plain and weighted sums of three windows. Own column: what is averaged.

    The own column has values from the first bar on; those that are not warm have left the last window when it is. When
    the sums are re-based, its last values are made anew as well: they came of the sums before.
    """
    close, raw, period = ints[0], ints[1], ints[2]
    root = int(sqrt(period))
    rebase = first % REBASE == 0
    if rebase:
        for j in range(1, root + 1):
            short = _weighted_mean(columns, close - j, period // 2)
            columns[raw - j] = 2.0 * short - _weighted_mean(columns, close - j, period)
    _weighted_means(columns, state, close, 0, period // 2, count, rebase, scratch, 0)
    _weighted_means(columns, state, close, 2, period, count, rebase, scratch, BLOCK)
    for i in range(count):
        columns[raw + i] = 2.0 * scratch[i] - scratch[BLOCK + i]
    _weighted_means(columns, state, raw, 4, root, count, rebase, scratch, 0)
    for i in range(count):
        out[i * row_stride] = scratch[i] if first + i >= period + root - 2 else NAN


@ENTRIES.add(
    "Volume-weighted moving average", (bar_count(20),),
    lambda period: Storage({"close": 0, "volume": period}, 4, (period,)), lambda period: period - 1,
    "sum of close times volume over sum of volume, of n bars; absent without any volume", "TA-Lib VWMA", pane="price",
)  # fmt: skip
def vwma(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the mean of n closes weighted by volume. State: as for `moving_sums`. Own column: money."""
    close, volume, money, period = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        columns[money + i] = columns[close + i] * columns[volume + i]
    moving_sums(columns, state, money, volume, period, count, first % REBASE == 0, scratch)
    for i in range(count):
        warm = first + i >= period - 1 and scratch[BLOCK + i] > 0.0
        out[i * row_stride] = scratch[i] / scratch[BLOCK + i] if warm else NAN


@ENTRIES.add(
    "Anchored volume-weighted average price", (Parameter("day", 0, 0, _LAST_DAY),),
    lambda day: Storage({"volume": 0, "session": 0}, 4, shared=(typical(),)), lambda day: 0,
    "sum of typical price times volume over sum of volume, since the first session on or after the day (20240102; 0: "
    "since the first bar); absent before its first volume", "B. Shannon, Maximum Trading Gains with Anchored VWAP "
    "(2022)", pane="price", memory="endless",
)  # fmt: skip
def anchored_vwap(columns: Reals, state: Reals, ints: Integers, reals: Reals, out: Reals, scratch: Reals,
        row_stride: int, column_stride: int, first: int, count: int) -> None:  # fmt: skip
    """Compute the volume-weighted average price since a day.

    State: the sums of price times volume and of volume, as for `compensated_sum`.
    """
    volume, session, typical, day = ints[0], ints[1], ints[2], ints[3]
    for i in range(count):
        if columns[session + i] < day:
            out[i * row_stride] = NAN
            continue
        money = compensated_sum(state, 0, columns[typical + i] * columns[volume + i])
        traded = compensated_sum(state, 2, columns[volume + i])
        out[i * row_stride] = money / traded if traded > 0.0 else NAN
