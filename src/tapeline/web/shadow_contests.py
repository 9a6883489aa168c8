"""Say how the newest challengers fared against the model in use, and which chance of error this year has left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from tapeline.core.iso_text import iso_time
from tapeline.errors import ModelError, StorageError
from tapeline.forecast.contests import ERROR, Attempt, budget
from tapeline.forecast.registry import Registry

#: How many attempts are shown of a model.
SHOWN = 20


@dataclass(frozen=True, slots=True)
class TimedAttempt(Attempt):
    """Hold an attempt, and as `at_time` the ISO text of its `at`."""

    at_time: str | None = None


@dataclass(frozen=True, slots=True)
class ShadowContests:
    """Hold the newest attempts to replace the model of a name, the newest first.

    `held` attempts of this year have spent a part of the chance of error that they share; `left` of `error` is not
    spent, and the next attempt may use `next` of it.
    """

    name: str
    attempts: tuple[TimedAttempt, ...]
    held: int
    error: float
    left: float
    next: float


def shadow_contests(registry: Registry, names: Iterable[str], at: int) -> list[ShadowContests]:
    """Return the contests of each model that is in use; `at` is the time now (UTC epoch ms).

    What cannot be read is left out: the list of versions matters more.
    """
    found = []
    for name in dict.fromkeys(names):
        try:
            promoted, attempts = registry.promoted_at(name), registry.attempts(name)
        except (ModelError, StorageError):
            continue
        if promoted is not None:
            rest = budget(attempts, promoted, at)
            newest = tuple(_timed(each) for each in attempts[: -SHOWN - 1 : -1])
            found.append(ShadowContests(name, newest, rest.held, ERROR, rest.left, rest.next))
    return found


def _timed(attempt: Attempt) -> TimedAttempt:
    return TimedAttempt(**asdict(attempt), at_time=iso_time(attempt.at))
