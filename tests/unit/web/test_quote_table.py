from __future__ import annotations

import contextlib
import itertools
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from tests.conftest import MINUTE, START
from tests.fakes.stores import MemoryStore
from tests.rows import row

from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.core.market import Bars
from tapeline.core.messages import Commit
from tapeline.forecast.horizons import horizons_of
from tapeline.forecast.range_model import RangeModel
from tapeline.runtime.processor import Processor
from tapeline.web.quote_table import SPARK_BARS, Quote, QuoteTable, decimals, session_start

ZONE = "America/New_York"
DAY = 86_400_000


@pytest.fixture
def store() -> MemoryStore:
    """A: two sessions, closing at 100 and standing at 110. B: one session, opened at 50."""
    store = MemoryStore()
    store.put(row("A", START, 90.0), row("A", START + MINUTE, 100.0))
    store.put(
        row("A", START + DAY, 105.0), row("A", START + DAY + MINUTE, 110.0, prediction="UP", probability=0.6, model="m")
    )
    store.put(row("B", START + DAY, 51.0, open=50.0), row("B", START + DAY + MINUTE, 49.0, final=False))
    return store


def test_change_is_since_the_close_of_the_previous_session_or_the_first_open(store: MemoryStore) -> None:
    board = QuoteTable(store, lambda _: ZONE)
    assert {quote.symbol for quote in board.refresh(1)} == {"A", "B"}
    a, b = board.quotes["A"], board.quotes["B"]
    assert (a.price, a.reference, a.first, a.signal, a.probability) == (110.0, 100.0, False, "UP", 0.6)
    assert a.change == pytest.approx(0.1)
    assert (b.reference, b.first, b.final) == (50.0, True, False)
    assert b.change == pytest.approx(-0.02)


def test_a_session_closes_with_its_regular_hours(store: MemoryStore) -> None:
    board = QuoteTable(store, lambda _: ZONE, hours_of=lambda _, time: (time - DAY, START + MINUTE))
    board.refresh(1)
    assert board.quotes["A"].reference == 90.0  # the bar at 100 was after hours


def test_a_new_session_has_a_new_reference(store: MemoryStore) -> None:
    board = QuoteTable(store, lambda _: ZONE)
    board.refresh(1)
    store.put(row("A", START + 2 * DAY, 121.0))
    (changed,) = board.refresh(1)
    assert (changed.symbol, changed.reference) == ("A", 110.0)


def test_only_changed_quotes_are_returned_and_cost_reads(store: MemoryStore) -> None:
    board = QuoteTable(store, lambda _: ZONE)
    board.refresh(1)
    store.reads = 0
    assert board.refresh(1) == []
    assert store.reads == 0
    store.put(row("B", START + DAY + MINUTE, 48.0, final=True))
    (changed,) = board.refresh(1)
    assert (changed.symbol, changed.price, changed.final) == ("B", 48.0, True)
    assert store.reads <= SPARK_BARS


def test_prices_come_first_and_backgrounds_follow_in_turn_when_time_is_short() -> None:
    store = MemoryStore()
    for symbol in "ABCD":
        store.put(row(symbol, START, 10.0), row(symbol, START + DAY, 11.0))
    ticks = itertools.count()
    board = QuoteTable(store, lambda _: ZONE, clock=lambda: next(ticks))
    board.refresh(3)  # time for two of the four
    assert [quote.price for quote in board.quotes.values()] == [11.0] * 4
    known = [s for s, quote in board.quotes.items() if quote.change is not None]
    assert known == ["A", "B"]
    store.put(row("A", START + DAY, 12.0), row("B", START + DAY, 12.0))
    changed = board.refresh(3)
    assert {quote.symbol for quote in changed} == set("ABCD")
    assert board.quotes["D"].change is not None  # the longest waiting came before the ones that moved again


def test_a_symbol_that_vanishes_leaves_the_table(store: MemoryStore) -> None:
    board = QuoteTable(store, lambda _: ZONE)
    board.refresh(1)
    store.remove("A")
    board.refresh(1)
    assert list(board.quotes) == ["B"]


