"""Keep an archive up to date with a venue: ask only for what is new, and after a split for everything again."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from tapeline.core.adjustment import in_todays_shares, shift
from tapeline.core.market import OHLCV, Bars, Reject
from tapeline.core.messages import Action, Series
from tapeline.core.ports import Archive
from tapeline.core.sessions import calendar_of
from tapeline.core.times import DAY
from tapeline.errors import FeedError, ServerError
from tapeline.feeds.live.bar_intervals import Interval, session_start
from tapeline.feeds.live.venue import HistoryClient, one_per_time
from tapeline.feeds.live.worker_threads import in_thread
from tapeline.runtime.clock import Clock

#: How many archived bars are asked for again: a venue revises the latest, and a split shows where both meet.
OVERLAP_BARS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Fetched:
    """Hold several charts of one symbol in a row.

    `bars` are complete, `forming` those that may still change. `start` is the first time asked for, `as_of` the time
    of the answer (UTC epoch ms).
    """

    symbol: str
    start: int
    as_of: int
    bars: Bars
    forming: Bars
    actions: tuple[Action, ...]
    currency: str
    rejects: tuple[Reject, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """Hold the outcome of an update.

    `changed` are the final bars that are new or differ from the archived ones. `rebased` says that after a split every
    bar is in other shares, so all of them are in `changed`.
    """

    series: Series
    changed: Bars
    forming: Bars
    rebased: bool
    rejects: tuple[Reject, ...] = ()
    notices: tuple[str, ...] = ()


class History:
    """Keep an archive up to date with the venue behind `client`. An archived bar that the venue drops stays."""

    def __init__(self, client: HistoryClient, archive: Archive, clock: Clock) -> None:
        self.archive = archive
        self.parallel = client.parallel
        self._client = client
        self._alone = client.per_second
        self._clock = clock

    @property
    def per_second(self) -> float:
        """Return how many requests are sent a second in the long run."""
        return self._client.per_second

    def share(self, processes: int) -> None:
        """Send as one of `processes` that share the rate at which one alone would ask. Any thread may say it."""
        self._client.per_second = self._alone / processes

    @property
    def ahead(self) -> int:
        """Return how far the venue's clock was ahead of ours at its last answer, ms."""
        return self._client.ahead

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    async def fetch(self, symbol: str, interval: Interval, start: int) -> Fetched:
        """Return everything from `start` until now without touching the archive. Raise `FeedError`.

        The answer begins with the session `start` is in, so that no bar is cut by the edge of a request.
        """
        now = self._clock.now()
        calendar = await in_thread(None, calendar_of, symbol)
        start = min(start, session_start(calendar, interval, start))
        start = min(max(start, interval.oldest(now)), now - 1)  # also when the clock was set back: ask for something
        charts = [await self._client.chart(symbol, interval, *window) for window in interval.windows(start, now)]
        bars = one_per_time(Bars.concat([chart.bars for chart in charts]))
        return Fetched(
            symbol,
            start,
            min(charts[-1].as_of, now),
            bars[bars.final],
            bars[~bars.final],
            _united([action for chart in charts for action in chart.actions]),
            charts[-1].currency,
            tuple(reject for chart in charts for reject in chart.rejects),
        )

    async def update(self, symbol: str, interval: Interval, since: int, *, again_from: int | None = None) -> Update:
        """Bring the archive up to now, from `since` at least, and return what that changed.

        Archived bars are asked for again from `again_from` on, or the last few. A split, announced or seen in the
        prices, has all of the symbol's history asked for again; what the venue no longer has is converted by the ratio.
        Raise `FeedError` or `StorageError`; the archive is then as it was.
        """
        now = self._clock.now()
        archived = await in_thread(None, self.archive.load, symbol, interval.name)
        oldest = interval.oldest(now)
        wanted = max(since, oldest)
        notices = []
        start = wanted
        if archived is not None and archived.start <= wanted:
            start = _overlap(archived, interval, now)
            start = start if again_from is None else min(start, again_from)
            if archived.covered < oldest:
                notices.append(
                    f"{symbol}: {self._client.name} no longer has {interval.name} bars of the "
                    f"{(oldest - archived.covered) / DAY:.1f} days before {_date(oldest)}; they stay missing"
                )
        fetched = await self.fetch(symbol, interval, start)
        rebased = False
        if archived is not None:
            splits = _new_splits(archived.actions, fetched.actions)
            if splits or shift(archived.bars, fetched.bars) not in {None, 1.0}:
                fetched = await self.fetch(symbol, interval, min(archived.start, wanted))
                splits = _new_splits(archived.actions, fetched.actions)
                witnessed = shift(_before(archived.bars, splits), fetched.bars)
                if witnessed is None and not splits:  # the first answer's bars are not in the second
                    raise ServerError(
                        f"{symbol}: {self._client.name} answered twice, and only one answer shows what looks like a "
                        f"split that was not announced; the archived {interval.name} bars stay as they are"
                    )
                archived = replace(
                    archived,
                    bars=in_todays_shares(archived.bars, splits, witnessed),
                    actions=tuple(_in_todays_shares(action, splits, witnessed) for action in archived.actions),
                )
                rebased = witnessed != 1.0
                if rebased:
                    ratio = ", ".join(f"{split.value:g}:1" for split in splits) or f"{witnessed:g}:1 (not announced)"
                    notices.append(
                        f"{symbol}: split {ratio}; its {interval.name} history was fetched and computed again"
                    )
        series = merged(archived, fetched, interval)
        changed = series.bars if rebased or archived is None else _differing(series.bars, archived.bars)
        if archived is None or len(changed) or series.covered > archived.covered or series.actions != archived.actions:
            await in_thread(None, self.archive.save, series)
        return Update(series, changed, fetched.forming, rebased, fetched.rejects, tuple(notices))

    async def update_all(
        self, symbols: Iterable[str], interval: Interval, since: int, done: Callable[[str], None] = lambda _: None
    ) -> AsyncIterator[tuple[str, Update | FeedError]]:
        """Update many symbols at once and yield each outcome as it comes; a symbol that failed comes with its error.

        Each symbol is updated once, even when named twice. `done` is called with each. Ending the iteration early
        cancels what is under way.
        """
        queue = iter(dict.fromkeys(symbols))
        running: dict[asyncio.Task[Update], str] = {}
        try:
            while True:
                for symbol in queue:
                    running[asyncio.create_task(self.update(symbol, interval, since))] = symbol
                    if len(running) >= 2 * self.parallel:
                        break
                if not running:
                    return
                finished, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in finished:
                    symbol = running.pop(task)
                    try:
                        yield symbol, task.result()
                    except FeedError as error:
                        yield symbol, error
                    done(symbol)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


