"""Bring the venue's own bars over the streamed ones: back-fill, gaps, corrections and restarts are one step.

History is asked from the last official bar on, so what a lost connection or a restart left out is filled by the same
answer that corrects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from tapeline.core.adjustment import shift
from tapeline.core.market import Bars, Reject
from tapeline.core.times import HOUR
from tapeline.feeds.live.bar_intervals import Interval, session_start, trades
from tapeline.feeds.live.clock_watch import length_text
from tapeline.feeds.live.history import History, Update
from tapeline.feeds.live.outbox import Outbox
from tapeline.feeds.live.streamed_bars import StreamedBars
from tapeline.feeds.live.tracked_bars import TrackedBars
from tapeline.runtime.clock import Clock

#: How often the history of a market that never closes is archived, ms.
ARCHIVE = 6 * HOUR

_LISTED = 5  # symbols that a line names


class OfficialBars:
    """Put the official bars of the symbols in `tracked` into the outbox, each value of a bar once.

    `since` is how far back the first delivery goes (UTC epoch ms). `corrected` counts official bars that were delivered
    after the back-fill. With every delivery goes the text to resume from: up to where each symbol is official, and
    which splits its bars are adjusted for.
    """

    def __init__(
        self,
        interval: Interval,
        history: History,
        clock: Clock,
        outbox: Outbox,
        tracked: Mapping[str, TrackedBars],
        streamed: StreamedBars,
        since: int,
    ) -> None:
        self.corrected = 0
        self._interval = interval
        self._history = history
        self._clock = clock
        self._outbox = outbox
        self._tracked = tracked
        self._streamed = streamed
        self._since = since
        self._resumed: dict[str, tuple[int, str]] = {}

    @property
    def delivered(self) -> bool:
        """Return whether any symbol has official bars, from this run or one before."""
        return bool(self._resumed) or any(tracked.ready for tracked in self._tracked.values())

    def resume(self, text: str) -> None:
        """Go on after what was stored: `text` is what the last stored delivery carried, '' at the very start."""
        if text:
            stored = json.loads(text)
            self._resumed = {symbol: (until, name) for symbol, (until, name) in stored["symbols"].items()}

    def remember(self, tracked: TrackedBars) -> None:
        """Keep where a symbol stands that is no longer watched, for the day it comes back."""
        if tracked.ready:
            self._resumed[tracked.symbol] = tracked.official, tracked.basis

    def clock_set(self, step: int) -> None:
        """Move how far back the first delivery goes by `step` ms: it was counted back from a clock that was wrong."""
        if not self.delivered:
            self._since += step

    def trouble(self, now: int, monotonic: float) -> str:
        """Return a line about the symbols of open markets that had no official bar for two periods, '' without any.

        `now` is UTC epoch ms, `monotonic` seconds. Any thread may ask.
        """
        waits = {tracked.symbol: tracked.overdue(now, monotonic) for tracked in list(self._tracked.values())}
        overdue = [symbol for symbol, wait in waits.items() if wait]
        if not overdue:
            return ""
        more = f" and {len(overdue) - _LISTED} more" if len(overdue) > _LISTED else ""
        longest = length_text(int(1000 * max(waits.values())))
        return f"{', '.join(overdue[:_LISTED])}{more}: no official bar for {longest} although the market is open"

    async def ask(self, tracked: TrackedBars, *, polling: bool) -> None:
        """Ask history about the symbol and deliver what is new. Raise `FeedError` or `StorageError`.

        `polling` says that the forming bar is to come from history too, because no prices are streamed.
        """
        if tracked.ready:
            await self._reconcile(tracked, polling=polling)
        else:
            await self._back_fill(tracked)

    async def _back_fill(self, tracked: TrackedBars) -> None:
        """Bring the archive up to now, and deliver what of it was not stored before."""
        until, name = self._resumed.get(tracked.symbol, (self._since, ""))
        update = await self._history.update(tracked.symbol, self._interval, min(until, self._since))
        tracked.adopt(update.series)
        tracked.archived = self._clock.monotonic()
        tracked.ready = True
        in_other_shares = name not in {"", tracked.basis}
        self._deliver_update(tracked, update, self._since if in_other_shares else until)
        self._hand_forming(tracked, update.forming)

    async def _reconcile(self, tracked: TrackedBars, *, polling: bool) -> None:
        """Deliver the bars that history has differently. Between sessions, bring the archive up to now as well."""
        now = self._clock.now()
        start = min(session_start(tracked.calendar, self._interval, now), tracked.official)
        closed = not trades(self._interval, tracked.calendar.at(now).phase)
        if not closed and self._clock.monotonic() - tracked.archived < ARCHIVE / 1000:
            fetched = await self._history.fetch(tracked.symbol, self._interval, start)
            if shift(tracked.bars(), fetched.bars) in {None, 1.0} and not tracked.unseen_split(fetched.actions):
                covered = fetched.as_of - self._interval.grace
                self._deliver(tracked, fetched.bars, covered, fetched.rejects, ())
                tracked.forget_before(start)
                if polling:
                    self._hand_forming(tracked, fetched.forming)
                return
        update = await self._history.update(tracked.symbol, self._interval, self._since, again_from=start)
        tracked.adopt(update.series)
        tracked.archived = self._clock.monotonic()
        self._deliver_update(tracked, update, None if update.rebased else start)
        tracked.forget_before(start)

    def _deliver_update(self, tracked: TrackedBars, update: Update, since: int | None) -> None:
        bars = update.series.bars
        if since is not None:
            bars = bars[bars.timestamp >= since]
        self._deliver(tracked, bars, update.series.covered, update.rejects, update.notices)

    def _deliver(
        self, tracked: TrackedBars, bars: Bars, covered: int, rejects: Sequence[Reject], notices: Sequence[str]
    ) -> None:
        """Hand over those of the official bars that are new or changed, unless the symbol was dropped meanwhile."""
        if self._tracked.get(tracked.symbol) is not tracked:
            return
        first = not tracked.official
        changed = tracked.changed_since_delivery(bars)
        last = int(bars.timestamp[-1]) if len(bars) else 0
        tracked.official = max(tracked.official, last + 1, covered - self._interval.ms + 1)
        self.corrected += 0 if first else len(changed)
        self._outbox.put(changed, resume=self._resume_text(), rejects=rejects, notices=notices)

    def _hand_forming(self, tracked: TrackedBars, forming: Bars) -> None:
        """Hand over the forming bar as history has it, until the stream brings prices for it."""
        if not self._streamed.has_forming(tracked.symbol) and self._tracked.get(tracked.symbol) is tracked:
            self._outbox.put_forming([bar for bar in list(forming)[-1:] if bar.timestamp >= tracked.official])

    def _resume_text(self) -> str:
        known = dict(self._resumed)  # symbols that are not watched now may come back
        known |= {
            tracked.symbol: (tracked.official, tracked.basis) for tracked in self._tracked.values() if tracked.ready
        }
        return json.dumps({"version": 1, "symbols": known}, separators=(",", ":"))
