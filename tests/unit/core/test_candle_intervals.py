"""Test where candles begin and end: within sessions, and as days, weeks and months of exchanges and of UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import MINUTE

from tapeline.core.bar_builder import BarBuilder
from tapeline.core.bars import Grid, resample
from tapeline.core.candle_intervals import INTERVALS, CandleGrid, choices, chosen, grid
from tapeline.core.market import Bar, Bars, Ints
from tapeline.core.sessions import calendar
from tapeline.core.times import DAY, HOUR, MONTH, WEEK, interval_name
from tapeline.errors import NotPossibleError


def at(text: str) -> int:
    """Return a time in UTC as epoch ms."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def text(timestamp: int) -> str:
    return f"{datetime.fromtimestamp(timestamp / 1000, UTC):%Y-%m-%d %H:%M}"


def times(*texts: str) -> Ints:
    return np.array([at(each) for each in texts], np.int64)


def spans(cells: Grid, timestamps: Ints) -> list[tuple[str, str]]:
    start, end, inside = cells.spans(timestamps)
    assert inside.all()
    return [(text(a), text(b)) for a, b in zip(start.tolist(), end.tolist(), strict=True)]


def series(symbol: str, timestamps: Ints) -> Bars:
    """Return bars at these times whose prices and volumes tell them apart."""
    close = 100.0 + np.arange(len(timestamps)) % 17
    return Bars(
        (symbol,), np.zeros(len(timestamps), np.int32), timestamps, close - 0.25, close + 0.5, close - 0.5, close,
        1.0 + np.arange(len(timestamps)), np.ones(len(timestamps), np.bool_),
    )  # fmt: skip


def minutes_of(exchange: str, start: str, end: str, step: int = 30) -> Ints:
    """Return bars of `step` minutes over the regular sessions that are open between two dates."""
    opened = calendar(exchange).sessions(at(start), at(end))
    return np.concatenate([np.arange(one.open, one.close, step * MINUTE) for one in opened])


# -- the intervals there are -------------------------------------------------------------------------------------------


