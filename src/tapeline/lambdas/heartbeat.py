"""Look at the pipeline from the store's side once a minute: how old its newest rows are while an exchange is open.

Whatever stops on the way, be it the collector, the stream, the function's event source or a permission, no row reaches
the table, and that is seen here. A schedule calls the function for it, not the stream. Shortly before an exchange opens
the endpoint is woken: a serverless one that was idle takes longer to answer than a batch waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tapeline.core.rows import Rows
from tapeline.core.sessions import MarketState, calendar_of
from tapeline.core.times import MINUTE

#: What the schedule sends.
HEARTBEAT = {"tapeline": "heartbeat"}

#: For how long before an open the endpoint is woken, once a minute.
_WAKE = 5 * MINUTE


class Heartbeat:
    """Measure, and wake. `newest` returns the newest row of every symbol, `wake` asks the endpoint, `clock` is now.

    Times are UTC epoch ms.
    """

    def __init__(self, newest: Callable[[], Rows], wake: Callable[[], object], clock: Callable[[], int]) -> None:
        self._newest = newest
        self._wake = wake
        self._clock = clock

    def __call__(self) -> float:
        """Return for how many seconds no row came; 0 while every exchange is closed, or there is no row at all yet."""
        now = self._clock()
        newest = newest_by_exchange(self._newest())
        states = [calendar_of(symbol).at(now) for symbol, _ in newest.values()]
        if any(0 < state.next_open - now <= _WAKE for state in states):
            self._wake()
        return row_age(zip(states, (timestamp for _, timestamp in newest.values()), strict=True), now)


def newest_by_exchange(rows: Rows) -> Mapping[str, tuple[str, int]]:
    """Return by exchange one of its symbols and when its newest bar opened, UTC epoch ms."""
    found: dict[str, tuple[str, int]] = {}
    bars = rows.bars
    for code, timestamp in zip(bars.code.tolist(), bars.timestamp.tolist(), strict=True):
        symbol = bars.symbols[code]
        exchange = calendar_of(symbol).exchange
        if exchange not in found or found[exchange][1] < timestamp:
            found[exchange] = (symbol, timestamp)
    return found


def row_age(exchanges: Iterable[tuple[MarketState, int]], now: int) -> float:
    """Return the seconds since the newest bar, of the open exchange where they are most; 0 where none is open.

    `exchanges` are states at `now` with the time of the exchange's newest bar. Time before the open does not count.
    """
    ages = [
        (now - max(timestamp, since)) / 1000
        for state, timestamp in exchanges
        if (since := state.trading_since()) is not None
    ]
    return max([0.0, *ages])
