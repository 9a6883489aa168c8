"""Remember the attempts to replace the model in use, and say what chance of error they have left.

The attempts of a year share one chance of error, of which the k-th that was held gets 6 / (pi k)^2: these parts add up
to one, however many there are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tapeline.core.times import DAY
from tapeline.forecast.estimates import Estimate

#: The chance of error that the attempts of a year share.
ERROR = 0.05

_YEAR = 365 * DAY
_FORMAT = 1
_KEPT = 1000  # more than a year of daily ones


@dataclass(frozen=True, slots=True)
class Attempt:
    """Remember that a challenger was held against the model in use.

    `at` is when (UTC epoch ms), `was_held` whether their losses were compared, which spends a part of the year's chance
    of error, and `promotes` whether the challenger may take the place of `champion`. `gain` is by how much the
    challenger's log-loss was lower, `low` and `high` are the ends of its 95% interval; None where nothing was compared.
    """

    at: int
    champion: str
    challenger: str
    was_held: bool
    promotes: bool
    gain: float | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, at: int, champion: str, challenger: str, *, was_held: bool, promotes: bool, gain: Estimate) -> Attempt:
        """Return the attempt with this gain, whose value and ends may be NaN."""
        value, low, high = (each if math.isfinite(each) else None for each in (gain.value, gain.low, gain.high))
        return cls(at, champion, challenger, was_held, promotes, value, low, high)


@dataclass(frozen=True, slots=True)
class Budget:
    """Say how many attempts of this year were held, which chance of error is left to it, and how much the next gets."""

    held: int
    left: float
    next: float


def error_of_attempt(attempt: int) -> float:
    """Return the chance of error that the attempt may use, counted from 1. Raises `ValueError` below 1."""
    if attempt < 1:
        raise ValueError(f"attempts are counted from 1, not {attempt}")
    return ERROR * 6 / (math.pi * attempt) ** 2


def held_this_year(attempts: Sequence[Attempt], promoted: int, at: int, since: int = 0) -> int:
    """Return how many attempts were held in the year of `at`, at or after `since` (all UTC epoch ms).

    Years are counted from when the champion was promoted.
    """
    year = promoted + (at - promoted) // _YEAR * _YEAR
    return sum(attempt.was_held and attempt.at >= max(promoted, year, since) for attempt in attempts)


def budget(attempts: Sequence[Attempt], promoted: int, at: int) -> Budget:
    """Return what is left at this time (UTC epoch ms) of the year's chance of error."""
    held = held_this_year(attempts, promoted, at)
    spent = sum(error_of_attempt(k) for k in range(1, held + 1))
    return Budget(held, ERROR - spent, error_of_attempt(held + 1))


def content_of(attempts: Sequence[Attempt]) -> bytes:
    """Return the newest attempts as the bytes of a file."""
    document = {"format": _FORMAT, "attempts": [asdict(each) for each in attempts[-_KEPT:]]}
    return (json.dumps(document, indent=2) + "\n").encode()


def attempts_in(document: Mapping[str, Any]) -> list[Attempt] | None:
    """Return the attempts of such a file, None where it has another format.

    Raises `KeyError`, `TypeError` or `ValueError` where it is damaged.
    """
    return [_attempt(each) for each in document["attempts"]] if document["format"] == _FORMAT else None


def _attempt(fields: Mapping[str, Any]) -> Attempt:
    names = {"at": int, "champion": str, "challenger": str, "was_held": bool, "promotes": bool}
    wrong = any(type(fields[name]) is not kind for name, kind in names.items())
    numbers = [fields.get(name) for name in ("gain", "low", "high")]
    if wrong or any(each is not None and type(each) not in {int, float} for each in numbers):
        raise ValueError("a field has another type")
    return Attempt(*(fields[name] for name in names), *numbers)
