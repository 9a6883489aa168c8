"""Stream Yahoo's prices: the messages to its streamer, and from it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence

from tapeline.feeds.live.quote_socket import QuoteSocket
from tapeline.feeds.live.venue import StreamQuote
from tapeline.feeds.yahoo.chart_intervals import VENUE
from tapeline.feeds.yahoo.stream_frames import FRAME, quote
from tapeline.runtime.clock import Clock

#: Yahoo forgets subscriptions that are not repeated.
SUBSCRIBE_SECONDS = 15.0


class PriceStream(QuoteSocket):
    """Implement `QuoteStream` over Yahoo's streamer. A message longer than `FRAME.size` ends the connection."""

    repeat_seconds = SUBSCRIBE_SECONDS

    def __init__(self, url: str, clock: Clock, *, chance: Callable[[], float] = random.random) -> None:
        super().__init__("yahoo", VENUE, url, FRAME.size, clock, chance=chance)

    def subscription(self, symbols: Sequence[str], *, wanted: bool) -> list[str]:
        """Return one message for all of them."""
        return [json.dumps({"subscribe" if wanted else "unsubscribe": list(symbols)})]

    def quotes(self, frame: str | bytes) -> Sequence[StreamQuote]:
        """Return the price in a frame; see `stream_frames.quote`."""
        found = quote(frame)
        return () if found is None else (found,)
