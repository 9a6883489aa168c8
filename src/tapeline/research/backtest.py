"""Backtest the answers after costs: long, flat or short against buy-and-hold, through `bt`.

The rule: each answer is traded for the horizon, so a symbol's position is the mean of its last `horizon` answers (UP
+1, HOLD 0, DOWN -1), every symbol has the same share of the capital, and an answer given at a bar's close is traded at
the next bar's open. Positions are closed at the open of the last bar before a session gap, because that is how far the
labels reach. Every trade costs `cost_bps` of its value. Further slippage, borrowing fees, taxes and dividends are not
included.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tapeline.core.extras import import_extra
from tapeline.core.market import Bars, Floats, Ints
from tapeline.core.rows import Direction
from tapeline.core.times import DAY
from tapeline.forecast.estimates import Estimate, Sampling
from tapeline.forecast.labels import session_ends
from tapeline.research import COST_BPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CAPITAL = 1_000_000.0
_TRADING_DAYS = 252


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """Hold one rule's result. `sharpe` is annual, from bar returns, with no risk-free rate.

    `drawdown` is the worst, below 0. `turnover` is the value traded per bar over the capital. `equity` starts at
    1, one value per time of the backtest.
    """

    total_return: float
    sharpe: Estimate
    drawdown: float
    turnover: float
    equity: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """Hold the rule beside buy-and-hold of the same symbols in the same time, and the difference in Sharpe ratio."""

    times: Ints
    model: Performance
    hold: Performance
    excess_sharpe: Estimate
    cost_bps: float
    bars_per_year: float


def backtest(bars: Bars, answer: NDArray[np.int8], start: int, *, horizon: int, cost_bps: float = COST_BPS) -> Backtest:
    """Trade `answer` (int8 `Direction`, one per bar; NONE counts as HOLD) from `start` (UTC epoch ms) on.

    `bars` are sorted and without repeats. Raises `MissingLibraryError` when `bt` is not installed, `ValueError` when
    there are fewer than three bar times from `start` on.
    """
    bt = import_extra("bt", "the backtest needs the package bt", "research")
    late = bars.timestamp >= start
    flat = session_ends(bars)[late]
    bars, answer = bars[late], answer[late]
    times, row = np.unique(bars.timestamp, return_inverse=True)
    if len(times) < 3:
        raise ValueError("a backtest needs at least three bar times")
    present = np.unique(bars.code)
    column = np.searchsorted(present, bars.code)
    names = [bars.symbols[code] for code in present]
    signal = (answer == Direction.UP).astype(np.float64) - (answer == Direction.DOWN)
    order = np.lexsort((bars.timestamp, bars.code))
    position = np.empty(len(bars))
    position[order] = _positions(signal[order], bars.code[order], horizon)
    prices = np.full((len(times), len(names)), np.nan)
    prices[row, column] = bars.open
    weights = np.full_like(prices, np.nan)
    weights[row[order], column[order]] = position[order]
    weights = np.where(np.isnan(weights), 0.0, weights) / len(names)
    weights[row[flat], column[flat]] = 0.0
    index = times.astype("M8[ms]")
    per_year = _bars_per_year(times)
    made = [
        _run(bt, "model", _filled(prices), weights, index, names, cost_bps),
        _run(bt, "buy and hold", _filled(prices), None, index, names, cost_bps),
    ]
    sampling = Sampling(times[1:], horizon)
    sharpes = [_sharpe(np.diff(equity) / equity[:-1], per_year) for equity, _ in made]
    model, hold = (
        Performance(
            float(equity[-1] - 1), sampling.around(*sharpe),
            float((equity / np.maximum.accumulate(equity) - 1).min()), turnover, equity,
        )
        for (equity, turnover), sharpe in zip(made, sharpes, strict=True)
    )  # fmt: skip
    excess = sampling.around(sharpes[0][0] - sharpes[1][0], sharpes[0][1] - sharpes[1][1])
    return Backtest(times, model, hold, excess, cost_bps, per_year)


def _positions(signal: Floats, code: NDArray[np.int32], horizon: int) -> Floats:
    """Return the position at the open of each bar: the mean of the symbol's last `horizon` answers before it."""
    total = np.zeros(len(signal))
    for back in range(1, horizon + 1):
        same = code[back:] == code[:-back]
        total[back:] += np.where(same, signal[:-back], 0.0)
    return total / horizon


def _filled(prices: Floats) -> Floats:
    """Fill holes in prices with the last known one; before the first, where no weight is ever put, with the first."""
    known = ~np.isnan(prices)
    last = np.maximum.accumulate(np.where(known, np.arange(len(prices))[:, None], -1), axis=0)
    first = np.argmax(known, axis=0)
    result: Floats = np.take_along_axis(prices, np.where(last < 0, first, last), axis=0)
    return result


def _run(
    bt: Any, name: str, prices: Floats, weights: Floats | None, index: Any, names: list[str], cost_bps: float
) -> tuple[Floats, float]:
    """Return the equity at each time (1 at the first) and the mean turnover per bar.

    Without weights, buy equal parts once and keep them.
    """
    import pandas as pd

    frame = pd.DataFrame(prices, index=index, columns=names)
    if weights is None:
        rule = [bt.algos.RunOnce(), bt.algos.SelectAll(), bt.algos.WeighEqually(), bt.algos.Rebalance()]
    else:
        rule = [bt.algos.WeighTarget(pd.DataFrame(weights, index=index, columns=names)), bt.algos.Rebalance()]
    test = bt.Backtest(
        bt.Strategy(name, rule), frame, initial_capital=_CAPITAL, integer_positions=False, progress_bar=False,
        commissions=lambda quantity, price: abs(quantity) * price * cost_bps / 10_000,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas' deprecations inside bt, which the user cannot fix
        test.run()
    equity = test.strategy.values.loc[index[0] :].to_numpy(np.float64)
    outlays = test.strategy.outlays.abs().sum(axis=1)  # empty when nothing was ever bought
    traded = outlays.reindex(pd.DatetimeIndex(index), fill_value=0.0).to_numpy(np.float64)
    return equity / equity[0], float((traded / equity).mean())


def _sharpe(returns: Floats, per_year: float) -> tuple[float, Floats]:
    """Return the annual Sharpe ratio and each return's influence on it; 0 where returns do not vary."""
    deviation = float(returns.std())
    if deviation < 1e-9:
        return 0.0, np.zeros(len(returns))
    unit = (returns - returns.mean()) / deviation
    ratio, annual = float(returns.mean()) / deviation, per_year**0.5
    influence: Floats = (unit - ratio / 2 * (unit**2 - 1)) * annual
    return ratio * annual, influence


def _bars_per_year(times: Ints) -> float:
    """Return the bar times of a trading day, times the trading days of a year."""
    return len(times) / len(np.unique(times // DAY)) * _TRADING_DAYS