def merged(archived: Series | None, fetched: Fetched, interval: Interval) -> Series:
    """Return the archived series with what was fetched over it. What the venue no longer shows stays."""
    covered = fetched.as_of - interval.grace
    if archived is None:
        return Series(
            fetched.symbol, interval.name, fetched.bars, fetched.actions, fetched.currency, fetched.start, covered
        )
    return Series(
        fetched.symbol,
        interval.name,
        one_per_time(Bars.concat((archived.bars, fetched.bars))),
        _united([*archived.actions, *fetched.actions]),
        fetched.currency or archived.currency,
        min(archived.start, fetched.start),
        max(archived.covered, covered),
    )


def _overlap(archived: Series, interval: Interval, now: int) -> int:
    """Return the start of the last archived bars, across nights and weekends, at most one request's span ago."""
    end = min(archived.covered, now)
    start = end - OVERLAP_BARS * interval.ms
    if len(archived.bars):
        start = min(start, max(int(archived.bars.timestamp[-OVERLAP_BARS:][0]), end - interval.span))
    return start


def _differing(bars: Bars, archived: Bars) -> Bars:
    """Return those of the bars (in the order of time) that the archived ones lack or have other values for."""
    _, here, there = np.intersect1d(bars.timestamp, archived.timestamp, return_indices=True)
    differs = np.ones(len(bars), np.bool_)
    differs[here] = False
    for name in OHLCV:
        differs[here] |= getattr(bars, name)[here] != getattr(archived, name)[there]
    return bars[differs]


def _new_splits(known: Iterable[Action], found: Iterable[Action]) -> list[Action]:
    times = {action.timestamp for action in known if action.kind == "split"}
    return [action for action in found if action.kind == "split" and action.timestamp not in times]


def _before(bars: Bars, splits: list[Action]) -> Bars:
    return bars[bars.timestamp < min(split.timestamp for split in splits)] if splits else bars


def _in_todays_shares(action: Action, splits: list[Action], witnessed: float | None) -> Action:
    """Return a dividend per share of today; `adjustment.in_todays_shares` does the same with bars."""
    if action.kind != "dividend" or witnessed == 1.0:
        return action
    ratios = [split.value for split in splits if action.timestamp < split.timestamp]
    if not splits and witnessed is not None:
        ratios = [witnessed]
    return replace(action, value=action.value / math.prod(ratios))


def _united(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Return one action per time and kind, the last one named, in the order of time."""
    latest = {(action.timestamp, action.kind): action for action in actions}
    return tuple(latest[key] for key in sorted(latest))


def _date(timestamp: int) -> str:
    return str(np.datetime64(timestamp, "ms").astype("datetime64[D]"))
