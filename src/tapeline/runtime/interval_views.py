"""Give the rows of a store at any interval that its bars can be shown at, with any indicators."""

from __future__ import annotations

import threading

from tapeline.core.candle_intervals import stored_interval
from tapeline.runtime.indicator_view import IndicatorView, RowReader
from tapeline.runtime.resampled_rows import ResampledRows

#: The newest rows of a symbol, which tell how long its bars are.
TELLING_ROWS = 500


class IntervalViews:
    """Make the view of each interval when it is first asked for, and keep it. Any number of threads may ask.

    A view keeps candles and states of indicators, so that the next question about it takes less time.
    """

    def __init__(self, reader: RowReader) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        #: The view of the bars as they are stored.
        self.unchanged = IndicatorView(reader)
        self._resampled: dict[tuple[int, int], IndicatorView] = {}

    def stored(self, symbol: str) -> int:
        """Return the interval (ms) of the symbol's bars."""
        return stored_interval(self._reader.rows(symbol, limit=TELLING_ROWS).bars.timestamp)

    def at(self, stored: int, interval: int) -> IndicatorView:
        """Return the view of bars of `stored` ms as candles of `interval` ms; the bars themselves where both agree."""
        if interval == stored:
            return self.unchanged
        with self._lock:
            if (stored, interval) not in self._resampled:
                self._resampled[stored, interval] = IndicatorView(ResampledRows(self._reader, stored, interval))
            return self._resampled[stored, interval]
