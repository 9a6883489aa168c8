"""Streamed prices become bars: provisional ones, which give way wherever history is there first."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from tapeline.core.bar_builder import BarBuilder
from tapeline.core.market import Bar, Bars, Reject, Tick
from tapeline.core.sessions import Calendar
from tapeline.core.times import MINUTE
from tapeline.errors import RejectedError
from tapeline.feeds.live.outbox import Outbox
from tapeline.feeds.live.tracked_bars import TrackedBars
from tapeline.feeds.yahoo.chart import CONTINUOUS, grid_of
from tapeline.feeds.yahoo.chart_intervals import Interval
from tapeline.feeds.yahoo.stream_frames import REGULAR, StreamQuote
from tapeline.feeds.yahoo.volume_meter import VolumeMeter
from tapeline.runtime.clock import Clock

#: How long after its close a streamed bar waits for a late price.
STREAM_GRACE = 1500

#: How far ahead of our clock a price may be.
FUTURE = 5 * MINUTE

#: A clock that is this far off is worth a word.
SKEW = 30_000

_NONE = Bars.of(())


class StreamedBars:
    """Builds bars of the symbols in `tracked`, which its owner changes, and hands them over: final ones when they are
    complete, forming ones every `forming_ms` at the most. `refused` counts prices that no bar took.
    """

    def __init__(
        self, interval: Interval, clock: Clock, outbox: Outbox, tracked: Mapping[str, TrackedBars], forming_ms: int
    ) -> None:
        self.refused = 0
        self._interval = interval
        self._clock = clock
        self._outbox = outbox
        self._tracked = tracked
        self._forming_ms = forming_ms
        self._builders: dict[str, BarBuilder] = {}
        self._meter = VolumeMeter()
        self._dirty: dict[str, Bar] = {}
        self._handed: dict[str, int] = defaultdict(int)
        self._skewed = False

    def follow(self, calendar: Calendar) -> None:
        """Makes ready for a symbol of this exchange."""
        self._builders.setdefault(calendar.exchange, BarBuilder(grid_of(calendar, self._interval)))

    def forget(self, symbol: str) -> None:
        """The symbol is not watched any more: its bar just ends."""
        self._dirty.pop(symbol, None)
        self._meter.forget(symbol)

    def holds(self, symbol: str) -> bool:
        """Whether a forming bar of it waits to be handed over."""
        return symbol in self._dirty

    def reset(self) -> None:
        """The stream was interrupted: what was traded meanwhile belongs to no bar of it."""
        self._meter.reset()

    def flush(self) -> None:
        """Hands over what is complete by now, and the forming bars whose turn it is."""
        now = self._clock.now()
        for builder in self._builders.values():
            self._final(builder.advance(now - STREAM_GRACE))
        due = [
            bar
            for symbol, bar in self._dirty.items()
            if now - self._handed[symbol] >= self._forming_ms and self._tracked[symbol].ready
        ]
        for bar in due:
            del self._dirty[bar.symbol]
            self._handed[bar.symbol] = now
        if due:
            self._outbox.put_forming(due)

    def add(self, quote: StreamQuote) -> None:
        """A price: into its bar, or refused."""
        tracked = self._tracked.get(quote.symbol)
        if tracked is None:
            return
        now = self._clock.now()
        if quote.time > now + FUTURE:
            self._refuse(quote, "the price is more than 5 minutes in the future")
            return
        if quote.time - now > SKEW and not self._skewed:
            self._skewed = True
            ahead = f"prices are {(quote.time - now) / 1000:.0f} s ahead of this machine's clock: set it right"
            self._outbox.put(_NONE, notices=[ahead])
        if quote.market_hours != REGULAR and tracked.calendar.exchange not in CONTINUOUS:
            return
        if quote.time < tracked.official:
            return  # the last price of a closed market, which a subscription is answered with
        day = int(tracked.calendar.days(np.array([quote.time]))[0])
        size = self._meter.size(quote, day)
        try:
            changed = self._builders[tracked.calendar.exchange].update(
                Tick(quote.symbol, quote.time, quote.price, size)
            )
        except RejectedError:
            self.refused += 1  # outside the session or too late: history has what there was
            return
        if not changed[-1].final:
            self._dirty[quote.symbol] = changed.pop()
        self._final(changed)

    def _final(self, bars: list[Bar]) -> None:
        """Streamed bars that are complete, except where history was there first."""
        for bar in bars:
            held = self._dirty.get(bar.symbol)
            if held is not None and held.timestamp <= bar.timestamp:
                del self._dirty[bar.symbol]
        new = [
            bar
            for bar in bars
            if (tracked := self._tracked.get(bar.symbol)) and tracked.ready and bar.timestamp >= tracked.official
        ]
        if new:
            self._outbox.put(Bars.of(new))

    def _refuse(self, quote: StreamQuote, reason: str) -> None:
        self.refused += 1
        raw = json.dumps([quote.symbol, quote.price, quote.time, quote.day_volume]).encode()
        place = f"stream {quote.symbol} {quote.time // MINUTE * 60}"  # one a minute is kept, not thousands
        self._outbox.put(_NONE, rejects=[Reject("yahoo", place, reason, raw)])
