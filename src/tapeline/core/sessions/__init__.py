"""Tell when a market is open, its holidays, half days, pre-market and after hours, and which session a time is in.

Nothing here reads a clock. The calendars are those of exchange-calendars (holidays are data). The schedules of all
exchanges that a symbol's form can name come with the package (`tables`). Where another version of that library (the
extra `calendars`) is installed, or for another exchange, the first use builds the calendar, which takes about a second;
after that answers take microseconds.
After the last year a calendar knows, its usual weekdays and hours continue, to the end of 2035. Before its first
session and after that every market is closed; a time before the first session has its UTC day as its session.

Times are UTC epoch ms. Daylight saving is in the calendars: a session's times are exact on every day.
"""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass

import numpy as np

from tapeline.core.bars import Sessions
from tapeline.core.market import Ints
from tapeline.core.sessions.exchanges import exchange_of
from tapeline.core.sessions.schedule import schedule, zone
from tapeline.core.times import DAY

__all__ = ["Calendar", "MarketState", "Phase", "Session", "calendar", "calendar_of", "exchange_of"]


class Phase(enum.StrEnum):
    """Name what a market is doing at a time."""

    PRE = "pre-market"
    OPEN = "open"
    BREAK = "lunch break"
    POST = "after hours"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Session:
    """Hold one trading day. `day` is its date at the exchange as YYYYMMDD; regular trading is open <= t < close.

    Pre-market is pre <= t < open and after hours close <= t < post, both empty where the exchange has none. Without a
    lunch break, `break_start` equals `break_end` equals `close`. `half` marks an early close.
    """

    day: int
    pre: int
    open: int
    break_start: int
    break_end: int
    close: int
    post: int
    half: bool


@dataclass(frozen=True, slots=True)
class MarketState:
    """Hold the phase at a time, until when it lasts, the session it belongs to (the latest begun), and the next open.

    `session` is None only before the first session the calendar knows. `next_open` is when regular trading next
    starts, the end of a lunch break included. Where a session begins as the last one ends (currencies, futures,
    crypto), `until` is the end of all of them, and `next_open` the start of the next. Both are always later than the
    time that was asked about.
    """

    exchange: str
    phase: Phase
    until: int
    session: Session | None
    next_open: int

    def trading_since(self) -> int | None:
        """Return when the trading that goes on began, the end of a lunch break included; None when none goes on."""
        if self.phase is not Phase.OPEN or self.session is None:
            return None
        session = self.session
        after_break = session.break_start < session.break_end < self.until
        return session.break_end if after_break else session.open


