"""The collector's event loop: history first, then streamed bars, and Yahoo's history over them as it becomes final.

Every streamed bar is provisional. History is asked again every few minutes, after each gap, at the close and overnight,
from the last official bar on, so what a lost connection or a restart left out is filled by the same step that corrects.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence

from tapeline.core.adjustment import shift
from tapeline.core.market import Bars, Reject
from tapeline.core.sessions import MarketState, Phase, calendar_of
from tapeline.core.times import HOUR, MINUTE
from tapeline.errors import FeedError, StorageError, UnreachableError
from tapeline.feeds.live.limits import PER_SECOND
from tapeline.feeds.live.outbox import Outbox
from tapeline.feeds.live.tracked_bars import TrackedBars, phase_text, session_start
from tapeline.feeds.yahoo.chart_client import PARALLEL
from tapeline.feeds.yahoo.chart_intervals import Interval
from tapeline.feeds.yahoo.history import History
from tapeline.feeds.yahoo.price_stream import PriceStream
from tapeline.feeds.yahoo.stream_frames import StreamQuote
from tapeline.feeds.yahoo.streamed_bars import StreamedBars
from tapeline.runtime.clock import Clock

#: How often changed forming bars are handed over, and how often one symbol's at the most, unless told otherwise.
FLUSH_SECONDS = 0.25
FORMING_MS = 1000

#: Time between two questions about a symbol's history while its market is open ...
RECONCILE = 5 * MINUTE

#: ... and while prices are polled because the stream cannot be opened.
POLL = 15_000

#: Markets that never close have their history archived so often.
ARCHIVE = 6 * HOUR

_RETRY = 5 * MINUTE
_UNKNOWN_RETRY = 6 * HOUR
_TICK_SECONDS = 1.0
_NONE = Bars.of(())


class Collector:
    """Everything on the event loop. `run` goes on until it is cancelled; the others are called on its loop."""

    def __init__(
        self,
        interval: Interval,
        history: History,
        stream_url: str,
        clock: Clock,
        outbox: Outbox,
        since: int,
        forming_ms: int = FORMING_MS,
    ) -> None:
        self.tracked: dict[str, TrackedBars] = {}
        self.polling = False
        self.gaps = 0
        self.corrected = 0
        self._interval = interval
        self._history = history
        self._clock = clock
        self._outbox = outbox
        self._since = since
        self.stream = PriceStream(stream_url, self, clock)
        self.streamed = StreamedBars(interval, clock, outbox, self.tracked, forming_ms)
        self._asked = asyncio.Event()
        self._lost = False
        self._phases: dict[str, Phase] = {}
        self._resumed: dict[str, tuple[int, str]] = {}
        self._running: set[str] = set()

    # -- symbols -----------------------------------------------------------------------------------------------------

    def resume(self, text: str) -> None:
        """Goes on behind what was stored: the text a delivery carried."""
        if text:
            stored = json.loads(text)
            self._resumed = {symbol: (until, name) for symbol, (until, name) in stored["symbols"].items()}

    def _resume_text(self) -> str:
        known = dict(self._resumed)  # symbols that are not watched now may come back
        known |= {t.symbol: (t.official, t.basis) for t in self.tracked.values() if t.ready}
        return json.dumps({"version": 1, "symbols": known}, separators=(",", ":"))

    async def watch(self, symbols: Iterable[str]) -> None:
        """The symbols to collect from now on: new ones are back-filled first, the others' bars just end."""
        wanted = list(dict.fromkeys(symbols))
        for symbol in set(self.tracked) - set(wanted):
            tracked = self.tracked.pop(symbol)
            if tracked.ready:
                self._resumed[symbol] = tracked.official, tracked.basis
            self.streamed.forget(symbol)
        for symbol in wanted:
            if symbol not in self.tracked:
                calendar = await asyncio.to_thread(calendar_of, symbol)
                self.tracked[symbol] = TrackedBars(symbol, calendar)
                self.streamed.follow(calendar)
        self._asked.set()
        await self.stream.watch(wanted)

    # -- running -----------------------------------------------------------------------------------------------------

    async def run(self, symbols: Iterable[str]) -> None:
        await self.watch(symbols)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.stream.run())
            group.create_task(self._flushing())
            group.create_task(self._asking(group))

    async def _flushing(self) -> None:
        while True:
            await self._clock.sleep(FLUSH_SECONDS)
            self.streamed.flush()

    async def _asking(self, group: asyncio.TaskGroup) -> None:
        """Asks history about every symbol that is due, and says when a market opens or closes."""
        while True:
            now = self._clock.now()
            self._announce(now)
            waiting = [t for t in self.tracked.values() if t.due <= now and t.symbol not in self._running]
            for tracked in sorted(waiting, key=lambda t: t.due)[: 2 * PARALLEL - len(self._running)]:
                self._running.add(tracked.symbol)
                group.create_task(self._ask(tracked))
            self._asked.clear()
            tick = asyncio.create_task(self._clock.sleep(_TICK_SECONDS))
            wake = asyncio.create_task(self._asked.wait())
            try:
                await asyncio.wait((tick, wake), return_when=asyncio.FIRST_COMPLETED)
            finally:
                tick.cancel()
                wake.cancel()

    async def _ask(self, tracked: TrackedBars) -> None:
        asked = self._clock.now()
        period = max(POLL if self.polling else RECONCILE, int(2000 * len(self.tracked) / PER_SECOND))
        try:
            await self._outbox.room()
            if tracked.ready:
                await self._reconcile(tracked)
            else:
                await self._back_fill(tracked)
                period = self._interval.ms + self._interval.grace  # bars may have closed meanwhile
            tracked.problem = ""
            tracked.due = tracked.next_due(asked, self._interval, period)
        except UnreachableError as error:
            if not self._resumed and not any(t.ready for t in self.tracked.values()):
                raise
            self._troubled(tracked, error, asked + _RETRY)
        except (FeedError, StorageError) as error:
            self._troubled(tracked, error, asked + (_RETRY if tracked.ready else _UNKNOWN_RETRY))
        finally:
            self._running.discard(tracked.symbol)
            self._asked.set()

    def _troubled(self, tracked: TrackedBars, error: Exception, due: int) -> None:
        tracked.due = due
        if tracked.problem != str(error):
            tracked.problem = str(error)
            self._outbox.put(_NONE, notices=[f"{error}; trying again later"])

    # -- history -----------------------------------------------------------------------------------------------------

    async def _back_fill(self, tracked: TrackedBars) -> None:
        """The archive brought up to now; what of it the stream's records lack is delivered."""
        until, name = self._resumed.get(tracked.symbol, (self._since, ""))
        update = await self._history.update(tracked.symbol, self._interval, min(until, self._since))
        tracked.adopt(update.series)
        tracked.archived = self._clock.now()
        since = self._since if name not in {"", tracked.basis} else until
        bars = update.series.bars
        tracked.ready = True
        self._deliver(tracked, bars[bars.timestamp >= since], update.series.covered, update.rejects, update.notices)
        self._hand_forming(tracked, update.forming)

    async def _reconcile(self, tracked: TrackedBars) -> None:
        """Delivers what history has other than it was delivered. Between sessions the archive is brought up to now."""
        now = self._clock.now()
        start = min(session_start(tracked.calendar, now), tracked.official)
        pause = tracked.calendar.at(now).phase is not Phase.OPEN
        if not pause and now - tracked.archived < ARCHIVE:
            fetched = await self._history.fetch(tracked.symbol, self._interval, start)
            if shift(tracked.bars(), fetched.bars) in {None, 1.0} and not tracked.unseen_split(fetched.actions):
                covered = fetched.as_of - self._interval.grace
                self._deliver(tracked, fetched.bars, covered, fetched.rejects, ())
                tracked.forget_before(start)
                if self.polling:
                    self._hand_forming(tracked, fetched.forming)
                return
        update = await self._history.update(tracked.symbol, self._interval, self._since, again_from=start)
        bars = update.series.bars
        if not update.rebased:
            bars = bars[bars.timestamp >= start]
        tracked.archived = now
        tracked.adopt(update.series)
        self._deliver(tracked, bars, update.series.covered, update.rejects, update.notices)
        tracked.forget_before(start)

    def _deliver(
        self, tracked: TrackedBars, bars: Bars, covered: int, rejects: Sequence[Reject], notices: Sequence[str]
    ) -> None:
        """Hands over those of the official bars that are news, unless the symbol was dropped meanwhile."""
        if self.tracked.get(tracked.symbol) is not tracked:
            return
        first = not tracked.official
        news = tracked.news(bars)
        last = int(bars.timestamp[-1]) if len(bars) else 0
        tracked.official = max(tracked.official, last + 1, covered - self._interval.ms + 1)
        self.corrected += 0 if first else len(news)
        self._outbox.put(news, resume=self._resume_text(), rejects=rejects, notices=notices)

    def _hand_forming(self, tracked: TrackedBars, forming: Bars) -> None:
        """The bar under way, as history has it, until the stream brings prices for it."""
        if not self.streamed.holds(tracked.symbol) and self.tracked.get(tracked.symbol) is tracked:
            self._outbox.put_forming([bar for bar in list(forming)[-1:] if bar.timestamp >= tracked.official])

    # -- the stream's listener ---------------------------------------------------------------------------------------

    def on_quote(self, quote: StreamQuote) -> None:
        self.streamed.add(quote)

    def on_garbage(self, frame: str | bytes, reason: str) -> None:
        raw = frame if isinstance(frame, bytes) else frame.encode("utf-8", "replace")
        place = f"stream {self._clock.now()} {self.stream.garbage}"
        self._outbox.put(_NONE, rejects=[Reject("yahoo", place, reason, raw[:4096])])

    def on_connected(self) -> None:
        self.streamed.reset()
        notices = []
        if self.polling:
            self.polling = False
            notices.append("the stream is open again; prices are streamed")
        if self._lost:
            self.gaps += 1
            self._lost = False
            soon = self._clock.now() + self._interval.ms + self._interval.grace
            for tracked in self.tracked.values():
                tracked.due = min(tracked.due, soon)
        self._outbox.put(_NONE, notices=notices)

    def on_lost(self, reason: str) -> None:
        self._lost = True
        self.streamed.reset()
        self._outbox.put(_NONE, notices=[f"the stream was lost: {reason}; connecting again"])

    def on_unavailable(self, reason: str) -> None:
        if not self.polling:
            self.polling = True
            self._outbox.put(_NONE, notices=[f"the stream cannot be opened ({reason}); prices are polled meanwhile"])
            for tracked in self.tracked.values():
                if tracked.calendar.at(self._clock.now()).phase is Phase.OPEN:
                    tracked.due = 0
            self._asked.set()

    def open_since(self, now: int) -> int | None:
        opened = [
            max(state.session.open, state.session.break_end if now >= state.session.break_end else 0)
            for state in self.states(now)
            if state.phase is Phase.OPEN and state.session is not None
        ]
        return min(opened) if opened else None

    # -- the markets' state ------------------------------------------------------------------------------------------

    def states(self, now: int) -> list[MarketState]:
        """The state of every exchange that is watched."""
        calendars = {tracked.calendar.exchange: tracked.calendar for tracked in self.tracked.values()}
        return [calendars[exchange].at(now) for exchange in sorted(calendars)]

    def _announce(self, now: int) -> None:
        for state in self.states(now):
            if self._phases.get(state.exchange) is not state.phase:
                self._phases[state.exchange] = state.phase
                self._outbox.put(_NONE, notices=[phase_text(state)])
