"""Read Binance's spot market: history from its klines, live prices from their stream. It needs no key.

`docs/binance.md` states the policies and the venue's limits.
"""

from tapeline.feeds.binance.kline_client import KlineClient
from tapeline.feeds.binance.kline_intervals import INTERVALS, VENUE
from tapeline.feeds.binance.kline_stream import KlineStream

__all__ = ["INTERVALS", "VENUE", "KlineClient", "KlineStream"]
