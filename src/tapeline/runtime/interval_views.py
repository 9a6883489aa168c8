"""Give the rows of a store at any interval that its bars can be shown at, with any indicators."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from tapeline.runtime.indicator_view import IndicatorView, RowReader
from tapeline.runtime.resampled_rows import ResampledRows
from tapeline.runtime.stored_series import StoredSeries


class IntervalViews:
    """Make the view of each interval when it is first asked for, and keep it. Any number of threads may ask.

    A view keeps candles and states of indicators, so that the next question about it takes less time. `names` returns
    the names of a symbol's series, as `Store.series` does.
    """

    def __init__(self, reader: RowReader, names: Callable[[str], Sequence[str]]) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        #: Which series there are.
        self.series = StoredSeries(reader, names)
        #: The view of the bars as they are stored.
        self.unchanged = IndicatorView(reader)
        self._resampled: dict[tuple[int, int], IndicatorView] = {}

    def at(self, stored: int, interval: int) -> IndicatorView:
        """Return the view of bars of `stored` ms as candles of `interval` ms; the bars themselves where both agree."""
        if interval == stored:
            return self.unchanged
        with self._lock:
            if (stored, interval) not in self._resampled:
                self._resampled[stored, interval] = IndicatorView(ResampledRows(self._reader, stored, interval))
            return self._resampled[stored, interval]
