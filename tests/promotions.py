"""Retrain every week on random walks for many years, and count the models that were promoted by luck.

usage: python -m tests.promotions [YEARS]

Every week a linear model of features that know nothing is fitted to the past, calibrated on later rows, and held
against the model in use on rows that are later still, by the gate that retraining uses. Nothing can be learnt, so all
that a model can be better at is to say less: a promotion as "better" is false when the new model's opinions are not
the fainter ones. Prints what docs/evaluation.md shows.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from tapeline.core.market import Floats
from tapeline.research.gate import ContestOutcome, contest
from tapeline.research.retraining import OLD_PERIODS

_SYMBOLS = 3
_FEATURES = 5
_HORIZON = 5
_WEEK = 5  # bars
_WEEKS = 52
_LEARN, _CALIBRATE, _JUDGE = 500, 100, 120  # bars
_PERSISTENCE = 0.8  # of a feature from one bar to the next


@dataclass(frozen=True, slots=True)
class Counted:
    """Count years, those with a false promotion, all false promotions, and those where an old champion yielded."""

    years: int
    promoted_years: int
    promotions: int
    yielded: int


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """Hold a line's weights, and how far its score is trusted."""

    weight: Floats
    slope: float

    @property
    def loudness(self) -> float:
        """Return how far its opinions spread: its true loss grows with that and with nothing else."""
        return self.slope * float(np.linalg.norm(self.weight))

    def loss(self, X: Floats, up: Floats) -> Floats:
        probability = 1 / (1 + np.exp(-self.slope * (X @ self.weight)))
        result: Floats = -np.log(np.where(up, probability, 1 - probability))
        return result


def false_promotions(years: int, seed: int = 0) -> Counted:
    """Return what happened in this number of years, each begun with a new champion."""
    rng = np.random.default_rng(seed)
    promoted_years = promotions = yielded = 0
    for _ in range(years):
        X, up, time = _history(rng)
        champion: _Model | None = None
        attempt = attempt_when_old = reign = false = 0
        for week in range(_WEEKS + 1):
            start = week * _WEEK
            model = _fitted(X, up, start)
            if champion is None:
                champion = model
                continue
            reign += 1
            attempt += 1
            attempt_when_old += reign >= OLD_PERIODS
            rows = slice(start + _LEARN + _CALIBRATE, start + _LEARN + _CALIBRATE + _JUDGE)
            one, other = (m.loss(X[rows].reshape(-1, _FEATURES), up[rows].ravel()) for m in (champion, model))
            held = contest(one, other, time[rows].ravel(), _HORIZON, attempt, attempt_when_old)
            false += held.outcome is ContestOutcome.BETTER and model.loudness >= champion.loudness
            yielded += held.outcome is ContestOutcome.NOT_WORSE
            if held.promotes:
                champion = model
                attempt = attempt_when_old = reign = 0
        promoted_years += false > 0
        promotions += false
    return Counted(years, promoted_years, promotions, yielded)


def _history(rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Return features, whether each close is higher `_HORIZON` bars later, and times; [bars, symbols] each."""
    bars = _LEARN + _CALIBRATE + _JUDGE + _WEEK * _WEEKS
    features = rng.normal(size=(bars, _SYMBOLS, _FEATURES))
    for i in range(1, bars):
        features[i] = _PERSISTENCE * features[i - 1] + np.sqrt(1 - _PERSISTENCE**2) * features[i]
    returns = rng.normal(size=(bars + _HORIZON, 1)) + rng.normal(size=(bars + _HORIZON, _SYMBOLS))
    path = np.cumsum(returns, axis=0)
    time = np.repeat(np.arange(bars)[:, None], _SYMBOLS, axis=1)
    return features, path[_HORIZON:] > path[:-_HORIZON], time


def _fitted(X: Floats, up: Floats, start: int) -> _Model:
    """Return a line fitted to the bars from `start` on, and calibrated on the bars after those."""
    learn = slice(start, start + _LEARN - _HORIZON)
    calibrate = slice(start + _LEARN, start + _LEARN + _CALIBRATE - _HORIZON)
    known, target = X[learn].reshape(-1, _FEATURES), up[learn].ravel() - 0.5
    weight = np.linalg.solve(known.T @ known + np.eye(_FEATURES), known.T @ target)
    score, rises = X[calibrate].reshape(-1, _FEATURES) @ weight, up[calibrate].ravel() - 0.5
    slope = float(np.clip(4 * (score @ rises) / (score @ score), 0.4, 4.0))
    return _Model(weight, slope)


def main(years: int) -> None:
    """Print the counts."""
    found = false_promotions(years)
    share = found.promoted_years / found.years
    print(f"{found.years} years of weekly retraining where nothing can be learnt: {found.promotions} false promotions")
    print(f"in {found.promoted_years} years ({share:.1%}); an old champion yielded {found.yielded} times")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
