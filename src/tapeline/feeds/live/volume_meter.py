"""Tell the shares traded between two quotes from the running total that each of them carries."""

from __future__ import annotations

from tapeline.feeds.live.venue import StreamQuote


class VolumeMeter:
    """Keep the running totals of many symbols.

    The first quote of a symbol after `reset` only says where the total stands: what was traded before belongs to no bar
    that is built here. A total that falls (frames out of order) adds nothing. A new session starts from 0.
    """

    def __init__(self) -> None:
        self._totals: dict[str, tuple[int, int]] = {}

    def size(self, quote: StreamQuote, session: int) -> float:
        """Return the shares traded since the symbol's last quote; `session` names the session the quote is in."""
        if quote.size is not None:
            return quote.size
        known = self._totals.get(quote.symbol)
        total = quote.day_volume
        if total <= 0:
            return 0.0  # the venue sent none: as a baseline, it would put the whole day into the next bar
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
        """Forget every total after a lost connection: what was traded meanwhile belongs to the gap."""
        self._totals.clear()

    def forget(self, symbol: str) -> None:
        """Forget the total of a symbol that is no longer watched."""
        self._totals.pop(symbol, None)
