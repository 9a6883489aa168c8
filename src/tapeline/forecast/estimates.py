"""Measure how sure a number is: confidence intervals that hold when neighbours in time are alike, and bins.

A number that is measured over rows is, to first order, the truth plus a mean of one term a row, its *influence*. All
rows of a time are summed, so a common market move counts once. The variance of the mean of that series is estimated
from its first few cosine coefficients (equal-weighted cosine estimator), divided by what overlapping labels take away
from these coefficients, and Student's t has as many degrees of freedom as there are coefficients. Few coefficients are
what makes the intervals wide enough: from 25 independent outcomes on they hold the truth 93 to 98% of the time, with
fewer 93 to 99.6% (`python -m tests.no_skill`). A bootstrap of few blocks is too narrow.

Source: E. Lazarus, D. Lewis, J. Stock, M. Watson, HAR Inference: Recommendations for Practice, Journal of Business &
Economic Statistics 36 (2018); U. Mueller, HAC Corrections for Strongly Autocorrelated Time Series, ibid. 32 (2014).

It lives beside grading because what runs live needs it. `research.metrics` builds on it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tapeline.core.market import Flags, Floats, Ints
from tapeline.forecast.student_t import critical_value

_TAIL = 0.025  # on each side of a 95% interval
_FEWEST_COEFFICIENTS = 3
_MOST_COEFFICIENTS = 12  # more would see slow changes, such as of volatility, as independent
_FEWEST_TIMES = 10  # and two horizons: of fewer, there is no interval
_TRUST_IN_OVERLAP = 0.015  # where misses are rare, see `_error_of_share`; chosen on simulated samples
_BLOCK_HORIZONS = 4  # a block is this many horizons long,
_FEWEST_BLOCKS = 20  # or shorter, so that there are at least this many


@dataclass(frozen=True, slots=True)
class Estimate:
    """Hold a measured value and its 95% confidence interval.

    The value is NaN where it cannot be measured. The ends are NaN where too few times were seen to say anything, and
    where all that was seen is alike: an interval of no width would claim a certainty that nothing supports.
    """

    value: float
    low: float
    high: float

    @property
    def has_interval(self) -> bool:
        return math.isfinite(self.low) and math.isfinite(self.high)

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]" if self.has_interval else f"{self.value:.4f}"


@dataclass(frozen=True, slots=True)
class Spread:
    """Hold the standard error of a number, and the degrees of freedom of the t statistic that it makes.

    The error is NaN or 0 where it cannot be measured.
    """

    error: float
    degrees: int

    def half_width(self, tail: float = _TAIL) -> float:
        """Return how far from the value the bound lies that is passed with probability `tail`; NaN if unknown."""
        return self.error * critical_value(tail, self.degrees) if self.error > 0 else float("nan")


class Sampling:
    """Make confidence intervals of numbers measured over the same rows.

    `timestamp` (int64 [n]) are the rows' times in any order, `horizon` is how many times ahead a row's outcome lies, so
    that the outcomes of that many neighbours overlap.
    """

    def __init__(self, timestamp: Ints, horizon: int) -> None:
        times, self._index = np.unique(timestamp, return_inverse=True)
        self.times = len(times)
        self._rows = len(timestamp)
        self._horizon = horizon

    def mean(self, values: Floats | Flags) -> Estimate:
        """Return the mean of the rows' values."""
        return self.ratio(values, np.ones(self._rows))

    def ratio(self, numerator: Floats | Flags, denominator: Floats | Flags) -> Estimate:
        """Return the sum of one column over that of another."""
        value, influence = ratio_influence(numerator, denominator)
        return self.around(value, influence)

    def proportion(self, hits: Floats | Flags, among: Floats | Flags) -> Estimate:
        """Return the share of hits among some rows, with an interval inside 0 to 1 that has a width at 0 and 1, too.

        It is Wilson's interval with the number of independent rows that the standard error is worth, and t in place of
        the normal quantile. Where all or none are hits, each horizon counts as one. Source: N. Dean, M. Pagano,
        Evaluating Confidence Interval Methods for Binomial Proportions in Clustered Surveys (2015), "modified Wilson".
        """
        value, influence = ratio_influence(hits, among)
        spread = self.spread(influence)
        if math.isnan(value) or math.isnan(spread.error):
            return Estimate(value, float("nan"), float("nan"))
        used = len(np.unique(self._index[np.asarray(among, np.float64) > 0]))
        independent = used / min(self._horizon, used)
        if spread.error > 0:
            independent = value * (1 - value) / self._error_of_share(value, influence, spread, used) ** 2
        t = critical_value(_TAIL, spread.degrees)
        scale = 1 + t * t / independent
        center = (value + t * t / (2 * independent)) / scale
        half = t / scale * math.sqrt(value * (1 - value) / independent + t * t / (4 * independent**2))
        return Estimate(value, min(max(0.0, center - half), value), max(min(1.0, center + half), value))

    def around(self, value: float, influence: Floats) -> Estimate:
        """Return the estimate of a value whose error is the mean of `influence` (float64 [n]) over the rows."""
        half = self.spread(influence).half_width()
        return Estimate(float(value), float(value) - half, float(value) + half)

    def spread(self, influence: Floats) -> Spread:
        """Return the standard error of the mean of `influence` (float64 [n], mean 0) over the rows."""
        count = self.times
        if count < max(_FEWEST_TIMES, 2 * self._horizon) or not np.isfinite(influence).all():
            return Spread(float("nan"), _FEWEST_COEFFICIENTS)
        degrees = _coefficients(count, self._horizon)
        sums = self._sums(influence)
        total = 0.0
        for k in range(1, degrees + 1):
            total += float(_cosine(count, k) @ sums) ** 2
        variance = total / degrees * count / _kept(count, self._horizon)
        smallest = 1e-15 * float(np.abs(influence).max(initial=0.0))
        error = math.sqrt(variance)
        return Spread(error if error > smallest else 0.0, degrees)

    def _sums(self, influence: Floats) -> Floats:
        """Return each time's part of the mean, float64 [times]."""
        sums: Floats = np.bincount(self._index, influence, self.times) / self._rows
        return sums

    def _error_of_share(self, value: float, influence: Floats, spread: Spread, used: int) -> float:
        """Return the standard error of a share that was seen at `used` times, which is `spread`'s or a larger one.

        Three misses in a row among 500 rows look like three rows of 500, and the interval would exclude 95%: few rare
        misses say little about how they cluster. What overlap alone does is known instead. That a close `horizon` rows
        ahead stays within a band hardly depends on it half a horizon later, so each row is worth 2 / (horizon + 1).
        This counts the more, the further the excess kurtosis of such hits lets the coefficients be off by chance.
        """
        worth = 2 / (self._horizon + 1)
        kurtosis = max(0.0, 1 / (value * (1 - value)) - 6)
        weight = _TRUST_IN_OVERLAP * spread.degrees**2 * kurtosis / (worth * used)
        sums = self._sums(influence)
        of_overlap = float(sums @ sums) / worth
        mixed = (spread.degrees * spread.error**2 + weight * of_overlap) / (spread.degrees + weight)
        return max(spread.error, math.sqrt(mixed))


