"""Live collection against the local Yahoo: the real yfinance and the real WebSocket client, in compressed time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tapeline.core.sessions import calendar_of
from tests.local_yahoo.faults import SCHEDULE, faults
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
