"""Wire Yahoo's history and live bars, for every command that collects."""

from __future__ import annotations

from collections.abc import Iterable

from tapeline.app.config import Settings
from tapeline.app.data_directory import archive_in
from tapeline.feeds.live.bar_intervals import Interval
from tapeline.feeds.live.history import History
from tapeline.feeds.yahoo import ChartClient, YahooSource, YFinanceTransport
from tapeline.runtime.clock import SystemClock


def yahoo_history(settings: Settings) -> History:
    """Return Yahoo's history, over what the data directory's archive keeps of it. The caller closes it."""
    clock = SystemClock()
    transport = YFinanceTransport(settings.yahoo.url)
    return History(ChartClient(transport, clock), archive_in(settings.data_dir), clock)


def yahoo_source(
    settings: Settings, history: History, symbols: Iterable[str], interval: Interval, since: int
) -> YahooSource:
    """Return a source of live bars that continues this history. `since` (UTC epoch ms) is where its first bars are."""
    return YahooSource(
        symbols,
        interval,
        history,
        since=since,
        stream_url=settings.yahoo.stream_url,
        forming_ms=int(settings.forming_seconds * 1000),
    )
