"""Draw forecasts without skill whose true worth is known, to count how often confidence intervals hold it.

usage: python -m tests.no_skill [SAMPLES] [SYMBOLS] [TIMES]

prints the table of docs/evaluation.md, or the lines of this many symbols (1 or 5) and times only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from tapeline.core.market import Flags, Floats, Ints
from tapeline.forecast.estimates import Estimate, Sampling
from tapeline.research.metrics import PairedMetrics

SYMBOLS = 5
_PERSISTENCE = 0.9  # of an opinion, from one bar to the next
_SPREAD = 0.03  # of the probabilities around a half


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Hold forecasts and outcomes of random walks: rows of several symbols at each time.

    `move` is the sum of the next `horizon` returns of a row's symbol, in standard deviations; half of each symbol's
    returns is common to all. `probability` is a slowly changing opinion that knows nothing.
    """

    timestamp: Ints
    move: Floats
    probability: Floats
    horizon: int

    @property
    def up(self) -> Flags:
        return self.move > 0

    def paired(self) -> PairedMetrics:
        half = np.full(len(self.move), 0.5)
        paired = PairedMetrics(self.timestamp, self.up, self.move, half, self.horizon)
        paired.measure("base rate", half)
        return paired


def draw(rng: np.random.Generator, times: int, horizon: int, symbols: int = SYMBOLS) -> Sample:
    """Return a sample with `symbols` rows at each of `times`."""
    returns = rng.normal(size=(times + horizon, 1)) + rng.normal(size=(times + horizon, symbols))
    path = np.cumsum(returns, axis=0)
    move = (path[horizon:] - path[:-horizon]) / np.sqrt(2 * horizon)
    shock = rng.normal(size=(times, symbols))
    shock[1:] *= np.sqrt(1 - _PERSISTENCE**2)
    opinion = lfilter([1.0], [1.0, -_PERSISTENCE], shock, axis=0)
    probability = 0.5 + _SPREAD * np.clip(opinion, -4, 4)
    timestamp = np.repeat(np.arange(times, dtype=np.int64) * 86_400_000, symbols)
    return Sample(timestamp, move.ravel(), probability.ravel(), horizon)


def auc(sample: Sample) -> Estimate:
    return sample.paired().measure("model", sample.probability)["auc"]


def brier_gain(sample: Sample) -> Estimate:
    paired = sample.paired()
    paired.measure("model", sample.probability)
    return paired.difference("brier", "model", "base rate")


def hit_rate(sample: Sample) -> Estimate:
    hits = (sample.probability > 0.5) == sample.up
    return Sampling(sample.timestamp, sample.horizon).proportion(hits, np.ones(len(hits)))


def band(limit: float) -> Callable[[Sample], Estimate]:
    """Return a function that measures how often a sample's moves stay within `limit` standard deviations."""

    def held(sample: Sample) -> Estimate:
        inside = np.abs(sample.move) < limit
        return Sampling(sample.timestamp, sample.horizon).proportion(inside, np.ones(len(inside)))

    return held


#: What is measured, how, and its true value. Around a half, an opinion costs the mean square of what it adds.
MEASURED: dict[str, tuple[Callable[[Sample], Estimate], float]] = {
    "AUC": (auc, 0.5),
    "Brier gain": (brier_gain, -(_SPREAD**2)),
    "hit-rate": (hit_rate, 0.5),
    "80% band": (band(1.2815515655446004), 0.8),
    "95% band": (band(1.959963984540054), 0.95),
}


def coverage(trials: int, times: int, horizon: int, symbols: int = SYMBOLS, seed: int = 0) -> dict[str, float]:
    """Return how often the intervals of each of `MEASURED` hold the true value, over this many samples."""
    rng = np.random.default_rng([seed, times, horizon, symbols])
    held = dict.fromkeys(MEASURED, 0)
    for _ in range(trials):
        sample = draw(rng, times, horizon, symbols)
        for name, (measure, truth) in MEASURED.items():
            found = measure(sample)
            held[name] += found.low <= truth <= found.high
    return {name: count / trials for name, count in held.items()}


def main(trials: int = 1000, only_symbols: int = 0, only_times: int = 0) -> None:
    """Print how often the 95% intervals hold the truth, in percent; 0 is for every number of symbols or of times."""
    print(f"95% intervals that hold the truth, in % of {trials:,} samples\n")
    print("symbols  horizon  times  " + "  ".join(f"{name:>10}" for name in MEASURED))
    for symbols in [only_symbols] if only_symbols else (1, SYMBOLS):
        for horizon in (1, 5, 20):
            for times in [only_times] if only_times else (60, 120, 250, 500, 1000):
                held = coverage(trials, times, horizon, symbols)
                shares = "  ".join(f"{100 * share:10.1f}" for share in held.values())
                print(f"{symbols:7}  {horizon:7}  {times:5}  {shares}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
