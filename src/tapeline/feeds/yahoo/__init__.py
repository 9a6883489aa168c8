"""Yahoo Finance: history by the chart endpoint, live prices by the streamer, and the gaps between them closed.

`docs/yahoo.md` states the policies: what becomes a bar, when it is final, what is refused, what a split does.
"""

from tapeline.feeds.live.watchlist import Watchlist, symbols_of
from tapeline.feeds.yahoo.chart_client import ChartClient
from tapeline.feeds.yahoo.chart_intervals import INTERVALS, Interval, interval_of, period_ms
from tapeline.feeds.yahoo.history import History, Update
from tapeline.feeds.yahoo.transport import CHART_URL, STREAM_URL, YFinanceTransport
from tapeline.feeds.yahoo.yahoo_source import Status, YahooSource
from tapeline.runtime.clock import Clock, SystemClock

__all__ = [
    "CHART_URL",
    "INTERVALS",
    "STREAM_URL",
    "ChartClient",
    "Clock",
    "History",
    "Interval",
    "Status",
    "SystemClock",
    "Update",
    "Watchlist",
    "YFinanceTransport",
    "YahooSource",
    "interval_of",
    "period_ms",
    "symbols_of",
]
