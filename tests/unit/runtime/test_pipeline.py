"""The embedded loop end to end in one process: whatever the arrival, the rows are those of an orderly one."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import MINUTE, START, random_bars
from tests.fakes.models import FakeModel
from tests.fakes.sources import ListSource

from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.backends.sqlite.sqlite_stream import SqliteStream
from tapeline.core.market import Bars
from tapeline.core.messages import Commit
from tapeline.core.rows import Row
from tapeline.errors import StorageError
from tapeline.runtime.indicator_view import IndicatorView
from tapeline.runtime.pipeline import Pipeline
from tapeline.runtime.processor import CHECKPOINT_BARS, Processor, Rebuilt

SPECS = ("sma_20", "rsi_14", "macd_12_26_9")


#: The model has seen the first 20 minutes.
TRAINED_UNTIL = START + 20 * MINUTE


class Home:
    """A data directory that can be reopened, as after a restart."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open()

    def open(self) -> None:
        self.database = Database(self.path)
        self.stream = SqliteStream(self.database)
        self.store = SqliteStore(self.database)

    def pipeline(self, source: ListSource) -> Pipeline:
        return Pipeline(source, self.stream, self.store, Processor((), FakeModel(trained_until=TRAINED_UNTIL)))

    def run(self, batches: Sequence[Bars]) -> Pipeline:
        pipeline = self.pipeline(ListSource(batches))
        pipeline.run()
        return pipeline

    def rows(self) -> dict[str, list[Row]]:
        """Return every symbol's rows, with the values of `SPECS`."""
        view = IndicatorView(self.store)
        return {row.stock_symbol: list(view.rows(row.stock_symbol, SPECS)) for row in self.store.latest()}


