"""Train again on a schedule: tell when it is due, then train, store, and promote unless the model is worse."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tapeline.core.market import Bars
from tapeline.core.times import DAY
from tapeline.errors import NotBetterError
from tapeline.forecast.model import LightGBMModel
from tapeline.forecast.registry import Registry
from tapeline.research.training import fit

#: The schedules, in days.
SCHEDULES = {"daily": 1, "weekly": 7, "monthly": 30}


@dataclass(frozen=True, slots=True)
class Retrained:
    """Hold the new model, whether it is in use now, and why not if it is not."""

    model: LightGBMModel
    promoted: bool
    reason: str


def due(schedule: str, trained_until: int, now: int) -> bool:
    """Return whether a model trained on bars up to `trained_until` is older than the schedule allows (both epoch ms).

    `now` may be the time of the newest bar, so that a replay retrains when the live run did. Raises `ValueError`.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"{schedule!r} is no schedule: {', '.join(SCHEDULES)}")
    return now - trained_until >= SCHEDULES[schedule] * DAY


def retrain(registry: Registry, name: str, bars: Iterable[Bars], *, at: int, **training: Any) -> Retrained:
    """Train on these bars, store the model under `name`, and promote it unless it is worse than the one in use.

    `at` is the time now (UTC epoch ms); `training` goes to `fit`, which may raise.
    """
    model = fit(bars, **training)
    registry.save(name, model)
    try:
        registry.promote(name, model.version, at=at)
    except NotBetterError as error:
        return Retrained(model, promoted=False, reason=str(error))
    return Retrained(model, promoted=True, reason="")
