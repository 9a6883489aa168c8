"""Every answer of a view is what the engine gives from the first stored bar on, whoever asks for which part of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import MINUTE, START, random_bars
from tests.fakes.stores import MemoryStore

from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.core.bars import resample
from tapeline.core.candle_intervals import grid
from tapeline.core.market import OHLCV, Bars, Floats
from tapeline.core.messages import Commit
from tapeline.core.rows import Rows
from tapeline.core.times import DAY, HOUR
from tapeline.indicators import Engine
from tapeline.runtime.indicator_view import IndicatorView
from tapeline.runtime.resampled_rows import ResampledRows

#: Indicators that never forget, one that begins anew with each session, and ones that forget slowly.
SPECS = ("obv", "ad", "adosc_3_10", "vwap", "ema_20", "rsi_14", "macd_12_26_9")
SESSION, SESSIONS = 390, 4
INTERVALS = {"1m": MINUTE, "5m": 5 * MINUTE, "1h": HOUR, "1d": DAY}


def sessions_of_minutes(seed: int) -> Bars:
    """Return regular New York sessions of AAPL, without every ninth minute, which saw no trade."""
    bars = random_bars(1, SESSION * SESSIONS, seed)
    at = np.arange(len(bars))
    times = START + DAY * (at // SESSION) + MINUTE * (at % SESSION)
    return replace(bars, symbols=("AAPL",), timestamp=times)[at % 9 != 4]


def rows_of_bars(bars: Bars) -> Rows:
    """Return rows without indicators and forecasts."""
    count = len(bars)
    return Rows(
        bars, (), np.empty((count, 0)), np.zeros(count, np.int8), np.full(count, np.nan), models=(),
        model=np.full(count, -1, np.int32),
    )  # fmt: skip


class SqliteHome:
    """An embedded store, whose process may be restarted and whose disk may refuse to be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open()

    def _open(self) -> None:
        self.database = Database(self.path)
        self.store: SqliteStore | MemoryStore = SqliteStore(self.database)

    def restart(self) -> None:
        self.database.close()
        self._open()

    def refuse(self, *, writes: bool) -> None:
        self.database._writer.execute(f"PRAGMA query_only={'ON' if writes else 'OFF'}")

    def close(self) -> None:
        self.database.close()


class MemoryHome:
    """A store that cannot tell what was revised."""

    def __init__(self) -> None:
        self.store: SqliteStore | MemoryStore = MemoryStore()

    def restart(self) -> None:
        self.store = self.store.tables.opened()  # type: ignore[union-attr]

    def refuse(self, *, writes: bool) -> None:
        pass

    def close(self) -> None:
        pass


Home = SqliteHome | MemoryHome


