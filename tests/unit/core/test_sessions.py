"""Test sessions against the exchanges' published hours: holidays, half days, daylight saving, breaks, the edges."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tapeline.core.market import Bar, Bars
from tapeline.core.sessions import Calendar, Phase, Session, calendar, calendar_of, exchange_of, tables
from tapeline.core.sessions.exchanges import EXTENDED_MINUTES, INDICES, SUFFIXES
from tapeline.core.sessions.schedule import zone
from tapeline.core.sessions.session_ids import session_ids

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def ms(text: str) -> int:
    """A UTC time such as 2026-11-27 14:30 as epoch ms."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def utc(timestamp: int) -> str:
    return f"{datetime.fromtimestamp(timestamp / 1000, UTC):%Y-%m-%d %H:%M}"


def on(symbol: str, day: str) -> Session | None:
    """The session under this date at the symbol's exchange."""
    found = [s for s in calendar_of(symbol).sessions(ms(day) - DAY, ms(day) + 2 * DAY) if s.day == number(day)]
    return found[0] if found else None


def number(day: str) -> int:
    return int(day.replace("-", ""))


def hours(symbol: str, day: str) -> str:
    session = on(symbol, day)
    return "closed" if session is None else f"{utc(session.open)[-5:]}-{utc(session.close)[-5:]}"


def state(symbol: str, time: str) -> tuple[Phase, str, str]:
    found = calendar_of(symbol).at(ms(time))
    return found.phase, utc(found.until), utc(found.next_open)


# -- which calendar ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "exchange"),
    [
        ("TSLA", "XNYS"), ("tsla", "XNYS"), ("BRK-B", "XNYS"), ("PBR-A", "XNYS"), ("^GSPC", "XNYS"), ("^VIX", "XNYS"),
        ("BTC-USD", "24/7"), ("btc-usd", "24/7"), ("ETH-BTC", "24/7"), ("UNI7083-USD", "24/7"),
        ("EURUSD=X", "24/5"), ("ES=F", "CMES"),
        ("VOD.L", "XLON"), ("SAP.DE", "XETR"), ("7203.T", "XTKS"), ("0700.HK", "XHKG"), ("000001.SS", "XSHG"),
        ("2222.SR", "XSAU"), ("^FTSE", "XLON"), ("^N225", "XTKS"), ("^HSI", "XHKG"), ("BT-A.L", "XLON"),
    ],
)  # fmt: skip
def test_a_symbol_names_its_exchange(symbol: str, exchange: str) -> None:
    assert exchange_of(symbol) == exchange


@pytest.mark.parametrize("symbol", ["X.NOWHERE", "DX-Y.NYB", "X.", "^NOINDEX"])
def test_an_unknown_suffix_has_american_hours(symbol: str) -> None:
    assert exchange_of(symbol) == "XNYS"
    assert calendar_of(symbol) is calendar("XNYS")


def test_every_exchange_of_the_tables_has_a_calendar() -> None:
    zones = {name: zone(name) for name in {*SUFFIXES.values(), *INDICES.values(), *EXTENDED_MINUTES}}
    assert all(ZoneInfo(name) for name in zones.values())


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [("TSLA", "America/New_York"), ("VOD.L", "Europe/London"), ("7203.T", "Asia/Tokyo"), ("BTC-USD", "UTC")],
)
def test_the_time_zone(symbol: str, expected: str) -> None:
    assert calendar_of(symbol).zone == expected


# -- holidays and half days --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "day", "expected"),
    [
        ("TSLA", "2026-11-25", "14:30-21:00"),
        ("TSLA", "2026-11-26", "closed"),  # Thanksgiving
        ("TSLA", "2026-11-27", "14:30-18:00"),  # the day after it
        ("TSLA", "2026-07-03", "closed"),  # Independence Day is a Saturday
        ("TSLA", "2026-12-24", "14:30-18:00"),
        ("TSLA", "2021-12-31", "14:30-21:00"),  # New Year's Day is a Saturday, and not made up for
        ("TSLA", "2012-10-29", "closed"),  # the hurricane
        ("TSLA", "2001-09-12", "closed"),
        ("VOD.L", "2026-12-24", "08:00-12:30"),
        ("VOD.L", "2026-12-28", "closed"),  # Boxing Day is a Saturday
        ("VOD.L", "2026-11-26", "08:00-16:30"),  # no holiday in London
        ("SAP.DE", "2026-05-01", "closed"),
        ("7203.T", "2026-11-23", "closed"),  # Labour Thanksgiving
        ("7203.T", "2024-11-01", "00:00-06:00"),
        ("7203.T", "2024-11-05", "00:00-06:30"),  # from then on Tokyo closes half an hour later
        ("0700.HK", "2026-02-16", "01:30-04:00"),  # the eve of the lunar new year
        ("0700.HK", "2026-02-17", "closed"),
    ],
)
def test_published_hours(symbol: str, day: str, expected: str) -> None:
    assert hours(symbol, day) == expected


