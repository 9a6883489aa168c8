"""`YahooSource`: Yahoo's charts and streamer as a live source."""

from __future__ import annotations

from collections.abc import Iterable

from tapeline.feeds.live.bar_intervals import Interval
from tapeline.feeds.live.history import History
from tapeline.feeds.live.live_collector import FORMING_MS
from tapeline.feeds.live.live_source import LiveSource
from tapeline.feeds.yahoo.price_stream import PriceStream
from tapeline.feeds.yahoo.transport import STREAM_URL
from tapeline.runtime.clock import Clock, SystemClock


class YahooSource(LiveSource):
    """Collect from Yahoo; `LiveSource` says what it guarantees."""

    def __init__(
        self,
        symbols: Iterable[str],
        interval: Interval,
        history: History,
        *,
        since: int,
        stream_url: str = STREAM_URL,
        clock: Clock | None = None,
        forming_ms: int = FORMING_MS,
    ) -> None:
        clock = clock or SystemClock()
        stream = PriceStream(stream_url, clock)
        super().__init__(symbols, interval, history, stream, since=since, clock=clock, forming_ms=forming_ms)
