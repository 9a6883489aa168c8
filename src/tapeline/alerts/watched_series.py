"""Say which of a store's series a rule is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tapeline.alerts.rules import Rule
from tapeline.core.ports import Store
from tapeline.core.series import split_series
from tapeline.core.symbol_forms import canonical_symbol
from tapeline.runtime.stored_series import ShownSeries, StoredSeries


class WatchedSeries:
    """Choose the series of rules, and remember the choice while the store has the same ones.

    A symbol stands for the series that is shown of it (`stored_series.shown_of`), and a rule about all symbols for
    these; `TSLA@1d` for the one at that interval, whatever it is called in the store.
    """

    def __init__(self, store: Store) -> None:
        self._series = StoredSeries(store, store.series)
        self._shown = ShownSeries(self._series)
        self._names: frozenset[str] = frozenset()
        self._of_symbol: dict[str, str] = {}
        self._chosen: dict[str, frozenset[str]] = {}

    def look(self, newest: Mapping[str, int]) -> None:
        """Take note of the series that there are, with their newest open times (ms)."""
        shown = {canonical_symbol(symbol): name for symbol, name in self._shown.of(newest).items()}
        if shown != self._of_symbol or newest.keys() != self._names:
            self._names, self._of_symbol, self._chosen = frozenset(newest), shown, {}

    def of(self, rule: Rule) -> frozenset[str]:
        """Return the series that the rule is about."""
        if rule.id not in self._chosen:
            found = self._chosen_of(rule.symbols) if rule.symbols else self._of_symbol.values()
            self._chosen[rule.id] = frozenset(found)
        return self._chosen[rule.id]

    def _chosen_of(self, symbols: Iterable[str]) -> Iterator[str]:
        """Yield the series of these symbols, as rules have them."""
        known = {canonical_symbol(name): name for name in self._names}  # those of earlier versions may be lower case
        for wanted in symbols:
            symbol, interval = split_series(wanted)
            if interval is None and wanted in self._of_symbol:
                yield self._of_symbol[wanted]
            elif interval is not None and wanted in known:
                yield known[wanted]
            elif interval is not None and symbol in known and self._series.length(known[symbol]) == interval:
                yield known[symbol]
