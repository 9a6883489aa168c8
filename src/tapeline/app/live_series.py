"""Keep live bars in the series of their interval: a data directory may have bars of other lengths of these symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tapeline.core.messages import Delivery
from tapeline.core.ports import Source, Store
from tapeline.runtime.stored_series import StoredSeries

_SAID = 3


class SeriesSource:
    """Be a source of bars of one interval (ms) under the names of their series in a store.

    A symbol keeps its name while the source runs. `notify` gets a line for each of the first few that are kept beside
    others. Order, repeats and restarts are those of the source underneath.
    """

    def __init__(self, source: Source, store: Store, interval: int, notify: Callable[[str], None]) -> None:
        self.name = source.name
        self._source = source
        self._series = StoredSeries(store, store.series)
        self._interval = interval
        self._notify = notify
        self._names: dict[str, str] = {}
        self._beside = 0

    def deliveries(self, resume: str) -> Iterator[Delivery]:
        """Yield the source's deliveries, with the names of series for symbols."""
        for delivery in self._source.deliveries(resume):
            bars = delivery.bars
            yield replace(delivery, bars=replace(bars, symbols=tuple(map(self._named, bars.symbols))))

    def close(self) -> None:
        """End `deliveries` soon, from any thread."""
        self._source.close()

    def _named(self, symbol: str) -> str:
        if symbol not in self._names:
            self._names[symbol] = name = self._series.home(symbol, self._interval)
            if name != symbol:
                self._beside += 1
                if self._beside <= _SAID:
                    self._notify(f"{symbol}: its bars are kept beside those of another length, as {name}")
        return self._names[symbol]