class Calendar:
    """Know the sessions of one exchange, named as in exchange-calendars ("XNYS", "24/7", ...)."""

    def __init__(self, exchange: str) -> None:
        """Build the tables.

        Raises `MissingLibraryError` for a name that needs exchange-calendars, and its own error for one it lacks.
        """
        self.exchange = exchange
        #: Its time zone, such as America/New_York.
        self.zone = zone(exchange)
        table = schedule(exchange)
        self.day, self.pre, self.open, self.break_start, self.break_end, self.close, self.post = table[:7]
        self.half = table[7].astype(np.bool_)
        last = np.append(self.open[1:] > self.close[:-1], True)  # of a row of sessions without a pause
        self._shut = self.close[last][np.cumsum(last) - last]
        self._trading: tuple[Sessions, Sessions] | None = None
        self._hours: Sessions | None = None

    def __len__(self) -> int:
        return len(self.day)

    def session(self, index: int) -> Session:
        """Return the session with this index, counted from the calendar's first."""
        columns = (self.day, self.pre, self.open, self.break_start, self.break_end, self.close, self.post)
        day, pre, opens, break_start, break_end, close, post = (int(column[index]) for column in columns)
        return Session(day, pre, opens, break_start, break_end, close, post, bool(self.half[index]))

    def sessions(self, start: int, end: int) -> list[Session]:
        """Return the sessions that are open at some time in start <= t < end, in order."""
        first = int(np.searchsorted(self.close, start, "right"))
        last = int(np.searchsorted(self.open, end, "left"))
        return [self.session(index) for index in range(first, last)]

    def at(self, timestamp: int) -> MarketState:
        """Return the state of the market at this time."""
        index = int(np.searchsorted(self.pre, timestamp, "right")) - 1
        if index < 0:
            return MarketState(self.exchange, Phase.CLOSED, int(self.pre[0]), None, int(self.open[0]))
        now = self.session(index)
        later = self.session(index + 1) if index + 1 < len(self) else None
        next_open = later.open if later else timestamp + DAY - (timestamp - now.open) % DAY
        next_phase = later.pre if later else next_open
        phase, until = Phase.CLOSED, next_phase
        if timestamp < now.open:
            phase, until, next_open = Phase.PRE, now.open, now.open
        elif timestamp < now.break_start:
            phase, until = Phase.OPEN, now.break_start if now.break_start < now.close else int(self._shut[index])
        elif timestamp < now.break_end:
            phase, until, next_open = Phase.BREAK, now.break_end, now.break_end
        elif timestamp < now.close:
            phase, until = Phase.OPEN, int(self._shut[index])
        elif timestamp < now.post:
            phase, until = Phase.POST, now.post
        return MarketState(self.exchange, phase, until, now, next_open)

    def days(self, timestamps: Ints) -> Ints:
        """Return the session of each time as YYYYMMDD, int64 [len(timestamps)]: the latest begun, pre-market included.

        So the night after a session belongs to it, and ids never decrease with time.
        """
        timestamps = np.asarray(timestamps, np.int64)
        index = np.searchsorted(self.pre, timestamps, "right") - 1
        before = index < 0
        days = self.day[np.maximum(index, 0)]
        if before.any():
            days = np.where(before, _utc_days(timestamps), days)
        return days

    def trading(self, *, breaks: bool = True) -> Sessions:
        """Return the stretches of regular trading, for `bars.Grid`: cut at lunch breaks, or whole sessions.

        `date` is midnight UTC of the session's date.
        """
        if self._trading is None:
            self._trading = self._stretches(breaks=True), self._stretches(breaks=False)
        return self._trading[0 if breaks else 1]

    def hours(self) -> Sessions:
        """Return pre-market, regular trading around the lunch break, and after hours of every day as own stretches."""
        if self._hours is None:
            regular, dates = self.trading(), _midnights(self.day)
            opens = np.concatenate((self.pre, regular.open, self.close))
            closes = np.concatenate((self.open, regular.close, self.post))
            order = np.lexsort((closes, opens))  # an empty part is before the one that begins where it does
            self._hours = Sessions(opens[order], closes[order], np.concatenate((dates, regular.date, dates))[order])
        return self._hours

    def _stretches(self, *, breaks: bool) -> Sessions:
        dates = _midnights(self.day)
        split = (self.break_end < self.close) & breaks
        opens = np.concatenate([self.open, self.break_end[split]])
        closes = np.concatenate([np.where(split, self.break_start, self.close), self.close[split]])
        order = np.argsort(opens, kind="stable")
        return Sessions(opens[order], closes[order], np.concatenate([dates, dates[split]])[order])


@functools.cache
def calendar(exchange: str) -> Calendar:
    """Return the calendar of an exchange, built once per process."""
    return Calendar(exchange)


def calendar_of(symbol: str) -> Calendar:
    """Return the calendar a Yahoo symbol trades by."""
    return calendar(exchange_of(symbol))


def _utc_days(timestamps: Ints) -> Ints:
    dates = timestamps.astype("datetime64[ms]").astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    month = months.astype(np.int64)
    found: Ints = (month // 12 + 1970) * 10_000 + (month % 12 + 1) * 100 + (dates - months).astype(np.int64) + 1
    return found


def _midnights(days: Ints) -> Ints:
    months = ((days // 10_000 - 1970) * 12 + days // 100 % 100 - 1).astype("datetime64[M]")
    found: Ints = (months.astype("datetime64[D]") + (days % 100 - 1)).astype("datetime64[ms]").astype(np.int64)
    return found
