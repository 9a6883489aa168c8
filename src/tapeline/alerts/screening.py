"""Find the series whose newest bar a rule holds on: `rsi_14 < 30 and price > sma_200`.

The grammar and the judging are those of alert rules, the values those of every other door. A rule is about final bars
unless it says `on forming bars`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tapeline.alerts.bar_values import seen_in, specs_of
from tapeline.alerts.grammar import parse_column, parse_rule
from tapeline.alerts.names import FIELDS
from tapeline.alerts.range_terms import is_range_term
from tapeline.alerts.rule_state import BarValues, holds
from tapeline.alerts.rules import Rule, Silence
from tapeline.alerts.screened_series import NewestOfAll, ScreenedSeries
from tapeline.alerts.stored_rehearsal import unknown_symbols
from tapeline.alerts.window_terms import is_window_term
from tapeline.core.ports import Store
from tapeline.core.rows import Direction
from tapeline.core.series import symbol_of
from tapeline.errors import InputError, RuleError
from tapeline.forecast.range_model import RangeModel
from tapeline.indicators.spec import spec_of_output

#: Columns of the answer that no rule can name: the move from the bar before, as a fraction, and what a model said.
#: A quote's `change` is another one, since the last session's close, and a rule's `change(1 day)` is in percent.
BAR_CHANGE, PREDICTION = "bar_change", "prediction"

_FORMER_CHANGE = "change"  # what `BAR_CHANGE` was called: saved questions may name it

#: The two names of a bar's close: an answer says `close`, as every other one, unless it is asked for the `price`.
CLOSE, PRICE = "close", "price"

#: The most columns in one answer.
MOST_COLUMNS = 30


@dataclass(frozen=True, slots=True)
class Question:
    """Hold what is screened for: a rule, the columns to show, at which interval, when, and in which order.

    `columns` are names as rules have them, `bar_change` and `prediction`; `at` is a time (UTC epoch ms): of each series
    its newest bar that had opened by then, None for the newest one. `sort` is a column, or `symbol`; by default the
    first column that the rule names.
    """

    rule: Rule
    columns: tuple[str, ...] = ()
    interval: str | None = None
    at: int | None = None
    sort: str = ""
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Screened:
    """Hold what was found: a record for each series on which the rule holds, and how many series were looked at.

    A record has `symbol`, `interval`, `timestamp` (UTC epoch ms), `final` and the columns; what is not known is left
    out. `unknown` counts the series of which it is not known whether the rule holds, such as those that are too short;
    `why_unknown` says why of the first one where it is so of all, '' otherwise. `without_bars` are symbols that the
    rule names and that have no bars. `newest` is when the newest bar opened that was looked at (UTC epoch ms), None
    without any.
    """

    rule: str
    columns: tuple[str, ...]
    matches: list[dict[str, Any]]
    looked_at: int
    unknown: int
    why_unknown: str = ""
    newest: int | None = None
    without_bars: tuple[str, ...] = ()


def question(
    text: str, columns: Sequence[str] = (), interval: str | None = None, at: int | None = None, sort: str = ""
) -> Question:
    """Return the question that these mean. A `-` before `sort` asks for the largest first.

    Raises `RuleError` for the rule, that or `SpecError` for a column, `InputError` for an order by what is no column.
    """
    rule = parse_rule(text)
    if isinstance(rule.condition, Silence):
        raise RuleError(
            "a screener looks at bars; `no bar for ...` is about time, and only an alert can wait for it", 0
        )
    for name, given in (("quiet", rule.quiet), ("reset", rule.reset)):
        if given is not None:
            raise RuleError(f"a screener answers for one moment: leave `{name}` out", text.lower().rindex(name))
    shown = _columns(rule, columns)
    descending = sort.startswith("-")
    sort = sort.removeprefix("-")
    if sort and sort != "symbol":
        sort = _column(sort)
        if sort in (CLOSE, PRICE):
            sort = next((name for name in shown if name in (CLOSE, PRICE)), sort)
        if sort not in shown:
            shown = (*shown, sort)
    return Question(rule, shown, interval, at, sort, descending)


def _columns(rule: Rule, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the columns to show: those asked for, otherwise the close, `bar_change` and what the rule reads."""
    if wanted:
        found = dict.fromkeys(map(_column, wanted))
    else:
        read = (CLOSE if name == PRICE else name for name in rule.columns)
        found = dict.fromkeys((CLOSE, BAR_CHANGE, *read, *((PREDICTION,) if rule.predictions else ())))
    if len(found) > MOST_COLUMNS:
        raise InputError(f"{len(found)} columns at once; at most {MOST_COLUMNS} are possible")
    return tuple(found)


