"""Whether a symbol's market is open, for the watch-list."""

from __future__ import annotations

import re
from typing import Any

from tapeline.core.sessions import MarketState, Phase, calendar, exchange_of

_PHASES = {Phase.PRE: "pre", Phase.OPEN: "open", Phase.BREAK: "closed", Phase.POST: "post", Phase.CLOSED: "closed"}
_PAIR = re.compile(r"(?:-([A-Z]{3,4})|[A-Z]{3}([A-Z]{3})=X)$")


class Markets:
    """The state of each exchange, looked up again when it is over. The first use of an exchange takes a second."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[int, MarketState]] = {}

    def of(self, symbol: str, now: int) -> dict[str, Any]:
        """`phase` (open, pre, post, closed or continuous), `next` (UTC epoch ms: when that ends, None: never), `opens`
        (when regular trading next begins, None where it never ends) and the exchange's time `zone`."""
        exchange = exchange_of(symbol)
        known = calendar(exchange)
        if exchange == "24/7":
            return {"phase": "continuous", "next": None, "opens": None, "zone": known.zone}
        since, state = self._states.get(exchange, (0, None))
        if state is None or not since <= now < state.until:
            state = known.at(now)
            self._states[exchange] = now, state
        return {
            "phase": _PHASES[state.phase], "next": state.until, "opens": state.next_open, "zone": known.zone,
        }  # fmt: skip


def zone_of(symbol: str) -> str:
    """The time zone of the exchange a symbol trades at."""
    return calendar(exchange_of(symbol)).zone


def currency_of(symbol: str) -> str:
    """The currency that a pair's own name says its price is in: BTC-USD, EURUSD=X. '' for anything else."""
    found = _PAIR.search(symbol.upper())
    return (found[1] or found[2]) if found else ""
