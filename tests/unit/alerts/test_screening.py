"""A screener judges the newest bars of all series as alert rules do, on the values of every other door."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import MINUTE, START, random_bars
from tests.fakes.stores import MemoryStore
from tests.rows import random_rows

from tapeline.alerts.saved_scans import SavedScan, SavedScans
from tapeline.alerts.screening import Screener, question
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.core.market import Bar, Bars
from tapeline.core.messages import Commit
from tapeline.core.ports import Store
from tapeline.core.rows import Rows
from tapeline.errors import (
    InputError,
    NotFoundError,
    NotPossibleError,
    RuleError,
    SpecError,
    StorageError,
)
from tapeline.runtime.indicator_view import IndicatorView
from tapeline.runtime.newest_rows import NewestRows
from tapeline.runtime.series_tails import TAIL

SPECS = ("rsi_14", "obv", "vwap")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(Database(tmp_path / "tapeline.db")) as database:
        yield SqliteStore(database)


def commit(store: Store, *bars: Bars) -> None:
    for part in bars:
        store.commit(Commit(random_rows(part, ()), {}, 0))


def closes(symbol: str, *values: float, final: bool = True) -> Bars:
    """Return bars with these closes, one a minute; the last one is forming unless `final`."""
    last = len(values) - 1
    return Bars.of(
        Bar(symbol, START + i * MINUTE, value, value, value, value, 100.0, final or i < last)
        for i, value in enumerate(values)
    )


def as_the_view_has_it(store: Store, names: tuple[str, ...], *, forming: bool) -> dict[str, np.ndarray]:
    view = IndicatorView(store)
    found = {}
    for name in names:
        rows = view.rows(name, SPECS, limit=TAIL + 1)
        rows = rows if forming else rows[np.flatnonzero(rows.bars.final)]
        found[name] = np.column_stack((rows.bars.timestamp, rows.bars.close, rows.indicator))[-TAIL:]
    return found


@pytest.mark.parametrize("forming", [False, True])
def test_values_are_those_of_the_view_after_every_kind_of_change(store: SqliteStore, forming: bool) -> None:
    bars = random_bars(3, 40, 7)
    names = bars.symbols
    newest = NewestRows(store)

    def check() -> None:
        rows = newest.read(names, SPECS, forming=forming)
        assert rows is not None
        for code, name in enumerate(rows.bars.symbols):
            own = rows[np.flatnonzero(rows.bars.code == code)]
            values = np.column_stack((own.bars.timestamp, own.bars.close, own.indicator))
            np.testing.assert_array_equal(values, as_the_view_has_it(store, names, forming=forming)[name])

    cut = START + 30 * MINUTE
    commit(store, bars[bars.timestamp < cut])
    check()
    later = bars[bars.timestamp >= cut]
    commit(store, later[later.code == 0])  # one series goes on
    check()
    commit(store, later[later.code != 0][:3], later[later.code != 0][3:])
    check()
    late = bars[np.flatnonzero((bars.code == 1) & (bars.timestamp == START + 3 * MINUTE))]
    commit(store, Bars.of(Bar(b.symbol, b.timestamp, b.open, b.high, b.low, b.low, 7.0) for b in late))  # a correction
    check()
    end = int(bars.timestamp.max()) + MINUTE
    commit(store, Bars.of(Bar(name, end, 5.0, 6.0, 4.0, 5.5, 9.0, final=False) for name in names))
    check()


def test_columns_are_written_as_in_rules_and_refused_as_there(store: SqliteStore) -> None:
    asked = question("price > 0", ("p_touched(300,5)", "change(24 hours)", "change(90 min)", "sma(20)"))
    assert asked.columns == ("p_touched(300, 5)", "change(1 day)", "change(90 minutes)", "sma_20")
    for column in ("change(99999999999999999999 days)", "change(0 days)", "p_touched(abc, 5)", "p_touched(1, 99)",
                   "change(1 day) > 5"):  # fmt: skip
        with pytest.raises(RuleError):
            question("price > 0", (column,))
    commit(store, closes("A", 1.0, 2.0, 3.0))
    with pytest.raises(NotPossibleError, match="no bars make 7m candles"):
        Screener(store).answer(question("price > 0 for A@7m"))


def test_an_unchanged_series_is_not_read_again(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(store, random_bars(3, 20, 1))
    newest = NewestRows(store)
    first = newest.read(("S00", "S01", "S02"), SPECS)
    assert first is not None
    monkeypatch.setattr(store, "rows", None)
    monkeypatch.setattr(store, "final_rows", None)
    assert newest.read(("S00", "S01", "S02"), SPECS) is first


def test_a_read_that_failed_leaves_no_half_of_an_answer(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    bars = random_bars(2, 30, 4)
    cut = START + 20 * MINUTE
    commit(store, bars[bars.timestamp < cut])
    newest = NewestRows(store)
    newest.read(bars.symbols, SPECS)
    commit(store, bars[bars.timestamp >= cut])
    read = store.final_rows

    def failing(*_: Any, **__: Any) -> Rows:
        raise StorageError("busy")

    monkeypatch.setattr(store, "final_rows", lambda starts: read({"S00": starts["S00"]}))
    monkeypatch.setattr(store, "rows", failing)
    with pytest.raises(StorageError):
        newest.read(bars.symbols, SPECS)
    monkeypatch.undo()
    rows = newest.read(bars.symbols, SPECS)
    assert rows is not None
    own = rows[np.flatnonzero(rows.bars.code == rows.bars.symbols.index("S00"))]
    values = np.column_stack((own.bars.timestamp, own.bars.close, own.indicator))
    np.testing.assert_array_equal(values, as_the_view_has_it(store, ("S00",), forming=False)["S00"])


@pytest.mark.parametrize("stored", [False, True])
def test_the_rule_is_judged_on_each_symbols_newest_final_bar(stored: bool, store: Store) -> None:
    store = store if stored else MemoryStore()
    commit(store, closes("UP", 9, 11), closes("OVER", 11, 12), closes("SOON", 8, 9, 11, final=False), closes("NEW", 11))
    screener = Screener(store)

    def found(text: str) -> list[str]:
        return [match["symbol"] for match in screener.answer(question(text)).matches]

    assert found("price > 10") == ["NEW", "UP", "OVER"]  # by the price, then by name
    assert found("price > 10 on forming bars") == ["NEW", "SOON", "UP", "OVER"]
    assert found("price crosses above 10") == ["UP"]
    assert found("price crosses above 10 on forming bars") == ["SOON", "UP"]
    assert found("price > 10 for over, none") == ["OVER"]
    for columns, sort in ((["price"], "close"), (["close"], "price"), ((), "price")):
        [match] = screener.answer(question("close > 11", columns, sort=sort)).matches
        assert {"price", "close"} & match.keys() == {columns[0] if columns else "close"}


def test_what_is_not_known_is_counted_and_comes_last(store: SqliteStore) -> None:
    commit(store, closes("A", *range(1, 21)), closes("B", *range(21, 1, -1)), closes("C", 5))
    screener = Screener(store)
    found = screener.answer(question("rsi_14 < 50"))
    assert ([each["symbol"] for each in found.matches], found.looked_at, found.unknown) == (["B"], 3, 1)
    assert found.matches[0]["bar_change"] == 2 / 3 - 1
    found = screener.answer(question("price > 0", columns=["change", "sma_2"], sort="-SMA_2"))
    assert [each["symbol"] for each in found.matches] == ["A", "B", "C"]
    assert "sma_2" not in found.matches[2]
    assert found.columns == ("bar_change", "sma_2"), "`change` was its name before"


def test_a_past_bar_and_longer_candles_are_screened_too(store: SqliteStore) -> None:
    commit(store, closes("A", 1, 2, 3, 4, 5, 6))
    screener = Screener(store)
    [then] = screener.answer(question("price > 0", at=START + 2 * MINUTE + 1)).matches
    assert (then["close"], then["timestamp"]) == (3, START + 2 * MINUTE)
    [longer] = screener.answer(question("price > 0 on forming bars", ["price", "open"], "5m")).matches
    assert (longer["interval"], longer["open"]) == ("5m", 6 if START % (5 * MINUTE) == 0 else longer["open"])
    with pytest.raises(NotPossibleError, match="intervals to choose from: 1m, 2m"):
        screener.answer(question("price > 0", interval="90s"))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("price > 1 quiet 1 hour", "leave `quiet` out"),
        ("rsi_14 < 30 reset 35", "leave `reset` out"),
        ("no bar for 3 minutes in an open session", "only an alert can wait"),
    ],
)
def test_what_only_an_alert_can_do_is_refused(text: str, error: str) -> None:
    with pytest.raises(RuleError, match=error):
        question(text)


def test_scans_are_kept_by_name(tmp_path: Path) -> None:
    scans = SavedScans(tmp_path / "scans.json")
    assert scans.load() == {}
    kept = SavedScan("oversold", "rsi_14 < 30", ("price", "rsi_14"), "1d", "-rsi_14")
    scans.save(kept)
    scans.save(SavedScan("cheap", "price < 5"))
    assert list(scans.load()) == ["oversold", "cheap"]
    assert scans.find("oversold") == kept
    scans.remove("oversold")
    with pytest.raises(NotFoundError, match="saved are: cheap"):
        scans.find("oversold")
    with pytest.raises(NotFoundError, match=r"such as 'rsi_14 > 50'"):
        scans.find("RSI14")
    with pytest.raises(InputError, match="is no name"):
        scans.save(SavedScan("two words", "price < 5"))
    with pytest.raises(SpecError):
        scans.save(SavedScan("other", "price < 5", ("nothing_14",)))
    with pytest.raises(InputError, match="is no name"):
        scans.save(SavedScan("cheap\n", "price < 5"))
    for content in (
        "{}",
        '{"scans":[{"name":[],"rule":"x","columns":[]}]}',
        '{"scans":[{"name":"a","rule":5,"columns":[]}]}',
    ):
        (tmp_path / "scans.json").write_text(content)
        with pytest.raises(StorageError, match="cannot be read as a list of scans"):
            scans.load()


def test_scans_that_nobody_could_read_again_are_not_kept(tmp_path: Path) -> None:
    scans = SavedScans(tmp_path / "scans.json")
    wide = [SavedScan(f"wide{number}", "price < 5", ("price" + " " * 300_000,)) for number in range(4)]
    for scan in wide[:3]:
        scans.save(scan)
    with pytest.raises(NotPossibleError, match="more than 1,048,576 bytes"):
        scans.save(wide[3])
    assert len(scans.load()) == 3
