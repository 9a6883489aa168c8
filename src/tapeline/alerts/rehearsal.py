"""Find when a rule would have fired on bars of the past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tapeline.alerts.bar_values import seen_in
from tapeline.alerts.rule_state import (
    State,
    describe,
    describe_silence,
    silent_since,
    step,
    step_silence,
)
from tapeline.alerts.rules import Rule, Silence
from tapeline.core.bars import shortest_interval
from tapeline.core.market import Floats
from tapeline.core.rows import Rows
from tapeline.core.times import DAY, MINUTE
from tapeline.forecast.range_model import RangeModel


class Rehearsal:
    """Judge one rule over rows as they would have come: in the order of time, all symbols together.

    Time is that of the newest bar, as in a replay. The rows are final, so the rule's `on forming bars` is left out.
    """

    def __init__(self, rule: Rule, ranges: Mapping[str, RangeModel] = MappingProxyType({})) -> None:
        self._rule = replace(rule, forming=False)
        self._ranges = ranges
        self._states: dict[str, State] = {}
        self._last: dict[str, int] = {}
        self._lengths: dict[str, int] = {}
        self._began: int | None = None

    def judge(self, rows: Rows, windows: Mapping[str, Floats] = MappingProxyType({})) -> list[dict[str, Any]]:
        """Return what fires on these rows, in order: `timestamp` (UTC epoch ms), `symbol`, `price`, `text`.

        `windows` are the values of the rule's columns that look back at earlier bars, float64 [len(rows)] each.
        """
        order = np.argsort(rows.bars.timestamp, kind="stable")
        rows = rows[order]
        if isinstance(self._rule.condition, Silence):
            return self._silences(rows)
        return self._bars(rows, {name: column[order] for name, column in windows.items()})

    def _bars(self, rows: Rows, windows: Mapping[str, Floats]) -> list[dict[str, Any]]:
        found = []
        symbols = [rows.bars.symbols[code] for code in rows.bars.code.tolist()]
        for symbol, seen in zip(symbols, seen_in(rows, self._rule.columns, self._ranges, windows), strict=True):
            if not self._rule.applies(symbol):
                continue
            self._states[symbol], fires = step(self._rule, self._states.get(symbol) or State(), seen)
            if fires:
                found.append(_fired(symbol, seen.timestamp, describe(self._rule, seen), seen.values["price"]))
        return found

    def _silences(self, rows: Rows) -> list[dict[str, Any]]:
        found = []
        bars = rows.bars
        for code, symbol in enumerate(bars.symbols):
            length = shortest_interval(bars.timestamp[bars.code == code])
            if length is not None:
                self._lengths[symbol] = min(length, self._lengths.get(symbol, length))
        times, starts = np.unique(bars.timestamp, return_index=True)
        codes = np.split(bars.code, starts[1:])
        for now, here in zip(times.tolist(), codes, strict=True):
            if self._began is None:
                self._began = now
            for code in here.tolist():
                self._last[bars.symbols[code]] = now
            for symbol, last in self._last.items():
                length = self._lengths.get(symbol, MINUTE)
                if not self._rule.applies(symbol) or length >= DAY:
                    continue
                state = self._states.get(symbol) or State()
                since = silent_since(symbol, last + length, last if state.holding else self._began, now)
                self._states[symbol], fires = step_silence(self._rule, state, since, now)
                if fires and since is not None:
                    found.append(_fired(symbol, since, describe_silence(since), None))
        return found


def _fired(symbol: str, timestamp: int, text: str, price: float | None) -> dict[str, Any]:
    return {"timestamp": timestamp, "symbol": symbol, "price": price, "text": text}