@pytest.fixture(params=["sqlite", "memory"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    made = MemoryHome() if request.param == "memory" else SqliteHome(tmp_path / "tapeline.db")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the state at every 50th bar and read pages of 100, so that short histories have many of both."""
    monkeypatch.setattr("tapeline.runtime.indicator_view.KEPT_BARS", 50)
    monkeypatch.setattr("tapeline.runtime.indicator_view._LONG_LEAD", 20)
    monkeypatch.setattr("tapeline.backends.sqlite.series_reading._PAGE_BARS", 100)


_engines: dict[tuple[str, ...], Engine] = {}


def truth(store: SqliteStore | MemoryStore, specs: tuple[str, ...], interval: int) -> tuple[Bars, Floats]:
    """Return all bars at this interval, made from all stored ones, and the engine's values from the first on."""
    bars = store.rows("AAPL").bars
    if interval != MINUTE:
        bars = resample(bars, grid("AAPL", interval, bars.timestamp))
    engine = _engines.setdefault(specs, Engine(specs))
    engine.forget("AAPL")
    values = engine.update(bars, session=engine.sessions(bars))
    return bars, values


class Views:
    """One view an interval, as a process keeps them."""

    def __init__(self, store: SqliteStore | MemoryStore) -> None:
        self.store = store
        self.views = {
            name: IndicatorView(store if ms == MINUTE else ResampledRows(store, MINUTE, ms))
            for name, ms in INTERVALS.items()
        }

    def check(self, rng: np.random.Generator) -> None:
        """Ask for a random part of a random series, and compare."""
        name = str(rng.choice(list(INTERVALS)))
        specs = tuple(rng.permutation(SPECS)[: int(rng.integers(1, 4))].tolist())
        bars, values = truth(self.store, specs, INTERVALS[name])
        times = bars.timestamp
        start, end, limit = (
            None if rng.random() < 0.4 else int(rng.choice(times)) + int(rng.integers(-1, 2)),
            None if rng.random() < 0.5 else int(rng.choice(times)) + int(rng.integers(-1, 2)),
            None if rng.random() < 0.4 else int(rng.choice([1, 2, 30, 500])),
        )
        first = 0 if start is None else int(np.searchsorted(times, start))
        last = len(times) if end is None else int(np.searchsorted(times, end))
        first = first if limit is None else max(first, last - limit)
        wanted = slice(first, max(first, last))
        found = self.views[name].rows("AAPL", specs, start, end, limit)
        asked = f"{name} {specs} start={start} end={end} limit={limit}"
        assert found.bars.timestamp.tolist() == times[wanted].tolist(), asked
        for column in OHLCV:
            assert getattr(found.bars, column).tolist() == getattr(bars, column)[wanted].tolist(), asked
        assert found.indicator.tobytes() == values[wanted].tobytes(), asked
        assert found.bars.final[:-1].all(), asked


class Market:
    """Write the sessions' bars as they may come: in pieces, late, corrected, and forming."""

    def __init__(self, home: Home, rng: np.random.Generator) -> None:
        self.home = home
        self.rng = rng
        self.bars = sessions_of_minutes(int(rng.integers(1000)))
        self.next = 0
        self.missing: list[int] = []
        self.append()

    def write(self, bars: Bars) -> None:
        self.home.store.commit(Commit(rows_of_bars(bars), {}, 0))

    def append(self) -> None:
        """The next bars; some of them are left out, to come late."""
        end = min(len(self.bars), self.next + int(self.rng.choice([1, 1, 7, 90, 300])))
        at = np.arange(self.next, end)
        out = at[(self.rng.random(len(at)) < 0.02) & (at > 0) & (at < end - 1)]
        self.missing += out.tolist()
        self.next = end
        if len(at):
            self.write(self.bars[np.setdiff1d(at, out)])

    def show(self) -> None:
        """A forming bar; then sometimes a final one before it, as when a bar's last record is slow."""
        late = self.rng.random() < 0.5
        if self.next + 1 + late < len(self.bars):
            forming = self.bars[self.next + late : self.next + late + 1]
            self.write(replace(forming, close=forming.open, final=np.zeros(1, np.bool_)))
            if late:
                self.views_between()
                self.write(self.bars[self.next : self.next + 1])
                self.next += 1

    def views_between(self) -> None:
        """Let the views see what is there before the slow record comes."""

    def correct(self) -> None:
        """An old bar or a new one with another volume."""
        at = int(self.rng.choice([self.rng.integers(self.next), max(0, self.next - 3)]))
        if at not in self.missing:
            bar = self.bars[at : at + 1]
            changed = replace(bar, volume=bar.volume + float(self.rng.integers(1, 1000)))
            self.write(changed)

    def fill(self) -> None:
        """A bar that was left out."""
        if self.missing:
            at = self.missing.pop(int(self.rng.integers(len(self.missing))))
            self.write(self.bars[at : at + 1])

    def odd_hour(self) -> None:
        """A bar in the night, when the exchange is closed: all candles keep to UTC from then on."""
        bar = self.bars[self.next - 1 : self.next]
        self.write(replace(bar, timestamp=bar.timestamp // DAY * DAY + 3 * HOUR))


@pytest.mark.parametrize("seed", range(4))
def test_every_answer_is_the_computation_from_the_first_bar(seed: int, home: Home) -> None:
    """After appends, corrections old and new, bars that were missing, restarts, and with a disk that refuses writes."""
    rng = np.random.default_rng(seed)
    market, views = Market(home, rng), Views(home.store)
    market.views_between = lambda: views.check(rng)  # type: ignore[method-assign]
    steps = rng.choice(
        [market.append, market.show, market.correct, market.fill, None, False], 70, p=[0.45, 0.15, 0.15, 0.1, 0.1, 0.05]
    )
    for number, step in enumerate(steps):
        if step is None:
            home.restart()
            market.home, views = home, Views(home.store)
        elif step is False:
            home.refuse(writes=True)
            for _ in range(3):
                views.check(rng)
            home.refuse(writes=False)
        else:
            step()
        if number == 60 and seed % 2:
            market.odd_hour()
        for _ in range(2):
            views.check(rng)
    assert market.next > SESSION


def test_states_on_the_disk_are_used_and_dropped_with_the_bars_they_were_made_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = SqliteHome(tmp_path / "tapeline.db")
    with closing(home.database):
        bars = sessions_of_minutes(1)
        home.store.commit(Commit(rows_of_bars(bars), {}, 0))
        IndicatorView(home.store).rows("AAPL", SPECS)
        read: list[Any] = []
        really = SqliteStore.rows

        def rows(self: SqliteStore, symbol: str, start: Any = None, end: Any = None, limit: Any = None) -> Rows:
            found = really(self, symbol, start, end, limit)
            read.append(len(found))
            return found

        monkeypatch.setattr(SqliteStore, "rows", rows)
        IndicatorView(SqliteStore(home.database)).rows("AAPL", SPECS, limit=10)
        assert sum(read) <= 10 + 50
        at = len(bars) // 2
        home.store.commit(Commit(rows_of_bars(replace(bars, volume=bars.volume + 1)[at : at + 1]), {}, 0))
        read.clear()
        IndicatorView(SqliteStore(home.database)).rows("AAPL", SPECS, limit=10)
        assert len(bars) - at <= sum(read) <= len(bars) - at + 10 + 50


def test_a_damaged_state_on_the_disk_is_passed_over(tmp_path: Path) -> None:
    home = SqliteHome(tmp_path / "tapeline.db")
    with closing(home.database):
        home.store.commit(Commit(rows_of_bars(sessions_of_minutes(1)), {}, 0))
        wanted = IndicatorView(home.store).rows("AAPL", SPECS).indicator
        with home.database.transaction() as connection:
            connection.execute("UPDATE indicator_states SET data = zeroblob(length(data))")
        found = IndicatorView(SqliteStore(home.database)).rows("AAPL", SPECS, limit=10)
        assert found.indicator.tobytes() == wanted[-10:].tobytes()


# -- many threads ------------------------------------------------------------------------------------------------------

COIN = "BTC-USD"  # traded around the clock


def coin_bars(first: int, count: int, volume: float = 1.0) -> Bars:
    """Return minutes whose prices only rise, so that OBV is the sum of all volumes so far."""
    price = 10.0 + first + np.arange(count)
    times = START // HOUR * HOUR + MINUTE * (first + np.arange(count))
    return Bars(
        (COIN,), np.zeros(count, np.int32), times, price, price, price, price, np.full(count, volume),
        np.ones(count, np.bool_),
    )  # fmt: skip


def test_bars_that_are_revised_all_the_time_keep_no_answer_waiting(tmp_path: Path) -> None:
    class Restless(SqliteStore):
        """A store in which the first bar is corrected after every read."""

        version = 1.0

        def rows(self, *arguments: Any, **named: Any) -> Rows:
            found = super().rows(*arguments, **named)
            self.version += 1
            self.commit(Commit(rows_of_bars(coin_bars(0, 1, self.version)), {}, 0))
            return found

    with closing(Database(tmp_path / "tapeline.db")) as database:
        store = Restless(database)
        store.commit(Commit(rows_of_bars(coin_bars(0, 500)), {}, 0))
        for limit in (1, 100, None):
            found = IndicatorView(store).rows(COIN, ("obv",), limit=limit)
            extra = found.indicator[:, 0] - (found.bars.timestamp - START // HOUR * HOUR) // MINUTE
            assert len(found) == (limit or 500)
            assert len(set(extra.tolist())) == 1
            if limit is None:
                assert extra[0] == found.bars.volume[0]


def test_ten_threads_each_see_one_moment_while_a_writer_appends_and_corrects(tmp_path: Path) -> None:
    """Version v gives bar 0 and the middle one a volume of v each, at once: any OBV tells which version it is of."""
    middle, count, minutes = 700, 1500, 5
    with closing(Database(tmp_path / "tapeline.db")) as database:
        store = SqliteStore(database)
        store.commit(Commit(rows_of_bars(coin_bars(0, count)), {}, 0))
        bars, candles = IndicatorView(store), IndicatorView(ResampledRows(store, MINUTE, minutes * MINUTE))
        written = [1, 1]  # versions that are being written, and that are there
        ended = threading.Event()
        failures: list[BaseException] = []
        answers = [0] * 10

        def write() -> None:
            length = count
            for version in range(2, 500):
                if ended.wait(0.002) or (version > 60 and min(answers) >= 5):
                    return
                written[0] = version
                parts = [coin_bars(at, 1, float(version)) for at in (0, middle)]
                store.commit(Commit(rows_of_bars(Bars.concat(parts)), {}, 0))
                written[1] = version
                store.commit(Commit(rows_of_bars(coin_bars(length, 3)), {}, 0))
                length += 3

        def ask(number: int) -> None:
            rng = np.random.default_rng(number)
            while not ended.is_set():
                of_candles = rng.random() < 0.5
                start = START // HOUR * HOUR + MINUTE * int(rng.integers(0, count)) if rng.random() < 0.5 else None
                limit = int(rng.choice([1, 50, 2000])) if rng.random() < 0.7 else None
                least = written[1]
                found = (candles if of_candles else bars).rows(COIN, ("obv", "ema_20"), start=start, limit=limit)
                most = written[0]
                last = (found.bars.timestamp - START // HOUR * HOUR) // MINUTE + (minutes - 1 if of_candles else 0)
                if of_candles:  # the newest candle may lack bars
                    found, last = found[:-1], last[:-1]
                if not len(found):
                    continue
                plain = last + 1  # OBV with a volume of 1 each
                extra = found.indicator[:, 0] - plain
                versions = np.where(last >= middle, extra / 2, extra) + 1
                assert len(set(versions.tolist())) == 1, "an answer of two moments"
                assert least <= versions[0] <= most, "an answer of another time"
                answers[number] += 1

        def guarded(number: int) -> None:
            try:
                ask(number)
            except BaseException as error:  # noqa: BLE001 - handed to the test
                failures.append(error)
                ended.set()

        threads = [threading.Thread(target=guarded, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        try:
            write()
        finally:
            ended.set()
            for thread in threads:
                thread.join(60)
        if failures:
            raise failures[0]
        assert sum(answers) >= 50
        assert not any(thread.is_alive() for thread in threads)
