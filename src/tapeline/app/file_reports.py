"""Report what a file of bars was taken for, and what its rows hold: what `tapeline inspect` prints."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from tapeline.core.candle_intervals import ROUND_THE_CLOCK
from tapeline.core.market import Bars, Ints
from tapeline.core.sessions import calendar
from tapeline.core.times import DAY, interval_name
from tapeline.errors import FileError
from tapeline.feeds.files import FileScan, FileSource, ReadOptions
from tapeline.feeds.files.file_replay import LAST_ONE_USED
from tapeline.feeds.files.interpretation import Interpretation

_SHOWN = 5

_SOME_NAME = "NAME"  # of no market in particular: what any share of New York would be taken for


@dataclass(frozen=True, slots=True)
class FileFact:
    """Hold one line of a report: what it is about, what was found, why, and the option that changes it."""

    what: str
    found: str
    why: str = ""
    change: str = ""


class Gaps:
    """Count the bars that are missing between others, by the calendar: whole sessions, or bars within one.

    Of daily bars, those of days without a session are counted too.
    """

    def __init__(self, interval: int | None, exchange: str) -> None:
        self.missing = 0
        #: Daily bars on days on which the exchange has no session, and the first of these days.
        self.closed = 0
        self.closed_days: list[int] = []
        self._interval = interval
        self._exchange = exchange
        self._last: dict[str, int] = {}

    def look(self, bars: Bars) -> None:
        """Look at the next bars, which are in the order of time."""
        if self._interval is None:
            return
        if self._interval == DAY and self._exchange not in ROUND_THE_CLOCK and not (bars.timestamp % DAY).any():
            self._look_at_days(bars.timestamp)
        for code, symbol in enumerate(bars.symbols):
            own = bars.timestamp[bars.code == code]
            if len(own):
                times = np.append(self._last.get(symbol, own[0]), own)
                self.missing += int(self._between(times).sum())
                self._last[symbol] = int(own[-1])

    def _look_at_days(self, days: Ints) -> None:
        sessions = calendar(self._exchange).trading(breaks=False).date
        closed = days[~np.isin(days, sessions)]
        closed = closed[(closed > sessions[0]) & (closed < sessions[-1])]  # nothing is known of other years
        self.closed += len(closed)
        first = {*self.closed_days, *np.unique(closed)[: _SHOWN + 1].tolist()}
        self.closed_days = sorted(first)[: _SHOWN + 1]

    def _between(self, times: Ints) -> Ints:
        interval = self._interval or DAY
        if self._exchange in ROUND_THE_CLOCK or interval > DAY:
            found: Ints = np.maximum(np.diff(times) // interval - 1, 0)
            if self._exchange == "24/5":
                found = np.where(np.diff(times) > DAY, 0, found)
            return found
        known = calendar(self._exchange)
        if interval == DAY:
            sessions = np.searchsorted(known.trading(breaks=False).date, times)
            days: Ints = np.maximum(np.diff(sessions) - 1, 0).astype(np.int64)
            return days
        at, inside = known.trading().find(times)
        same = (at[1:] == at[:-1]) & inside[1:] & inside[:-1]
        within: Ints = np.where(same, np.maximum(np.diff(times) // interval - 1, 0), 0)
        return within


def report(path: Path, options: ReadOptions, now: int) -> tuple[list[FileFact], str]:
    """Return what is found about a file, and what keeps it from being read, '' where nothing does.

    `now` is as in `FileSource`. Where only the symbol is missing, all else is found under some name.
    """
    source = FileSource([path], options=options, now=now)
    if source.doubts:
        doubts = [FileFact("open question", doubt.question, "", _flags(str(doubt))) for _, doubt in source.doubts]
        others: list[FileFact] = []
        if all(doubt.option == "symbol" for _, doubt in source.doubts):
            found, _ = report(path, replace(options, symbol=_SOME_NAME), now)
            others = [fact for fact in found if fact.what != "symbols"]
        return [*others, *doubts], source.problems[0]
    if source.problems:
        return [], source.problems[0]
    [(_, how)] = source.readings()
    scan = source.scan()
    if not scan.files:
        raise FileError(f"{path}: holds no rows")
    [file] = scan.files
    rows = _rows(source, file, how, options)
    return [*_guesses(how, file, options), *rows], "" if file.rows else source.problems[0]


def _flags(doubt: str) -> str:
    return doubt.rpartition("; give ")[2]


def _guesses(how: Interpretation, file: FileScan, options: ReadOptions) -> list[FileFact]:
    guesses = how.guesses
    symbols = ", ".join(file.symbols[:_SHOWN]) + (
        f" and {len(file.symbols) - _SHOWN:,} more" if file.symbols[_SHOWN:] else ""
    )
    length = interval_name(file.interval) if file.interval else "cannot be told"
    zone = _exchange_zone(guesses["calendar"].found)
    found = [
        FileFact("layout", guesses["layout"].found, _why(how, "layout"), "--layout, --columns"),
        FileFact("symbols", symbols, _why(how, "symbol"), "--symbol"),
        FileFact("times", guesses["times"].found, _why(how, "times"), "--date-format"),
        FileFact("zone", guesses["zone"].found, _why(how, "zone"), "--zone"),
        FileFact("stamp", guesses["stamp"].found, _why(how, "stamp"), "--stamp"),
        FileFact("interval", length, "--interval" if options.interval else "the usual distance of bars", "--interval"),
        FileFact("calendar", guesses["calendar"].found, _why(how, "calendar"), "--calendar"),
        FileFact("decimal mark", how.decimal, "--decimal" if options.decimal else "the numbers", "--decimal"),
    ]
    if file.rows:
        daily = file.interval is not None and file.interval >= DAY
        found.append(FileFact("first bar", _time(file.start, zone, daily=daily)))
        found.append(FileFact("last bar", _time(file.end, zone, daily=daily)))
    if not how.has_volume:
        found.append(FileFact("volume", "none", "no column; it counts as 0", "--columns volume=NAME"))
    return found


def _why(how: Interpretation, name: str) -> str:
    guess = how.guesses[name]
    return f"assumed: {guess.why}" if guess.assumed else guess.why


def _rows(source: FileSource, file: FileScan, how: Interpretation, options: ReadOptions) -> list[FileFact]:
    refused: Counter[str] = Counter()
    exchange = how.guesses["calendar"].found
    good = 0
    gaps = Gaps(options.interval or file.interval, exchange)
    for delivery in source.deliveries(""):
        good += len(delivery.bars)
        gaps.look(delivery.bars)
        for reject in delivery.rejects:
            if not reject.reason.endswith(LAST_ONE_USED):
                refused[reject.reason] += reject.count
    if again := file.rows - good:
        refused[f"their bar comes again; {LAST_ONE_USED}"] = again
    accept = "--accept-rejects" if file.rejected > file.rows else ""
    shown = refused.most_common(_SHOWN if len(refused) > _SHOWN + 1 else None)  # one reason takes no more than "others"
    reasons = "; ".join(f"{reason} ({count:,})" for reason, count in shown)
    if others := refused.total() - sum(count for _, count in shown):
        reasons += f"; others ({others:,})"
    return [
        FileFact("rows good", f"{good:,}"),
        FileFact("rows refused", f"{file.rejected + again:,}", reasons, accept),
        FileFact("bars missing", f"{gaps.missing:,}", f"between others, by {exchange}'s sessions"),
        *([_on_closed_days(gaps, exchange)] if gaps.closed else []),
        *(FileFact("price jump", str(jump), _scaled(how), "--adjust") for jump in file.jumps[:_SHOWN]),
        *([FileFact("damage", file.damage)] if file.damage else []),
    ]


def _on_closed_days(gaps: Gaps, exchange: str) -> FileFact:
    days = [f"{dt.datetime.fromtimestamp(day / 1000, dt.UTC):%Y-%m-%d}" for day in gaps.closed_days]
    shown = ", ".join([*days[:_SHOWN], *(["…"] if days[_SHOWN:] else [])])
    return FileFact(
        "bars off session", f"{gaps.closed:,}", f"on days without a session of {exchange} ({shown})", "--calendar"
    )


def _scaled(how: Interpretation) -> str:
    return "prices before it are scaled" if how.adjust == "detected" else ""


def _exchange_zone(exchange: str) -> str:
    from tapeline.core.sessions.schedule import zone

    return zone(exchange)


def _time(timestamp: int, zone: str, *, daily: bool) -> str:
    moment = dt.datetime.fromtimestamp(timestamp / 1000, dt.UTC)
    return f"{moment:%Y-%m-%d}" if daily else f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S} {zone}"
