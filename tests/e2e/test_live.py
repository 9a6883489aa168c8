"""Live collection against the local Yahoo: the real yfinance and the real WebSocket client, in compressed time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tapeline.core.sessions import calendar_of
from tapeline.web.candles import CandleReader, ChartRequest
from tests.local_yahoo.faults import HOSTILE_SCHEDULE, HOUR, SCHEDULE, faults, set_clock
from tests.local_yahoo.market import MINUTE, Market
from tests.local_yahoo.simulation import Simulation

DAY = 86_400_000


def ms(text: str) -> int:
    return int(np.datetime64(text, "ms").astype(np.int64))


def sessions(first: str, last: str) -> list[tuple[int, int]]:
    """The sessions of New York between two dates, both included."""
    return [(s.open, s.close) for s in calendar_of("TSLA").sessions(ms(first), ms(last) + DAY)]


@pytest.fixture(scope="module")
def market() -> Market:
    """Two weeks around Thanksgiving; TSLA splits 3:1 over the night before the half day."""
    days = sessions("2026-11-16", "2026-12-04")
    split = next(opened for opened, _ in days if opened >= ms("2026-11-27"))
    return Market(days, ["TSLA", "AAPL"], splits={"TSLA": (split, 3.0)})


def test_two_sessions_with_every_fault_and_a_split_between_end_up_official(tmp_path: Path, market: Market) -> None:
    wednesday, friday = [s for s in market.sessions if ms("2026-11-25") <= s[0] < ms("2026-11-28")]
    script = faults([wednesday, friday])
    assert len(script) == 2 * len(SCHEDULE)
    with Simulation(tmp_path, market, wednesday[0] - 4 * MINUTE, script, step=20_000) as sim:
        sim.until(wednesday[0] + 30 * MINUTE)
        sim.source.watch([*market.symbols, "GONE"])
        sim.until(wednesday[1] + 40 * MINUTE)
        assert any("open until Wed 2026-11-25 21:00 UTC" in notice for notice in sim.notices)
        sim.until(friday[0] - 2 * MINUTE)
        assert any("opens Fri 2026-11-27 14:30 UTC" in notice for notice in sim.notices)
        sim.until(friday[1] + 40 * MINUTE)
        first = next(opened for opened, _ in market.sessions if opened >= sim.since)
        sim.when(lambda: not any(sim.differences(s, first, friday[1]) for s in market.symbols))
        said = "\n".join(sim.notices)
        answers = sim.yahoo.answers
        sim.halt()
        # the rows, too, are those of the official bars: indicators were computed again after every correction
    for expected in ("GONE", "split 3:1", "polled", "streamed", "lost", "closed the connection", "no price for"):
        assert expected in said, said
    assert {"429", "429 with 200", "500", "503", "slow", "cut", "html"} <= set(answers)


def test_a_session_with_a_hostile_yahoo_and_a_clock_that_is_set_is_official_half_an_hour_after_the_close(
    tmp_path: Path, market: Market
) -> None:
    (opened, closed), *_ = [s for s in market.sessions if s[0] >= ms("2026-11-27")]  # a half day
    script = faults([(opened, closed)], hostile=True)
    assert len(script) == len(SCHEDULE) + len(HOSTILE_SCHEDULE)
    with Simulation(tmp_path, market, opened - 4 * MINUTE, script, step=20_000) as sim:
        sim.until(closed + 30 * MINUTE)
        sim.standing(lambda: not any(sim.differences(s, opened, closed) for s in market.symbols))
        assert [d for s in market.symbols for d in sim.differences(s, opened, closed)] == []
        status = sim.source.status()
        assert status is not None
        assert not status.troubles["feed"]
        assert not status.troubles["official"]
        assert status.clock_steps == 2  # of ten; the others were before the restart
        said = "\n".join(sim.notices)
        sim.halt()
    assert "clock was set 2 h 0 min ahead" in said
    assert "clock was set 30 d 0 h back" in said
    assert "unforeseen" not in said


@pytest.mark.parametrize("hours", [-720, -2, 2, 720])
def test_a_clock_that_was_wrong_for_25_seconds_with_a_429_meanwhile_leaves_no_old_bar_unofficial(
    tmp_path: Path, market: Market, hours: int
) -> None:
    (opened, _), *_ = [s for s in market.sessions if s[0] >= ms("2026-11-25")]
    wrong = opened + 30 * MINUTE
    script = {wrong: set_clock(hours * HOUR), wrong + 25_000: set_clock(0)}
    with Simulation(tmp_path, market, opened - 4 * MINUTE, script) as sim:
        sim.until(wrong + 15 * MINUTE)
        sim.standing(lambda: not any(sim.differences(s, opened, wrong + 7 * MINUTE) for s in market.symbols))
        assert [d for s in market.symbols for d in sim.differences(s, opened, wrong + 7 * MINUTE)] == []


def test_with_extended_hours_what_is_traded_before_the_open_is_stored_and_shown_as_pre_market(tmp_path: Path) -> None:
    opened = ms("2026-11-25T14:30")
    first, last = opened - 2 * MINUTE, opened + 2 * MINUTE
    market = Market([(first, opened), (opened, last)], ["TSLA"], hours={first: 0})
    with Simulation(tmp_path, market, first - MINUTE, step=20_000, extended=True) as sim:
        sim.until(last)
        sim.when(lambda: not sim.differences("TSLA", first, last))
        shown, _ = CandleReader(sim.store).read(ChartRequest("TSLA", None, ()), {})
    hours, times = shown.columns["x"].tolist(), shown.columns["t"].tolist()
    assert set(hours) == {0, 1}
    assert hours == [int(time < opened) for time in times]
