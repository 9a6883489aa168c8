"""Track one watched symbol: up to where its bars are official, and when its history is asked for again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from tapeline.core.adjustment import basis
from tapeline.core.market import OHLCV, Bar, Bars
from tapeline.core.messages import Action, Series
from tapeline.core.sessions import Calendar, MarketState, Phase
from tapeline.core.times import MINUTE
from tapeline.feeds.live.bar_intervals import Interval, trades

#: After the close a venue still corrects the day's bars; and once more overnight.
SETTLED = 20 * MINUTE
BEFORE_OPEN = 30 * MINUTE

Values = tuple[float, float, float, float, float]


@dataclass(slots=True)
class TrackedBars:
    """Hold what the collector knows of a symbol.

    Every bar that opens before `official` was delivered as the venue's history has it. `known` are the values delivered
    for the latest session, so that an answer that says nothing new leads to nothing. `basis` names the splits that the
    delivered bars are adjusted for, `splits` are their times. `ready` says that the back-fill is done, `continued`
    until when another process delivered these bars (UTC epoch ms; 0: none did). `problem` is the last error about this
    symbol, '' without one.

    What is waited for is in monotonic seconds: `due` is when history is to be asked next (0: at once), `archived` when
    it was last archived, `reconciled` when it was last delivered, `period` how long it may take until the next time.
    """

    symbol: str
    calendar: Calendar
    official: int = 0
    basis: str = ""
    splits: frozenset[int] = frozenset()
    archived: float = float("-inf")
    ready: bool = False
    continued: int = 0
    due: float = 0.0
    reconciled: float = float("-inf")
    period: float = 0.0
    problem: str = ""
    known: dict[int, Values] = field(default_factory=dict)

    @property
    def streams(self) -> bool:
        """Return whether streamed bars go out: after the back-fill, or at once where another process went before."""
        return self.ready or self.continued > 0

    @property
    def streamed_from(self) -> int:
        """Return from which time on prices make bars (UTC epoch ms), which are final if they open after it."""
        return self.official if self.ready else max(self.official, self.continued)

    def changed_since_delivery(self, bars: Bars) -> Bars:
        """Return those of the final bars that were not delivered with these values before, and remember them."""
        times = bars.timestamp.tolist()
        values = list(zip(*(getattr(bars, name).tolist() for name in OHLCV), strict=True))
        changed = np.fromiter(
            (self.known.get(time) != value for time, value in zip(times, values, strict=True)), np.bool_, len(bars)
        )
        self.known.update(zip(times, values, strict=True))
        return bars[changed]

    def adopt(self, series: Series) -> None:
        """Take over which splits the archived series is adjusted for; when that changes, forget what was delivered."""
        name = basis(series.actions)
        if name != self.basis:
            self.known.clear()
        self.basis = name
        self.splits = frozenset(action.timestamp for action in series.actions if action.kind == "split")

    def unseen_split(self, actions: Iterable[Action]) -> bool:
        """Return whether there is a split among these actions that the delivered bars are not adjusted for."""
        return any(action.kind == "split" and action.timestamp not in self.splits for action in actions)

    def bars(self) -> Bars:
        """Return the known bars in the order of time, to compare other bars with."""
        return Bars.of(Bar(self.symbol, time, *values) for time, values in sorted(self.known.items()))

    def forget_before(self, timestamp: int) -> None:
        """Forget the values of bars before this time, which bounds what is kept to one session."""
        if self.known and min(self.known) < timestamp:
            self.known = {time: values for time, values in self.known.items() if time >= timestamp}

    def next_due(self, asked: int, interval: Interval, period: int) -> int:
        """Return in how many ms to ask history again, having asked at `asked` (UTC epoch ms).

        While bars come, that is every `period` ms. Besides: when the first bar of a session is complete, at
        the close, when the day has settled, and before the next open, because a venue revises a session overnight.
        """
        state = self.calendar.at(asked)
        first_bar = interval.ms + interval.grace
        marks = [state.next_open - BEFORE_OPEN, state.next_open + first_bar]
        if state.session is not None:
            close = state.session.close + interval.grace
            marks += [state.session.open + first_bar, close, close + SETTLED]
            if interval.extended:
                over = state.session.post + interval.grace
                marks += [state.until + first_bar, over, over + SETTLED]
        if trades(interval, state.phase):
            marks.append(asked + period)
        return min(mark for mark in marks if mark > asked) - asked

    def overdue(self, now: int, monotonic: float) -> float:
        """Return for how many seconds an open market's bars are not reconciled; 0 within two periods, and when closed.

        `now` is the wall clock's time (UTC epoch ms), which says whether the market is open and since when.
        """
        state = self.calendar.at(now)
        if not self.ready or state.phase is not Phase.OPEN or state.session is None:
            return 0.0
        opened = state.session.break_end if now >= state.session.break_end else state.session.open
        waited = min(monotonic - self.reconciled, (now - opened) / 1000)
        return waited if waited > 2 * self.period else 0.0


def phase_text(state: MarketState) -> str:
    """Return the state of a market for a person, such as `XNYS closed, opens Mon 2026-11-30 14:30 UTC`."""
    if state.phase is Phase.OPEN:
        return f"{state.exchange} open" + (f" until {_utc(state.until)}" if state.exchange != "24/7" else "")
    half = " (half day)" if state.session is not None and state.session.half and state.phase is Phase.PRE else ""
    return f"{state.exchange} {state.phase.value}, opens {_utc(state.next_open)}{half}"


def _utc(timestamp: int) -> str:
    moment = np.datetime64(timestamp, "ms").item()
    return f"{moment:%a %Y-%m-%d %H:%M} UTC"
