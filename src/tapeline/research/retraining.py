"""Train again on a schedule: tell when it is due, then train, hold a contest, and promote the winner.

There is one attempt a period, whatever comes of it, and the registry remembers it: a refused model that was trained
again at every tick would be promoted by luck sooner or later.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tapeline.core.bars import sort_and_dedupe
from tapeline.core.market import Bars
from tapeline.core.times import DAY
from tapeline.forecast.contests import Attempt, held_this_year
from tapeline.forecast.model import LightGBMModel
from tapeline.forecast.registry import Registry
from tapeline.research.dataset import build
from tapeline.research.gate import Contest, shadow_contest
from tapeline.research.libraries import require_training
from tapeline.research.training import MAX_ROWS, fit

#: The schedules, in days.
SCHEDULES = {"daily": 1, "weekly": 7, "monthly": 30}

#: A champion that was promoted this many periods ago is old: it yields to a challenger that is not worse.
OLD_PERIODS = 26


@dataclass(frozen=True, slots=True)
class Retrained:
    """Hold the new model, whether it is in use now, and how the contest went; None where nothing was in use."""

    model: LightGBMModel
    promoted: bool
    contest: Contest | None


def due(schedule: str, last: int, now: int) -> bool:
    """Return whether the last attempt (or promotion) is longer ago than the schedule allows (both epoch ms).

    Raises `ValueError` for a schedule that there is not.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"{schedule!r} is no schedule: {', '.join(SCHEDULES)}")
    return now - last >= SCHEDULES[schedule] * DAY


def last_attempt(registry: Registry, name: str) -> int:
    """Return when the model was last replaced, or when that was last attempted (UTC epoch ms); 0 if never."""
    attempts = registry.attempts(name)
    return max(registry.promoted_at(name) or 0, attempts[-1].at if attempts else 0)


def retrain(
    registry: Registry, name: str, bars: Iterable[Bars], *, at: int, schedule: str = "weekly", **training: Any
) -> Retrained:
    """Train on these bars, store the model under `name`, and promote it if it wins against the one in use.

    `at` is the time now (UTC epoch ms); `schedule` says how long a period is. `training` goes to `fit`, which may
    raise. Raises `NotBetterError` when the model in use was asked another question.
    """
    require_training(training.get("trials", 0))
    history = sort_and_dedupe(bars, training.get("until"))
    model = fit([history], **training)
    registry.save(name, model)
    if registry.current(name) is None:
        registry.promote(name, model.version, at=at)
        return Retrained(model, promoted=True, contest=None)
    registry.require_same_question(name, model)
    champion = registry.load(name)
    if champion.version == model.version:
        return Retrained(model, promoted=True, contest=None)
    attempt, attempt_when_old = attempt_numbers(registry, name, at, SCHEDULES[schedule] * DAY)
    asked = model.metadata
    data = build(
        history, horizon=asked.horizon, no_trade_band=asked.no_trade_band, max_rows=training.get("max_rows", MAX_ROWS)
    )
    held = shadow_contest(champion, model, data, attempt, attempt_when_old)
    versions = champion.version, model.version
    registry.record(name, Attempt.of(at, *versions, was_held=held.was_held, promotes=held.promotes, gain=held.gain))
    if held.promotes:
        registry.promote(name, model.version, at=at)
    return Retrained(model, promoted=held.promotes, contest=held)


def attempt_numbers(registry: Registry, name: str, at: int, period: int) -> tuple[int, int]:
    """Return the number of the attempt at this time among those of the year, and among those against an old champion.

    Years are counted from when the champion was promoted. The second is 0 while it has not grown old. `period` is in
    ms.
    """
    promoted = registry.promoted_at(name) or 0
    attempts, old = registry.attempts(name), promoted + OLD_PERIODS * period
    attempt = 1 + held_this_year(attempts, promoted, at)
    return attempt, 1 + held_this_year(attempts, promoted, at, since=old) if at >= old else 0
