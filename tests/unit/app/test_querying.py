"""Test SQL over a data directory: what it answers, how little it reads, and how it says that something is wrong."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.conftest import START
from tests.rows import random_rows
from tests.stored import fill, opened, session_bars

from tapeline.app import stored_history
from tapeline.app.data_directory import DataDirectory
from tapeline.app.querying import Query
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.core.market import OHLCV, Reject
from tapeline.core.messages import Commit
from tapeline.core.rows import Rows
from tapeline.core.times import DAY, MINUTE
from tapeline.errors import InputError, MissingLibraryError, NotPossibleError, SpecError
from tapeline.runtime import indicator_view
from tapeline.runtime.indicator_view import IndicatorView

STEP = 15 * MINUTE
FROM = START // DAY * DAY
SYMBOLS = ("AAPL", "BTC-USD", "VOD.L")
REJECTS = [Reject("feed", f"line {number}", "why", b"a,\xff") for number in range(3)]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = fill(tmp_path_factory.mktemp("querying"), session_bars(SYMBOLS, FROM, FROM + 50 * DAY, STEP))
    with opened(path) as directory:
        directory.store.commit(Commit(random_rows(session_bars((), FROM, FROM)), {}, 2, rejects=REJECTS))
    return path


@pytest.fixture
def directory(path: Path) -> Iterator[DataDirectory]:
    with opened(path) as directory:
        yield directory


Read = tuple[str, int | None, int | None]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Read]:
    """Note every read of bars from the store: of which symbol, from when and to when."""
    found: list[Read] = []
    original = SqliteStore.rows

    def rows(store: SqliteStore, symbol: str, start: Any = None, end: Any = None, limit: Any = None) -> Rows:
        if limit is None:
            found.append((symbol, start, end))
        return original(store, symbol, start, end, limit)

    monkeypatch.setattr(SqliteStore, "rows", rows)
    return found


def asked(directory: DataDirectory, sql: str, **options: Any) -> pa.Table:
    with Query(directory, **options) as query:
        schema, batches = query.batches(sql)
        return pa.Table.from_batches(list(batches), schema)


def rows_of(directory: DataDirectory, sql: str, **options: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in asked(directory, sql, **options).to_pylist()]


# -- what is answered --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_bars_are_the_stored_ones_with_indicators(directory: DataDirectory, symbol: str) -> None:
    sql = f"SELECT * FROM bars WHERE symbol = '{symbol}' ORDER BY timestamp"
    found = asked(directory, sql, indicators=["sma_20", "macd"])
    expected = IndicatorView(directory.store).rows(symbol, ["sma_20", "macd"])
    assert found.column_names == ["symbol", "timestamp", *OHLCV, "final", *expected.names]
    assert found.schema.field("timestamp").type == pa.timestamp("us", "UTC")
    np.testing.assert_array_equal(found.column("timestamp").cast(pa.int64()).to_numpy(), expected.bars.timestamp * 1000)
    for name in OHLCV:
        np.testing.assert_array_equal(found.column(name).to_numpy(), getattr(expected.bars, name))
    for index, name in enumerate(expected.names):
        column = found.column(name)
        np.testing.assert_array_equal(column.to_numpy(), expected.indicator[:, index])
        assert column.null_count == np.isnan(expected.indicator[:, index]).sum(), "absent is null, not NaN"


@pytest.mark.parametrize(
    "condition",
    [
        "symbol = 'AAPL'", "symbol IN ('AAPL', 'VOD.L')", "symbol <> 'AAPL'", "symbol > 'B' AND close > 100",
        "symbol LIKE 'A%'", "timestamp >= '2019-03-01'", "timestamp BETWEEN '2019-02-20' AND '2019-02-21 12:00'",
        "timestamp < TIMESTAMP '2019-02-13' OR symbol = 'VOD.L'", "NOT (symbol = 'AAPL' OR timestamp > '2019-02-14')",
        "date_trunc('day', timestamp) = '2019-02-14'", "epoch_ms(timestamp) % 3600000 = 0", "symbol = 'NONE'",
        "timestamp > '2031-01-01'", "sma_3 > close", "sma_3 IS NULL", "volume = 0 AND final",
        "symbol = (SELECT max(symbol) FROM bars)", "timestamp = '2019-02-14 14:30:00-00'",
    ],
)  # fmt: skip
def test_a_condition_leaves_the_rows_that_it_leaves_of_a_whole_table(
    directory: DataDirectory, condition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import duckdb

    options: dict[str, Any] = {"indicators": ["sma_3"]}
    whole = asked(directory, "SELECT * FROM bars", **options)  # no condition: everything is read
    monkeypatch.setattr(stored_history, "PAGE_BARS", 96)
    monkeypatch.setattr("tapeline.app.query_filters.PAGE_BARS", 96)
    order = "ORDER BY symbol, timestamp"
    found = asked(directory, f"SELECT symbol, timestamp, close FROM bars WHERE {condition} {order}", **options)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("bars", whole)
        sql = f"SELECT symbol, timestamp, close FROM bars WHERE {condition} {order}"
        assert found == connection.sql(sql).to_arrow_table().cast(found.schema)


def test_forecasts_are_what_was_said_with_the_close_as_it_was_then(tmp_path: Path) -> None:
    bars = session_bars(("AAPL",), FROM, FROM + DAY, STEP)
    rows = random_rows(bars, ())
    known = np.full((len(bars), 5), np.nan)
    said = np.flatnonzero(rows.prediction > 0)
    known[said[0]] = 1.0, 2.0, 0.5, 1.25, 10.0
    path = fill(tmp_path, replace(rows, known=known))
    with opened(path) as directory:
        found = asked(directory, "SELECT * FROM forecasts ORDER BY timestamp").to_pylist()
        now = rows_of(directory, "SELECT close FROM bars ORDER BY timestamp")
        then = rows_of(directory, "SELECT close FROM bars ORDER BY timestamp", as_known=True)
    assert list(found[0])[:4] == ["symbol", "timestamp", "close", "prediction"]
    assert list(found[0])[5:7] == ["model", "expected_move_1"]
    assert list(found[0])[-1] == "range_model"
    assert len(found) == len(said)
    assert {row["model"] for row in found} == {"m1"}
    assert found[0]["close"] == 1.25 == then[said[0]][0]
    assert now[said[0]][0] == bars.close[said[0]]
    assert [row["probability"] for row in found] == rows.probability[said].tolist()


def test_rejects_and_candles_are_there_too(directory: DataDirectory) -> None:
    assert rows_of(directory, "SELECT * FROM rejects ORDER BY place LIMIT 1") == [
        ("feed", "line 0", "why", "a,\\xff", 1)
    ]
    assert rows_of(directory, "SELECT count(*) FROM rejects WHERE reason = 'why'") == [(3,)]
    days = rows_of(directory, "SELECT count(*), min(timestamp) FROM bars WHERE symbol = 'AAPL'", interval="1mo")
    assert days[0][0] == 3
    assert f"{days[0][1]:%Y-%m-%d %H}" == "2019-02-01 00"


def test_several_views_can_be_joined_in_any_number_of_queries(directory: DataDirectory) -> None:
    sql = """
        SELECT b.symbol, count(*) FROM bars b JOIN forecasts f USING (symbol, timestamp)
        JOIN bars later ON later.symbol = b.symbol AND later.timestamp = b.timestamp + INTERVAL 15 MINUTE
        GROUP BY ALL ORDER BY ALL
    """
    with Query(directory) as query:
        first = list(query.batches(sql)[1])
        assert [row["symbol"] for batch in first for row in batch.to_pylist()] == list(SYMBOLS)
        assert list(query.batches(sql)[1]) == first
        assert list(query.batches("CREATE TABLE mine AS SELECT 1 AS a")[1]) is not None
        assert [batch.to_pylist() for batch in query.batches("SELECT * FROM mine")[1]] == [[{"a": 1}]]


# -- what is read ------------------------------------------------------------------------------------------------------


def test_only_the_symbols_that_a_condition_names_are_read(directory: DataDirectory, reads: list[Read]) -> None:
    assert rows_of(directory, "SELECT count(*) FROM bars WHERE symbol IN ('AAPL', 'VOD.L', 'NONE')")[0][0] > 0
    assert {symbol for symbol, _, _ in reads} == {"AAPL", "VOD.L"}
    reads.clear()
    assert rows_of(directory, "SELECT * FROM bars WHERE symbol = 'NONE' OR timestamp > '2031-01-01'") == []
    assert rows_of(directory, "SELECT * FROM forecasts WHERE symbol = 'NONE'") == []
    assert reads == []


def test_only_the_time_that_a_condition_names_is_read(
    directory: DataDirectory, reads: list[Read], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_history, "PAGE_BARS", 96)
    monkeypatch.setattr("tapeline.app.query_filters.PAGE_BARS", 96)  # a page is a day
    sql = "SELECT avg(close) FROM bars WHERE timestamp >= '2019-02-20 12:00' AND timestamp < '2019-02-21'"
    assert rows_of(directory, sql)[0][0] > 0
    assert {symbol for symbol, _, _ in reads} == set(SYMBOLS)
    for _, start, end in reads:
        assert start is not None
        assert end is not None
        assert start > FROM + 8 * DAY
        assert end <= FROM + 11 * DAY


def test_only_the_indicators_that_a_query_names_are_computed(
    directory: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, ...]] = []
    original = indicator_view.Engine

    def engine(specs: tuple[str, ...], **options: Any) -> Any:
        made.append(specs)
        return original(specs, **options)

    monkeypatch.setattr(indicator_view, "Engine", engine)
    options = {"indicators": ["sma_5", "macd", "rsi_14"]}
    assert rows_of(directory, "SELECT max(close) FROM bars", **options)
    assert made == []
    assert rows_of(directory, "SELECT macd_12_26_9_hist FROM bars WHERE symbol = 'AAPL' LIMIT 1", **options)
    assert rows_of(directory, "SELECT close FROM bars WHERE symbol = 'AAPL' AND rsi_14 > 50 LIMIT 1", **options)
    assert made == [("macd_12_26_9",), ("rsi_14",)]


def test_an_answer_is_read_as_it_is_taken(
    directory: DataDirectory, reads: list[Read], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_history, "PAGE_BARS", 8)
    monkeypatch.setattr("tapeline.app.query_filters.PAGE_BARS", 8)
    assert len(rows_of(directory, "SELECT * FROM bars WHERE symbol = 'BTC-USD'")) == 50 * 96
    assert len(directory.database._opened) <= 3, "a connection for each thread of Arrow's"
    every = len(reads)
    reads.clear()
    before = {thread for thread in threading.enumerate() if not thread.daemon}
    assert len(rows_of(directory, "SELECT * FROM bars WHERE symbol = 'BTC-USD' LIMIT 3")) == 3
    assert len(reads) < every / 4
    assert {thread for thread in threading.enumerate() if not thread.daemon} <= before, "no thread is left"


# -- what cannot be answered -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "kind", "said"),
    [
        ("SELEC 1", InputError, 'Parser Error: syntax error at or near "SELEC"$'),
        ("SELECT closs FROM bars", InputError, 'Referenced column "closs" not found.*Candidate bindings: "close"'),
        ("SELECT price FROM forecasts", InputError, 'column "price" not found.*; price is called close$'),
        ("SELECT close AS price FROM trades", InputError, r"trades does not exist!(?!.*price)"),
        ("SELECT close, RSI_14 FROM bars", InputError, 'column "RSI_14" not found.*; add --indicators rsi_14'),
        ("SELECT * FROM trades", InputError, "Table with name trades does not exist"),
        ("SELECT 'x'::INT FROM bars", InputError, "Could not convert string 'x' to INT32"),
        ("SELECT error('no') FROM bars LIMIT 1", InputError, "no"),
    ],
)
def test_sql_that_cannot_be_run_is_one_line(
    directory: DataDirectory, sql: str, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said) as caught:
        asked(directory, sql)
    assert "\n" not in str(caught.value)
    assert r"\n" not in str(caught.value)


def test_what_reading_says_is_said_as_it_is(directory: DataDirectory) -> None:
    with pytest.raises(NotPossibleError, match="AAPL at 5m: the bars are 15m long") as caught:
        asked(directory, "SELECT count(*) FROM bars", interval="5m")
    assert "\n" not in str(caught.value)
    with pytest.raises(SpecError, match="there is no indicator 'nonsense'"):
        asked(directory, "SELECT 1", indicators=["nonsense"])


def test_a_missing_duckdb_names_the_extra(directory: DataDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MissingLibraryError, match=r"SQL needs DuckDB: pip install 'tapeline\[sql\]'"):
        asked(directory, "SELECT 1")
