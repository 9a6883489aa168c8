"""Judge rules bar by bar: when a condition becomes true, with hysteresis and quiet time. No I/O, no clock.

A rule *fires* for a symbol when its condition was not holding and now is. It is over, and may fire again, when the
condition no longer holds even with every comparison loosened by `MARGIN` (or up to the rule's `reset`). What is not
known, because an indicator is not warm or no model answered, is neither true nor false and changes nothing. The first
bar on which the condition is known fires nothing: it only tells what holds already.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from tapeline.alerts.rules import (
    DEFAULT_QUIET,
    AllOf,
    AnyOf,
    Change,
    Comparison,
    Condition,
    Crossing,
    Predicted,
    Rule,
    Silence,
    number,
)
from tapeline.core.rows import Direction
from tapeline.core.sessions import Phase, calendar_of

#: A comparison is over when its left side is on the other side by this share of the right side.
MARGIN = 0.001


@dataclass(frozen=True, slots=True)
class BarValues:
    """Hold one bar as rules see it: its open time (UTC epoch ms), values by column (NaN: not known), the prediction."""

    timestamp: int
    final: bool
    values: Mapping[str, float]
    prediction: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """Hold what one rule remembers of one symbol. `dump` and `load` keep it over a restart.

    `bar` is the last bar judged, `final` whether it was. `holding` is whether the condition has fired and is not over,
    None while nothing is known. `fired` is the bar that fired last. `before` and `now` are, for each of the rule's
    events, what was last known before that bar and with it: the side of a crossing (-1, 0, 1) or the prediction.
    """

    bar: int | None = None
    final: bool = False
    holding: bool | None = None
    fired: int | None = None
    before: tuple[int | None, ...] = ()
    now: tuple[int | None, ...] = ()

    def dump(self) -> str:
        """Return the state as text."""
        return json.dumps([self.bar, self.final, self.holding, self.fired, self.before, self.now])

    @classmethod
    def load(cls, text: str) -> State:
        """Return the state that `dump` wrote."""
        bar, final, holding, fired, before, now = json.loads(text)
        return cls(bar, final, holding, fired, tuple(before), tuple(now))


def step(rule: Rule, state: State, seen: BarValues) -> tuple[State, bool]:
    """Return the state after this bar, and whether the rule fires on it.

    A bar before the last one judged, or that one once it is final, changes nothing: it was replayed or corrected.
    """
    if isinstance(rule.condition, Silence) or not (seen.final or rule.forming):
        return state, False
    again = seen.timestamp == state.bar
    if state.bar is not None and (seen.timestamp < state.bar or (again and state.final)):
        return state, False
    before = (state.before if again else state.now) or (None,) * len(rule.events)
    measured = tuple(_measure(event, seen) for event in rule.events)
    now = tuple(known if found is None else found for found, known in zip(measured, before, strict=True))
    judge = _Judge(rule, seen, before, measured)
    exact = judge.verdict(rule.condition, loose=False)
    holding, fires = state.holding, False
    if holding is None:
        holding = exact
    elif not holding and exact:
        holding = True
        fires = _is_loud(rule, state, seen.timestamp)
    elif holding and judge.verdict(rule.condition, loose=True) is False:
        holding = False
    fired = seen.timestamp if fires else state.fired
    return State(seen.timestamp, seen.final, holding, fired, before, now), fires


def holds(rule: Rule, seen: BarValues, before: BarValues | None = None) -> bool | None:
    """Return whether the condition holds on this bar, None where that is not known; `before` is the bar before it.

    Nothing is remembered: this answers for one moment, as a screener does. Of a `Silence` nothing is known.
    """
    if isinstance(rule.condition, Silence):
        return None
    known = tuple(None if before is None else _measure(event, before) for event in rule.events)
    measured = tuple(_measure(event, seen) for event in rule.events)
    return _Judge(rule, seen, known, measured).verdict(rule.condition, loose=False)


def step_silence(rule: Rule, state: State, since: int | None, now: int) -> tuple[State, bool]:
    """Return the state at the time `now`, and whether the rule fires, when no bar came since `since` (UTC epoch ms).

    `since` is None while the market is closed: that changes nothing.
    """
    if since is None or not isinstance(rule.condition, Silence):
        return state, False
    silent = now - since >= rule.condition.duration
    if silent == bool(state.holding):
        return replace(state, holding=silent), False
    fires = silent and _is_loud(rule, state, since)
    return replace(state, holding=silent, fired=since if fires else state.fired), fires


def silent_since(symbol: str, end: int, began: int, now: int) -> int | None:
    """Return since when no bar of the symbol has come (UTC epoch ms), None while its market is closed.

    `end` is when its last bar ended. Silence counts from there, from the open (or the end of the lunch break), or from
    `began`, when somebody began to listen, whichever is latest.
    """
    market = calendar_of(symbol).at(now)
    if market.phase != Phase.OPEN or market.session is None:
        return None
    session = market.session
    opened = session.break_end if session.break_start < session.break_end <= now else session.open
    return min(max(end, opened, began), now)


def describe(rule: Rule, seen: BarValues) -> str:
    """Return the values of the bar that fired, for people."""
    names = dict.fromkeys((*rule.columns, *(("probability",) if rule.predictions else ()), "price"))
    shown = {name: seen.values.get(name, math.nan) for name in names}
    parts = [f"{name} {_short(value)}" for name, value in shown.items() if not math.isnan(value)]
    if rule.predictions and seen.prediction:
        parts.insert(0, f"prediction {Direction(seen.prediction).name}")
    return ", ".join(parts)


def describe_silence(since: int) -> str:
    """Return what a silence looks like, for people."""
    return f"no bar since {utc(since)}"


def utc(timestamp: int) -> str:
    """Return a time (UTC epoch ms) as text: `2019-02-11 15:03 UTC`."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=timestamp)
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def _is_loud(rule: Rule, state: State, timestamp: int) -> bool:
    """Return whether the quiet time is over. A bar fires at most once."""
    if state.fired is None:
        return True
    quiet = DEFAULT_QUIET if rule.quiet is None else rule.quiet
    return timestamp > state.fired and timestamp - state.fired >= quiet


