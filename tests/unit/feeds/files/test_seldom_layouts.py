"""Layouts and faults that few files have: each is read right, or refused with the line that says what to give."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tapeline.core.market import Bar
from tapeline.core.times import DAY, HOUR
from tapeline.errors import FileError
from tapeline.feeds.files import FileSource, ReadOptions
from tapeline.feeds.files.time_forms import form_of_format

HEAD = "date,open,high,low,close\n"
MONDAY = 1_709_510_400_000  # 2024-03-04


def read(path: Path, **options: object) -> tuple[list[Bar], FileSource]:
    source = FileSource([path], options=ReadOptions(**options))  # type: ignore[arg-type]
    return [bar for delivery in source.deliveries("") for bar in delivery.bars], source


def times(path: Path, **options: object) -> list[int]:
    return [bar.timestamp for bar in read(path, **options)[0]]


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def refused(path: Path, **options: object) -> str:
    source = read(path, **options)[1]
    return source.problems[0]


def parquet(path: Path, column: pa.Array, name: str = "date") -> Path:
    prices = {part: pa.array([1.0 + i for i in range(len(column))]) for part in ("open", "high", "low", "close")}
    pq.write_table(pa.table({name: column} | prices), path)
    return path


# -- times -------------------------------------------------------------------------------------------------------------


def test_numbers_in_parquet_that_read_as_dates_are_dates(tmp_path: Path) -> None:
    path = parquet(tmp_path / "A.parquet", pa.array([20240304, 20240305, 20240306]))
    assert times(path) == [MONDAY, MONDAY + DAY, MONDAY + 2 * DAY]


def test_parquet_times_that_are_no_numbers_are_refused_rows(tmp_path: Path) -> None:
    path = parquet(tmp_path / "A.parquet", pa.array([float("nan")] * 3))
    assert "none of its 3 rows can be used" in refused(path)


@pytest.mark.parametrize(
    ("frequency", "expected"), [("W-SUN", [MONDAY, MONDAY + 7 * DAY]), ("h", [MONDAY, MONDAY + HOUR])]
)
def test_weeks_and_hours_as_periods_of_pandas_are_their_starts(
    tmp_path: Path, frequency: str, expected: list[int]
) -> None:
    path = tmp_path / "A.parquet"
    prices = {name: [1.0, 2.0] for name in ("open", "high", "low", "close")}
    periods = pd.period_range("2024-03-04", periods=2, freq=frequency)
    pd.DataFrame({"date": periods, **prices}).to_parquet(path)
    assert times(path) == expected


def test_periods_of_an_unknown_length_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "A.parquet"
    prices = {name: [1.0, 2.0] for name in ("open", "high", "low", "close")}
    pd.DataFrame({"date": pd.period_range("2024-03-04", periods=2, freq="us"), **prices}).to_parquet(path)
    assert "holds periods of us; write their start as a time" in refused(path)


def test_abbreviated_zones_are_known_and_an_invented_one_refuses_its_rows(tmp_path: Path) -> None:
    rows = ["2024-03-04 09:30 EST", "2024-03-04 10:30 EST", "2024-03-04 11:30 EST", "2024-03-04 12:30 Mars/Base"]
    path = written(tmp_path / "A.csv", HEAD + "".join(f"{row},1,1,1,1\n" for row in rows))
    bars, source = read(path)
    assert [bar.timestamp for bar in bars] == [MONDAY + hour * HOUR + HOUR // 2 for hour in (14, 15, 16)]
    assert source.scan().files[0].rejected == 1


def test_midnights_may_be_written_without_their_clock(tmp_path: Path) -> None:
    rows = ["2024-03-04", "2024-03-04 01:00", "2024-03-04 02:00"]
    path = written(tmp_path / "BTCUSDT.csv", HEAD + "".join(f"{row},1,1,1,1\n" for row in rows))
    assert times(path) == [MONDAY, MONDAY + HOUR, MONDAY + 2 * HOUR]


@pytest.mark.parametrize(
    ("clocks", "form"),
    [
        (("", ""), "%d/%m/%Y"), ((" 09:30", " 13:30"), "%d/%m/%Y %H:%M"),
        ((" 09:30:00", " 13:30:00"), "%d/%m/%Y %H:%M:%S"), ((" 09:30 AM", " 01:30 PM"), "%d/%m/%Y %I:%M %p"),
    ],
)  # fmt: skip
def test_a_doubt_about_day_and_month_names_the_format_that_settles_it(
    tmp_path: Path, clocks: tuple[str, str], form: str
) -> None:
    rows = [f"{4 + number:02}/03/2024{clock}" for number, clock in enumerate(clocks)]
    path = written(tmp_path / "BTCUSDT.csv", HEAD + "".join(f"{row},1,1,1,1\n" for row in rows))
    quoted = f'"{form}"' if " " in form else form
    assert f"--date-format {quoted} or --date-format" in refused(path)
    assert [time // DAY * DAY for time in times(path, date_format=form)] == [MONDAY, MONDAY + DAY]


@pytest.mark.parametrize(("text", "said"), [("%Y-%Q", "has %Q; use %Y"), ("%Y-%Y", "names a part twice")])
def test_a_date_format_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(FileError, match=said):
        form_of_format(text, ["2024-03-04"])


# -- columns, symbols and numbers --------------------------------------------------------------------------------------


def test_columns_may_be_given_by_their_number(tmp_path: Path) -> None:
    path = written(tmp_path / "A.csv", "a,b,c,d,e\n" + "2024-03-04,4,1,5,2\n2024-03-05,4,1,5,2\n")
    given = {"timestamp": "1", "close": "2", "low": "3", "high": "4", "open": "5"}
    assert [(bar.open, bar.high, bar.low, bar.close) for bar in read(path, columns=given)[0]] == [(2, 5, 1, 4)] * 2
    assert "no column '9' to be the close; its columns are a, b" in refused(path, columns=given | {"close": "9"})


def test_a_layout_that_was_given_names_the_columns_of_a_file_without_a_header(tmp_path: Path) -> None:
    path = written(tmp_path / "A.csv", "2024-03-04,1,3,0.5,2,7\n2024-03-05,1,3,0.5,2,7\n")
    assert [bar.close for bar in read(path, layout="plain")[0]] == [2, 2]


def test_levels_of_a_header_may_stand_in_either_order(tmp_path: Path) -> None:
    names = ["Open", "High", "Low", "Close"]
    pairs = [(ticker, name) for ticker in ("AAA", "BBB") for name in names]
    frame = pd.DataFrame([[1.0, 3.0, 0.5, 2.0] * 2] * 2, columns=pd.MultiIndex.from_tuples(pairs))
    frame.index = pd.DatetimeIndex(["2024-03-04", "2024-03-05"], name="Date")
    frame.columns.names = ["Ticker", "Price"]
    csv, packed = tmp_path / "many.csv", tmp_path / "many.parquet"
    frame.to_csv(csv)
    frame.to_parquet(packed)
    for path in (csv, packed):
        bars, source = read(path)
        assert {(bar.symbol, bar.close) for bar in bars} == {("AAA", 2.0), ("BBB", 2.0)}, source.problems
    assert "--symbol is for files of one" in refused(csv, symbol="AAA")


def test_an_option_that_cannot_be_is_refused(tmp_path: Path) -> None:
    several = written(tmp_path / "many.csv", f"symbol,{HEAD}A,2024-03-04,1,1,1,1\nB,2024-03-04,1,1,1,1\n")
    one = written(tmp_path / "A.csv", f"{HEAD}2024-03-04,1,1,1,1\n2024-03-05,1,1,1,1\n")
    source = FileSource([several], options=ReadOptions(symbol="X"))
    source.scan()
    assert "has bars of A, B: --symbol is for files of one symbol" in source.problems[0]
    assert "--symbol: the symbol 'TWO WORDS' has a blank" in refused(one, symbol="two words")
    assert "--adjust column needs one of adjusted closes" in refused(one, adjust="column")


def test_a_calendar_that_was_given_is_said_to_be(tmp_path: Path) -> None:
    path = written(tmp_path / "A.csv", f"{HEAD}2024-03-04,1,1,1,1\n2024-03-05,1,1,1,1\n")
    [(_, how)] = read(path, calendar="XLON")[1].readings()
    assert (how.guesses["calendar"].found, how.guesses["calendar"].why) == ("XLON", "--calendar")


@pytest.mark.parametrize(
    ("prices", "volume", "closes"),
    [
        (("1,085", "1,086"), "1,234,567", [1085, 1086]),  # the volume parts thousands
        (("1,085", "900"), "7", [1085, 900]),  # 1.085 would be far from it
        (("1,085", "2"), "7", [1.085, 2]),  # 1,085 would be
        (("1,085", "1.086,5"), "7", [1.085, 1086.5]),
    ],
)
def test_commas_in_prices_are_read_by_what_else_the_file_has(
    tmp_path: Path, prices: tuple[str, str], volume: str, closes: list[float]
) -> None:
    rows = [f'2024-03-0{4 + i};"{price}";"{price}";"{price}";"{price}";"{volume}"\n' for i, price in enumerate(prices)]
    path = written(tmp_path / "A.csv", HEAD.replace(",", ";").strip() + ";volume\n" + "".join(rows))
    assert [bar.close for bar in read(path)[0]] == closes


# -- files that cannot be read -----------------------------------------------------------------------------------------


def test_an_archive_with_a_password_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "A.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("A.csv", f"{HEAD}2024-03-04,1,1,1,1\n")
    data = bytearray(path.read_bytes())
    data[6] |= 1  # of the member's own header, and of the archive's directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert "its archive has a password; unpack it first" in refused(path)


def test_what_is_no_text_or_has_no_lines_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "A.csv"
    binary.write_bytes(b"\x01\x02\x03,open\n" * 10)
    assert "is not text; CSV, also packed as gz, zst or zip, and Parquet can be read" in refused(binary)
    endless = tmp_path / "B.csv"
    endless.write_text(f"{HEAD}2024-03-04,1,1,1,1\n2024-03-05,1,1,1," + "1" * (2 << 20))
    assert "has a line longer than 1,048,576 bytes: it is not CSV" in read(endless)[1].problems[0]


def test_a_pipe_is_refused_because_it_can_be_read_once_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "A.csv")
    assert "is not a regular file; store it as one first" in refused(tmp_path / "A.csv")