def test_half_days_are_marked() -> None:
    marked = [s.day for s in calendar("XNYS").sessions(ms("2026-01-01"), ms("2027-01-01")) if s.half]
    assert marked == [20261127, 20261224]
    assert [len(calendar("XNYS").sessions(ms(f"{year}-01-01"), ms(f"{year + 1}-01-01"))) for year in (2024, 2025)] == [
        252, 250
    ]  # fmt: skip


def test_a_half_day_has_no_lunch_break() -> None:
    session = on("0700.HK", "2026-12-24")
    assert session is not None
    assert session.half
    assert session.break_start == session.break_end == session.close


# -- the phases of a day -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "phase", "until", "following"),
    [
        ("2026-11-25 08:59", Phase.CLOSED, "2026-11-25 09:00", "2026-11-25 14:30"),
        ("2026-11-25 09:00", Phase.PRE, "2026-11-25 14:30", "2026-11-25 14:30"),
        ("2026-11-25 14:29", Phase.PRE, "2026-11-25 14:30", "2026-11-25 14:30"),
        ("2026-11-25 14:30", Phase.OPEN, "2026-11-25 21:00", "2026-11-27 14:30"),
        ("2026-11-25 20:59", Phase.OPEN, "2026-11-25 21:00", "2026-11-27 14:30"),
        ("2026-11-25 21:00", Phase.POST, "2026-11-26 01:00", "2026-11-27 14:30"),
        ("2026-11-26 01:00", Phase.CLOSED, "2026-11-27 09:00", "2026-11-27 14:30"),
        ("2026-11-26 15:00", Phase.CLOSED, "2026-11-27 09:00", "2026-11-27 14:30"),
        ("2026-11-27 18:00", Phase.POST, "2026-11-27 22:00", "2026-11-30 14:30"),  # a half day's ends early too
        ("2026-11-28 12:00", Phase.CLOSED, "2026-11-30 09:00", "2026-11-30 14:30"),
    ],
)
def test_new_york_around_thanksgiving(time: str, phase: Phase, until: str, following: str) -> None:
    assert state("TSLA", time) == (phase, until, following)


def test_the_next_open_over_a_long_weekend() -> None:
    assert state("TSLA", "2026-07-02 22:00")[2] == "2026-07-06 13:30"  # Friday is the holiday
    assert state("VOD.L", "2026-04-02 17:30")[2] == "2026-04-07 07:00"  # Good Friday and Easter Monday
    assert state("0700.HK", "2026-02-16 05:00")[2] == "2026-02-20 01:30"  # the lunar new year
    assert state("7203.T", "2026-05-01 07:00")[2] == "2026-05-07 00:00"  # the golden week


@pytest.mark.parametrize(
    ("symbol", "time", "phase", "until", "following"),
    [
        ("7203.T", "2026-11-24 02:29", Phase.OPEN, "2026-11-24 02:30", "2026-11-25 00:00"),
        ("7203.T", "2026-11-24 02:30", Phase.BREAK, "2026-11-24 03:30", "2026-11-24 03:30"),
        ("7203.T", "2026-11-24 03:30", Phase.OPEN, "2026-11-24 06:30", "2026-11-25 00:00"),
        ("7203.T", "2026-11-24 06:30", Phase.CLOSED, "2026-11-25 00:00", "2026-11-25 00:00"),
        ("0700.HK", "2026-12-23 04:30", Phase.BREAK, "2026-12-23 05:00", "2026-12-23 05:00"),
        ("0700.HK", "2026-12-24 04:30", Phase.CLOSED, "2026-12-28 01:30", "2026-12-28 01:30"),
    ],
)
def test_lunch_breaks(symbol: str, time: str, phase: Phase, until: str, following: str) -> None:
    assert state(symbol, time) == (phase, until, following)


def test_extended_hours_are_shown_where_yahoo_has_them() -> None:
    frankfurt, tokyo = on("SAP.DE", "2026-11-25"), on("7203.T", "2026-11-25")
    assert frankfurt is not None
    assert tokyo is not None
    assert (utc(frankfurt.pre)[-5:], utc(frankfurt.post)[-5:]) == ("07:00", "19:30")
    assert (tokyo.pre, tokyo.post) == (tokyo.open, tokyo.close)


