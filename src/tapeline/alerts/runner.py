"""Judge rules over a store: look at what has moved, judge it, and keep what fired.

Time is the clock's where bars come live, and that of the newest bar in a replay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from tapeline.alerts.alert_records import Alert
from tapeline.alerts.bar_values import NewBarsReader
from tapeline.alerts.journal import Journal
from tapeline.alerts.rule_state import State, describe, describe_silence, silent_since, step, step_silence
from tapeline.alerts.rules import Rule, Silence
from tapeline.alerts.watched_series import WatchedSeries
from tapeline.core.ports import Store
from tapeline.core.rows import Rows
from tapeline.core.times import DAY, HOUR
from tapeline.forecast.range_model import RangeModel

#: A bar that is first seen longer than this after it ended (ms, or three bars, whichever is longer) fires nothing: a
#: history that is filled in, or a replay at full speed, is not news.
STALE = HOUR

_States = dict[tuple[str, str], State]  # by rule id and symbol


class Runner:
    """Judge rules for the series of a store that they are about; `look` is one round, called by one thread.

    `rules` returns the rules as they are now, `channels` are the names of where alerts go. `clock` returns the time
    (UTC epoch ms), or None in a replay; `wall` always returns the time. `ranges` returns the range models by version.

    States and alerts are written in one transaction after a round, so a crash or a failed read repeats the round: no
    alert is lost, and none is kept twice.
    """

    def __init__(
        self,
        store: Store,
        journal: Journal,
        rules: Callable[[], Sequence[Rule]],
        channels: Sequence[str],
        clock: Callable[[], int | None],
        wall: Callable[[], int],
        ranges: Callable[[], Mapping[str, RangeModel]] = dict,
    ) -> None:
        self._store = store
        self._journal = journal
        self._rules = rules
        self._channels = tuple(channels)
        self._clock = clock
        self._wall = wall
        self._ranges = ranges
        self._judged: dict[str, Rule] = {}
        self._reader = NewBarsReader(store, ())
        self._watched = WatchedSeries(store)
        self._states: _States = {}
        self._moved: dict[str, tuple[int, float, float, bool]] = {}
        self._began: int | None = None
        self._new: set[str] = set()  # rules that have not judged anything yet: bars that exist are not news to them

    def look(self) -> list[Alert]:
        """Judge one round. Return what fired. Raises what store and journal raise; then the round did not happen."""
        self._follow({rule.id: rule for rule in self._rules()})
        if not self._judged:
            return []  # without a read of the store, which may cost money
        latest = self._store.latest()
        if not len(latest):
            self._new.clear()
            return []
        now = self._clock()
        if now is None:
            now = int(latest.bars.timestamp.max())
        if self._began is None:
            self._began = now
        ends = {bar.symbol: (bar.timestamp, bar.close, bar.volume, bar.final) for bar in latest.bars}
        self._watched.look({symbol: end[0] for symbol, end in ends.items()})
        changed: _States = {}
        alerts: list[Alert] = []
        try:
            for symbol, end in ends.items():
                if self._moved.get(symbol) != end:
                    alerts += self._bars(symbol, now, changed)
            alerts += self._silences(latest, now, changed)
            found = self._journal.record(changed, alerts, self._channels) if changed or alerts else []
        except BaseException:
            self._reset()  # the reader has handed out what was not kept: begin again from the states
            raise
        self._states |= changed
        self._moved = ends
        self._new.clear()
        return found

    # -- rules come and go -------------------------------------------------------------------------------------------

    def _follow(self, rules: Mapping[str, Rule]) -> None:
        """Take up these rules, with what they remember."""
        if rules.keys() == self._judged.keys():
            return
        self._states = {}
        for rule_id in rules:
            kept = self._journal.states(rule_id)
            self._states |= {(rule_id, symbol): state for symbol, state in kept.items()}
            if not kept and rule_id not in self._judged:
                self._new.add(rule_id)
        self._judged = dict(rules)
        self._reset()

    def _reset(self) -> None:
        self._reader = NewBarsReader(
            self._store, dict.fromkeys(name for rule in self._judged.values() for name in rule.columns), self._ranges
        )
        self._moved = {}

    # -- judging -----------------------------------------------------------------------------------------------------

    def _bars(self, symbol: str, now: int, changed: _States) -> list[Alert]:
        """Judge the new bars of a symbol; states that moved go into `changed`."""
        rules = [
            rule for rule in self._judged.values()
            if not isinstance(rule.condition, Silence) and symbol in self._watched.of(rule)
        ]  # fmt: skip
        if not rules:
            return []
        stale = max(STALE, 3 * self._reader.length(symbol)) + self._reader.length(symbol)
        known = [bar for rule in rules if (bar := self._state(rule, symbol).bar) is not None]
        start = min(known, default=None)
        if start is None and not all(rule.id in self._new for rule in rules):
            start = now - stale  # a symbol that has appeared since the rule was made
        alerts = []
        for seen in self._reader.read(symbol, start):
            for rule in rules:
                before = changed.get((rule.id, symbol)) or self._state(rule, symbol)
                state, fires = step(rule, before, seen)
                if fires and (rule.id in self._new or now - seen.timestamp > stale):
                    state, fires = _unfired(state, before), False
                if state is not before:
                    changed[rule.id, symbol] = state
                if fires:
                    price = seen.values.get("price")
                    alerts.append(self._alert(rule, symbol, seen.timestamp, describe(rule, seen), price))
        return alerts

    def _silences(self, latest: Rows, now: int, changed: _States) -> list[Alert]:
        alerts = []
        assert self._began is not None  # noqa: S101 - `look` set it
        for rule in self._judged.values():
            if not isinstance(rule.condition, Silence):
                continue
            watched = self._watched.of(rule)
            for bar in latest.bars:
                length = self._reader.length(bar.symbol) if bar.symbol in watched else 0
                if not length or length >= DAY:  # a daily bar cannot be late by the minute
                    continue
                before = self._state(rule, bar.symbol)
                began = bar.timestamp if before.holding else self._began
                since = silent_since(bar.symbol, bar.timestamp + length, began, now)
                state, fires = step_silence(rule, before, since, now)
                if state != before:
                    changed[rule.id, bar.symbol] = state
                if fires and since is not None:
                    alerts.append(self._alert(rule, bar.symbol, since, describe_silence(since), None))
        return alerts

    def _state(self, rule: Rule, symbol: str) -> State:
        return self._states.get((rule.id, symbol)) or State()

    def _alert(self, rule: Rule, symbol: str, timestamp: int, text: str, price: float | None) -> Alert:
        return Alert(key_of(rule, symbol, timestamp), rule.text, symbol, timestamp, self._wall(), text, price)


def key_of(rule: Rule, symbol: str, timestamp: int) -> str:
    """Return what identifies an alert: the same rule, symbol and bar are the same alert, in any run."""
    return hashlib.sha256(f"{rule.id}\n{symbol}\n{timestamp}".encode()).hexdigest()[:24]


def _unfired(state: State, before: State) -> State:
    """Return the state where what happened was not news: the condition holds, but no quiet time begins."""
    return State(state.bar, state.final, state.holding, before.fired, state.before, state.now)