def test_every_interval_is_found_by_its_name() -> None:
    assert [*INTERVALS] == ["1m", "2m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "4h", "1d", "1w", "1mo"]
    assert {interval_name(ms): ms for ms in INTERVALS.values()} == INTERVALS
    assert [chosen(name, MINUTE) for name in INTERVALS] == sorted(INTERVALS.values())


def test_weeks_and_months_are_offered_for_what_divides_a_day() -> None:
    assert choices(HOUR) == ["1h", "2h", "4h", "1d", "1w", "1mo"]
    assert choices(DAY) == ["1d", "1w", "1mo"]
    assert choices(7 * MINUTE) == ["7m"], "7 minutes divide a week, but no day"
    assert choices(WEEK) == ["1w"]
    with pytest.raises(NotPossibleError, match="7m long; intervals to choose from: 7m"):
        chosen("1w", 7 * MINUTE)


@pytest.mark.parametrize("interval", [2 * WEEK, MONTH - 1, 30 * DAY, 31 * DAY])
def test_no_other_interval_above_a_day_has_a_grid(interval: int) -> None:
    with pytest.raises(ValueError, match="nor is it a week or a month"):
        Grid(interval)


# -- weeks and months in UTC -------------------------------------------------------------------------------------------


@given(st.integers(at("1867-01-01"), at("2199-12-31")))
def test_utc_weeks_begin_on_monday_and_months_on_the_first(timestamp: int) -> None:
    day = datetime.fromtimestamp(timestamp / 1000, UTC).date()
    monday = day - timedelta(days=day.weekday())
    first, following = day.replace(day=1), (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    for interval, start, end in ((WEEK, monday, monday + timedelta(days=7)), (MONTH, first, following)):
        found = spans(Grid(interval), np.array([timestamp], np.int64))
        assert found == [(f"{start} 00:00", f"{end} 00:00")]


@pytest.mark.parametrize("symbol", ["BTC-USD", "EURUSD=X"])
def test_markets_around_the_clock_have_utc_days_weeks_and_months(symbol: str) -> None:
    some = times("2023-12-31 23:59", "2024-01-01 00:00", "2024-02-29 12:00")
    assert spans(grid(symbol, DAY, some), some)[0] == ("2023-12-31 00:00", "2024-01-01 00:00")
    assert spans(grid(symbol, WEEK, some), some) == [
        ("2023-12-25 00:00", "2024-01-01 00:00"),
        ("2024-01-01 00:00", "2024-01-08 00:00"),
        ("2024-02-26 00:00", "2024-03-04 00:00"),
    ]
    assert spans(grid(symbol, MONTH, some), some) == [
        ("2023-12-01 00:00", "2024-01-01 00:00"),
        ("2024-01-01 00:00", "2024-02-01 00:00"),
        ("2024-02-01 00:00", "2024-03-01 00:00"),
    ]


# -- weeks and months of sessions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "when", "week", "month"),
    [
        # the week before New York's clocks go forward, and the week after: sessions close at 21:00, then 20:00 UTC
        ("AAPL", "2024-03-08 20:59", ("2024-03-04", "2024-03-08 21:00"), ("2024-03-01", "2024-03-28 20:00")),
        ("AAPL", "2024-03-11 13:30", ("2024-03-11", "2024-03-15 20:00"), ("2024-03-01", "2024-03-28 20:00")),
        # a holiday on Monday (Washington's birthday): the week is stamped with it all the same
        ("AAPL", "2024-02-20 14:30", ("2024-02-19", "2024-02-23 21:00"), ("2024-02-01", "2024-02-29 21:00")),
        # Thanksgiving week ends with a half day, and so does the month
        ("AAPL", "2024-11-25 14:30", ("2024-11-25", "2024-11-29 18:00"), ("2024-11-01", "2024-11-29 18:00")),
        # the year ends within a week
        ("AAPL", "2024-12-31 20:59", ("2024-12-30", "2025-01-03 21:00"), ("2024-12-01", "2024-12-31 21:00")),
        ("AAPL", "2025-01-02 14:30", ("2024-12-30", "2025-01-03 21:00"), ("2025-01-01", "2025-01-31 21:00")),
        # London: Easter Monday, and the May bank holiday
        ("VOD.L", "2024-04-02 07:00", ("2024-04-01", "2024-04-05 15:30"), ("2024-04-01", "2024-04-30 15:30")),
        ("VOD.L", "2024-05-07 15:29", ("2024-05-06", "2024-05-10 15:30"), ("2024-05-01", "2024-05-31 15:30")),
        # Sydney's Monday opens on Sunday in UTC
        ("BHP.AX", "2024-01-28 23:00", ("2024-01-29", "2024-02-02 05:00"), ("2024-01-01", "2024-01-31 05:00")),
    ],
)  # fmt: skip
def test_weeks_and_months_follow_the_dates_of_sessions(
    symbol: str, when: str, week: tuple[str, str], month: tuple[str, str]
) -> None:
    some = times(when)
    for interval, (start, end) in ((WEEK, week), (MONTH, month)):
        assert spans(grid(symbol, interval, some), some) == [(f"{start} 00:00", end)]


@pytest.mark.parametrize("symbol", ["AAPL", "VOD.L", "7203.T"])
def test_a_week_and_a_month_are_made_of_their_one_day_candles(symbol: str) -> None:
    exchange = {"AAPL": "XNYS", "VOD.L": "XLON", "7203.T": "XTKS"}[symbol]
    opened = calendar(exchange).sessions(at("2023-10-20"), at("2024-04-10"))
    some = np.concatenate([np.arange(a, b, 30 * MINUTE) for s in opened for a, b in _halves(s)])
    bars = series(symbol, some)
    days = resample(bars, grid(symbol, DAY, some))
    assert len(days) == len(opened)
    for interval in (WEEK, MONTH):
        found = resample(bars, grid(symbol, interval, some))
        of_days = resample(days, grid(symbol, interval, days.timestamp))
        assert list(found) == list(of_days)
        assert found.volume.sum() == bars.volume.sum()
        expected = {_start(_date(day.timestamp), interval) for day in days}
        assert [_date(time) for time in found.timestamp.tolist()] == sorted(expected)


def test_stored_days_end_a_week_with_its_last_session() -> None:
    """The Friday bar makes the week final; nobody waits for the next Monday."""
    days = times("2024-03-25", "2024-03-26", "2024-03-27", "2024-03-28")  # 29 March is Good Friday
    assert spans(grid("AAPL", WEEK, days), days)[-1] == ("2024-03-25 00:00", "2024-03-29 00:00")
    assert spans(grid("AAPL", MONTH, days), days)[-1] == ("2024-03-01 00:00", "2024-03-29 00:00")


def test_hours_around_the_session_are_no_part_of_its_day_week_or_month() -> None:
    some = times("2024-03-08 20:59", "2024-03-08 21:00", "2024-03-11 13:29", "2024-03-11 13:30")
    for interval in (DAY, WEEK, MONTH):
        assert grid("AAPL", interval, some).spans(some)[2].tolist() == [True, False, False, True]


def test_a_file_with_bars_while_the_exchange_is_closed_keeps_to_utc() -> None:
    sunday = times("2024-03-08 20:59", "2024-03-10 12:00")
    assert spans(grid("AAPL", WEEK, sunday), sunday) == [("2024-03-04 00:00", "2024-03-11 00:00")] * 2
    assert spans(grid("AAPL", DAY, sunday), sunday)[1] == ("2024-03-10 00:00", "2024-03-11 00:00")
    days = times("2024-03-08", "2024-03-09")  # daily bars, one of them on a Saturday
    assert spans(grid("AAPL", WEEK, days), days)[0] == ("2024-03-04 00:00", "2024-03-11 00:00")
    holiday = times("2024-03-28", "2024-03-29")  # Good Friday: days without a session, but weekdays all the same
    assert spans(grid("AAPL", WEEK, holiday), holiday)[0] == ("2024-03-25 00:00", "2024-03-30 00:00")


# -- more bars for a series whose grid was chosen ----------------------------------------------------------------------

_TIMES = st.lists(
    st.one_of(
        st.sampled_from(minutes_of("XNYS", "2024-03-01", "2024-04-10").tolist()),
        st.sampled_from([at("2024-03-04") + k * DAY for k in range(30)]),
        st.integers(at("2024-03-01") // MINUTE, at("2024-04-10") // MINUTE).map(lambda minute: minute * MINUTE),
    ),
    min_size=1,
    max_size=12,
    unique=True,
)


@settings(max_examples=300, deadline=None)
@given(_TIMES, st.integers(1, 12), st.sampled_from(["AAPL", "VOD.L", "7203.T"]), st.sampled_from([HOUR, DAY, MONTH]))
def test_bars_that_fit_a_grid_leave_it_as_it_is(found: list[int], cut: int, symbol: str, interval: int) -> None:
    every = np.array(sorted(found), np.int64)
    before = grid(symbol, interval, every[:cut])
    if before.fits(every[cut:]):
        assert _same(before, grid(symbol, interval, every))


# -- one at a time -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interval", [WEEK, MONTH])
@pytest.mark.parametrize("symbol", ["AAPL", "BTC-USD"])
def test_the_bar_builder_builds_the_same_weeks_and_months(symbol: str, interval: int) -> None:
    some = minutes_of("XNYS", "2023-12-18", "2024-03-18", step=60)
    cells = grid(symbol, interval, some)
    builder = BarBuilder(cells)
    found: dict[int, Bar] = {}
    for bar in series(symbol, some):
        found |= {built.timestamp: built for built in builder.update(bar)}
    found |= {bar.timestamp: bar for bar in builder.advance(int(cells.spans(some[-1:])[1][0]))}
    expected = {bar.timestamp: bar for bar in resample(series(symbol, some), cells)}
    assert found.keys() == expected.keys()
    for time, bar in found.items():
        assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (
            expected[time].open, expected[time].high, expected[time].low, expected[time].close, expected[time].volume,
        )  # fmt: skip
        assert bar.final


# -- helpers -----------------------------------------------------------------------------------------------------------


def _halves(session: object) -> Sequence[tuple[int, int]]:
    one: list[int] = [getattr(session, name) for name in ("open", "break_start", "break_end", "close")]
    return [(a, b) for a, b in pairwise(one) if a < b and (a, b) != (one[1], one[2])]


def _date(timestamp: int) -> date:
    return datetime.fromtimestamp(timestamp / 1000, UTC).date()


def _start(day: date, interval: int) -> date:
    return day - timedelta(days=day.weekday()) if interval == WEEK else day.replace(day=1)


def _same(a: CandleGrid, b: CandleGrid) -> bool:
    return a.sessions is b.sessions and a.daily is b.daily and a.hours is b.hours
