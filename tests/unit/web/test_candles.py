"""Candles: sessions, paging, indicators warm from older bars, outcomes; and the newest ones followed."""

from __future__ import annotations

import numpy as np
import pytest
from tests.conftest import MINUTE, START, random_bars
from tests.fakes.stores import MemoryStore
from tests.rows import row

from tapeline.core.candle_intervals import choices, chosen, grid, interval_name, stored_interval
from tapeline.core.market import Bars
from tapeline.core.sessions.session_ids import session_ids
from tapeline.core.times import DAY
from tapeline.errors import InputError
from tapeline.indicators import Engine
from tapeline.runtime.processor import Processor
from tapeline.web.candle_follower import CandleFollower
from tapeline.web.candles import CandleReader, Candles, ChartRequest

SESSION = 390
HOUR = 3_600_000


def two_days() -> Bars:
    """Two regular sessions of AAPL in minutes: 2019-02-11 and 12."""
    bars = random_bars(1, 2 * SESSION)
    day = np.arange(2 * SESSION) // SESSION
    times = START + DAY * day + MINUTE * (np.arange(2 * SESSION) % SESSION)
    return Bars(("AAPL",), bars.code, times, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.final)


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    store = MemoryStore()
    store.put(*Processor(["sma_5", "rsi_7"]).step(two_days()).rows)
    return store


def at(store: MemoryStore, **values: object) -> Candles:
    found, _ = CandleReader(store).read(ChartRequest("AAPL", **values), {}, limit=10_000)  # type: ignore[arg-type]
    return found


def test_the_stored_interval_is_told_from_the_bars() -> None:
    times = two_days().timestamp
    assert interval_name(stored_interval(times)) == "1m"
    assert interval_name(stored_interval(times[::5])) == "5m"
    assert interval_name(stored_interval(np.array([3 * DAY, 4 * DAY, 7 * DAY]))) == "1d"
    thin = np.cumsum([0, 2, 1, 2, 3, 2, 1, 5, 2, 3, 1, 7, 3, 2]) * MINUTE
    assert interval_name(stored_interval(thin)) == "1m"  # two minutes apart more often than one
    assert interval_name(stored_interval(np.array([0, 5, 10, 11, 15, 20, 25]) * MINUTE)) == "5m"  # one bar is odd
    assert stored_interval(times[:1]) == stored_interval(times[:0]) == MINUTE


