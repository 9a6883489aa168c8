"""Build bars from streamed quotes: provisional ones, which give way wherever history is there first."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from tapeline.core.bar_builder import BarBuilder
from tapeline.core.market import Bar, Bars, Reject, Tick
from tapeline.core.sessions import Calendar
from tapeline.core.times import MINUTE
from tapeline.errors import RejectedError
from tapeline.feeds.live.bar_intervals import CONTINUOUS, Interval, grid_of
from tapeline.feeds.live.outbox import Outbox
from tapeline.feeds.live.tracked_bars import TrackedBars
from tapeline.feeds.live.venue import StreamQuote
from tapeline.feeds.live.volume_meter import VolumeMeter
from tapeline.runtime.clock import Clock

#: How long after its close a streamed bar waits for a late price, ms.
STREAM_GRACE = 1500

#: How far ahead of our clock a price may be, ms. One from the far future would make every price after it late.
FUTURE = 5 * MINUTE

#: How far off a clock must be, ms, before a notice says so.
SKEW = 30_000


class StreamedBars:
    """Build bars of the symbols in `tracked`, which its owner changes, and put them into the outbox.

    Final bars go out when they are complete, the forming bar of a symbol at most every `forming_ms`, both once the
    symbol is back-filled or where another process collected it until now. No bar goes out that opens
    before the symbol's `official` time: history has it already. `refused` counts prices that no bar took.
    """

    def __init__(
        self,
        name: str,
        interval: Interval,
        clock: Clock,
        outbox: Outbox,
        tracked: Mapping[str, TrackedBars],
        forming_ms: int,
    ) -> None:
        self.refused = 0
        self._name = name
        self._interval = interval
        self._clock = clock
        self._outbox = outbox
        self._tracked = tracked
        self._forming_ms = forming_ms
        self._builders: dict[str, BarBuilder] = {}
        self._meter = VolumeMeter()
        self._changed: dict[str, Bar] = {}
        self._handed: dict[str, float] = {}  # monotonic seconds
        self._skewed = False

    def follow(self, calendar: Calendar) -> None:
        """Prepare for symbols of this exchange."""
        self._builders.setdefault(calendar.exchange, BarBuilder(grid_of(calendar, self._interval)))

    def forget(self, symbol: str) -> None:
        """Drop the forming bar of a symbol that is no longer watched."""
        self._changed.pop(symbol, None)
        self._handed.pop(symbol, None)
        self._meter.forget(symbol)

    def has_forming(self, symbol: str) -> bool:
        """Return whether a forming bar of the symbol waits to be handed over."""
        return symbol in self._changed

    def clock_set(self) -> None:
        """Note that the clock was set: whether it agrees with the prices is to be seen anew."""
        self._skewed = False

    def reset(self) -> None:
        """Note that the stream was interrupted: the volume traded meanwhile belongs to none of its bars."""
        self._meter.reset()

    def flush(self) -> None:
        """Hand over the bars that are complete by now, and the forming ones whose turn it is."""
        for builder in self._builders.values():
            self._hand_final(builder.advance(self._clock.now() - STREAM_GRACE))
        now, wait = self._clock.monotonic(), self._forming_ms / 1000
        due = [
            bar
            for symbol, bar in self._changed.items()
            if now - self._handed.get(symbol, float("-inf")) >= wait and self._tracked[symbol].streams
        ]
        for bar in due:
            del self._changed[bar.symbol]
            self._handed[bar.symbol] = now
        if due:
            self._outbox.put_forming(due)

    def add(self, quote: StreamQuote) -> None:
        """Put a price into its bar, or refuse it.

        A price outside the hours that are collected, or of a bar that is official already, changes nothing: a new
        subscription is answered with the last price of a closed market. Pre-market and after hours have no volume, as
        the venue's history has none there and its running total is that of regular trading.
        """
        tracked = self._tracked.get(quote.symbol)
        if tracked is None:
            return
        now = self._clock.now()
        if quote.time > now + FUTURE:
            self._reject(quote, "the price is more than 5 minutes in the future")
            return
        if quote.time - now > SKEW and not self._skewed:
            self._skewed = True
            ahead = f"prices are {(quote.time - now) / 1000:.0f} s ahead of this machine's clock: set it right"
            self._outbox.note(notices=[ahead])
        outside = not quote.regular and tracked.calendar.exchange not in CONTINUOUS
        if outside and not self._interval.extended:
            return
        if quote.time < tracked.streamed_from:
            return
        session = int(tracked.calendar.days(np.array([quote.time]))[0])
        size = 0.0 if outside else self._meter.size(quote, session)
        try:
            changed = self._builders[tracked.calendar.exchange].update(
                Tick(quote.symbol, quote.time, quote.price, size)
            )
        except RejectedError:
            self.refused += 1  # outside the session or too late: history has what there was
            return
        if not changed[-1].final:
            self._changed[quote.symbol] = changed.pop()
        self._hand_final(changed)

    def _hand_final(self, bars: list[Bar]) -> None:
        """Hand over complete bars, except where history was there first."""
        for bar in bars:
            forming = self._changed.get(bar.symbol)
            if forming is not None and forming.timestamp <= bar.timestamp:
                del self._changed[bar.symbol]
        new = [
            bar
            for bar in bars
            if (tracked := self._tracked.get(bar.symbol)) and tracked.streams and bar.timestamp >= tracked.streamed_from
        ]
        if new:
            self._outbox.put(Bars.of(new))

    def _reject(self, quote: StreamQuote, reason: str) -> None:
        self.refused += 1
        raw = json.dumps([quote.symbol, quote.price, quote.time, quote.day_volume]).encode()
        place = f"stream {quote.symbol} {quote.time // MINUTE * 60}"  # one a minute is kept, not thousands
        self._outbox.note(rejects=[Reject(self._name, place, reason, raw)])
