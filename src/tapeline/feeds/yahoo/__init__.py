"""Read Yahoo Finance: history from the chart endpoint, live prices from the streamer.

`docs/yahoo.md` states the policies: what becomes a bar, when it is final, what is rejected, what a split does.
"""

from tapeline.feeds.yahoo.chart_client import ChartClient
from tapeline.feeds.yahoo.chart_intervals import INTERVALS, interval_of
from tapeline.feeds.yahoo.transport import CHART_URL, STREAM_URL, YFinanceTransport
from tapeline.feeds.yahoo.yahoo_source import YahooSource

__all__ = [
    "CHART_URL",
    "INTERVALS",
    "STREAM_URL",
    "ChartClient",
    "YFinanceTransport",
    "YahooSource",
    "interval_of",
]
