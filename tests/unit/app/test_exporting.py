"""Test that exported files hold the stored rows, and that a folder looks like the copy that Athena reads."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest
from tests.conftest import START
from tests.rows import random_rows
from tests.stored import fill, opened, session_bars

from tapeline.app import exporting
from tapeline.app.exporting import PARTITION_COLUMNS, bar_tables, write_partitions
from tapeline.app.stored_history import Selection, StoredHistory
from tapeline.core.market import OHLCV, Bars
from tapeline.core.rows import Row
from tapeline.core.times import DAY, HOUR, MINUTE
from tapeline.errors import NotEnoughHistoryError, NotFoundError, StorageError
from tapeline.runtime.indicator_view import IndicatorView

ROOT = Path(__file__).parents[3]
NOW = START + 1000 * DAY
SPECS = ("sma_3", "macd_5_8_3")
SYMBOLS = ("AAPL", "BTC-USD")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bars = session_bars(SYMBOLS, START // DAY * DAY, START // DAY * DAY + 9 * DAY, 30 * MINUTE)
    rows = random_rows(bars, ())
    last = list(bars[bars.code == 1])[-1]
    forming = random_rows(Bars.of([replace(last, timestamp=last.timestamp + 30 * MINUTE, final=False)]), ())
    return fill(tmp_path_factory.mktemp("exporting"), rows, forming)


def stored_rows(path: Path, symbol: str) -> list[Row]:
    with opened(path) as directory:
        return [row for row in IndicatorView(directory.store).rows(symbol, SPECS) if row.final]


def exported(path: Path, out: Path, **wanted: int | None) -> pa.Table:
    with opened(path) as directory:
        write_partitions(StoredHistory(directory), Selection(SYMBOLS, SPECS, **wanted), out, now=NOW)
    return read(out)


def read(out: Path) -> pa.Table:
    table = pyarrow.dataset.dataset(out, partitioning="hive").to_table()
    return table.sort_by([("stock_symbol", "ascending"), ("ts", "ascending")])


def test_the_columns_are_those_of_athenas_table() -> None:
    text = (ROOT / "services/analytics.tf").read_text()
    block = text.partition("row_columns = {")[2].partition("}")[0]
    columns = dict(re.findall(r'(\w+) += \["([\w<>,]+)"', block))
    assert tuple(columns) == PARTITION_COLUMNS
    assert 'name = "dt"' in text
    glue = {
        pa.string(): "string", pa.int64(): "bigint", pa.float64(): "double", pa.bool_(): "boolean",
        pa.map_(pa.string(), pa.float64()): "map<string,double>",
        pa.map_(pa.string(), pa.map_(pa.string(), pa.float64())): "map<string,map<string,double>>",
    }  # fmt: skip
    rows = random_rows(session_bars(("AAPL",), START // DAY * DAY, START + DAY, HOUR))
    table = exporting._partition_table(rows, {}, NOW)
    assert {field.name: glue[field.type] for field in table.schema} == columns


def test_a_folder_has_every_final_row_once_under_its_date(path: Path, tmp_path: Path) -> None:
    table = exported(path, tmp_path / "out")
    days = sorted(folder.name for folder in (tmp_path / "out").iterdir())
    assert days == [f"dt=2019-02-{day}" for day in range(11, 20)]
    assert [file.name for file in (tmp_path / "out").rglob("*.parquet")] == ["rows.parquet"] * len(days)
    expected = [row for symbol in SYMBOLS for row in stored_rows(path, symbol)]
    found = table.to_pylist()
    assert len(found) == len(expected)
    for item, row in zip(found, expected, strict=True):
        assert str(item.pop("dt")) == str(np.datetime64(row.timestamp, "ms").astype("datetime64[D]"))
        assert item.pop("written_at") == NOW
        item["timestamp"] = item.pop("ts")
        item["indicator"] = dict(item["indicator"])
        assert {name: value for name, value in item.items() if value is not None} == row.as_item()


@pytest.mark.parametrize("held", [1, 50, 1000])
def test_the_rows_do_not_depend_on_how_many_are_held(
    path: Path, tmp_path: Path, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = exported(path, tmp_path / "all")
    monkeypatch.setattr(exporting, "_HELD_ROWS", held)
    assert exported(path, tmp_path / "some") == expected
    start, end = START + 3 * DAY, START + 4 * DAY
    time = expected.column("ts").to_numpy()
    mask = pa.array((time >= start) & (time < end))
    assert exported(path, tmp_path / "part", start=start, end=end) == expected.filter(mask)


def test_candles_are_exported_without_forecasts(path: Path, tmp_path: Path) -> None:
    with opened(path) as directory:
        history = StoredHistory(directory, "1d")
        assert write_partitions(history, Selection(("AAPL",)), tmp_path / "out", now=NOW) == 6
        tables = list(bar_tables(history, Selection(("AAPL",), ("sma_3",))))
    found = read(tmp_path / "out").to_pylist()
    assert {row["prediction"] for row in found} == {None}
    assert [len(row["indicator"]) for row in found] == [0] * 6
    assert tables[0].column_names == ["symbol", "timestamp", *OHLCV, "sma_3"]
    assert tables[0].column("close").to_pylist() == [row["price"] for row in found]


def test_one_table_of_all_bars_has_a_column_for_each_output(path: Path) -> None:
    with opened(path) as directory:
        table = pa.concat_tables(bar_tables(StoredHistory(directory), Selection(SYMBOLS, SPECS)))
    expected = [row for symbol in SYMBOLS for row in stored_rows(path, symbol)]
    outputs = ["sma_3", "macd_5_8_3", "macd_5_8_3_signal", "macd_5_8_3_hist"]
    assert table.column_names == [
        "symbol", "timestamp", "open", "high", "low", "close", "volume", "prediction", "probability", "model", *outputs,
    ]  # fmt: skip
    for item, row in zip(table.to_pylist(), expected, strict=True):
        assert (item["symbol"], item["close"], item["model"]) == (row.stock_symbol, row.price, row.model)
        assert (item["prediction"], item["probability"]) == (row.prediction, row.probability)
        assert int(item["timestamp"].timestamp() * 1000) == row.timestamp
        assert {name: item[name] for name in outputs if item[name] is not None} == row.indicator


def test_nothing_is_left_of_an_export_that_fails(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    with opened(path) as directory:
        history = StoredHistory(directory)
        with pytest.raises(NotEnoughHistoryError, match="no bars to write"):
            write_partitions(history, Selection(SYMBOLS, (), START + 100 * DAY), out, now=NOW)
        with pytest.raises(NotFoundError):
            write_partitions(history, Selection(history.chosen(["NONE"])), out, now=NOW)

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(pyarrow.parquet.ParquetWriter, "write_table", fail)
        with pytest.raises(StorageError, match="out: cannot be written: No space left on device"):
            write_partitions(history, Selection(SYMBOLS), out, now=NOW)
        assert list(tmp_path.iterdir()) == []
        out.mkdir()
        with pytest.raises(StorageError, match="is there already; name another folder, or delete it"):
            write_partitions(history, Selection(SYMBOLS), out, now=NOW)
