"""Find the session that each bar of a batch belongs to, over symbols of any exchange."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tapeline.core.market import Bars, Ints
from tapeline.core.sessions import calendar, exchange_of


def session_ids(bars: Bars, calendars: Mapping[str, str] | None = None) -> Ints:
    """Return each bar's session at its symbol's exchange as YYYYMMDD, int64 [len(bars)]; never decreasing with time.

    `calendars` has those of symbols that do not trade as their form says.
    """
    known = calendars or {}
    exchanges = [known.get(symbol) or exchange_of(symbol) for symbol in bars.symbols]
    used = set(exchanges)
    if len(used) == 1:
        return calendar(used.pop()).days(bars.timestamp)
    found = np.zeros(len(bars), np.int64)
    own = np.array(exchanges)[bars.code]
    for exchange in used:
        where = own == exchange
        found[where] = calendar(exchange).days(bars.timestamp[where])
    return found
