"""Measure how sure a number is: block-bootstrap intervals, and reliability in bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tapeline.core.market import Flags, Floats, Ints

RESAMPLES = 1000
_BLOCK_HORIZONS = 4  # a block is this many horizons long,
_FEWEST_BLOCKS = 20  # or shorter, so that there are as many as this to draw from


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value measured once, and the 95% interval that block bootstrap gives it (NaN: cannot be told)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True, slots=True)
class Bin:
    """A part of the rows: their mean probability (or confidence), how often it came true, and how many rows."""

    mean: float
    share: float
    count: int


def calibration(probability: Floats, up: Flags, bins: int = 10) -> list[Bin]:
    """Mean probability against the share of UP, in bins of equally many rows, the lowest probabilities first."""
    return _bins(probability, up, bins)


def hit_rate_by_confidence(probability: Floats, up: Flags, bins: int = 5) -> list[Bin]:
    """|p - 0.5| against the share of right calls (UP above 0.5), in bins of equally many rows, the least sure first."""
    return _bins(np.abs(probability - 0.5), (probability > 0.5) == up, bins)


def _bins(value: Floats, hit: Flags, bins: int) -> list[Bin]:
    order = np.argsort(value, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [Bin(float(value[part].mean()), float(hit[part].mean()), len(part)) for part in parts]


def blocks(timestamp: Ints, horizon: int) -> Ints:
    """The block of neighbouring times that each row belongs to, int64 [n], counted from 0."""
    times, place = np.unique(timestamp, return_inverse=True)
    length = max(1, min(_BLOCK_HORIZONS * horizon, len(times) // _FEWEST_BLOCKS))
    return place // length


def draws(timestamp: Ints, horizon: int, resamples: int, seed: int) -> tuple[Ints, Floats]:
    """Block of each row, int64 [n], and how often each block is drawn in each resample, float64 [resamples, blocks]."""
    block = blocks(timestamp, horizon)
    count = int(block.max()) + 1 if len(block) else 0
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(count, np.full(count, 1 / count), resamples) if count else np.zeros((resamples, 0))
    return block, drawn.astype(np.float64)


def interval(samples: Floats) -> tuple[float, float]:
    """The 2.5% and 97.5% points; NaN where fewer than half of the resamples could be measured."""
    known = samples[~np.isnan(samples)]
    if 2 * len(known) < len(samples) or not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)
