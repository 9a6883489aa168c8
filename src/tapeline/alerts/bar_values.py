"""Read a store's rows as rules see them: new ones only, with the indicators that the rules name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tapeline.alerts.names import FIELDS
from tapeline.alerts.range_terms import is_range_term, range_values
from tapeline.alerts.rule_state import BarValues
from tapeline.alerts.window_terms import is_window_term, window_values
from tapeline.core.bars import shortest_interval
from tapeline.core.market import Floats
from tapeline.core.ports import Store
from tapeline.core.rows import Rows
from tapeline.core.times import MINUTE
from tapeline.forecast.range_model import RangeModel
from tapeline.indicators.spec import spec_of_output
from tapeline.runtime.indicator_view import IndicatorView

#: Bars of one symbol that are read at once, at most: the newest ones.
MOST_BARS = 5_000


class NewBarsReader:
    """Follow the symbols of a store for rules that read these columns; `ranges` returns the range models by version.

    Each symbol's bars are handed out once as final ones, after any number of times as the forming one.
    """

    def __init__(
        self, store: Store, columns: Iterable[str], ranges: Callable[[], Mapping[str, RangeModel]] = dict
    ) -> None:
        self._store = store
        self._view = IndicatorView(store)
        fields = set(FIELDS.values())
        self._columns = tuple(dict.fromkeys(name for name in columns if name not in fields))
        self._ranges = ranges if any(is_range_term(name) or is_window_term(name) for name in self._columns) else dict
        self._specs = specs_of(self._columns)
        self._last: dict[str, int] = {}
        self._lengths: dict[str, int] = {}

    def length(self, symbol: str) -> int:
        """Return the length of the symbol's bars (ms), a minute while nothing tells."""
        if symbol not in self._lengths:
            found = shortest_interval(self._store.rows(symbol, limit=64).bars.timestamp)
            if found is None:
                return MINUTE
            self._lengths[symbol] = found
        return self._lengths[symbol]

    def read(self, symbol: str, start: int | None) -> list[BarValues]:
        """Return the bars that are new, oldest first; at a symbol's first time those from `start` on, or the newest."""
        last = self._last.get(symbol)
        limit = 3 if last is None and start is None else MOST_BARS
        rows = self._view.rows(symbol, self._specs, start if last is None else last + 1, limit=limit)
        final = rows.bars.timestamp[rows.bars.final]
        if len(final):
            self._last[symbol] = int(final[-1])
        windows = window_values(self._store.rows, symbol, rows.bars.timestamp, self._columns, self._ranges)
        return list(seen_in(rows, self._columns, self._ranges(), windows))


def specs_of(columns: Iterable[str]) -> tuple[str, ...]:
    """Return the indicators that these columns of rules are outputs of, each once."""
    outputs = [
        name for name in columns
        if name not in FIELDS.values() and not is_range_term(name) and not is_window_term(name)
    ]  # fmt: skip
    return tuple(dict.fromkeys(spec_of_output(name)[0].text for name in outputs))


def seen_in(
    rows: Rows, columns: Sequence[str], ranges: Mapping[str, RangeModel], windows: Mapping[str, Floats] | None = None
) -> Iterator[BarValues]:
    """Yield the rows as rules see them, with those of `columns` that they have; `ranges` are models by version.

    `windows` are the values of columns that look back at earlier bars (`window_terms.window_values`).
    """
    found = {"price": rows.bars.close, "probability": rows.probability}
    found |= {name: getattr(rows.bars, name) for name in ("open", "high", "low", "volume")}
    for name in columns:
        if name in rows.names:
            found[name] = rows.indicator[:, rows.names.index(name)]
    found |= range_values(rows, columns, ranges) | dict(windows or {})
    names = tuple(found)
    lists = zip(*(column.tolist() for column in found.values()), strict=True)
    bars = rows.bars
    facts = zip(bars.timestamp.tolist(), bars.final.tolist(), rows.prediction.tolist(), lists, strict=True)
    for timestamp, final, prediction, own in facts:
        yield BarValues(timestamp, final, dict(zip(names, own, strict=True)), prediction)
