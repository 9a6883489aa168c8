"""What becomes a bar of single streamed prices, and what does not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from tests.local_yahoo.clock import Standing
from tests.local_yahoo.market import Tick
from tests.local_yahoo.server import frame

from tapeline.core.market import Bars
from tapeline.core.messages import Delivery
from tapeline.feeds.live.bar_intervals import Interval
from tapeline.feeds.live.history import History
from tapeline.feeds.live.live_collector import Collector
from tapeline.feeds.live.outbox import Outbox
from tapeline.feeds.yahoo import INTERVALS
from tapeline.feeds.yahoo.price_stream import PriceStream
from tapeline.feeds.yahoo.stream_frames import quote

MINUTE = 60_000
M1 = INTERVALS["1m"]
OPEN = int(np.datetime64("2026-11-25T14:30", "ms").astype(np.int64))


class Listening:
    """Give single prices to a collector that has its history up to the open. Nothing is connected."""

    def __init__(self, symbol: str, interval: Interval = M1) -> None:
        self.symbol = symbol
        self.clock = Standing(OPEN)
        self.outbox = Outbox()
        self.collector = Collector(
            interval, cast("History", None), PriceStream("ws://127.0.0.1:9/", self.clock), self.clock, self.outbox, OPEN
        )
        asyncio.run(self.collector.watch([symbol]))
        tracked = self.collector.tracked[symbol]
        tracked.ready, tracked.official = True, OPEN

    def hear(self, seconds: float, price: float, hours: int = 1, ahead: float = 0.0, total: int = 0) -> None:
        """Hear a price this many seconds after the open, by Yahoo's clock, which is `ahead` of ours."""
        time = OPEN + int(seconds * 1000)
        self.clock.time = time - int(ahead * 1000)
        found = quote(frame(Tick(self.symbol, time, price, total), market_hours=hours))
        assert found is not None
        self.collector.on_quote(found)

    def delivered(self) -> Delivery:
        self.outbox.close()
        return self.outbox.take() or Delivery(Bars.of(()))


def test_prices_before_and_after_regular_trading_make_no_bar() -> None:
    shares, coin = Listening("TSLA"), Listening("BTC-USD")
    for hours in (0, 2, 3, 4):
        shares.hear(10, 5.0, hours)
        coin.hear(10, 5.0, hours)
    shares.hear(70, 6.0)
    shares.hear(130, 7.0)
    coin.hear(130, 7.0)
    assert [(b.timestamp, b.open) for b in shares.delivered().bars if b.final] == [(OPEN + MINUTE, 6.0)]
    assert [(b.timestamp, b.open) for b in coin.delivered().bars if b.final] == [(OPEN, 5.0)]


def test_with_extended_hours_prices_there_make_bars_without_volume() -> None:
    heard = Listening("TSLA", replace(M1, extended=True))
    before, after, night = -90 * 60, 390 * 60, 15 * 3600  # seconds from the open
    heard.collector.tracked["TSLA"].official = OPEN + before * 1000
    for seconds, hours in ((before, 0), (before + 60, 0), (0, 1), (30, 1), (60, 1), (after, 2), (after + 60, 2)):
        heard.hear(seconds, 5.0, hours, total=1000 + seconds if hours == 1 else 77)
    heard.hear(night, 6.0, 4)
    bars = [b for b in heard.delivered().bars if b.final]
    starts = [before, before + 60, 0, 60, after]
    assert [(b.timestamp - OPEN) // 1000 for b in bars] == starts
    assert [b.volume for b in bars] == [0, 0, 30, 30, 0]
    assert heard.collector.streamed.refused == 1


def test_a_late_price_corrects_its_bar_and_one_that_is_official_or_too_late_changes_nothing() -> None:
    heard = Listening("TSLA")
    heard.hear(-60, 1.0)  # before the last official bar
    heard.hear(10, 5.0)
    heard.hear(70, 6.0)
    heard.hear(50, 4.0)
    heard.hear(130, 6.0)
    heard.hear(55, 1.0)  # more than a minute behind the newest
    assert heard.collector.streamed.refused == 1
    final = [b for b in heard.delivered().bars if b.final]
    assert [(b.timestamp, b.low) for b in final] == [(OPEN, 5.0), (OPEN, 4.0), (OPEN + MINUTE, 6.0)]


def test_prices_from_the_future_are_rejected_and_a_wrong_clock_is_reported_once() -> None:
    heard = Listening("TSLA")
    heard.hear(600, 5.0, ahead=301)
    heard.hear(610, 5.0, ahead=20)
    heard.hear(620, 5.0, ahead=40)
    heard.hear(625, 5.0, ahead=50)
    heard.hear(665, 6.0)
    found = heard.delivered()
    assert [reject.reason for reject in found.rejects] == ["the price is more than 5 minutes in the future"]
    assert [text for text in found.notices if "clock" in text] == [
        "prices are 40 s ahead of this machine's clock: set it right"
    ]
    assert [b.timestamp for b in found.bars] == [OPEN + 10 * MINUTE]


@pytest.mark.parametrize(
    ("symbol", "time", "opened"),
    [
        ("TSLA", "2026-11-25T14:29", None),
        ("TSLA", "2026-11-25T15:00", "2026-11-25T14:30"),
        ("TSLA", "2026-11-26T15:00", None),  # Thanksgiving
        ("TSLA", "2026-11-27T18:30", None),  # after the half day
        ("7203.T", "2026-11-25T03:00", None),  # the lunch break
        ("7203.T", "2026-11-25T03:40", "2026-11-25T03:30"),
        ("BTC-USD", "2026-11-28T03:00", "2026-11-28T00:00"),
    ],
)
def test_silence_counts_in_an_open_market_only(symbol: str, time: str, opened: str | None) -> None:
    since = Listening(symbol).collector.open_since(int(np.datetime64(time, "ms").astype(np.int64)))
    assert since == (None if opened is None else int(np.datetime64(opened, "ms").astype(np.int64)))