def ratio_influence(numerator: Floats | Flags, denominator: Floats | Flags) -> tuple[float, Floats]:
    """Return the sum of one column over that of another, and each row's influence on it, float64 [n]."""
    over, under = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    below = float(under.sum())
    if below == 0:
        return float("nan"), np.full(len(over), np.nan)
    value = float(over.sum()) / below
    influence: Floats = (over - value * under) * (len(over) / below)
    return value, influence


def _coefficients(times: int, horizon: int) -> int:
    """Return how many cosine coefficients to use: few enough that the slowest waves are longer than the overlap."""
    most = min(_MOST_COEFFICIENTS, int(0.4 * times ** (2 / 3)), times // (2 * horizon))
    return max(_FEWEST_COEFFICIENTS, most)


@lru_cache(maxsize=256)
def _cosine(times: int, k: int) -> Floats:
    """Return the k-th cosine over these times, of length 1 and orthogonal to a constant."""
    wave: Floats = math.sqrt(2 / times) * np.cos(math.pi * k * (np.arange(times) + 0.5) / times)
    return wave


@lru_cache(maxsize=1024)
def _kept(times: int, horizon: int) -> float:
    """Return what part of the variance of a mean the coefficients hold, when outcomes overlap over the horizon.

    Sums of `horizon` neighbours have correlations that fall in a straight line, which takes from short waves more than
    from the mean.
    """
    constant = np.full(times, 1 / math.sqrt(times))
    waves = [_cosine(times, k) for k in range(1, _coefficients(times, horizon) + 1)]

    def variance(wave: Floats) -> float:
        """Return that of the coefficient of a wave."""
        lags = range(1, min(horizon, times))
        return float(wave @ wave + 2 * sum((1 - lag / horizon) * float(wave[:-lag] @ wave[lag:]) for lag in lags))

    return sum(map(variance, waves)) / len(waves) / variance(constant)


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
    """Return the block of neighbouring times that each row belongs to, int64 [n], counted from 0.

    All symbols of a time are in one block, and a block is longer than the horizon, where there are times enough.
    """
    times, index = np.unique(timestamp, return_inverse=True)
    length = max(1, min(_BLOCK_HORIZONS * horizon, len(times) // _FEWEST_BLOCKS))
    return index // length


def block_sums(block: Ints, columns: Iterable[Floats | Flags]) -> Floats:
    """Return the sum of each column over each block, float64 [blocks, columns]."""
    return np.stack([np.bincount(block, column) for column in columns], axis=1)
