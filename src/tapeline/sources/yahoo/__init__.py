"""Yahoo Finance: history by the chart endpoint, live prices by the streamer, and the gaps between them closed.

`docs/yahoo.md` states the policies: what becomes a bar, when it is final, what is refused, what a split does.
"""

from tapeline.sources.yahoo.client import ChartClient
from tapeline.sources.yahoo.clock import Clock, SystemClock
from tapeline.sources.yahoo.errors import (
    NoDataError,
    RateLimitedError,
    UnreachableError,
    YahooError,
)
from tapeline.sources.yahoo.history import History, Update
from tapeline.sources.yahoo.intervals import INTERVALS, Interval, interval_of, period_ms
from tapeline.sources.yahoo.source import Status, YahooSource
from tapeline.sources.yahoo.transport import CHART_URL, STREAM_URL, YFinanceTransport
from tapeline.sources.yahoo.watchlist import Watchlist, symbols_of

__all__ = [
    "CHART_URL",
    "INTERVALS",
    "STREAM_URL",
    "ChartClient",
    "Clock",
    "History",
    "Interval",
    "NoDataError",
    "RateLimitedError",
    "Status",
    "SystemClock",
    "UnreachableError",
    "Update",
    "Watchlist",
    "YFinanceTransport",
    "YahooError",
    "YahooSource",
    "interval_of",
    "period_ms",
    "symbols_of",
]
