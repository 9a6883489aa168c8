"""Return what a chart shows of a symbol: candles of any interval with indicators, predictions and their outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeline.core.market import Bar, Bars, Ints
from tapeline.core.ports import SeriesExtents, Store
from tapeline.core.rows import Rows
from tapeline.core.times import DAY
from tapeline.errors import SpecError
from tapeline.forecast import HORIZON
from tapeline.forecast.grading import Grades, grade_rows
from tapeline.forecast.labels import LABEL_LOOKBACK, label_reach
from tapeline.forecast.model import Metadata
from tapeline.indicators import DEFAULT, Engine
from tapeline.indicators.spec import spec_of_output
from tapeline.runtime.interval_views import IntervalViews
from tapeline.runtime.stored_series import TELLING_ROWS, StoredSeries
from tapeline.web.markets import trading_hours
from tapeline.web.quote_table import decimals

#: Indicators asked for at once, at most.
MOST_INDICATORS = 30

#: Candles in one part of a whole history, at most.
PAGE_CANDLES = 50_000

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class ChartRequest:
    """Say what a chart shows: `interval` by name, None for that of the series that is shown; `indicators` as specs.

    None are the usual ones. The symbol may be the name of a series.

    Specs must have been parsed before (`parse`).
    """

    symbol: str
    interval: str | None = None
    indicators: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Hold candles in the order of time, as columns of one length.

    `columns` are `t` (open time, UTC epoch ms), `o h l c v`, `f` (1 final, 0 still forming); where they are the stored
    bars `s` (`Direction` predicted, 0 none), `p` (probability of UP) and `y` (outcome: `Direction`, 0 not decided);
    where they are shorter than a day `x`, as `trading_hours` says it; and one for each of `names`, the outputs of the
    indicators. `rows` are the stored ones, where they are. `interval` and `stored` are ms. `decimals` is how many the
    stored bars' prices are shown with, whatever the interval.
    """

    columns: Columns
    names: tuple[str, ...]
    interval: int
    stored: int
    grades: Grades | None = None
    decimals: int = 2
    rows: Rows | None = None

    def __len__(self) -> int:
        return len(self.columns["t"])