# -- daylight saving ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "new_york", "london"),
    [
        ("2026-03-06", "14:30-21:00", "08:00-16:30"),
        ("2026-03-09", "13:30-20:00", "08:00-16:30"),  # America has changed its clocks
        ("2026-03-27", "13:30-20:00", "08:00-16:30"),
        ("2026-03-30", "13:30-20:00", "07:00-15:30"),  # Europe has too
        ("2026-10-23", "13:30-20:00", "07:00-15:30"),
        ("2026-10-26", "13:30-20:00", "08:00-16:30"),  # Europe has changed back
        ("2026-11-02", "14:30-21:00", "08:00-16:30"),
    ],
)
def test_weeks_when_only_one_side_has_changed_its_clocks(day: str, new_york: str, london: str) -> None:
    assert (hours("TSLA", day), hours("VOD.L", day)) == (new_york, london)


def test_the_pre_market_changes_with_the_clocks() -> None:
    assert state("TSLA", "2026-03-06 08:30")[0] is Phase.CLOSED
    assert state("TSLA", "2026-03-09 08:30")[0] is Phase.PRE


# -- markets that hardly close -----------------------------------------------------------------------------------------


def test_crypto_never_closes() -> None:
    known = calendar_of("BTC-USD")
    times = np.arange(ms("2026-11-20"), ms("2027-01-05"), 7 * HOUR)
    assert {known.at(int(t)).phase for t in times} == {Phase.OPEN}
    assert known.at(ms("2026-11-22 23:59")).until > ms("2035-01-01")
    assert known.at(ms("2026-11-22 23:59")).next_open == ms("2026-11-23")
    assert [s.day for s in known.sessions(ms("2026-11-21"), ms("2026-11-24"))] == [20261121, 20261122, 20261123]
    assert not any(s.half for s in known.sessions(ms("2026-01-01"), ms("2027-01-01")))


def test_currencies_close_at_the_weekend() -> None:
    assert state("EURUSD=X", "2026-11-25 23:59") == (Phase.OPEN, "2026-11-28 00:00", "2026-11-26 00:00")
    assert state("EURUSD=X", "2026-11-28 12:00") == (Phase.CLOSED, "2026-11-30 00:00", "2026-11-30 00:00")


def test_futures_open_the_evening_before() -> None:
    found = calendar_of("ES=F").at(ms("2026-11-22 23:30"))  # a Sunday
    assert found.phase is Phase.OPEN
    assert found.session is not None
    assert found.session.day == 20261123
    assert utc(found.until) == "2026-11-26 18:00"  # Thanksgiving


# -- the dates of sessions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "time", "day"),
    [
        ("TSLA", "2026-11-25 08:59", 20261124),
        ("TSLA", "2026-11-25 09:00", 20261125),  # pre-market
        ("TSLA", "2026-11-26 00:30", 20261125),  # after hours, in the next day of UTC
        ("TSLA", "2026-11-26 15:00", 20261125),  # the holiday
        ("7203.T", "2026-11-24 23:59", 20261124),
        ("7203.T", "2026-11-25 00:00", 20261125),
        ("^AXJO", "2026-11-24 23:30", 20261125),  # Sydney opens in the evening of UTC
        ("BTC-USD", "2026-11-22 00:00", 20261122),
        ("TSLA", "1980-05-06 15:00", 19800506),  # before the calendar: the UTC day
        ("TSLA", "2040-05-06 15:00", 20351231),  # behind it
    ],
)
def test_the_session_of_a_time(symbol: str, time: str, day: int) -> None:
    assert calendar_of(symbol).days(np.array([ms(time)])).tolist() == [day]


def test_session_ids_of_a_batch_are_those_of_each_symbols_exchange() -> None:
    times = [ms("2026-11-24 23:30"), ms("2026-11-25 00:30"), ms("2026-11-25 10:00"), ms("2026-11-26 15:00")]
    symbols = ("TSLA", "7203.T", "BTC-USD", "AAPL")
    bars = Bars.of(Bar(symbol, t, 1.0, 1.0, 1.0, 1.0, 1.0) for t in times for symbol in symbols)
    expected = [calendar_of(bar.symbol).days(np.array([bar.timestamp]))[0] for bar in bars]
    assert session_ids(bars).tolist() == expected
    assert session_ids(bars)[:4].tolist() == [20261124, 20261124, 20261124, 20261124]
    assert session_ids(bars)[4:8].tolist() == [20261124, 20261125, 20261125, 20261124]
    american = bars[(bars.code == 0) | (bars.code == 3)]
    assert session_ids(american).tolist() == [d for i, d in enumerate(expected) if i % 4 in {0, 3}]
    assert session_ids(bars[:0]).tolist() == []