def test_only_multiples_of_what_is_stored_can_be_chosen() -> None:
    assert choices(60_000) == ["1m", "2m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "4h", "1d", "1w", "1mo"]
    assert choices(120_000) == ["2m", "10m", "30m", "1h", "2h", "4h", "1d", "1w", "1mo"]
    assert choices(DAY) == ["1d", "1w", "1mo"]
    assert chosen("1h", 120_000) == HOUR
    with pytest.raises(InputError, match="2m long; intervals to choose from: 2m, 10m, 30m, 1h"):
        chosen("5m", 120_000)


@pytest.mark.parametrize("interval", ["5m", "15m", "1h", "1d"])
def test_candles_are_what_the_minutes_make_and_keep_to_the_session(store: MemoryStore, interval: str) -> None:
    bars, found = two_days(), at(store, interval=interval, indicators=())
    ms = chosen(interval, MINUTE)
    ends = [*found.columns["t"][1:].tolist(), 1 << 60]
    for k, (t, end) in enumerate(zip(found.columns["t"].tolist(), ends, strict=True)):
        mine = bars[(bars.timestamp >= t) & (bars.timestamp < end)]
        expected = (mine.open[0], mine.high.max(), mine.low.min(), mine.close[-1], mine.volume.sum())
        assert tuple(found.columns[name][k] for name in "ohlcv") == pytest.approx(expected)
        assert len({int(time) // DAY for time in mine.timestamp}) == 1, "a candle over two sessions"
    if ms < DAY:
        assert ((found.columns["t"] - START) % DAY % ms == 0).all(), "aligned to the open"
    assert len(found) == 2 * -(-SESSION * MINUTE // ms)
    assert found.columns["f"].all(), "both sessions are over"
    assert found.names == ()
    assert not {"s", "p", "y"} & found.columns.keys()


def test_the_last_candle_is_final_only_when_its_time_is_over() -> None:
    bars = two_days()
    for count, final in ((SESSION + 4, 0), (SESSION + 5, 1), (SESSION + 6, 0)):
        some = MemoryStore()
        some.put(*Processor(["sma_5"]).step(bars[:count]).rows)
        assert at(some, interval="5m").columns["f"].tolist()[-1] == final
    some = MemoryStore()
    some.put(row("AAPL", START, 5.0), row("AAPL", START + MINUTE, 6.0, final=False))
    assert at(some).columns["f"].tolist() == [1, 0]


def test_bars_around_the_session_are_kept_apart_from_it() -> None:
    cells = grid("AAPL", HOUR, np.array([START - 30 * MINUTE, START, START + 395 * MINUTE]))
    start, end, inside = cells.spans(np.array([START - 30 * MINUTE, START + 59 * MINUTE, START + 395 * MINUTE]))
    assert inside.all()
    assert start.tolist() == [START - 30 * MINUTE, START, START + 390 * MINUTE]
    assert end.tolist() == [START, START + HOUR, START + 450 * MINUTE]


@pytest.mark.parametrize(("symbol", "start"), [("BTC-USD", 0), ("AAPL", 3 * HOUR)])
def test_round_the_clock_and_at_times_the_exchange_is_shut_candles_keep_to_utc(symbol: str, start: int) -> None:
    times = np.arange(start, start + DAY, MINUTE)
    begin, _, inside = grid(symbol, HOUR, times).spans(times)
    assert inside.all()
    assert (begin % HOUR == 0).all()


@pytest.mark.parametrize(
    ("interval", "limit"), [(None, 7), (None, 200), ("5m", 1), ("5m", 7), ("5m", 200), ("1h", 1), ("1h", 5), ("1d", 1)]
)
def test_pages_together_are_the_whole(store: MemoryStore, interval: str | None, limit: int) -> None:
    choice = ChartRequest("AAPL", interval, ("sma_5",))
    whole = at(store, interval=interval, indicators=("sma_5",))
    pages, end = [], None
    while True:
        page, end = CandleReader(store).read(choice, {}, end, limit)
        pages.append(page)
        assert len(page) <= limit
        if end is None:
            break
    for name in ("t", "o", "h", "l", "c", "v", "f"):
        np.testing.assert_array_equal(np.concatenate([page.columns[name] for page in pages[::-1]]), whole.columns[name])
    values = np.concatenate([page.columns["sma_5"] for page in pages[::-1]])
    np.testing.assert_array_equal(values, whole.columns["sma_5"])


def test_start_and_end_are_half_open(store: MemoryStore) -> None:
    found, older = CandleReader(store).read(ChartRequest("AAPL"), {}, START + 9 * MINUTE, 100, START + 3 * MINUTE)
    assert found.columns["t"].tolist() == [START + k * MINUTE for k in range(3, 9)]
    assert older is None, "nothing older was asked for"


def test_what_is_stored_is_taken_and_what_is_not_is_computed_by_the_engine(store: MemoryStore) -> None:
    bars, found = two_days(), at(store, indicators=("rsi_7", "ema_9"))
    expected = Engine(["rsi_7", "ema_9"]).update(bars, session=session_ids(bars))
    assert found.names == ("rsi_7", "ema_9")
    np.testing.assert_array_equal(found.columns["ema_9"], expected[:, 1])
    np.testing.assert_array_equal(found.columns["rsi_7"], expected[:, 0])
    assert at(store).names == ("rsi_7", "sma_5")
    assert at(store, interval="5m").names == ("rsi_7", "sma_5"), "another interval shows the same, computed"


def test_a_short_page_has_warm_indicators_from_the_bars_before_it(store: MemoryStore) -> None:
    whole, few = (
        at(store, indicators=("ema_20",)),
        CandleReader(store).read(ChartRequest("AAPL", None, ("ema_20",)), {}, limit=5)[0],
    )
    np.testing.assert_array_equal(few.columns["ema_20"], whole.columns["ema_20"][-5:])


def test_an_unknown_symbol_has_no_candles(store: MemoryStore) -> None:
    for interval in (None, "1h", "1d"):
        found, older = CandleReader(store).read(ChartRequest("NONE", interval, ("sma_5",)), {})
        assert (len(found), older) == (0, None)


def test_outcomes_of_an_older_page_are_decided_by_the_bars_behind_it() -> None:
    store, bars = MemoryStore(), two_days()
    rows = [row("AAPL", b.timestamp, b.close, prediction="UP", probability=0.6, model="m") for b in bars]
    store.put(*rows)
    whole = at(store, indicators=())
    page, _ = CandleReader(store).read(ChartRequest("AAPL", None, ()), {}, START + 200 * MINUTE, 50)
    assert (page.columns["y"] > 0).all()
    np.testing.assert_array_equal(page.columns["y"], whole.columns["y"][150:200])


def test_names_of_no_known_indicator_are_shown_but_not_computed() -> None:
    store = MemoryStore()
    for k in range(20):
        store.put(row("AAPL", START + k * MINUTE, 5.0 + k, indicator={"own_score": float(k)}))
    assert at(store).names == ("own_score",)
    assert at(store, interval="5m").names == ()


# -- the newest candles ------------------------------------------------------------------------------------------------


def test_a_tail_tells_what_changed_and_nothing_else(store: MemoryStore) -> None:
    some, rows = MemoryStore(), list(store.rows("AAPL"))
    some.put(*rows[:500])
    tail = CandleFollower(CandleReader(some), ChartRequest("AAPL", "5m", ("sma_5",)))
    assert tail.newest() is None
    tail.refresh({})
    assert tail.refresh({}) is None
    first = tail.newest()
    assert first is not None
    assert len(first["columns"]["t"]) == 40
    some.put(*rows[500:503])
    change = tail.refresh({})
    assert change is not None
    assert change["since"] == change["columns"]["t"][0] == START + DAY + 110 * MINUTE
    assert (change["symbol"], change["interval"], change["names"]) == ("AAPL", "5m", ["sma_5"])
    whole, _ = CandleReader(some).read(ChartRequest("AAPL", "5m", ("sma_5",)), {})
    for name, column in change["columns"].items():
        np.testing.assert_array_equal(column, whole.columns[name][-len(column) :])


def test_a_tail_reads_little_and_sees_corrections(store: MemoryStore) -> None:
    some, rows = MemoryStore(), list(store.rows("AAPL"))
    some.put(*rows[:400])
    tail = CandleFollower(CandleReader(some), ChartRequest("AAPL", None, ()))
    tail.refresh({})
    some.reads = 0
    assert tail.refresh({}) is None
    assert some.reads <= 40
    some.put(row("AAPL", rows[390].timestamp, 1.0))
    change = tail.refresh({})
    assert change is not None
    assert change["since"] == rows[390].timestamp
    assert change["columns"]["c"][0] == 1.0


def test_a_tail_of_nothing_and_of_an_interval_that_cannot_be_is_quiet() -> None:
    store = MemoryStore()
    tail = CandleFollower(CandleReader(store), ChartRequest("AAPL"))
    assert tail.refresh({}) is None
    store.put(row("AAPL", START, 5.0))
    message = tail.refresh({})
    assert message is not None
    assert message["columns"]["c"].tolist() == [5.0]
    daily = CandleFollower(CandleReader(store), ChartRequest("AAPL", "7m"))
    assert daily.refresh({}) is None
