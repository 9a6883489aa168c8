"""Run a live feed's event loop: history first, then streamed bars, and history over them as it becomes final.

Every streamed bar is provisional. History is asked again every few minutes, after each gap, at the close and overnight.

Nothing that a venue sends ends the loop. An error of one symbol stays with it; one that nobody foresaw is reported with
its kind and its place, counted, and what it interrupted is tried again later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable

from tapeline.core.market import Reject
from tapeline.core.sessions import calendar_of
from tapeline.core.times import HOUR, MINUTE
from tapeline.core.troubles import Troubles
from tapeline.errors import FeedError, NoDataError, StorageError, UnreachableError
from tapeline.feeds.live.bar_intervals import Interval, trades
from tapeline.feeds.live.clock_watch import ClockWatch, length_text, step_text
from tapeline.feeds.live.history import History
from tapeline.feeds.live.official_bars import OfficialBars
from tapeline.feeds.live.open_markets import OpenMarkets
from tapeline.feeds.live.outbox import Outbox
from tapeline.feeds.live.streamed_bars import StreamedBars
from tapeline.feeds.live.supervision import Supervisor
from tapeline.feeds.live.tracked_bars import TrackedBars
from tapeline.feeds.live.venue import QuoteStream, StreamQuote
from tapeline.feeds.live.worker_threads import in_thread
from tapeline.runtime.clock import Clock

#: How often changed forming bars are handed over, s, and by default how often that of one symbol at most, ms.
FLUSH_SECONDS = 0.25
FORMING_MS = 1000

#: Time between two questions about a symbol's history while its market is open, ms ...
RECONCILE = 5 * MINUTE

#: ... and while prices are polled because the stream cannot be opened.
POLL = 15_000

_RETRY = 5 * MINUTE
_UNKNOWN_RETRY = 6 * HOUR
_TICK_SECONDS = 1.0
_REJECT_BYTES = 4096


class Collector:
    """Collect on an event loop; listen to the stream. `run` goes on until cancelled; call the others on its loop.

    With bars `stored`, whoever they came from, no network is no reason to end. `tracked` are the watched symbols.
    `polling` says that the stream cannot be opened and prices come from history. `gaps` counts connections that were
    lost and came back, `answered` is when the last answer about history came.
    """

    def __init__(
        self,
        interval: Interval,
        history: History,
        stream: QuoteStream,
        clock: Clock,
        outbox: Outbox,
        since: int,
        forming_ms: int = FORMING_MS,
        *,
        stored: bool = False,
    ) -> None:
        self.tracked: dict[str, TrackedBars] = {}
        self.polling = False
        self.gaps = 0
        self.answered = 0
        self.clock_watch = ClockWatch(clock)
        self.markets = OpenMarkets(self.tracked)
        self.supervisor = Supervisor(clock, outbox)
        self.stream = stream
        self.streamed = StreamedBars(stream.name, interval, clock, outbox, self.tracked, forming_ms)
        self.official = OfficialBars(interval, history, clock, outbox, self.tracked, self.streamed, since)
        self._stored = stored
        self._interval = interval
        self._history = history
        self._clock = clock
        self._outbox = outbox
        self._wake = asyncio.Event()
        self._watching = asyncio.Lock()
        self._lost = False
        self._garbage = 0
        self._alive = clock.monotonic()  # when it last heard from the venue
        self._running: set[str] = set()

    async def watch(self, symbols: Iterable[str], continued: Container[str] = ()) -> None:
        """Collect these symbols from now on: back-fill new ones first, and let the bars of the others just end.

        `continued` are those that another process collected until now: their streamed bars go out before the back-fill,
        which closes the gap.
        """
        wanted = list(dict.fromkeys(symbols))
        async with self._watching:  # the later call counts, however long an earlier one waits for calendars
            for symbol in set(self.tracked) - set(wanted):
                self.official.remember(self.tracked.pop(symbol))
                self.streamed.forget(symbol)
            for symbol in wanted:
                if symbol not in self.tracked:
                    calendar = await in_thread(None, calendar_of, symbol)
                    self.tracked[symbol] = TrackedBars(symbol, calendar)
                    self.streamed.follow(calendar)
                if symbol in continued:
                    self.tracked[symbol].continued = self._clock.now()
            self._wake.set()
            await self.stream.watch(wanted)

    def settled(self) -> frozenset[str]:
        """Return the symbols whose bars go out, and those that cannot be had while others can, from any thread."""
        tracked = list(self.tracked.values())
        if not any(one.streams for one in tracked):
            return frozenset()  # a feed that has answered nothing is no reason for another process to stop
        return frozenset(one.symbol for one in tracked if one.streams or one.problem)

    async def run(self, symbols: Iterable[str], continued: Container[str] = ()) -> None:
        """Collect until cancelled. Raise `UnreachableError` without a network as long as nothing is stored."""
        await self.watch(symbols, continued)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.supervisor.keep("the stream", lambda: self.stream.run(self)))
            group.create_task(self.supervisor.keep("building bars", self._flush))
            group.create_task(self.supervisor.keep("asking history", lambda: self._ask_when_due(group)))

    async def _flush(self) -> None:
        while True:
            await self._clock.sleep(FLUSH_SECONDS)
            self.streamed.flush()

    async def _ask_when_due(self, group: asyncio.TaskGroup) -> None:
        """Ask history about every symbol that is due, and report when a market opens or closes."""
        while True:
            if step := self.clock_watch.look():
                self._on_clock_set(step)
            if text := self.clock_watch.change(self._history.ahead):
                self._outbox.note(notices=[text])
            if lines := self.markets.changes(self._clock.now()):
                self._outbox.note(notices=lines)
            now = self._clock.monotonic()
            due = [t for t in self.tracked.values() if t.due <= now and t.symbol not in self._running]
            free = 2 * self._history.parallel - len(self._running)
            for tracked in sorted(due, key=lambda t: t.due)[:free]:
                self._running.add(tracked.symbol)
                group.create_task(self._ask(tracked))
            self._wake.clear()
            tick = asyncio.create_task(self._clock.sleep(_TICK_SECONDS))
            wake = asyncio.create_task(self._wake.wait())
            try:
                await asyncio.wait((tick, wake), return_when=asyncio.FIRST_COMPLETED)
            finally:
                tick.cancel()
                wake.cancel()

    async def _ask(self, tracked: TrackedBars) -> None:
        """Ask about one symbol, and set when to ask again.

        Whatever goes wrong stays with the symbol. Only a network that was never there is everybody's.
        """
        asked, began = self._clock.now(), self._clock.monotonic()
        every_symbol = int(2000 * len(self.tracked) / self._history.per_second)  # with half of the rate
        period = max(POLL if self.polling else RECONCILE, every_symbol)
        try:
            await self._outbox.room()
            if not tracked.ready:
                period = self._interval.ms + self._interval.grace  # bars may have closed meanwhile
            steps = self.clock_watch.steps
            await self.official.ask(tracked, polling=self.polling)
            tracked.problem = ""
            self._alive = self._clock.monotonic()
            self.answered = self._clock.now()
            tracked.reconciled = self._clock.monotonic()
            tracked.period = max(period, RECONCILE) / 1000
            wait = tracked.next_due(asked, self._interval, period)
            tracked.due = began + wait / 1000 if self.clock_watch.steps == steps else 0.0
        except UnreachableError as error:
            if not (self._stored or self.official.delivered):
                raise
            self._postpone(tracked, error, _RETRY)
        except (FeedError, StorageError) as error:
            unknown = isinstance(error, NoDataError) and not tracked.ready
            self._postpone(tracked, error, _UNKNOWN_RETRY if unknown else _RETRY)
        except Exception as error:  # noqa: BLE001 - one symbol's answer must not end the collecting of the others
            tracked.due = self._clock.monotonic() + _RETRY / 1000
            tracked.problem = self.supervisor.report(tracked.symbol, error)
        finally:
            self._running.discard(tracked.symbol)
            self._wake.set()

    def _postpone(self, tracked: TrackedBars, error: Exception, wait: int) -> None:
        """Ask again after `wait` ms; report the problem once, however often it recurs."""
        tracked.due = self._clock.monotonic() + wait / 1000
        if tracked.problem != str(error):
            tracked.problem = str(error)
            self._outbox.note(notices=[f"{error}; trying again later"])

    # -- the clock ---------------------------------------------------------------------------------------------------

    def _on_clock_set(self, step: int) -> None:
        """Report that the clock was set by `step` ms, and ask about everything again: what was due was due by it."""
        self._outbox.note(notices=[f"{step_text(step)}; asking for history again"])
        self.official.clock_set(step)
        self.streamed.clock_set()
        for tracked in self.tracked.values():
            tracked.due = 0.0

    def troubles(self) -> Troubles:
        """Return what is wrong with the collecting as a whole."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        clock = (self.clock_watch.trouble(self._history.ahead), self.clock_watch.recent)
        found = {
            "feed": (self._silence(now, monotonic),), "official": (self.official.trouble(now, monotonic),),
            "clock": clock, "collector": (self.supervisor.trouble(),),
        }  # fmt: skip
        return {kind: tuple(line for line in lines if line) for kind, lines in found.items()}

    def _silence(self, now: int, monotonic: float) -> str:
        """Return a line when an open market has had neither a price nor an answer about history for two periods."""
        opened = self.open_since(now)
        if opened is None:
            return ""
        silent = min(1000 * (monotonic - self._alive), now - opened)
        if silent < 2 * RECONCILE:
            return ""
        state = "the stream cannot be opened" if self.polling else "the stream is silent"
        return f"no price and no answer for {length_text(int(silent))} although a market is open: {state}"

    # -- what the stream reports -------------------------------------------------------------------------------------

    def on_quote(self, quote: StreamQuote) -> None:
        """Put a price into its bar."""
        self._alive = self._clock.monotonic()
        try:
            self.streamed.add(quote)
        except Exception as error:  # noqa: BLE001 - one price must not end the stream of the others
            self.supervisor.report(f"a price of {quote.symbol}", error)

    def on_garbage(self, frame: str | bytes, reason: str) -> None:
        """Keep the first bytes of a message that could not be decoded with the rejects."""
        self._garbage += 1
        raw = frame if isinstance(frame, bytes) else frame.encode("utf-8", "replace")
        place = f"stream {self._clock.now()} {self._garbage}"
        self._outbox.note(rejects=[Reject(self.stream.name, place, reason, raw[:_REJECT_BYTES])])

    def on_connected(self) -> None:
        """End polling, and have the history of a gap asked for as soon as its last bar is complete."""
        self.streamed.reset()
        notices = []
        if self.polling:
            self.polling = False
            notices.append("the stream is open again; prices are streamed")
        if self._lost:
            self.gaps += 1
            self._lost = False
            soon = self._clock.monotonic() + (self._interval.ms + self._interval.grace) / 1000
            for tracked in self.tracked.values():
                tracked.due = min(tracked.due, soon)
        self._outbox.note(notices=notices)

    def on_lost(self, reason: str) -> None:
        """Report the gap; the volume traded in it belongs to no streamed bar."""
        self._lost = True
        self.streamed.reset()
        self._outbox.note(notices=[f"the stream was lost: {reason}; connecting again"])

    def on_unavailable(self, reason: str) -> None:
        """Poll the history of open markets until the stream is back."""
        if not self.polling:
            self.polling = True
            self._outbox.note(notices=[f"the stream cannot be opened ({reason}); prices are polled meanwhile"])
            for tracked in self.tracked.values():
                if trades(self._interval, tracked.calendar.at(self._clock.now()).phase):
                    tracked.due = 0.0
            self._wake.set()

    def open_since(self, now: int) -> int | None:
        """Return since when some watched market has been open; None while all are closed (UTC epoch ms)."""
        return self.markets.open_since(now)
