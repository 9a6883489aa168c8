from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.conftest import MINUTE
from tests.daily import DAY, daily_bars

from tapeline.core.market import Bars
from tapeline.core.rows import Direction
from tapeline.research.backtest import backtest


@pytest.fixture(scope="module")
def bars() -> Bars:
    return daily_bars(symbols=2, count=60)


def answers(bars: Bars, value: Direction) -> np.ndarray:
    return np.full(len(bars), value, np.int8)


def plain(bars: Bars, weights: np.ndarray, cost: float) -> np.ndarray:
    """Return the equity of weights [times, symbols] set at each open, by hand."""
    opens = bars.open.reshape(weights.shape)
    cash, owned, equity = 1.0, np.zeros(weights.shape[1]), []
    for price, weight in zip(opens, weights, strict=True):
        worth = cash + (owned * price).sum()
        equity.append(worth)
        trade = weight * worth / price - owned
        cash -= (trade * price).sum() + cost * np.abs(trade * price).sum()
        owned = owned + trade
    return np.array(equity) / equity[0]


def test_it_trades_each_answer_at_the_next_open_and_holds_it_for_the_horizon(bars):
    rng = np.random.default_rng(0)
    answer = rng.integers(0, 4, len(bars)).astype(np.int8)
    signal = ((answer == 1).astype(float) - (answer == 2)).reshape(60, 2)
    weights = np.zeros((60, 2))
    for i in range(60):
        for back in (1, 2, 3):
            if i - back >= 0:
                weights[i] += signal[i - back] / 3 / 2
    got = backtest(bars, answer, 0, horizon=3, cost_bps=0)
    np.testing.assert_allclose(got.model.equity, plain(bars, weights, 0.0), rtol=1e-9)
    assert got.model.total_return == pytest.approx(got.model.equity[-1] - 1)
    assert got.times.tolist() == np.unique(bars.timestamp).tolist()


def test_costs_are_paid_on_every_trade(bars):
    rng = np.random.default_rng(1)
    answer = rng.integers(1, 3, len(bars)).astype(np.int8)
    free = backtest(bars, answer, 0, horizon=1, cost_bps=0)
    dear = backtest(bars, answer, 0, horizon=1, cost_bps=50)
    paid = np.log(1 + free.model.total_return) - np.log(1 + dear.model.total_return)
    assert paid == pytest.approx(0.005 * dear.model.turnover * 60, rel=0.05)
    assert dear.model.sharpe.value < free.model.sharpe.value


def test_always_up_is_the_market_and_always_hold_is_nothing(bars):
    up = backtest(bars, answers(bars, Direction.UP), 0, horizon=1, cost_bps=0)
    down = backtest(bars, answers(bars, Direction.DOWN), 0, horizon=1, cost_bps=0)
    hold = backtest(bars, answers(bars, Direction.HOLD), 0, horizon=1)
    assert hold.model.total_return == 0
    assert hold.model.sharpe.value == 0
    assert hold.model.drawdown == 0
    assert up.model.total_return == pytest.approx(up.hold.total_return, abs=0.05)
    assert np.sign(up.model.total_return) != np.sign(down.model.total_return)
    assert up.model.drawdown < 0
    assert up.model.sharpe.low < up.model.sharpe.value < up.model.sharpe.high


def test_nothing_before_the_start_counts(bars):
    start = int(bars.timestamp[60])
    got = backtest(bars, answers(bars, Direction.UP), start, horizon=1)
    assert got.times[0] == start
    with pytest.raises(ValueError, match="three bar times"):
        backtest(bars, answers(bars, Direction.UP), int(bars.timestamp[-1]), horizon=1)


def test_an_answer_cannot_use_the_price_it_was_given_at(bars):
    """Know the bar's own move and earn nothing; know the next one's and earn a fortune."""
    close, open_ = bars.close.reshape(60, 2), bars.open.reshape(60, 2)
    after = np.vstack((open_[1:], open_[-1:]))
    next_move = np.where(np.vstack((open_[2:], open_[-1:], open_[-1:])) > after, 1, 2).astype(np.int8)
    oracle = backtest(bars, next_move.ravel(), 0, horizon=1, cost_bps=0)
    late = backtest(bars, np.where(close > open_, 1, 2).astype(np.int8).ravel(), 0, horizon=1, cost_bps=0)
    assert oracle.model.total_return > 0.3
    assert late.model.total_return < 0.15


def test_intraday_positions_are_closed_before_a_session_gap():
    bars = daily_bars(symbols=1, count=60)
    time = bars.timestamp[0] + (np.arange(60) // 20) * DAY + (np.arange(60) % 20) * MINUTE
    bars = dataclasses.replace(bars, timestamp=time)
    gaps = bars.open.copy()
    gaps[20:] *= 2  # the price doubles overnight: a forecast of two minutes must not earn that
    bars = dataclasses.replace(bars, open=gaps)
    got = backtest(bars, answers(bars, Direction.UP), 0, horizon=2, cost_bps=0)
    assert got.model.total_return < 0.5
    assert got.hold.total_return > 0.7


def test_symbols_listed_later_and_missing_bars_leave_the_equity_finite():
    bars = daily_bars(symbols=3, count=60)
    gone = (bars.code == 2) & (bars.timestamp < bars.timestamp[60])
    hole = (bars.code == 1) & (bars.timestamp > bars.timestamp[80]) & (bars.timestamp < bars.timestamp[100])
    some = bars[~(gone | hole)]
    got = backtest(some, answers(some, Direction.UP), 0, horizon=5)
    assert np.isfinite(got.model.equity).all()
    assert np.isfinite(got.hold.equity).all()
