"""Judge models on rows that none of them has seen: against the base rate, and a challenger against the champion.

A model that is trained again every week is another draw each time. Whoever takes the best of many draws by chance keeps
luck, and would never let go of it. So a contest is in pairs, on the same rows, all of them later than anything that
either model saw, with an interval that covers; and the attempts of a year share one chance of error of 5%, of which the
k-th gets 6 / (pi k)^2. These parts add up to one, so however many attempts there are, a year in which a challenger that
is no better is taken for better has a chance of at most 5% (`python -m tests.promotions`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from tapeline.core.market import Flags, Floats, Ints
from tapeline.core.rows import Direction
from tapeline.forecast.contests import error_of_attempt
from tapeline.forecast.estimates import Estimate, Sampling
from tapeline.forecast.model import LightGBMModel
from tapeline.research.dataset import Dataset
from tapeline.research.metrics import auc, log_loss

#: Fewer times than this are not looked at: no attempt is made of them.
FEWEST_TIMES = 60

#: A challenger is not worse when it loses at most this part of the champion's loss more, beyond luck.
NOT_WORSE = 0.01

_GATE_ERROR = 0.01  # of a model without skill, to pass against the base rate; it is judged once


class ContestOutcome(Enum):
    """Say how a contest ended."""

    BETTER = "better"
    NOT_WORSE = "not worse than one that has grown old"
    REFUSED = "not better"
    NOT_HELD = "too few rows"


@dataclass(frozen=True, slots=True)
class Contest:
    """Hold a contest: by how much the challenger's loss was lower, and what it took.

    `gain` has the 95% interval, for people; `bound` is what the gain exceeds but for the chance `error` of this
    attempt, and decides.
    """

    outcome: ContestOutcome
    gain: Estimate
    bound: float
    error: float
    times: int

    @property
    def promotes(self) -> bool:
        return self.outcome in {ContestOutcome.BETTER, ContestOutcome.NOT_WORSE}

    @property
    def was_held(self) -> bool:
        return self.outcome is not ContestOutcome.NOT_HELD

    def __str__(self) -> str:
        if not self.was_held:
            return f"{self.times} of {FEWEST_TIMES} times that neither model has seen: too few for a contest"
        return (
            f"{self.outcome.value} on {self.times} times that neither model had seen: gain {self.gain}, above "
            f"{self.bound:+.4f} but for a chance of {self.error:.3%}"
        )


def contest(
    champion: Floats, challenger: Floats, timestamp: Ints, horizon: int, attempt: int, attempt_when_old: int = 0
) -> Contest:
    """Compare the losses of two models on the same rows, float64 [n] each, at these times (int64 [n]).

    `attempt` counts those of this year, from 1. `attempt_when_old` counts them from when the champion had grown old, 0
    while it has not: then a challenger that is not worse is enough.
    """
    sampling = Sampling(timestamp, horizon)
    error = error_of_attempt(attempt)
    nothing = float("nan")
    if sampling.times < FEWEST_TIMES:
        return Contest(ContestOutcome.NOT_HELD, Estimate(nothing, nothing, nothing), nothing, error, sampling.times)
    differences = champion - challenger
    gain = float(differences.mean())
    spread = sampling.spread(differences - gain)
    estimate = sampling.around(gain, differences - gain)
    bound = gain - spread.half_width(error)
    if bound > 0:
        return Contest(ContestOutcome.BETTER, estimate, bound, error, sampling.times)
    if attempt_when_old:
        error = error_of_attempt(attempt_when_old)
        bound = gain - spread.half_width(error)
        if bound > -NOT_WORSE * float(champion.mean()):
            return Contest(ContestOutcome.NOT_WORSE, estimate, bound, error, sampling.times)
    return Contest(ContestOutcome.REFUSED, estimate, bound, error, sampling.times)


def later_rows(data: Dataset, *models: LightGBMModel) -> Flags:
    """Return the rows that are after everything that any of these models saw, bool [n]."""
    return data.timestamp > max(model.metadata.trained_until for model in models)


def shadow_contest(
    champion: LightGBMModel, challenger: LightGBMModel, data: Dataset, attempt: int, attempt_when_old: int = 0
) -> Contest:
    """Let both models forecast the rows that neither has seen, and compare their log-losses.

    `data` are decided rows, labelled as both models were asked.
    """
    rows = later_rows(data, champion, challenger)
    up = data.direction[rows] == Direction.UP
    one, other = (log_loss(model.predict(data.X[rows]), up) for model in (champion, challenger))
    return contest(one, other, data.timestamp[rows], data.horizon, attempt, attempt_when_old)


def judged(model: LightGBMModel, data: Dataset, share: float) -> LightGBMModel:
    """Return the model with `metrics` and `gate` measured on the later rows of `data`; as it is where there are few.

    `share` is that of UP among the rows it was trained on: what is said without a model.
    """
    rows = later_rows(data, model)
    up, timestamp = data.direction[rows] == Direction.UP, data.timestamp[rows]
    sampling = Sampling(timestamp, data.horizon)
    if sampling.times < FEWEST_TIMES:
        return model
    probability = model.predict(data.X[rows])
    loss, base = log_loss(probability, up), log_loss(np.full(len(up), share), up)
    gain = float((base - loss).mean())
    influence = base - loss - gain
    estimate = sampling.around(gain, influence)
    passed = gain - sampling.spread(influence).half_width(_GATE_ERROR) > 0
    gate = {"times": sampling.times, "until": int(data.end[rows].max()), "gain": gain, "passed": int(passed)}
    if estimate.has_interval:
        gate |= {"low": estimate.low, "high": estimate.high}
    metrics = {
        "rows": float(len(up)), "auc": auc(probability, up), "log_loss": float(loss.mean()),
        "skill": 1 - float(loss.mean() / base.mean()),
    }  # fmt: skip
    return LightGBMModel(model.text, replace(model.metadata, metrics=metrics, gate=gate))