# -- every answer agrees with every other ------------------------------------------------------------------------------

SYMBOLS = ["TSLA", "VOD.L", "7203.T", "0700.HK", "2222.SR", "BTC-USD", "EURUSD=X", "ES=F"]


def checked(known: Calendar) -> np.ndarray:
    """Times around every kind of edge, in order: the calendar's own ends, a year in steps, and the sessions' marks."""
    marks = np.concatenate([
        column[near] for column in (known.pre, known.open, known.break_start, known.break_end, known.close, known.post)
        for near in (slice(0, 3), slice(-3, None), slice(len(known) // 2, len(known) // 2 + 9))
    ])  # fmt: skip
    first, last = int(known.pre[0]), int(known.post[-1])
    outside = np.array([0, first - 400 * DAY, first - 1, last + HOUR, last + 30 * HOUR, last + 4000 * DAY])
    steps = np.arange(ms("2026-01-01"), ms("2027-01-10"), 17 * HOUR + 13 * MINUTE)
    return np.unique(np.concatenate([marks - 1, marks, marks + 1, outside, steps]))


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_states_stretches_and_dates_agree_and_lie_ahead(symbol: str) -> None:
    known = calendar_of(symbol)
    times = checked(known)
    trading = known.trading()
    place = np.maximum(np.searchsorted(trading.open, times, "right") - 1, 0)
    is_open = (times >= trading.open[place]) & (times < trading.close[place])
    days = known.days(times)
    assert (np.diff(days) >= 0).all()
    for time, opened, day in zip(times.tolist(), is_open.tolist(), days.tolist(), strict=True):
        found = known.at(time)
        assert (found.phase is Phase.OPEN) == opened
        assert found.until > time
        assert found.next_open > time
        assert found.next_open >= found.until or found.phase is Phase.OPEN
        if found.session is not None:
            assert found.session.day == day
        else:
            assert (found.phase, time < known.pre[0]) == (Phase.CLOSED, True)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_phase_lasts_as_long_as_it_says(symbol: str) -> None:
    known = calendar_of(symbol)
    time, seen = ms("2026-11-20 12:00"), []
    while time < ms("2026-12-29"):
        found = known.at(time)
        assert known.at(found.until - 1).phase is found.phase
        seen.append(found.phase)
        time = found.until
    assert all(one is not other for one, other in itertools.pairwise(seen))


def test_sessions_of_a_range() -> None:
    known = calendar("XNYS")
    opens, closes = ms("2026-11-25 14:30"), ms("2026-11-25 21:00")
    assert [s.day for s in known.sessions(opens, opens + 1)] == [20261125]
    assert [s.day for s in known.sessions(closes - 1, closes)] == [20261125]
    assert known.sessions(closes, ms("2026-11-27 14:30")) == []
    assert known.sessions(ms("1970-01-01"), ms("1980-01-01")) == []
    assert known.sessions(ms("2040-01-01"), ms("2041-01-01")) == []


# -- what the calendars do not know ------------------------------------------------------------------------------------


def test_after_its_last_year_a_calendar_continues_its_usual_week() -> None:
    assert hours("2222.SR", "2029-12-30") == hours("2222.SR", "2031-06-01") == "07:00-12:00"  # Sundays
    assert hours("2222.SR", "2031-06-06") == hours("2222.SR", "2031-06-07") == "closed"  # Friday and Saturday


def test_the_usual_hours_follow_the_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    from exchange_calendars.exchange_calendar_xnys import XNYSExchangeCalendar
    from pandas import Timestamp

    monkeypatch.setattr(XNYSExchangeCalendar, "bound_max", classmethod(lambda _: Timestamp("2026-06-30")))
    monkeypatch.setattr(tables, "_opened", lambda: None)
    short = Calendar("XNYS")
    found = {
        s.day: f"{utc(s.open)[-5:]}-{utc(s.close)[-5:]}" for s in short.sessions(ms("2026-06-29"), ms("2026-12-31"))
    }
    assert found[20260630] == found[20261030] == "13:30-20:00"
    assert found[20261102] == found[20261126] == found[20261127] == "14:30-21:00"  # Thanksgiving is not known
    assert 20261031 not in found
