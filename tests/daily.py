"""Daily bars that a model can learn from."""

from __future__ import annotations

import numpy as np

from tapeline.core.market import Bars
from tapeline.core.times import DAY

MONDAY = 17_940 * DAY  # 2019-02-13 was a Wednesday; any midnight will do


def daily_bars(symbols: int = 4, count: int = 400, seed: int = 0, reversal: float = 0.0) -> Bars:
    """Return daily bars of a random walk; with `reversal`, the next five bars take back a part of each move."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 0.015, (count, symbols))
    moves = noise.copy()
    for i in range(1, count):
        moves[i] -= reversal * moves[max(0, i - 5) : i].mean(axis=0)
    close = 50 * np.exp(np.cumsum(moves, axis=0))
    open_ = np.vstack((close[:1], close[:-1])) * (1 + rng.normal(0, 0.002, close.shape))
    high = np.maximum(open_, close) * (1 + rng.exponential(0.003, close.shape))
    low = np.minimum(open_, close) * (1 - rng.exponential(0.003, close.shape))
    return Bars(
        tuple(f"S{i:02d}" for i in range(symbols)),
        np.tile(np.arange(symbols, dtype=np.int32), count),
        np.repeat(MONDAY + DAY * np.arange(count, dtype=np.int64), symbols),
        *(column.ravel() for column in (open_, high, low, close)),
        rng.integers(1, 100_000, count * symbols).astype(np.float64),
        np.ones(count * symbols, np.bool_),
    )


def clustered_bars(symbols: int = 8, count: int = 700, seed: int = 0) -> Bars:
    """Return daily bars whose volatility comes in waves, each made of 40 steps, as ranges of real bars are."""
    rng = np.random.default_rng(seed)
    level = np.zeros((count, symbols))
    for t in range(1, count):
        level[t] = 0.95 * level[t - 1] + rng.normal(0, 0.25, symbols)
    steps = rng.normal(size=(count, 40, symbols)) * (0.01 * np.exp(level) / np.sqrt(40))[:, None]
    walk = np.log(50) + np.cumsum(steps.reshape(count * 40, symbols), axis=0)
    path = np.exp(walk).reshape(count, 40, symbols)
    close = path[:, -1]
    open_ = np.vstack((np.full((1, symbols), 50.0), close[:-1]))
    return Bars(
        tuple(f"S{i}" for i in range(symbols)),
        np.tile(np.arange(symbols, dtype=np.int32), count),
        np.repeat(MONDAY + DAY * np.arange(count, dtype=np.int64), symbols),
        open_.ravel(), np.maximum(path.max(axis=1), open_).ravel(), np.minimum(path.min(axis=1), open_).ravel(),
        close.ravel(), (1e5 * np.exp(level + rng.normal(0, 0.3, level.shape))).ravel(),
        np.ones(count * symbols, np.bool_),
    )  # fmt: skip
