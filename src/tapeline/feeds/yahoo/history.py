"""History from Yahoo into the archive: only what is new is asked for, and a split has all of it asked for again."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from tapeline.core.adjustment import in_todays_shares, shift
from tapeline.core.market import Bars, Reject
from tapeline.core.ports import Action, Archive, Series
from tapeline.core.sessions import calendar_of
from tapeline.core.times import DAY
from tapeline.errors import FeedError
from tapeline.feeds.yahoo.chart_client import PARALLEL, ChartClient
from tapeline.feeds.yahoo.chart_intervals import Interval
from tapeline.runtime.clock import Clock

#: So many bars that are archived already are asked for again: Yahoo revises the latest.
OVERLAP_BARS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Fetched:
    """Several charts of one symbol in a row. `bars` are complete, `forming` is the one under way, if any."""

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
    """What an update led to. `changed` are the final bars that are new or other than archived before.

    `rebased`: after a split every bar is in other shares, and all of them are in `changed`.
    """

    series: Series
    changed: Bars
    forming: Bars
    rebased: bool
    rejects: tuple[Reject, ...] = ()
    notices: tuple[str, ...] = ()


class History:
    """Keeps an archive up to date with Yahoo."""

    def __init__(self, client: ChartClient, archive: Archive, clock: Clock) -> None:
        self.archive = archive
        self._client = client
        self._clock = clock

    def close(self) -> None:
        self._client.close()

    async def fetch(self, symbol: str, interval: Interval, start: int) -> Fetched:
        """Everything from `start` until now, past the archive. Raises a `FeedError`."""
        now = self._clock.now()
        calendar = await asyncio.to_thread(calendar_of, symbol)
        session = calendar.at(start).session
        if session is not None:
            start = min(start, session.open)  # so that no bar is cut by the edge of the request
        start = max(start, interval.oldest(now))
        charts = [await self._client.chart(symbol, interval, *window) for window in interval.windows(start, now)]
        bars = Bars.concat([chart.bars for chart in charts])
        _, last = np.unique(bars.timestamp[::-1], return_index=True)
        bars = bars[len(bars) - 1 - last]
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
        """Brings the archive up to now, from `since` at least.

        Archived bars are asked for again from `again_from` on, or the last few. Raises `FeedError`, `StorageError`.
        """
        now = self._clock.now()
        held = await asyncio.to_thread(self.archive.load, symbol, interval.name)
        oldest = interval.oldest(now)
        wanted = max(since, oldest)
        notices = []
        start = wanted
        if held is not None and held.start <= wanted:
            start = _overlap(held, interval, now)
            start = start if again_from is None else min(start, again_from)
            if held.covered < oldest:
                notices.append(
                    f"{symbol}: Yahoo no longer has {interval.name} bars of the "
                    f"{(oldest - held.covered) / DAY:.1f} days before {_date(oldest)}; they stay missing"
                )
        fetched = await self.fetch(symbol, interval, start)
        rebased = False
        if held is not None:
            splits = _new_splits(held.actions, fetched.actions)
            if splits or shift(held.bars, fetched.bars) not in {None, 1.0}:
                fetched = await self.fetch(symbol, interval, min(held.start, wanted))
                splits = _new_splits(held.actions, fetched.actions)
                witnessed = shift(_before(held.bars, splits), fetched.bars)
                held = replace(
                    held,
                    bars=in_todays_shares(held.bars, splits, witnessed),
                    actions=tuple(_in_todays_shares(a, splits, witnessed) for a in held.actions),
                )
                rebased = witnessed != 1.0
                if rebased:
                    ratio = ", ".join(f"{split.value:g}:1" for split in splits) or f"{witnessed:g}:1 (not announced)"
                    notices.append(
                        f"{symbol}: split {ratio}; its {interval.name} history was fetched and computed again"
                    )
        series = merged(held, fetched, interval)
        changed = series.bars if rebased or held is None else _differing(series.bars, held.bars)
        if held is None or len(changed) or series.covered > held.covered or series.actions != held.actions:
            await asyncio.to_thread(self.archive.save, series)
        return Update(series, changed, fetched.forming, rebased, fetched.rejects, tuple(notices))

    async def update_all(
        self, symbols: Iterable[str], interval: Interval, since: int, done: Callable[[str], None] = lambda _: None
    ) -> AsyncIterator[tuple[str, Update | FeedError]]:
        """Updates many at once, as they come in; a symbol that failed comes with its error. `done` is told of each."""
        queue = iter(dict.fromkeys(symbols))
        running: dict[asyncio.Task[Update], str] = {}
        try:
            while True:
                for symbol in queue:
                    running[asyncio.create_task(self.update(symbol, interval, since))] = symbol
                    if len(running) >= 2 * PARALLEL:
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


def merged(held: Series | None, fetched: Fetched, interval: Interval) -> Series:
    """The archived series with what was fetched over it. What Yahoo no longer shows stays."""
    covered = fetched.as_of - interval.grace
    if held is None:
        return Series(
            fetched.symbol, interval.name, fetched.bars, fetched.actions, fetched.currency, fetched.start, covered
        )
    both = Bars.concat((fetched.bars, held.bars))
    _, first = np.unique(both.timestamp, return_index=True)
    return Series(
        fetched.symbol,
        interval.name,
        both[first],
        _united([*held.actions, *fetched.actions]),
        fetched.currency or held.currency,
        min(held.start, fetched.start),
        max(held.covered, covered),
    )


def _overlap(held: Series, interval: Interval, now: int) -> int:
    """So many archived bars before the end, across nights and weekends; no further than one request's span."""
    end = min(held.covered, now)
    start = end - OVERLAP_BARS * interval.ms
    if len(held.bars):
        start = min(start, max(int(held.bars.timestamp[-OVERLAP_BARS:][0]), end - interval.span))
    return start


def _differing(bars: Bars, held: Bars) -> Bars:
    """Those of the bars (in the order of time) that the held ones lack or have other values for."""
    _, here, there = np.intersect1d(bars.timestamp, held.timestamp, return_indices=True)
    differs = np.ones(len(bars), np.bool_)
    differs[here] = False
    for name in ("open", "high", "low", "close", "volume"):
        differs[here] |= getattr(bars, name)[here] != getattr(held, name)[there]
    return bars[differs]


def _new_splits(known: Iterable[Action], found: Iterable[Action]) -> list[Action]:
    times = {action.timestamp for action in known if action.kind == "split"}
    return [action for action in found if action.kind == "split" and action.timestamp not in times]


def _before(bars: Bars, splits: list[Action]) -> Bars:
    return bars[bars.timestamp < min(s.timestamp for s in splits)] if splits else bars


def _in_todays_shares(action: Action, splits: list[Action], witnessed: float | None) -> Action:
    """A dividend per share as there are now; `adjust.in_todays_shares` does the same with bars."""
    if action.kind != "dividend" or witnessed == 1.0:
        return action
    ratios = [split.value for split in splits if action.timestamp < split.timestamp]
    if not splits and witnessed is not None:
        ratios = [witnessed]
    return replace(action, value=action.value / math.prod(ratios))


def _united(actions: Iterable[Action]) -> tuple[Action, ...]:
    """One action of a kind a time, the later named one; in the order of time."""
    latest = {(action.timestamp, action.kind): action for action in actions}
    return tuple(latest[key] for key in sorted(latest))


def _date(timestamp: int) -> str:
    return str(np.datetime64(timestamp, "ms").astype("datetime64[D]"))