def _measure(event: Crossing | Change, seen: BarValues) -> int | None:
    """Return the side of a crossing, or the prediction, on this bar; None where it is not known."""
    if isinstance(event, Change):
        return seen.prediction or None
    left, right = event.left.of(seen.values), event.right.of(seen.values)
    return None if math.isnan(left) or math.isnan(right) else (left > right) - (left < right)


class _Judge:
    """Judge one bar: True, False, or None where that is not known (Kleene's three values)."""

    def __init__(
        self, rule: Rule, seen: BarValues, before: tuple[int | None, ...], measured: tuple[int | None, ...]
    ) -> None:
        self._reset = rule.reset
        self._seen = seen
        self._events = {id(event): pair for event, *pair in zip(rule.events, before, measured, strict=True)}

    def verdict(self, condition: Condition, *, loose: bool) -> bool | None:
        """Return whether the condition holds; `loose` when it has to be left by the margin to be over."""
        if isinstance(condition, AllOf | AnyOf):
            found = [self.verdict(part, loose=loose) for part in condition.parts]
            decides = isinstance(condition, AnyOf)
            return decides if decides in found else None if None in found else not decides
        if isinstance(condition, Comparison):
            return self._comparison(condition, loose=loose)
        if isinstance(condition, Predicted):
            return self._seen.prediction == condition.direction if self._seen.prediction else None
        before, measured = self._events[id(condition)]
        if measured is None:
            return None
        if isinstance(condition, Change):
            return before is not None and measured != before and self._changed(condition, measured)
        crossed = before is not None and (before <= 0 < measured if condition.above else before >= 0 > measured)
        if crossed or not loose or self._reset is None:
            return crossed
        left = condition.left.of(self._seen.values)
        return left > self._reset if condition.above else left < self._reset

    def _comparison(self, condition: Comparison, *, loose: bool) -> bool | None:
        left, right = condition.left.of(self._seen.values), condition.right.of(self._seen.values)
        if math.isnan(left) or math.isnan(right):
            return None
        if loose:
            margin = MARGIN * abs(right) * (-1 if condition.above else 1)
            right = right + margin if self._reset is None else self._reset
        if left == right:
            return condition.equal
        return (left > right) == condition.above

    def _changed(self, change: Change, prediction: int) -> bool:
        if prediction != change.direction:
            return False
        if change.probability is None:
            return True
        up = self._seen.values.get("probability", math.nan)
        own = up if change.direction == Direction.UP else 1 - up
        return own > change.probability or (change.equal and own == change.probability)


def _short(value: float) -> str:
    return number(float(f"{value:.6g}")) if abs(value) < 1e6 else f"{value:,.0f}"
