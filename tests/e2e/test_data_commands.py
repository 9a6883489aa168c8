"""Test `tapeline export`, `resample` and `sql` as their users meet them: files, answers, and one line for a mistake."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.dataset
import pyarrow.parquet
import pytest

import tapeline as public
from tapeline.cli.console import stderr
from tapeline.cli.main import main
from tapeline.data import sample_path
from tests import forked_commands


def tapeline(*arguments: object, data: Path | None = None) -> subprocess.CompletedProcess[str]:
    where = [] if data is None else ["--data-dir", data]
    return forked_commands.run(*arguments, *where, environment={"COLUMNS": "200"})


def failed(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """Run a command in this process, which is faster, and return its exit code and what it says on stderr."""
    monkeypatch.setattr(sys, "argv", ["tapeline", *arguments])
    stderr.cache_clear()  # it keeps the stream that was there at its first use
    with pytest.raises(SystemExit) as caught:
        main()
    stderr.cache_clear()
    return int(caught.value.code or 0), capsys.readouterr().err


def lines(done: subprocess.CompletedProcess[str]) -> list[list[str]]:
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the packaged week of minutes."""
    data = tmp_path_factory.mktemp("data") / "data"
    done = tapeline("replay", sample_path("1m"), "--json", data=data)
    assert done.returncode == 0, done.stderr
    return data


def test_a_file_of_bars_is_exported_and_replayed_to_the_same_bars(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "bars.parquet"
    done = tapeline(
        "export", "AAPL", "--symbols", "TSLA", "--out", out, "--indicators", "sma_5,rsi_14", "--json", data=data
    )
    summary = json.loads(done.stdout)
    table = pyarrow.parquet.read_table(out)
    assert summary == {"out": str(out), "symbols": 2, "rows": table.num_rows}
    assert table.column_names[-2:] == ["sma_5", "rsi_14"]
    assert table.column("sma_5").null_count == 2 * 4
    again = tmp_path / "again"
    assert tapeline("replay", out, "--json", data=again).returncode == 0
    columns = ["symbol", "open", "high", "low", "close", "volume"]
    first, second = (public.load(["AAPL", "TSLA"], data_dir=path)[columns] for path in (data, again))
    assert first.equals(second)


def test_a_folder_is_exported_by_date_and_read_by_others(data: Path, tmp_path: Path) -> None:
    done = tapeline("export", "--out", tmp_path / "rows", "--start", "2019-02-12", "--end", "2019-02-14", data=data)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "rows").iterdir()) == ["dt=2019-02-12", "dt=2019-02-13"]
    table = pyarrow.dataset.dataset(tmp_path / "rows", partitioning="hive").to_table()
    assert len(set(table.column("stock_symbol").to_pylist())) == 24
    asked = tapeline(
        "sql", f"SELECT count(*), count(DISTINCT dt) FROM read_parquet('{tmp_path}/rows/**/*.parquet')", data=data
    )
    assert lines(asked)[1] == [str(table.num_rows), "2"]


def test_candles_are_exported_as_csv_and_resampled_to_the_same(data: Path, tmp_path: Path) -> None:
    days, minutes, hours = tmp_path / "days.csv", tmp_path / "minutes.csv", tmp_path / "hours.csv"
    assert tapeline("export", "AAPL", "--interval", "1d", "--indicators", "", "--out", days, data=data).returncode == 0
    found = list(csv.DictReader(days.read_text().splitlines()))
    assert [row["timestamp"] for row in found] == [str(1_549_843_200_000 + 86_400_000 * day) for day in range(5)]
    assert tapeline("export", "AAPL", "--indicators", "", "--out", minutes, data=data).returncode == 0
    done = tapeline("resample", minutes, "--interval", "1d", "--out", hours, "--json")
    assert json.loads(done.stdout) == {"out": str(hours), "symbols": 1, "candles": 5, "unfinished": 0}
    again = list(csv.DictReader(hours.read_text().splitlines()))
    names = ["symbol", "timestamp", "open", "high", "low", "close", "volume"]
    assert [[row[name] for name in names] for row in again] == [[row[name] for name in names] for row in found]
    cut = tmp_path / "cut.csv"  # without the last minute, so that more bars may go into the last hour and day
    cut.write_text("".join(minutes.read_text().splitlines(keepends=True)[:-1]))
    counts = []
    for source, interval, *options in ((cut, "1h"), (cut, "1d", "--final"), (tmp_path / "1h.csv", "1d")):
        out = tmp_path / f"{interval}{''.join(options)}.csv"
        done = tapeline("resample", source, "--interval", interval, *options, "--out", out, "--json")
        counts.append([json.loads(done.stdout)[name] for name in ("candles", "unfinished")])
    assert counts == [[35, 1], [4, 1], [5, 0]], "what is unfinished is read as any other bar"


