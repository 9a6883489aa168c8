"""Bring the archive up to now for a command, and say how far that has come."""

from __future__ import annotations

import asyncio

from tapeline.app.config import Settings
from tapeline.app.live_wiring import feed_of, interval_of
from tapeline.cli.console import Ticker, notice
from tapeline.core.times import DAY
from tapeline.errors import FeedError, UnreachableError
from tapeline.feeds.live.bar_intervals import Interval, period_ms
from tapeline.feeds.live.history import History, Update
from tapeline.runtime.clock import now_ms

#: How far back by default. Of 1m it is what one request brings, so that the page opens within seconds.
PERIODS = {"1m": "7d", "60m": "1y", "1h": "1y", "1d": "5y"}
_OTHER_PERIOD = "60d"


def span(settings: Settings, interval: str, period: str | None) -> tuple[Interval, int]:
    """Return the interval, and since when its bars are wanted (UTC epoch ms). Raises `FeedError`."""
    chosen = interval_of(settings, interval)
    length = period_ms(period or PERIODS.get(interval, _OTHER_PERIOD), chosen)
    if length > chosen.reach:
        venue, days = feed_of(settings).venue, chosen.reach // DAY
        notice(f"{venue} has {interval} bars of the last {days} days; the archive keeps them from now on")
    return chosen, now_ms() - length


def fetch_history(
    history: History, symbols: list[str], interval: Interval, since: int, *, quiet: bool
) -> dict[str, Update]:
    """Bring the archive up to now. Say which symbols failed; raise `FeedError` when all did.

    Raises `UnreachableError` at the first symbol that cannot be reached: without a network none can.
    """
    updates: dict[str, Update] = {}
    failed: list[FeedError] = []

    async def fetch() -> None:
        with Ticker(f"fetching {interval.name} history", len(symbols), quiet=quiet) as ticker:
            async for symbol, outcome in history.update_all(symbols, interval, since):
                if isinstance(outcome, UnreachableError):
                    raise outcome
                if isinstance(outcome, FeedError):
                    failed.append(outcome)
                    notice(str(outcome))
                    continue
                updates[symbol] = outcome
                for text in outcome.notices:
                    notice(text)
                ticker.show(len(updates) + len(failed))

    asyncio.run(fetch())
    if failed and not updates:
        raise FeedError(f"nothing could be fetched for {', '.join(symbols)}")
    return updates