class CandleReader:
    """Read candles from a store, for any number of threads.

    `specs` are the usual indicators; None for those that the store keeps with its rows. A value never depends on how
    many candles were asked for, nor on their interval's page: indicators are computed from the first stored bar.
    """

    def __init__(self, store: Store, specs: Sequence[str] | None = None) -> None:
        self.store = store
        self._specs = None if specs is None else tuple(specs)
        self._views = IntervalViews(store, store.series)
        self._decimals_at: dict[str, tuple[int | None, int]] = {}  # and the candle that they were read with

    @property
    def series(self) -> StoredSeries:
        """Return what says which series a symbol has."""
        return self._views.series

    def rows(self, series: str, start: int | None = None, end: int | None = None, limit: int | None = None) -> Rows:
        """Return rows as `Store.rows` does, with the usual indicators."""
        if self._specs is None:
            return self.store.rows(series, start, end, limit)
        return self._views.unchanged.rows(series, self._specs, start, end, limit)

    def tail(self, chart: ChartRequest, limit: int) -> Rows:
        """Return the newest stored rows that the chart's candles are made of. Raises `NotPossibleError` as `read`."""
        return self.store.rows(self.series.source(chart.symbol, chart.interval), limit=limit)

    def read(
        self, chart: ChartRequest, models: Mapping[str, Metadata], end: int | None = None, limit: int = 500,
        start: int | None = None,
    ) -> tuple[Candles, int | None]:  # fmt: skip
        """Return the newest `limit` candles with start <= t < end, and the `end` to ask for older ones with.

        It is None where there are none. Raises `NotPossibleError` for an interval that the stored bars do not have.
        """
        name, stored, interval = self._views.series.find(chart.symbol, chart.interval)
        same = interval == stored
        if same and chart.indicators is None and self._specs is None:
            rows = self.store.rows(name, start, end, limit + 1)
        else:
            specs = self._usual(name) if chart.indicators is None else chart.indicators
            rows = self._views.at(stored, interval).rows(name, specs, start, end, limit + 1)
        older = int(rows.bars.timestamp[-limit]) if len(rows) > limit else None
        rows = rows[-limit:] if len(rows) > limit else rows
        bars = rows.bars
        columns: Columns = {
            "t": bars.timestamp, "o": bars.open, "h": bars.high, "l": bars.low, "c": bars.close, "v": bars.volume,
            "f": bars.final.astype(np.int8),
        }  # fmt: skip
        grades = None
        if same:
            grades = self._graded(name, rows, stored, models)
            outcome = np.zeros(len(rows), np.int8)
            outcome[np.searchsorted(bars.timestamp, grades.timestamp)] = grades.outcome
            columns |= {"s": rows.prediction, "p": rows.probability, "y": outcome}
        if interval < DAY:
            columns["x"] = trading_hours(chart.symbol, bars.timestamp)
        columns |= {name: rows.indicator[:, index] for index, name in enumerate(rows.names)}
        return Candles(
            columns,
            rows.names,
            interval,
            stored,
            grades,
            self._decimals(name, bars.timestamp, end),
            rows if same else None,
        ), older

    def pages(
        self, chart: ChartRequest, start: int | None = None, end: int | None = None
    ) -> tuple[Iterator[Rows], int, bool]:
        """Return all candles with start <= t < end in the order of time, some ten thousand at once.

        Beside them, the length of the candles (ms), and whether they are the stored bars. A store that does not tell
        where a series begins (`SeriesExtents`) is read at once. Raises `NotPossibleError` as `read` does.
        """
        name, stored, interval = self._views.series.find(chart.symbol, chart.interval)
        specs = self._usual(name) if chart.indicators is None else chart.indicators
        view = self._views.at(stored, interval)
        extent = self.store.extents().get(name) if isinstance(self.store, SeriesExtents) else None

        def parts() -> Iterator[Rows]:
            if extent is None:
                yield from (rows for rows in [view.rows(name, specs, start, end)] if len(rows))
                return
            room = 2 * interval  # a week or a month opens before the first bar in it
            low, high = extent[0] - room, extent[1] + room + 1
            low, high = low if start is None else max(low, start), high if end is None else min(high, end)
            while low < high:
                stop = min(low + PAGE_CANDLES * interval, high)
                rows = view.rows(name, specs, low, stop)
                if len(rows):
                    yield rows
                low = stop

        return parts(), interval, interval == stored

    def _decimals(self, name: str, candles: Ints, end: int | None) -> int:
        """Return how many decimals a series is shown with, which is looked at again with every new candle."""
        newest = int(candles[-1]) if end is None and len(candles) else None
        known = self._decimals_at.get(name)
        if known is None or known[0] != newest:
            known = newest, decimals(self.store.rows(name, limit=TELLING_ROWS).bars.close)
            self._decimals_at[name] = known
        return known[1]

    def _usual(self, name: str) -> tuple[str, ...]:
        """Return the specs shown where none are asked for: those of the columns that the store keeps, if it does."""
        if self._specs is not None:
            return self._specs
        found: dict[str, None] = {}
        for output in self.store.rows(name, limit=TELLING_ROWS).names:
            try:
                found[spec_of_output(output)[0].text] = None
            except SpecError:
                continue  # a column that somebody else made
        return tuple(found)

    def _graded(self, symbol: str, rows: Rows, stored: int, models: Mapping[str, Metadata]) -> Grades:
        """Return the grades of these rows; rows around them are read for what the outcomes depend on."""
        if not rows.prediction.any():
            return grade_rows(rows[:0], models)
        first, last = int(rows.bars.timestamp[0]), int(rows.bars.timestamp[-1])
        horizon = max((model.horizon for model in models.values()), default=HORIZON)
        before = self.store.rows(symbol, end=first, limit=LABEL_LOOKBACK)
        after = self.store.rows(symbol, last + 1, last + label_reach(stored, horizon) + 1)
        parts = [_bare(part) for part in (before, rows, after[:horizon]) if len(part)]
        grades = grade_rows(Rows.concat(parts).as_known(), models, interval=stored)
        return grades[(grades.timestamp >= first) & (grades.timestamp <= last)]


def warm_up() -> None:
    """Load what is compiled before somebody waits for it."""
    Engine(DEFAULT, live=False).update(Bars.of([Bar("A", 0, 1.0, 1.0, 1.0, 1.0, 1.0)]))


def _bare(rows: Rows) -> Rows:
    """Return the rows without indicator values."""
    return replace(rows, names=(), indicator=np.empty((len(rows), 0)))
