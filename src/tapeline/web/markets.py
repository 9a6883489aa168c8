"""Say whether a symbol's market is open, in which zone it trades and in which currency, for the watch-list."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tapeline.core.iso_text import iso_time, texts_of
from tapeline.core.market import Ints
from tapeline.core.series import symbol_of
from tapeline.core.sessions import MarketState, Phase, calendar, exchange_of

ShownPhase = Literal["open", "pre", "post", "closed", "continuous"]

_PHASES: dict[Phase, ShownPhase] = {
    Phase.PRE: "pre", Phase.OPEN: "open", Phase.BREAK: "closed", Phase.POST: "post", Phase.CLOSED: "closed",
}  # fmt: skip
_PAIR = re.compile(r"(?:-([A-Z]{3,4})|[A-Z]{3}([A-Z]{3})=X)$")


@dataclass(frozen=True, slots=True)
class MarketHours:
    """Say what an exchange is doing, until when (`next`), and when regular trading next begins (`opens`).

    Times are UTC epoch ms, None where trading never ends; `next_time` and `opens_time` are the same as ISO text. `zone`
    is the exchange's time zone.
    """

    phase: ShownPhase
    next: int | None
    opens: int | None
    zone: str
    next_time: str | None = None
    opens_time: str | None = None


class Markets:
    """Look up the state of exchanges, each again only when its state is over.

    The first use of an exchange takes a second, for its calendar.
    """

    def __init__(self) -> None:
        self._states: dict[str, tuple[int, MarketHours, int]] = {}

    def of(self, symbol: str, now: int) -> MarketHours:
        """Return what the symbol's market is doing at `now` (UTC epoch ms). A lunch break counts as closed."""
        exchange = exchange_of(symbol)
        known = calendar(exchange)
        if exchange == "24/7":
            return MarketHours("continuous", None, None, known.zone)
        since, hours, until = self._states.get(exchange, (0, None, 0))
        if hours is None or not since <= now < until:
            state = known.at(now)
            hours, until = _hours_of(state, known.zone), state.until
            self._states[exchange] = now, hours, until
        return hours


def _hours_of(state: MarketState, zone: str) -> MarketHours:
    until, opens = state.until, state.next_open
    return MarketHours(_PHASES[state.phase], until, opens, zone, iso_time(until), iso_time(opens))


def zone_of(symbol: str) -> str:
    """Return the time zone of the exchange that a symbol trades at."""
    return calendar(exchange_of(symbol)).zone


def regular_hours(symbol: str, timestamp: int) -> tuple[int, int] | None:
    """Return open and close (UTC epoch ms) of the session that a time belongs to, the night after it included.

    None before the first session that the calendar knows.
    """
    session = calendar(exchange_of(symbol)).at(timestamp).session
    return None if session is None else (session.open, session.close)


def next_session(symbol: str, now: int) -> dict[str, Any] | None:
    """Return when the next regular session `opens` and `closes` (UTC epoch ms and ISO text), and whether it is `half`.

    None where trading never ends, and after the last session that the calendar knows.
    """
    known = calendar(exchange_of(symbol_of(symbol)))
    index = int(np.searchsorted(known.open, now, "right"))
    if known.exchange == "24/7" or index >= len(known):
        return None
    session = known.session(index)
    hours = {"opens": session.open, "closes": session.close}
    return {**hours, **texts_of(hours, "opens", "closes"), "half": session.half}


def trading_hours(symbol: str, timestamps: Ints) -> NDArray[np.int8]:
    """Return when each time (UTC epoch ms) is: 0 in regular hours, 1 before a session's open, 2 after its close."""
    own = symbol_of(symbol)
    known = calendar(exchange_of(own))
    index = np.searchsorted(known.pre, timestamps, "right") - 1
    session = np.maximum(index, 0)
    hours = np.where(timestamps < known.open[session], 1, np.where(timestamps >= known.close[session], 2, 0))
    return np.where(index < 0, 0, hours).astype(np.int8)


def currency_of(symbol: str) -> str:
    """Return the currency that a pair's own name gives its price in: BTC-USD, EURUSD=X. '' for anything else."""
    found = _PAIR.search(symbol.upper())
    return (found[1] or found[2]) if found else ""
