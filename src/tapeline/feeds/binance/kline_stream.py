"""Stream Binance's one-minute klines, as the prices that they consist of.

Every update of a kline says its open, extremes, close and volume so far. What is new of these since the last update
goes on as prices, so that bars built of them, of a minute or of several, have the extremes and the volume that the
venue itself has, and a lost connection costs nothing of a minute that is not over. `x` marks the last update.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from tapeline.core.foreign import Bounds, load_json
from tapeline.core.market import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP
from tapeline.core.times import MINUTE
from tapeline.errors import DecodeError, NoDataError
from tapeline.feeds.binance.kline_intervals import VENUE, venue_symbol
from tapeline.feeds.live.quote_socket import QuoteSocket
from tapeline.feeds.live.venue import StreamQuote
from tapeline.runtime.clock import Clock

#: What a message may have. An honest one has 400 bytes.
MESSAGE = Bounds(size=16 << 10, depth=4, parts=64)

#: Streams of one connection, and of one message to the venue.
MOST_STREAMS = 1024
_STREAMS_A_MESSAGE = 200

_STREAM = "@kline_1m"


@dataclass(slots=True)
class _Kline:
    """Hold what was handed over of a symbol's newest kline."""

    opens: int
    high: float
    low: float
    volume: float
    closed: bool = False


class KlineStream(QuoteSocket):
    """Implement `QuoteStream` over Binance's WebSocket, whose pings the client answers.

    It listens to at most `MOST_STREAMS` symbols, the first by name; those after them come from history alone.
    """

    spacing_seconds = 0.5  # Binance closes a connection after more than 5 messages a second, pongs included

    def __init__(self, url: str, clock: Clock) -> None:
        super().__init__("binance", VENUE, f"{url.rstrip('/')}/ws", MESSAGE.size, clock)
        self._watched: dict[str, str] = {}  # by the venue's spelling
        self._klines: dict[str, _Kline] = {}
        self._messages = 0

    def subscription(self, symbols: Sequence[str], *, wanted: bool) -> list[str]:
        """Return the messages, each about as many streams as one may be. Symbols that Binance cannot have are left."""
        names = []
        for symbol in symbols:
            try:
                name = venue_symbol(symbol)
            except NoDataError:
                continue  # history says so
            if not wanted:
                self._klines.pop(symbol, None)
                self._watched.pop(name, None)
            elif len(self._watched) < MOST_STREAMS or name in self._watched:
                self._watched[name] = symbol
            else:
                continue
            names.append(name)
        found = []
        streams = [f"{name.lower()}{_STREAM}" for name in names]
        for first in range(0, len(streams), _STREAMS_A_MESSAGE):
            self._messages += 1
            method = "SUBSCRIBE" if wanted else "UNSUBSCRIBE"
            part = streams[first : first + _STREAMS_A_MESSAGE]
            found.append(json.dumps({"method": method, "params": part, "id": self._messages}))
        return found

    def quotes(self, frame: str | bytes) -> Sequence[StreamQuote]:
        """Return what is new in an update of a kline; nothing for another message.

        Raise `DecodeError` for what cannot be read, for a refusal, and for numbers outside all market data.
        """
        message = load_json(frame, MESSAGE)
        if not isinstance(message, dict):
            raise DecodeError("it is no object")
        message = message.get("data", message)
        if "error" in message or "code" in message:
            raise DecodeError(f"Binance refused: {str(message.get('error') or message.get('msg'))[:100]}")
        if message.get("e") != "kline":
            return ()
        try:
            kline = message["k"]
            symbol = self._watched[str(message["s"])]
            if kline["i"] != "1m":
                return ()
            opens, time = int(kline["t"]), min(int(message["E"]), int(kline["T"]))
            prices = [float(kline[name]) for name in ("o", "h", "l", "c")]
            volume, closed = float(kline["v"]), kline["x"] is True
        except KeyError as error:
            if "s" in message and str(message["s"]) not in self._watched:
                return ()  # of a symbol that is no longer watched
            raise DecodeError(f"a kline without {error}") from None
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise DecodeError(f"no kline: {type(error).__name__}") from None
        if not all(0 < price < math.inf for price in prices) or not 0 <= volume < math.inf:
            raise DecodeError("a kline without a price or a volume")
        if not EARLIEST_TIMESTAMP <= opens <= time < opens + MINUTE <= LATEST_TIMESTAMP:
            raise DecodeError("a kline whose times are none")
        return self._news(symbol, opens, time, prices, volume, closed=closed)

    def _news(
        self, symbol: str, opens: int, time: int, prices: Sequence[float], volume: float, *, closed: bool
    ) -> list[StreamQuote]:
        first, high, low, last = prices
        known = self._klines.get(symbol)
        if known is not None and (opens < known.opens or (opens == known.opens and known.closed)):
            return []  # it is over, or came twice
        found: list[tuple[int, float, float]] = []
        if known is None or opens > known.opens:
            known = self._klines[symbol] = _Kline(opens, first, first, 0.0)
            found.append((opens, first, 0.0))
        if high > known.high:
            found.append((time, high, 0.0))
        if low < known.low:
            found.append((time, low, 0.0))
        found.append((time, last, max(volume - known.volume, 0.0)))
        known.high, known.low = max(high, known.high), min(low, known.low)
        known.volume, known.closed = max(volume, known.volume), closed
        return [StreamQuote(symbol, price, at, size=size) for at, price, size in found]