def test_the_sparkline_is_scaled_and_bounded() -> None:
    store = MemoryStore()
    store.put(*(row("A", START + i * MINUTE, 10.0 + i) for i in range(200)))
    store.put(row("FLAT", START, 5.0), row("FLAT", START + MINUTE, 5.0))
    board = QuoteTable(store, lambda _: ZONE)
    board.refresh(1)
    spark = board.quotes["A"].spark
    assert len(spark) == SPARK_BARS
    assert (spark[0], spark[-1]) == (0, 100)
    assert board.quotes["FLAT"].spark == (50, 50)


@pytest.mark.parametrize(
    ("timestamp", "daily", "expected"),
    [
        (START, False, 1_549_861_200_000),  # 2019-02-11 00:00 in New York is 05:00 UTC
        (START + 12 * 3_600_000, False, 1_549_861_200_000),  # 21:30 New York, already the 12th in UTC
        (1_562_000_000_000, False, 1_561_953_600_000),  # summer: midnight is 04:00 UTC
        (1_549_929_600_000, True, 1_549_929_600_000),  # a daily bar is its own session
        (-3_000_000_000_000, False, None),  # far back, when zones were odd: no error
    ],
)
def test_sessions_begin_at_midnight_in_the_exchanges_zone(timestamp: int, daily: bool, expected: int | None) -> None:
    start = session_start(timestamp, ZoneInfo(ZONE), daily=daily)
    assert 0 <= timestamp - start < DAY
    assert expected is None or start == expected


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ([170.12, 170.5, 171.0], 2),
        ([1.09345, 1.09412, 1.09381, 1.0934, 1.09407, 1.09399], 5),
        ([151.234, 151.301, 151.517, 151.5, 151.628, 151.499], 3),
        ([0.00001234, 0.00001301], 8),
        ([52_123.123456, 52_124.654321], 2),
        ([10.0, 11.0], 2),
        ([170.1234, 170.125, 170.1375, 170.13], 2),  # prints between the ticks do not widen them all
        ([], 2),
        ([2345.0 + i % 7 for i in range(20)], 0),  # yen
        ([2431.5 - i % 4 / 2 for i in range(20)], 1),  # pence
        ([2345.0 + i % 7 for i in range(19)], 2),  # too few to tell
        ([100.0] * 48, 2),  # does not move
        ([50.0 + i % 7 for i in range(48)], 2),
        ([170.25 + i % 4 / 4 for i in range(48)], 2),
    ],
)
def test_decimals_follow_the_prices(prices: list[float], expected: int) -> None:
    assert decimals(np.array(prices)) == expected


def test_each_symbol_has_the_sessions_of_its_own_exchange() -> None:
    store = MemoryStore()
    midnight = START - START % DAY  # UTC
    for symbol in ("AAPL", "7203.T"):
        store.put(row(symbol, midnight - 2 * MINUTE, 100.0), row(symbol, midnight + MINUTE, 110.0))
    board = QuoteTable(store, lambda symbol: "Asia/Tokyo" if symbol.endswith(".T") else "UTC")
    board.refresh(1)
    assert board.quotes["AAPL"].reference == 100.0
    assert (board.quotes["7203.T"].reference, board.quotes["7203.T"].first) == (100.0, True), "the same day in Tokyo"


def test_a_quote_says_how_far_the_price_is_expected_to_go(
    learnable: Bars, range_model: RangeModel, tmp_path: Path
) -> None:
    """It is the sigma over 5 bars that the last closed bar's row has, and nothing without one."""
    bars = learnable[learnable.code == 2]
    found: list[Quote] = []
    for model in (range_model, None):
        rows = Processor((), range_model=model).step(bars).rows
        with contextlib.closing(Database(tmp_path / f"{model is None}.db")) as database:
            store = SqliteStore(database)
            store.commit(Commit(rows, {}, 1))
            table = QuoteTable(store, lambda _: "UTC")
            table.refresh(60)
        found.append(table.quotes["S02"])
    rows = Processor((), range_model=range_model).step(bars).rows
    (said,) = horizons_of(rows[-1:], {range_model.version: range_model})
    assert said is not None
    assert found[0].move is not None
    assert found[0].move * found[0].price == pytest.approx(said["5"]["expected_move"])
    assert found[0].interval == "1d"
    assert found[1].move is None
