"""Say which of a store's series a rule is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tapeline.alerts.rules import Rule
from tapeline.core.ports import Store
from tapeline.core.series import split_series
from tapeline.core.symbol_forms import canonical_symbol
from tapeline.runtime.stored_series import ShownSeries, StoredSeries


class WatchedSeries:
    """Choose the series of rules, and remember the choice while the store has the same ones.

    A symbol stands for its series with the shortest bars, and so does a rule about all symbols; `TSLA@1d` for the one
    at that interval, whatever it is called in the store.
    """

    def __init__(self, store: Store) -> None:
        self._series = StoredSeries(store, store.series)
        self._shown = ShownSeries(self._series)
        self._names: tuple[str, ...] = ()
        self._chosen: dict[str, frozenset[str]] = {}

    def of(self, rule: Rule, names: tuple[str, ...]) -> frozenset[str]:
        """Return which of these series the rule is about."""
        if names != self._names:
            self._names, self._chosen = names, {}
        if rule.id not in self._chosen:
            shown = {canonical_symbol(symbol): name for symbol, name in self._shown.of(names).items()}
            self._chosen[rule.id] = frozenset(self._chosen_of(rule.symbols, shown) if rule.symbols else shown.values())
        return self._chosen[rule.id]

    def _chosen_of(self, symbols: Iterable[str], shown: dict[str, str]) -> Iterator[str]:
        """Yield the series of these symbols, as rules have them."""
        known = {canonical_symbol(name): name for name in self._names}  # those of earlier versions may be lower case
        for wanted in symbols:
            symbol, interval = split_series(wanted)
            if interval is None and wanted in shown:
                yield shown[wanted]
            elif interval is not None and wanted in known:
                yield known[wanted]
            elif interval is not None and symbol in known and self._series.length(known[symbol]) == interval:
                yield known[symbol]