def without_what_was_said(rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Return the rows without what depends on when a bar and the bars before it arrived."""
    nothing = {"prediction": None, "probability": None, "model": None, "as_known": None}
    return {symbol: [replace(row, **nothing) for row in own] for symbol, own in rows.items()}  # type: ignore[arg-type]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "tapeline.db")
    yield made
    made.database.close()


@pytest.fixture(scope="module")
def orderly(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    made = Home(tmp_path_factory.mktemp("orderly") / "tapeline.db")
    made.run([random_bars(count=400)])
    rows = made.rows()
    made.database.close()
    return rows


def cut(bars: Bars, rng: np.random.Generator) -> list[Bars]:
    places = np.sort(rng.integers(0, len(bars), 12)).tolist()
    return [bars[a:b] for a, b in zip([0, *places], [*places, len(bars)], strict=True)]


def test_every_bar_has_one_final_row_with_warm_values_and_predictions(orderly: dict[str, list[Row]]) -> None:
    assert {symbol: len(rows) for symbol, rows in orderly.items()} == {"S00": 400, "S01": 400, "S02": 400}
    for rows in orderly.values():
        assert all(row.final for row in rows)
        assert "sma_20" not in rows[18].indicator
        assert rows[19].indicator["sma_20"] == pytest.approx(np.mean([row.price for row in rows[:20]]), rel=1e-12)
        assert not any(row.prediction for row in rows if row.timestamp <= TRAINED_UNTIL)
        assert {row.prediction for row in rows[250:]} == {"UP", "DOWN", "HOLD"}


@pytest.mark.parametrize("seed", range(6))
def test_late_and_repeated_and_forming_records_end_in_the_same_rows(
    seed: int, home: Home, orderly: dict[str, list[Row]]
) -> None:
    rng = np.random.default_rng(seed)
    bars = random_bars(count=400)
    place = np.arange(len(bars)) + np.where(rng.uniform(size=len(bars)) < 0.03, rng.integers(0, 200, len(bars)), 0)
    arrival = np.argsort(place, kind="stable")  # some bars come up to 200 records late
    arrival = np.insert(arrival, rng.integers(0, len(arrival), 40), arrival[rng.integers(0, len(arrival), 40)])
    shuffled = bars[arrival]
    forming = shuffled[np.repeat(np.arange(len(shuffled)), 2)]
    first = np.arange(len(forming)) % 2 == 0
    shown = forming.close * (1 + first * 0.001)
    forming = Bars(
        forming.symbols, forming.code, forming.timestamp, forming.open, np.maximum(forming.high, shown), forming.low,
        shown, forming.volume, ~first,
    )  # fmt: skip
    exact = Bars(
        forming.symbols, forming.code, forming.timestamp, forming.open,
        np.where(first, forming.high, shuffled.high.repeat(2)), forming.low, forming.close, forming.volume,
        forming.final,
    )  # fmt: skip
    pipeline = home.run(cut(exact, rng))
    assert without_what_was_said(home.rows()) == without_what_was_said(orderly)
    assert pipeline.progress.repeated > 0


def test_a_correction_changes_values_and_no_forecast(home: Home) -> None:
    bars = random_bars(count=3 * CHECKPOINT_BARS)
    wrong = bars.close.copy()
    at = 3 * (2 * CHECKPOINT_BARS + 17) + 1  # S01, behind the second checkpoint
    wrong[at] *= 0.9
    low = np.minimum(bars.low, wrong)
    first = Bars(bars.symbols, bars.code, bars.timestamp, bars.open, bars.high, low, wrong, bars.volume, bars.final)
    pipeline = home.run([*(first[a : a + 300] for a in range(0, len(bars), 300)), bars[at : at + 1]])
    assert pipeline.progress.corrected == 1
    corrected = home.rows()
    assert [row.timestamp for row in corrected["S01"] if row.as_known] == [int(bars.timestamp[at])]
    assert corrected["S01"][at // 3].as_known["close"] == wrong[at]
    home.database.close()
    home.path = home.path.with_name("again.db")
    home.open()
    home.run([first])
    said = [(row.prediction, row.probability, row.model) for row in home.rows()["S01"]]
    assert said == [(row.prediction, row.probability, row.model) for row in corrected["S01"]]
    home.database.close()
    home.path = home.path.with_name("right.db")
    home.open()
    home.run([bars])
    assert without_what_was_said(corrected) == without_what_was_said(home.rows())


def test_a_late_bar_that_cannot_be_dealt_with_is_set_aside_and_everything_else_goes_on(
    home: Home, orderly: dict[str, list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bars, really, tries = random_bars(count=400), Processor.rebuild, []

    def rebuild(self: Processor, symbol: str, *arguments: Any) -> Rebuilt:
        if symbol != "S01":
            return really(self, symbol, *arguments)
        tries.append(symbol)
        self._engine.forget(symbol)  # the memory ends half way: what was remembered is gone
        self._last.put(self._slot([symbol])[0], 0, np.zeros(5))
        raise MemoryError

    monkeypatch.setattr(Processor, "rebuild", rebuild)
    wrong = replace(bars[30:33], volume=bars.volume[30:33] + 7)
    pipeline = home.run([bars[:30], wrong, bars[33:600], bars[30:33], bars[600:]])
    assert (len(tries), pipeline.progress.corrected, pipeline.progress.rejected) == (3, 2, 1)
    (line,) = pipeline.set_aside.values()
    assert line.startswith("S01: a late record was set aside, as its correction failed 3 times: MemoryError;")
    (kept,) = home.store.rejects()
    assert kept.raw.startswith(f"S01,{bars.timestamp[31]},{bars.open[31]},".encode())
    found, wanted = without_what_was_said(home.rows()), without_what_was_said(orderly)
    assert [row.price for row in found["S01"]] == [row.price for row in wanted["S01"]]
    assert found.pop("S01")[10].volume == wanted.pop("S01")[10].volume + 7
    assert found == wanted
    home.database.close()
    home.open()
    assert home.run([]).progress.rows == 0  # and no start is troubled by it again


def test_a_restart_goes_on_where_the_last_run_stopped(home: Home, orderly: dict[str, list[Row]]) -> None:
    batches = cut(random_bars(count=400), np.random.default_rng(1))
    for upto in (3, 7, 7, len(batches)):
        home.run(batches[:upto])
        home.database.close()
        home.open()
    assert home.rows() == orderly
    assert home.run(batches).progress.bars_in == 0


def test_a_forming_bar_is_stored_and_overwritten_and_leaves_no_trace(home: Home, orderly: dict[str, list[Row]]) -> None:
    bars = random_bars(count=400)
    wild = Bars(
        bars.symbols, bars.code, bars.timestamp, bars.open, bars.high * 3, bars.low, bars.high * 2, bars.volume,
        np.zeros(len(bars), np.bool_),
    )  # fmt: skip
    pipeline = home.pipeline(ListSource([bars[:600], wild[600:603]]))
    pipeline.run()
    newest = [rows[-1] for rows in home.rows().values()]
    assert not any(row.final for row in newest)
    assert [row.price for row in newest] == wild.close[600:603].tolist()
    home.run([bars[:600], wild[600:603], bars[600:]])
    assert home.rows() == orderly


def test_stop_ends_a_source_that_never_ends(home: Home) -> None:
    pipeline = home.pipeline(ListSource([random_bars(count=20)], endless=True))
    running = threading.Thread(target=pipeline.run)
    running.start()
    while pipeline.progress.rows < 60:
        home.stream.wait(60, 0.01)
    pipeline.stop()
    running.join(30)
    assert not running.is_alive()
    assert sum(map(len, home.rows().values())) == 60


def test_a_thread_that_the_machine_refuses_ends_the_run_and_the_others(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "collecting":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="can't start"):
        home.run([random_bars(count=2)])
    assert "storing" not in [thread.name for thread in threading.enumerate()]


def test_a_failing_disk_ends_the_run_with_its_reason_and_the_next_run_completes_it(
    home: Home, orderly: dict[str, list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = 0
    really = SqliteStore.commit

    def commit(self: SqliteStore, commit: Commit) -> None:
        nonlocal commits
        commits += 1
        if commits == 2:
            raise StorageError("the disk is full")
        really(self, commit)

    batches = cut(random_bars(count=400), np.random.default_rng(2))
    monkeypatch.setattr(SqliteStore, "commit", commit)
    monkeypatch.setattr("tapeline.runtime.pipeline.BATCH_BARS", 100)
    monkeypatch.setattr("tapeline.runtime.pipeline.COMMIT_BARS", 100)
    with pytest.raises(StorageError, match="disk is full"):
        home.run(batches)
    home.run(batches)
    assert home.rows() == orderly


def test_the_log_is_trimmed_behind_what_was_processed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, bars in (("BATCH_BARS", 10), ("COMMIT_BARS", 50), ("_TRIM_BARS", 50)):
        monkeypatch.setattr(f"tapeline.runtime.pipeline.{name}", bars)
    home.stream = SqliteStream(home.database, kept_bars=100)
    bars = random_bars(count=1000)
    home.run([bars[a : a + 10] for a in range(0, len(bars), 10)])
    (kept,) = home.database.reader.execute("SELECT sum(count) FROM log").fetchone()
    assert kept < 1000
    assert sum(map(len, home.rows().values())) == 3000
