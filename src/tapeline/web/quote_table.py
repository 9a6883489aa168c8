"""Keep one quote per symbol fresh with few and small reads of the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from tapeline.core.bars import usual_interval
from tapeline.core.candle_intervals import stored_interval
from tapeline.core.market import Floats
from tapeline.core.ports import Store
from tapeline.core.times import DAY, MINUTE, interval_name
from tapeline.forecast.horizons import expected_move
from tapeline.runtime.stored_series import ShownSeries, StoredSeries
from tapeline.web.markets import MarketHours

#: Closes in a sparkline.
SPARK_BARS = 48

_SPARK_HEIGHT = 100
_MANY, _MOVES = 20, 3  # this many prices, this many of them different, are not all whole units by chance


@dataclass(frozen=True, slots=True)
class Quote:
    """Hold one line of the watch-list.

    `timestamp` is the open time of the last bar (UTC epoch ms), which is `final` or still forming. `change` is the move
    since `reference`, as a fraction: the close of the previous session's last stored bar of regular hours, or, where
    none is stored (`first`), the open of this session's first bar; None while it is not known yet. `probability` is
    that of UP, None without a `signal` ('' or a `Direction`'s name). `move` is how far the price is expected to go in
    the 5 bars after the last closed one, as a fraction (one sigma); None where nothing is said. `interval` is the
    length of these bars. `spark` are the last closes, scaled to 0..100. `WatchedQuotes` adds `time`, the ISO text of
    `timestamp`, `market` and `currency`, None where they are not known.
    """

    symbol: str
    timestamp: int
    price: float
    decimals: int
    final: bool
    daily: bool
    signal: str
    probability: float | None
    model: str
    reference: float | None
    first: bool
    change: float | None
    spark: tuple[int, ...]
    move: float | None = None
    interval: str = "1m"
    time: str = ""
    market: MarketHours | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class _Background:
    """Hold what a quote needs beside the last row; it is read when the symbol's session or bars move on.

    `timestamp` is the open time of the newest bar then, which was `final` or still forming.
    """

    timestamp: int
    final: bool
    session: int
    reference: float | None
    first: bool
    daily: bool
    decimals: int
    spark: tuple[int, ...]
    move: float | None
    interval: str


_UNKNOWN = _Background(0, True, 0, None, False, False, 2, (), None, interval_name(MINUTE))


class QuoteTable:
    """Keep the quotes of all symbols of a store. `zone_of` returns the zone in which a symbol's days are sessions.

    `hours_of` returns the regular hours (UTC epoch ms) of the session that a time belongs to, after hours included;
    None where there are none. They end a session here: what is traded after them is not its close.

    A symbol with several series has the quote of the one that is shown (`stored_series.shown_of`).

    A refresh costs one `latest()`, and for each symbol that has another bar a read of `SPARK_BARS` rows; while a bar
    forms, the sparkline keeps its first price. Those reads stop when the time is up and go on in the next refresh, the
    longest waiting first, so that a thousand symbols do not hold up a page.
    """

    def __init__(
        self, store: Store, zone_of: Callable[[str], str], clock: Callable[[], float] = time.monotonic,
        hours_of: Callable[[str, int], tuple[int, int] | None] = lambda *_: None,
    ) -> None:  # fmt: skip
        self.quotes: dict[str, Quote] = {}
        self._store = store
        self._zone_of = zone_of
        self._hours_of = hours_of
        self._clock = clock
        self._background: dict[str, _Background] = {}
        self._shown = ShownSeries(StoredSeries(store, store.series))
        self._series: dict[str, str] = {}  # what is shown of each symbol
        self._waiting: dict[str, None] = {}  # symbols whose background is out of date, in the order they moved

    @property
    def complete(self) -> bool:
        """Return whether there is no symbol of which only the newest bar is known."""
        return all(symbol in self._background for symbol in self.quotes)

    def refresh(self, seconds: float) -> list[Quote]:
        """Return the quotes that changed since the last refresh; backgrounds are read for at most `seconds`."""
        until = self._clock() + seconds
        found = {row.stock_symbol: row for row in self._store.latest()}
        shown = self._shown.of({name: row.timestamp for name, row in found.items()})
        latest = {symbol: found[name] for symbol, name in shown.items()}
        for symbol in [symbol for symbol, name in shown.items() if self._series.get(symbol, name) != name]:
            self._background.pop(symbol, None)  # another series is shown of it now
        self._series = shown
        for symbol, row in latest.items():
            quote = self.quotes.get(symbol)
            if quote is None or (quote.timestamp, quote.price, quote.final) != (row.timestamp, row.price, row.final):
                known = self._background.get(symbol, _UNKNOWN)
                if (known.timestamp, known.final) != (row.timestamp, row.final):
                    self._waiting.setdefault(symbol)
        for symbol in list(self._waiting):
            if self._clock() >= until:
                break
            del self._waiting[symbol]
            if symbol in latest:
                self._background[symbol] = self._read(symbol, latest[symbol].timestamp)
        quotes = {}
        for symbol, row in latest.items():
            known = self._background.get(symbol, _UNKNOWN)
            quotes[symbol] = Quote(
                symbol, row.timestamp, row.price, known.decimals, row.final, known.daily,
                row.prediction or "", row.probability, row.model or "",
                known.reference, known.first, known.reference and row.price / known.reference - 1, known.spark,
                known.move, known.interval,
            )  # fmt: skip
        changed = [quote for symbol, quote in quotes.items() if quote != self.quotes.get(symbol)]
        self.quotes = quotes
        return changed

    def _read(self, symbol: str, timestamp: int) -> _Background:
        rows = self._store.rows(self._series[symbol], limit=SPARK_BARS)
        daily = usual_interval(rows.bars.timestamp) == DAY
        session = session_start(timestamp, ZoneInfo(self._zone_of(symbol)), daily=daily)
        before = self._background.get(symbol, _UNKNOWN)
        if before.session == session and before.daily == daily:
            reference, first = before.reference, before.first
        else:
            reference, first = self._reference(symbol, session, daily=daily)
        newest, final = (int(rows.bars.timestamp[-1]), bool(rows.bars.final[-1])) if len(rows) else (0, True)
        return _Background(
            newest, final, session, reference, first, daily, decimals(rows.bars.close), _spark(rows.bars.close),
            expected_move(rows), interval_name(stored_interval(rows.bars.timestamp)),
        )  # fmt: skip

    def _reference(self, symbol: str, session: int, *, daily: bool) -> tuple[float | None, bool]:
        previous = self._store.rows(self._series[symbol], end=session, limit=1)
        if len(previous):
            hours = None if daily else self._hours_of(symbol, int(previous.bars.timestamp[-1]))
            if hours is not None and previous.bars.timestamp[-1] >= hours[1]:
                regular = self._store.rows(self._series[symbol], *hours, limit=1)
                previous = regular if len(regular) else previous
            return float(previous.bars.close[-1]), False
        own = self._store.rows(self._series[symbol], start=session)
        return (float(own.bars.open[0]), True) if len(own) else (None, True)


def session_start(timestamp: int, zone: ZoneInfo, *, daily: bool) -> int:
    """Return the midnight that begins the bar's session, UTC epoch ms: in the exchange's zone, in UTC if daily."""
    if daily:
        return timestamp - timestamp % DAY
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=timestamp)
    midnight = moment.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return int(midnight.timestamp() * 1000)


def decimals(prices: Floats) -> int:
    """Return how many decimals to show, 0 to 8: the fewest that write a fifth of the prices exactly.

    A fifth, so that trades between the ticks of the instrument (a quarter of a cent) do not widen all its prices. The
    larger the price, the fewer are possible. Fewer than 2, as yen have, need enough prices that all agree.
    """
    if not len(prices):
        return 2
    largest = float(prices.max())
    if largest >= 100 and len(prices) >= _MANY and len(np.unique(prices)) >= _MOVES:
        for places in range(2):
            if np.array_equal(np.round(prices, places), prices):
                return places
    most = 2 if largest >= 1000 else 3 if largest >= 100 else 5 if largest >= 1 else 8
    for places in range(2, most):
        if np.mean(np.abs(np.round(prices, places) - prices) < 1e-9 * prices) >= 0.2:
            return places
    return most


def _spark(closes: Floats) -> tuple[int, ...]:
    if len(closes) < 2:
        return ()
    low, high = float(closes.min()), float(closes.max())
    scale = _SPARK_HEIGHT / (high - low) if high > low else 0.0
    heights: Iterable[float] = ((closes - low) * scale if scale else np.full(len(closes), _SPARK_HEIGHT / 2)).tolist()
    return tuple(round(height) for height in heights)
