"""Find when a rule would have fired on the newest stored bars: "3 times in the last week"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tapeline.alerts.bar_values import specs_of
from tapeline.alerts.rehearsal import Rehearsal
from tapeline.alerts.rules import Rule, Silence
from tapeline.alerts.watched_series import WatchedSeries
from tapeline.alerts.window_terms import window_values
from tapeline.core.ports import Store
from tapeline.core.rows import Rows
from tapeline.core.series import symbol_of
from tapeline.core.symbol_forms import canonical_symbol
from tapeline.core.times import DAY
from tapeline.forecast.range_model import RangeModel
from tapeline.runtime.indicator_view import IndicatorView

#: The most bars that are judged for one answer.
MOST_BARS = 200_000


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Hold what would have fired in since <= t <= until (open times, UTC epoch ms), in the order of time.

    `fired` are records of `Rehearsal.judge`. `bars` were judged; `complete` is False where there were too many, so that
    some symbols were left out. `unknown` are symbols that the rule names and that have no bars.
    """

    fired: list[dict[str, Any]]
    since: int | None
    until: int | None
    bars: int
    complete: bool
    unknown: tuple[str, ...]


def unknown_symbols(rule: Rule, store: Store) -> tuple[str, ...]:
    """Return the symbols that a rule names and that have no bars."""
    known = {canonical_symbol(symbol_of(name)) for name in store.latest().bars.symbols}
    return tuple(symbol for symbol in rule.symbols if symbol_of(symbol) not in known)


def rehearse(
    rule: Rule, store: Store, span: int = 7 * DAY, ranges: Mapping[str, RangeModel] = MappingProxyType({})
) -> Rehearsed:
    """Judge the final bars that opened in the last `span` ms before the newest one, with the forecasts made on them.

    The bar before the span is judged too, so that a rule that held already does not fire with the first bar.
    """
    latest = store.latest()
    symbols = (latest.bars.symbols[code] for code in latest.bars.code.tolist())
    newest = dict(zip(symbols, latest.bars.timestamp.tolist(), strict=True))
    watched = WatchedSeries(store)
    watched.look(newest)
    names = sorted(watched.of(rule))
    unknown = unknown_symbols(rule, store)
    if not names:
        return Rehearsed([], None, None, 0, True, unknown)
    until = max(newest[name] for name in names)
    since = until - span
    parts: list[Rows] = []
    count, complete = 0, True
    for rows in _final_rows(store, names, specs_of(rule.columns), since):
        if count + len(rows) > MOST_BARS and parts:
            complete = False
            break
        count += len(rows)
        parts.append(rows)
    if isinstance(rule.condition, Silence):  # which is about all symbols together, in the order of time
        found = Rehearsal(rule, ranges).judge(Rows.concat(parts)) if parts else []
    else:
        found = []
        for rows in parts:
            name = rows.bars.symbols[rows.bars.code[0]]
            windows = window_values(store.rows, name, rows.bars.timestamp, rule.columns, lambda: ranges)
            found += Rehearsal(rule, ranges).judge(rows, windows)
    found = sorted((each for each in found if each["timestamp"] >= since), key=lambda each: each["timestamp"])
    return Rehearsed(found, since, until, count, complete, unknown)


def _final_rows(store: Store, names: list[str], specs: tuple[str, ...], since: int) -> Iterator[Rows]:
    view = IndicatorView(store)
    for name in names:
        lead = view.rows(name, specs, end=since, limit=1)
        rows = view.rows(name, specs, start=since)
        rows = rows[: int(rows.bars.final.sum())]
        if len(rows):
            yield Rows.concat([lead, rows]) if len(lead) else rows