def _column(name: str) -> str:
    word = name.strip().lower()
    if word == _FORMER_CHANGE:
        return BAR_CHANGE
    own = (BAR_CHANGE, PREDICTION, CLOSE)
    return word if word in own else parse_column(word, own[:-1])


class Screener:
    """Answer questions about all series of a store, for any number of threads.

    What was computed for one answer is kept for the next. `ranges` returns the range models by version.
    """

    def __init__(self, store: Store, ranges: Callable[[], Mapping[str, RangeModel]] = dict) -> None:
        self._store = store
        self._series = ScreenedSeries(store)
        self._ranges = ranges

    def answer(self, asked: Question) -> Screened:
        """Return the series on which the rule holds. Raises `NotPossibleError` for an interval that none has."""
        rule = asked.rule
        names = dict.fromkeys((*rule.columns, *asked.columns))
        outputs = [name for name in names if not (name in FIELDS or name in (BAR_CHANGE, PREDICTION))]
        looks_back = any(map(is_window_term, outputs))
        found = self._series.read(rule, specs_of(outputs), asked.interval, asked.at)
        matches, unknown, why, newest = [], 0, "", None
        if found is not None:
            bars = found.rows.bars
            ranges = self._ranges() if any(map(is_range_term, outputs)) else {}
            windows = found.windows(outputs, self._ranges) if looks_back else {}
            seen = list(seen_in(found.rows, outputs, ranges, windows))
            codes = bars.code.tolist()
            lasts = [i for i, (own, after) in enumerate(itertools.pairwise((*codes, -1))) if own != after]
            for i in lasts:
                name = bars.symbols[codes[i]]
                before = seen[i - 1] if i and codes[i - 1] == codes[i] else None
                verdict = holds(rule, seen[i], before)
                unknown += verdict is None
                if verdict:
                    matches.append(_record(symbol_of(name), found.interval(name), seen[i], before, asked.columns))
            newest = int(bars.timestamp[lasts].max())
            if unknown == len(lasts):
                why = _why_unknown(rule, seen[lasts[0]], found, bars.symbols[codes[lasts[0]]])
        _sort(matches, asked)
        count = 0 if found is None else len(lasts)
        without = unknown_symbols(rule, self._store) if rule.symbols else ()
        return Screened(rule.text, asked.columns, matches, count, unknown, why, newest, without)


def _why_unknown(rule: Rule, seen: BarValues, found: NewestOfAll, name: str) -> str:
    """Return which of the rule's values is not known on this bar of a series, and why."""
    for column in rule.columns:
        if not math.isnan(seen.values.get(column, math.nan)):
            continue
        if column in FIELDS or is_range_term(column):
            return f"{symbol_of(name)} has no {column} on its newest bar: no model spoke about it"
        if not is_window_term(column):
            spec, output = spec_of_output(column)
            needed = spec.warm_up[spec.outputs.index(output)] + 1
            bars = found.reader(name)(name, None, seen.timestamp + 1, needed)
            if len(bars) < needed:
                return f"{column} needs {needed:,} closed bars, {symbol_of(name)} has {len(bars):,}"
        return f"{symbol_of(name)} has no {column} on its newest bar"
    return f"{symbol_of(name)} has no prediction on its newest bar"


def _record(
    symbol: str, interval: str, seen: BarValues, before: BarValues | None, columns: Sequence[str]
) -> dict[str, Any]:
    record: dict[str, Any] = {
        "symbol": symbol, "interval": interval, "timestamp": seen.timestamp, "final": seen.final,
    }  # fmt: skip
    for name in columns:
        value: float | str
        if name == PREDICTION:
            value = Direction(seen.prediction).name if seen.prediction else ""
        elif name == BAR_CHANGE:
            value = math.nan if before is None else seen.values[PRICE] / before.values[PRICE] - 1
        else:
            value = seen.values.get(FIELDS.get(name, name), math.nan)
        if value and value == value:  # noqa: PLR0124  NaN
            record[name] = value
        elif value == 0:
            record[name] = 0.0
    return record


def _sort(matches: list[dict[str, Any]], asked: Question) -> None:
    """Put the matches in order: what lacks the value comes last, in either direction."""
    matches.sort(key=lambda record: record["symbol"])
    read = (name for rule in asked.rule.columns for name in ((PRICE, CLOSE) if rule == PRICE else (rule,)))
    key = asked.sort or next((name for name in read if name in asked.columns), "symbol")
    if key == "symbol":
        if asked.descending:
            matches.reverse()
        return
    known = [record for record in matches if key in record]
    known.sort(key=lambda record: record[key], reverse=asked.descending)
    matches[:] = [*known, *(record for record in matches if key not in record)]
