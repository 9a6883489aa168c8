"""Shares traded between two quotes, from the day's running total that each of them carries."""

from __future__ import annotations

from tapeline.feeds.yahoo.stream_frames import CRYPTOCURRENCY, StreamQuote


class VolumeMeter:
    """The running totals of many symbols.

    The first quote of a symbol after `reset` only says where the total stands: what was traded before belongs to no bar
    that is built here. A total that falls behind (frames out of order) adds nothing. A new session starts from 0. For
    crypto Yahoo sends the volume of the last 24 hours, which says nothing of a bar.
    """

    def __init__(self) -> None:
        self._totals: dict[str, tuple[int, int]] = {}

    def size(self, quote: StreamQuote, session: int) -> float:
        """The shares traded since the last quote of this symbol; `session` names the session the quote is in."""
        if quote.quote_type == CRYPTOCURRENCY:
            return 0.0
        known = self._totals.get(quote.symbol)
        total = quote.day_volume
        if total <= 0:
            return 0.0  # Yahoo sent none: taken for the baseline, the whole day would fall into the next bar
        if known is None:
            self._totals[quote.symbol] = session, total
            return 0.0
        day, before = known
        if session < day:
            return 0.0
        if session > day:
            before = 0
        self._totals[quote.symbol] = session, max(total, before)
        return float(max(total - before, 0))

    def reset(self) -> None:
        """After a lost connection: what was traded meanwhile belongs to the gap."""
        self._totals.clear()

    def forget(self, symbol: str) -> None:
        self._totals.pop(symbol, None)
