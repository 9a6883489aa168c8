"""Name what a live feed must bring: answers about history, a stream of quotes, and the values they consist of.

Everything else a live feed needs stands beside this module: bars are built from quotes, gaps are closed, corrections
are found, splits are applied, and what waits is joined. A new feed stands beside `feeds/yahoo`: its intervals, a
`HistoryClient` and a `QuoteStream`, and an entry of `app.live_wiring.FEEDS`. `docs/templates/feed.py` is a small one
that runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tapeline.core.market import Bars, Reject
from tapeline.core.messages import Action
from tapeline.feeds.live.bar_intervals import Interval


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """Hold a venue's answer about the history of one symbol.

    `bars` are in the order of time, one per time; `final` says which are complete. Prices are in `currency` as the
    venue quotes them, adjusted for splits and not for dividends. `as_of` is when the answer was made (UTC epoch ms):
    a bar that ended before it and is not there was not traded. `rejects` are the rows that are no bars.
    """

    bars: Bars
    actions: tuple[Action, ...]
    currency: str
    as_of: int
    rejects: tuple[Reject, ...] = ()


def one_per_time(bars: Bars) -> Bars:
    """Return the bars of one symbol in the order of time, the last named of several for one time."""
    _, index = np.unique(bars.timestamp[::-1], return_index=True)
    return bars[len(bars) - 1 - index]


@dataclass(frozen=True, slots=True)
class StreamQuote:
    """Hold one price of a symbol at `time` (UTC epoch ms).

    `day_volume` is the venue's running total of the shares traded in this session, 0 where it sends none. A venue that
    streams single trades gives their `size` instead. `regular` is False for a price outside regular trading.
    """

    symbol: str
    price: float
    time: int
    day_volume: int = 0
    regular: bool = True
    size: float | None = None


class HistoryClient(Protocol):
    """Answer questions about a venue's history, from one event loop.

    `name` is what messages call the venue. `parallel` is how many requests may be under way at once, `per_second` how
    many are sent a second in the long run; the client keeps both by itself, and the collector spaces its questions so
    that they fit. `per_second` may be set to less while it runs, where several processes share the venue's patience.
    `ahead` is how far the venue's clock was ahead of ours at its last answer, ms; 0 where it does not
    say.

    What an answer holds is foreign: a client bounds how many bytes and seconds one may take (`core.foreign`).
    """

    name: str
    parallel: int
    per_second: float
    ahead: int

    async def chart(self, symbol: str, interval: Interval, start: int, end: int) -> Chart:
        """Return the bars that open in start <= t < end (UTC epoch ms), no longer than `interval.span`.

        The client repeats what a moment may cure. Raise `NoDataError` for an unknown symbol, `UnreachableError` without
        a network, and another `FeedError` for anything else that a later question may get an answer to.
        """
        ...

    def close(self) -> None:
        """Let go of connections and threads. A second call does nothing."""
        ...


class QuoteListener(Protocol):
    """Take what a `QuoteStream` reports. Every method is called on the event loop and returns at once."""

    def on_quote(self, quote: StreamQuote) -> None:
        """Take a price. Prices may come in any order, twice, and about symbols that are no longer watched."""

    def on_garbage(self, frame: str | bytes, reason: str) -> None:
        """Take a message that could not be decoded; it is kept with the rejects."""

    def on_connected(self) -> None:
        """Take notice of a new connection. What was traded since the last one was lost has not been seen."""

    def on_lost(self, reason: str) -> None:
        """Take notice that the connection was lost."""

    def on_unavailable(self, reason: str) -> None:
        """Take notice that no connection could be opened several times in a row: prices are polled meanwhile."""

    def open_since(self, now: int) -> int | None:
        """Return since when some watched market has been open (UTC epoch ms), None while all are closed."""


class QuoteStream(Protocol):
    """Stream quotes from a venue for weeks.

    `name` is the source that rejects are kept under. `frames` counts quotes, `heard` is when the last message came
    (UTC epoch ms; 0: never).
    """

    name: str
    connected: bool
    frames: int

    @property
    def heard(self) -> int:
        """Return when the last message came."""
        ...

    async def run(self, listener: QuoteListener) -> None:
        """Stream until cancelled, connecting again whenever the connection is lost.

        Report every loss: the history of that time is then asked for. What is reported as connected may not miss
        quotes silently; a connection that is silent in an open market is lost.
        """
        ...

    async def watch(self, symbols: Iterable[str]) -> None:
        """Stream these symbols from now on, and no others; also before `run`, and while nothing is connected."""
        ...
