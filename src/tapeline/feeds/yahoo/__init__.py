"""Read Yahoo Finance: history from the chart endpoint, live prices from the streamer.

`docs/yahoo.md` states the policies: what becomes a bar, when it is final, what is rejected, what a split does.
"""

from tapeline.feeds.yahoo.chart_client import ChartClient
from tapeline.feeds.yahoo.chart_intervals import INTERVALS, VENUE
from tapeline.feeds.yahoo.price_stream import PriceStream
from tapeline.feeds.yahoo.symbol_search import YahooSearch
from tapeline.feeds.yahoo.transport import YFinanceTransport

__all__ = [
    "INTERVALS",
    "VENUE",
    "ChartClient",
    "PriceStream",
    "YFinanceTransport",
    "YahooSearch",
]
