"""Measure how sure a number is: block-bootstrap confidence intervals, and reliability in bins.

Time is cut into blocks of neighbouring bars and whole blocks are drawn with replacement; the 2.5% and 97.5% points of a
metric over the draws are its confidence interval. All symbols of a time are in one block, and a block is longer than
the horizon, so neither overlapping labels nor a common market move count as independent evidence.

It lives beside grading because what runs live needs it. `research.metrics` builds on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np

from tapeline.core.market import Flags, Floats, Ints

RESAMPLES = 1000
_BLOCK_HORIZONS = 4  # a block is this many horizons long,
_FEWEST_BLOCKS = 20  # or shorter, so that there are at least this many blocks to draw from


@dataclass(frozen=True, slots=True)
class Estimate:
    """Hold a measured value and its 95% confidence interval; NaN where it cannot be measured."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, samples: Floats) -> Self:
        """Return the estimate of a value that was measured again in each resample, float64 [resamples]."""
        return cls(float(value), *confidence_interval(samples))

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True, slots=True)
class Bin:
    """Hold one bin of rows: their mean probability (or confidence), how often it came true, and how many rows."""

    mean: float
    share: float
    count: int


def calibration(probability: Floats, up: Flags, bins: int = 10) -> list[Bin]:
    """Return the mean probability against the share of UP, in bins of equally many rows, from low to high."""
    return _bins(probability, up, bins)


def hit_rate_by_confidence(probability: Floats, up: Flags, bins: int = 5) -> list[Bin]:
    """Return |p - 0.5| against the share of right calls, in bins of equally many rows, from low to high.

    A call is UP above 0.5, otherwise DOWN.
    """
    return _bins(np.abs(probability - 0.5), (probability > 0.5) == up, bins)


def _bins(value: Floats, hit: Flags, bins: int) -> list[Bin]:
    order = np.argsort(value, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [Bin(float(value[part].mean()), float(hit[part].mean()), len(part)) for part in parts]


def blocks(timestamp: Ints, horizon: int) -> Ints:
    """Return the block of neighbouring times that each row belongs to, int64 [n], counted from 0."""
    times, index = np.unique(timestamp, return_inverse=True)
    length = max(1, min(_BLOCK_HORIZONS * horizon, len(times) // _FEWEST_BLOCKS))
    return index // length


def draws(timestamp: Ints, horizon: int, resamples: int, seed: int) -> tuple[Ints, Floats]:
    """Return each row's block and how often each block is drawn in each resample.

    The blocks are int64 [n], the draws float64 [resamples, blocks]. The same seed gives the same draws.
    """
    block = blocks(timestamp, horizon)
    count = int(block.max()) + 1 if len(block) else 0
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(count, np.full(count, 1 / count), resamples) if count else np.zeros((resamples, 0))
    return block, drawn.astype(np.float64)


def block_sums(block: Ints, columns: Iterable[Floats | Flags], count: int = 0) -> Floats:
    """Return the sum of each column over each block, float64 [blocks, columns], with at least `count` blocks.

    A resample's sums are then one product of matrices, which is what makes a thousand of them affordable.
    """
    return np.stack([np.bincount(block, column, count) for column in columns], axis=1)


def confidence_interval(samples: Floats) -> tuple[float, float]:
    """Return the 2.5% and 97.5% points; NaN where fewer than half of the resamples could be measured."""
    known = samples[~np.isnan(samples)]
    if 2 * len(known) < len(samples) or not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)
