"""Draw forecasts without skill whose true worth is known, to count how often confidence intervals hold it.

usage: python -m tests.no_skill [SAMPLES] [SYMBOLS] [TIMES]

prints the table of docs/evaluation.md, or the lines of this many symbols (1 or 5) and times only.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from tapeline.core.market import Flags, Floats, Ints
from tapeline.forecast.estimates import Estimate, Sampling
from tapeline.forecast.range_scores import NORMAL
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


#: What is measured, and its true value. Around a half, an opinion costs the mean square of what it adds.
TRUTHS = {"AUC": 0.5, "Brier gain": -(_SPREAD**2), "hit-rate": 0.5, "80% band": 0.8, "95% band": 0.95}


def measured(sample: Sample) -> dict[str, Estimate]:
    """Return what is measured of a sample, for each of `TRUTHS`."""
    half, every = np.full(len(sample.move), 0.5), np.ones(len(sample.move))
    paired = PairedMetrics(sample.timestamp, sample.up, sample.move, half, sample.horizon)
    paired.measure("base rate", half)
    auc = paired.measure("model", sample.probability)["auc"]
    sampling = Sampling(sample.timestamp, sample.horizon)
    return {
        "AUC": auc,
        "Brier gain": paired.difference("brier", "model", "base rate"),
        "hit-rate": sampling.proportion((sample.probability > 0.5) == sample.up, every),
        "80% band": sampling.proportion(np.abs(sample.move) < NORMAL[80], every),
        "95% band": sampling.proportion(np.abs(sample.move) < NORMAL[95], every),
    }


def coverage(
    trials: int, times: int, horizon: int, symbols: int = SYMBOLS, seed: int = 0
) -> tuple[dict[str, float], float]:
    """Return how often the intervals of each of `TRUTHS` hold the true value, and in how many samples no close missed.

    The latter is of the 95% band: where it is likely, no interval has two tails of 2.5%. A sample whose outcomes are
    all alike has no AUC, so no interval that could hold one, and is left out there.
    """
    rng = np.random.default_rng([seed, times, horizon, symbols])
    held, given, never_missed = dict.fromkeys(TRUTHS, 0), dict.fromkeys(TRUTHS, 0), 0
    for _ in range(trials):
        for name, found in measured(draw(rng, times, horizon, symbols)).items():
            given[name] += found.has_interval
            held[name] += found.low <= TRUTHS[name] <= found.high
            never_missed += name == "95% band" and found.value == 1.0
    return {name: held[name] / given[name] for name in TRUTHS}, never_missed / trials


def main(trials: int = 1000, only_symbols: int = 0, only_times: int = 0) -> None:
    """Print how often the 95% intervals hold the truth, in percent; 0 is for every number of symbols or of times."""
    print(f"95% intervals that hold the truth, in % of {trials:,} samples\n")
    print("symbols  horizon  times  " + "  ".join(f"{name:>10}" for name in TRUTHS) + "  never missed")
    for symbols in [only_symbols] if only_symbols else (1, SYMBOLS):
        for horizon in (1, 5, 20):
            for times in [only_times] if only_times else (60, 120, 250, 500, 1000):
                held, never_missed = coverage(trials, times, horizon, symbols)
                shares = "  ".join(f"{100 * share:10.1f}" for share in held.values())
                print(f"{symbols:7}  {horizon:7}  {times:5}  {shares}  {100 * never_missed:12.1f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