def test_sql_answers_as_a_table_json_csv_and_a_file(data: Path, tmp_path: Path) -> None:
    query = "SELECT symbol, max(close) AS top, max(timestamp) AS last FROM bars WHERE symbol < 'AM' GROUP BY ALL"
    assert lines(tapeline("sql", query, data=data)) == [
        ["symbol", "top", "last"], ["AAPL", "172.28", "2019-02-15 20:59:00"]
    ]  # fmt: skip
    found = json.loads(tapeline("sql", query, "--json", data=data).stdout)
    assert found == [{"symbol": "AAPL", "top": 172.28, "last": "2019-02-15T20:59:00+00:00"}]
    text = tapeline("sql", query, "--csv", data=data).stdout
    assert next(csv.DictReader(io.StringIO(text)))["top"] == "172.28"
    out = tmp_path / "answer.parquet"
    assert tapeline("sql", query, "--out", out, data=data).returncode == 0
    assert pyarrow.parquet.read_table(out).column("top").to_pylist() == [172.28]
    none = tapeline("sql", "SELECT * FROM bars WHERE symbol = 'NONE'", "--json", data=data)
    assert (none.returncode, json.loads(none.stdout)) == (0, [])


def test_sql_has_indicators_and_candles_on_request(data: Path) -> None:
    query = "SELECT timestamp, round(sma_3, 2) FROM bars WHERE symbol = 'AAPL' AND sma_3 IS NOT NULL"
    found = lines(tapeline("sql", query, "--indicators", "sma_3", "--interval", "1d", data=data))[1:]
    frame = public.load("AAPL", interval="1d", indicators=["sma_3"], data_dir=data).dropna(subset="sma_3")
    assert [[f"{time:%Y-%m-%d %H:%M:%S}", f"{value:.10g}"] for time, value in frame["sma_3"].round(2).items()] == found
    assert lines(tapeline("sql", "SELECT count(*) > 0 AS any FROM forecasts", data=data))[1] == ["True"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["export", "APPL", "--out", "new.csv"], 1, "no rows of APPL in {data}; did you mean AAPL? symbols there: "),
        (["export", "AAPL", "--out", "new.csv", "--interval", "7m"], 1, "AAPL at 7m: the bars are 1m long; "),
        (["export", "AAPL", "--out", "new.csv", "--start", "soon"], 1, "'soon' is no time; write 2026-01-02"),
        (["export", "AAPL", "--out", "new.csv", "--start", "2031-01-01"], 1, "there are no bars to write"),
        (["export", "AAPL", "--out", "new", "--indicators", "smaa_5"], 1, "there is no indicator 'smaa_5'"),
        (["export", "AAPL", "--out", "{data}"], 1, "is there already; name another, or delete it"),
        (["export", "AAPL", "--out", "new.txt"], 2, "ends in .parquet or .csv"),
        (["export", "AAPL", "--interval", "1d"], 2, "name the file or folder with --out"),
        (["sql", "SELECT closs FROM bars"], 1, 'Referenced column "closs" not found'),
        (["sql", "SELECT 1", "--out", "{data}/tapeline.db.csv/x.csv"], 1, "cannot be written"),
        (["sql", "SELECT 1", "--csv", "--json"], 2, "choose one of --csv, --json and --out"),
        (["sql", "SELECT 1", "--out", "answer.txt"], 2, "the name must end in .csv or .parquet"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_clear_line(
    data: Path,
    tmp_path: Path,
    arguments: list[str],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    filled = [text.replace("{data}", str(data)) for text in arguments]
    if "--out" in filled and filled[filled.index("--out") + 1].startswith("new"):
        filled[filled.index("--out") + 1] = str(tmp_path / filled[filled.index("--out") + 1])
    found, text = failed([*filled, "--data-dir", str(data)], monkeypatch, capsys)
    assert found == code
    assert said.replace("{data}", str(data)) in text
    text = re.sub(r"^exporting: \d+ s\n", "", text, flags=re.MULTILINE)  # on a busy machine
    assert code == 2 or len(text.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("interval", "calendar", "said"),
    [
        ("5m", None, "sample_daily.parquet at 5m: the bars are 1d long; intervals to choose from: 1d, 1w, 1mo"),
        ("1w", "XNYZ", "there is no calendar 'XNYZ': did you mean"),
        ("1w", None, "is there already"),
    ],
)
def test_a_file_that_cannot_be_resampled_is_one_clear_line(
    tmp_path: Path,
    interval: str,
    calendar: str | None,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out.csv"
    if said == "is there already":
        out.write_text("mine")
    options = ["--calendar", calendar] if calendar else []
    arguments = ["resample", str(sample_path("1d")), "--interval", interval, "--out", str(out), *options]
    code, text = failed(arguments, monkeypatch, capsys)
    assert code == 1
    assert said in text
    assert not out.exists() or out.read_text() == "mine"
