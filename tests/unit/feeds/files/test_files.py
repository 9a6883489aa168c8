"""What a file says is what comes out: formats, times, columns, and every way a row can be wrong."""

from __future__ import annotations

import dataclasses
import datetime as dt
import gzip
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import MINUTE, START, random_bars

from tapeline.core.market import Bar, Bars, Reject
from tapeline.data import sample_path
from tapeline.errors import FileError
from tapeline.feeds.files import (
    FileSource,
    ReadOptions,
    csv_reader,
)

HEADER = "symbol,timestamp,open,high,low,close,volume"
ONE = {name: [1.0] for name in ("open", "high", "low", "close", "volume")}


def write(path: Path, lines: list[str], header: str = HEADER) -> Path:
    text = "\n".join([header, *lines]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def line(bar: Bar) -> str:
    return f"{bar.symbol},{bar.timestamp},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume}"


def table(bars: Bars) -> pa.Table:
    symbol = pa.array([bar.symbol for bar in bars])
    names = ("timestamp", "open", "high", "low", "close", "volume")
    return pa.table({"symbol": symbol} | {name: getattr(bars, name) for name in names})


def read(*paths: Path, zone: str = "UTC") -> tuple[list[Bar], list[Reject], list[str]]:
    source = FileSource(paths, options=ReadOptions(zone=zone))
    deliveries = list(source.deliveries(""))
    assert source.problems == []
    return (
        [bar for delivery in deliveries for bar in delivery.bars],
        [reject for delivery in deliveries for reject in delivery.rejects],
        [notice for delivery in deliveries for notice in delivery.notices],
    )


def times(path: Path, zone: str = "UTC") -> list[int]:
    bars, rejects, _ = read(path, zone=zone)
    assert rejects == []
    return [bar.timestamp for bar in bars]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few dozen lines, so that small files have several, as large ones do."""
    monkeypatch.setattr(csv_reader, "_MIN_BYTES", 1500)
    monkeypatch.setattr(csv_reader, "_MAX_BYTES", 1500)


# -- formats ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bars.csv", "bars.csv.gz", "bars.parquet", "bars.txt", "bars.pq"])
def test_every_format_gives_the_same_bars(name: str, tmp_path: Path) -> None:
    bars = random_bars(5, 400)
    if name.endswith(("parquet", "pq")):
        pa.parquet.write_table(table(bars), tmp_path / name, row_group_size=300)
    else:
        write(tmp_path / name, [line(bar) for bar in bars])
    found, rejects, notices = read(tmp_path / name)
    assert found == list(bars)
    assert rejects == []
    assert notices == []


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("name", ["bars.csv", "bars.csv.gz"])
def test_blocks_are_put_together_wherever_they_are_cut(name: str, tmp_path: Path) -> None:
    bars = random_bars(3, 300)
    write(tmp_path / name, [line(bar) for bar in bars])
    assert read(tmp_path / name)[0] == list(bars)


def test_parquet_as_pandas_polars_and_spark_write_it(tmp_path: Path) -> None:
    bars = random_bars(2, 20)
    plain = table(bars)
    odd = pa.table(
        {
            "Symbol": plain["symbol"].combine_chunks().dictionary_encode(),
            "Date": plain["timestamp"].cast(pa.timestamp("ms")).cast(pa.timestamp("ns", "America/New_York")),
            **{name: plain[name].cast(pa.decimal128(12, 4), safe=False) for name in ("open", "high", "low", "close")},
            "Volume": plain["volume"].cast(pa.int32()),
            "list": [[1]] * 40,
        }
    )  # fmt: skip
    pa.parquet.write_table(odd, tmp_path / "odd.parquet")
    cents = [dataclasses.replace(b, open=round(b.open, 4), high=round(b.high, 4), low=round(b.low, 4)) for b in bars]
    assert read(tmp_path / "odd.parquet")[0] == cents
    as_text = pa.table({name: plain[name].cast(pa.large_string()) for name in plain.column_names})
    pa.parquet.write_table(as_text, tmp_path / "text.parquet")
    assert read(tmp_path / "text.parquet")[0] == list(bars)


def test_windows_files_with_a_byte_order_mark_blank_lines_and_no_last_line_end(tmp_path: Path) -> None:
    bars = list(random_bars(2, 3))
    text = "\ufeff" + HEADER + "\r\n\r\n" + "\r\n".join(f"{line(bar)}\r\n  " for bar in bars)
    (tmp_path / "w.csv").write_bytes(text.encode())
    assert read(tmp_path / "w.csv")[:2] == (bars, [])
    (tmp_path / "v.csv").write_bytes(("\n \n" + HEADER + "\n" + "\n\n".join(map(line, bars))).encode())
    assert read(tmp_path / "v.csv")[:2] == (bars, [])


def test_everything_quoted_as_spreadsheets_do(tmp_path: Path) -> None:
    bars = list(random_bars(2, 3))
    lines = [",".join(f'"{value}"' for value in line(bar).split(",")) for bar in bars]
    assert read(write(tmp_path / "q.csv", lines, ",".join(f'"{name}"' for name in HEADER.split(","))))[:2] == (bars, [])


def test_the_packaged_samples_are_clean_and_in_order() -> None:
    for interval, rows in (("1m", 43_164), ("1d", 6_781)):
        source = FileSource([sample_path(interval)])
        scan = source.scan()
        assert (scan.rows, scan.files[0].rejected, scan.files[0].ordered) == (rows, 0, True)
        assert scan.interval == {"1m": MINUTE, "1d": 86_400_000}[interval]
        assert len({bar.symbol for delivery in source.deliveries("") for bar in delivery.bars}) == 24
    with pytest.raises(ValueError, match="1m and 1d"):
        sample_path("5m")


# -- columns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    ["Close,VOLUME, Low ,High,Open,DateTime,Ticker,extra", "close,vol,low,high,open,time,stock_symbol,Adj Close",
     "close,volume,low,high,open,Date,Stock Symbol,stuff"],
)  # fmt: skip
def test_columns_are_found_by_name(header: str, tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", ["3,7,1,4,2,2019-02-11T14:30:00Z,A,9"], header)
    assert read(path)[0] == [Bar("A", START, 2, 4, 1, 3, 7)]


def test_a_filtered_table_has_the_symbols_of_its_rows_only(tmp_path: Path) -> None:
    """A column of categories keeps all of them, in pandas as in Arrow, whatever rows are left."""
    plain = table(random_bars(3, 4))
    every = plain.set_column(0, "symbol", plain["symbol"].combine_chunks().dictionary_encode())
    path = tmp_path / "some.parquet"
    pyarrow.parquet.write_table(every.filter(pa.array([name != "S01" for name in plain["symbol"].to_pylist()])), path)
    source = FileSource([path])
    assert source.scan().files[0].symbols == ("S00", "S02")
    assert {symbol for delivery in source.deliveries("") for symbol in delivery.bars.symbols} == {"S00", "S02"}


@pytest.mark.parametrize(
    ("name", "symbol"),
    [("AAPL.csv", "AAPL"), ("BRK-B_1d.csv.gz", "BRK-B"), ("^GSPC.csv", "^GSPC"), ("AAPL (1).csv", "AAPL"),
     ("OCDO.L.csv", "OCDO.L"), ("EURUSD=X.txt", "EURUSD=X"), ("0700.HK_daily_2020.csv", "0700.HK")],
)  # fmt: skip
def test_yahoos_download_has_its_symbol_in_the_files_name(name: str, symbol: str, tmp_path: Path) -> None:
    lines = [
        "2019-02-11,1.5,2.5,1.0,2.0,1.9,300",
        "2019-02-12,null,null,null,null,null,null",
        '2019-02-13,"1,001.5",1002,"1,000",1001,1.9,"12,345,678"',
    ]
    bars, rejects, _ = read(write(tmp_path / name, lines, "Date,Open,High,Low,Close,Adj Close,Volume"))
    day = 86_400_000
    midnight = START // day * day
    assert bars == [
        Bar(symbol, midnight, 1.5, 2.5, 1, 2, 300),
        Bar(symbol, midnight + 2 * day, 1001.5, 1002, 1000, 1001, 12_345_678),
    ]
    assert [(reject.place, reject.reason) for reject in rejects] == [(f"{tmp_path / name}:row 3", "open is empty")]


# -- times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2019-02-11T14:30:00Z", START),
        ("2019-02-11 14:30", START),
        ("2019-02-11T14:30:00.0009", START),
        ("2019-02-11T14:30:00.123456789Z", START + 123),
        ("2019-02-11T09:30:00-05:00", START),
        ("2019-02-11 09:30:00 -0500", START),
        ("2019-02-11T20:15:00+05:45", START),
        ("2019-02-11t14:30z", START),
        ("2019-02-11T14", START - 30 * MINUTE),
        ("2019-02-11", START - 870 * MINUTE),
        ("20190211", START - 870 * MINUTE),
        (str(START), START),
        (str(START // 1000), START),
        (f"{START // 1000}.25", START + 250),
        (f"{START}.0", START),
        (str(START * 1000), START),
        (str(START * 1_000_000 + 999_999), START),
        ("-86400", -86_400_000),
        ("1962-01-02", -252_374_400_000),
        ("1999-12-31T23:59:59.999", 946_684_799_999),
    ],
)
def test_times_as_text(text: str, moment: int, tmp_path: Path) -> None:
    rows = [f"A,{text},1,1,1,1,1"]
    assert times(write(tmp_path / "x.csv", rows)) == [moment]
    pa.parquet.write_table(pa.table({"symbol": ["A"], "timestamp": [text]} | ONE), tmp_path / "x.parquet")
    assert times(tmp_path / "x.parquet") == [moment]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S.%f+01:30"])
@given(st.lists(st.integers(-3_000_000_000_000, 7_000_000_000_000), min_size=100, max_size=100, unique=True))
@settings(max_examples=10, deadline=None)
def test_times_as_text_agree_with_the_standard_library(
    form: str, tmp_path_factory: pytest.TempPathFactory, moments: list[int]
) -> None:
    # fast and careful reading alike: the first block is read as text, the others typed
    stamps = [dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=moment) for moment in sorted(moments)]
    texts = [f"{stamp.year:04}" + stamp.strftime(form.removeprefix("%Y")) for stamp in stamps]
    expected = [dt.datetime.fromisoformat(text) for text in texts]
    expected = [stamp if stamp.tzinfo else stamp.replace(tzinfo=dt.UTC) for stamp in expected]
    path = write(tmp_path_factory.mktemp("t") / "x.csv", [f"S{i},{text},1,1,1,1,1" for i, text in enumerate(texts)])
    assert times(path) == [(stamp - stamps[0]) // dt.timedelta(milliseconds=1) + min(moments) for stamp in expected]


@pytest.mark.parametrize(
    ("kind", "moment"),
    [
        *(
            (pa.timestamp(unit, zone), START)
            for unit in ("s", "ms", "us", "ns")
            for zone in (None, "UTC", "Asia/Tokyo")
        ),
        (pa.date32(), START - 870 * MINUTE),
        (pa.date64(), START - 870 * MINUTE),
    ],
)
def test_times_in_parquets_own_types(kind: pa.DataType, moment: int, tmp_path: Path) -> None:
    stamp = pa.array([START]).cast(pa.timestamp("ms"))
    columns = {"symbol": ["A"], "timestamp": stamp.cast(kind, safe=False)} | ONE
    pa.parquet.write_table(pa.table(columns), tmp_path / "x.parquet")
    assert times(tmp_path / "x.parquet") == [moment]


@pytest.mark.parametrize(
    ("value", "kind"), [(START, "int64"), (START // 1000, "int32"), (START / 1000, "float64"), (START, "uint64"),
                        (START * 10**6, "int64"), (START * 10**3, "float64")]
)  # fmt: skip
def test_times_as_numbers_in_parquet(value: float, kind: str, tmp_path: Path) -> None:
    columns = {"symbol": ["A"], "timestamp": np.array([value], kind)} | ONE
    pa.parquet.write_table(pa.table(columns), tmp_path / "x.parquet")
    assert times(tmp_path / "x.parquet") == [START]


@pytest.mark.usefixtures("small_blocks")
def test_times_without_a_zone_are_in_the_given_zone(tmp_path: Path) -> None:
    zone = "America/New_York"
    minutes = [dt.datetime.fromisoformat("2019-03-08T09:30") + dt.timedelta(hours=i) for i in range(80)]
    gone = dt.datetime.fromisoformat("2019-03-10T02:30")  # the clocks went from 02:00 to 03:00
    path = write(tmp_path / "x.csv", [f"A,{minute.isoformat()},1,1,1,1,1" for minute in minutes])
    bars, rejects, _ = read(path, zone=zone)
    expected = [int(m.replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000) for m in minutes if m != gone]
    assert [bar.timestamp for bar in bars] == expected
    assert [(reject.place.rsplit(" ", 1)[1], reject.raw.decode()) for reject in rejects] == [
        (str(minutes.index(gone) + 2), f"A,{gone.isoformat()},1,1,1,1,1")
    ]
    assert "the clocks change" in rejects[0].reason
    twice = write(tmp_path / "y.csv", ["A,2019-11-03T00:30:00,1,1,1,1,1", "A,2019-11-03T01:30:00,1,1,1,1,1"])
    assert len(read(twice, zone=zone)[1]) == 1


def test_a_date_alone_is_midnight_utc_and_the_given_zone_is_not_applied_to_zoned_times(tmp_path: Path) -> None:
    zone = "Asia/Tokyo"
    assert times(write(tmp_path / "d.csv", ["A,2019-02-11,1,1,1,1,1"]), zone) == [START - 870 * MINUTE]
    assert times(write(tmp_path / "z.csv", ["A,2019-02-11T14:30Z,1,1,1,1,1"]), zone) == [START]
    assert times(write(tmp_path / "e.csv", [f"A,{START},1,1,1,1,1"]), zone) == [START]
    stamp = pa.array([START + 9 * 60 * MINUTE]).cast(pa.timestamp("ms"))
    columns = {"symbol": ["A"], "timestamp": stamp} | ONE
    pa.parquet.write_table(pa.table(columns), tmp_path / "x.parquet")
    assert times(tmp_path / "x.parquet", zone) == [START]


def test_an_unknown_zone_is_reported() -> None:
    for zone in ("Mars/Olympus", "../etc/passwd", ""):
        with pytest.raises(FileError, match="America/New_York"):
            FileSource([], options=ReadOptions(zone=zone or " "))


@pytest.mark.parametrize(
    ("first", "unlike"),
    [
        ("2019-02-11T14:30:00Z", "2019-02-11T14:31:00"),
        ("2019-02-11T14:30:00", "2019-02-11T14:31:00Z"),
        ("2019-02-11T14:30:00", str(START + MINUTE)),
        (str(START), "2019-02-11T14:31:00Z"),
    ],
)
@pytest.mark.parametrize("before", [0, 100])
@pytest.mark.usefixtures("small_blocks")
def test_rows_that_mix_kinds_of_times_are_rejected(first: str, unlike: str, before: int, tmp_path: Path) -> None:
    lines = [f"B{i},{first},1,1,1,1,1" for i in range(before + 1)] + [f"A,{unlike},1,1,1,1,1"]
    bars, rejects, _ = read(write(tmp_path / "x.csv", lines))
    assert [bar.timestamp for bar in bars] == [START] * (before + 1)
    assert [reject.raw.decode() for reject in rejects] == [lines[-1]]
    assert "not like the first time" in rejects[0].reason


def test_differing_offsets_may_mix(tmp_path: Path) -> None:
    texts = ["2019-02-11T09:30:00-05:00", "2019-02-11T14:31:00Z", "2019-02-11T15:32+01:00"]
    assert times(write(tmp_path / "x.csv", [f"A,{text},1,1,1,1,1" for text in texts])) == [
        START,
        START + MINUTE,
        START + 2 * MINUTE,
    ]


# -- rows that cannot be used ----------------------------------------------------------------------------------------

GOOD = [f"A,{START + i * MINUTE},1,2,0.5,1.5,{i}" for i in range(120)]

BAD = [
    ("A,{t},1,2,0.5,nan,1", "NaN"),
    ("A,{t},1,inf,0.5,1,1", "infinite"),
    ("A,{t},1,2,-0.5,1,1", "zero or negative"),
    ("A,{t},0,2,0.5,1,1", "zero or negative"),
    ("A,{t},1,2,0.5,1,-1", "volume is negative"),
    ("A,{t},1,0.5,2,1,1", "high is below low"),
    ("A,{t},1,2,0.5,1.2.3,1", "close '1.2.3' is not a number"),
    ("A,{t},1,2,0.5,,1", "close is empty"),
    ("A,{t},1,2,0.5,null,1", "close is empty"),
    ('A,{t},1,2,0.5,"1,23",1', "close '1,23' is not a number"),
    ("A,{t},1,2,0.5,{{x}},1", "close '{{x}}' is not a number"),
    ("A,{t},1,2,0.5,1", "6 columns instead of 7"),
    ("A,{t},1,2,0.5,1,1,1", "8 columns instead of 7"),
    ("A", "1 columns instead of 7"),
    (",{t},1,2,0.5,1,1", "the symbol is empty"),
    ("A B,{t},1,2,0.5,1,1", "write 'A-B'"),
    ("<b>,{t},1,2,0.5,1,1", "has the character '<'"),
    ("A" * 33 + ",{t},1,2,0.5,1,1", "33 characters"),
    ("A,,1,2,0.5,1,1", "timestamp is empty"),
    ("A,yesterday,1,2,0.5,1,1", "timestamp 'yesterday' is neither"),
    ("A,2019-02-30,1,2,0.5,1,1", "timestamp '2019-02-30' is neither"),
    ("A,2019-02-11T24:00,1,2,0.5,1,1", "is neither"),
    ("A,99999999999999999999,1,2,0.5,1,1", "is neither"),
    ("A,20190231,1,2,0.5,1,1", "outside 1867-2200"),
    ("A,8000000000000000000,1,2,0.5,1,1", "outside 1867-2200"),
    ('A,{t},1,2,0.5,"1,1', "quote"),
    ('A",{t},1,2,0.5,1,"1', "quote"),
    ("A,{t},1,2\r,0.5,1,1", "carriage return"),
    (b"A\xff,{t},1,2,0.5,1,1", "not UTF-8"),
]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("at", [0, 1, 99, 120])
@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_a_bad_row_is_kept_with_its_place_and_reason_and_the_others_go_on(
    bad: str | bytes, reason: str, at: int, tmp_path: Path
) -> None:
    raw = bad if isinstance(bad, bytes) else bad.encode()
    raw = raw.replace(b"{t}", str(START + at * MINUTE + 1).encode()).replace(b"{{", b"{").replace(b"}}", b"}")
    rows = [row.encode() for row in GOOD]
    rows.insert(at, raw)
    path = tmp_path / "bars.csv"
    path.write_bytes(b"\n".join([HEADER.encode(), *rows]) + b"\n")
    bars, rejects, notices = read(path)
    assert [line(bar) for bar in bars] == [line(bar) for bar in read(write(tmp_path / "good.csv", GOOD))[0]]
    assert [(reject.place, reject.raw) for reject in rejects] == [(f"{path}:row {at + 2}", raw)]
    assert reason.replace("{{", "{").replace("}}", "}") in rejects[0].reason
    assert notices == []


def test_a_quote_closed_on_the_next_line_costs_only_those_two_lines(tmp_path: Path) -> None:
    broken = [f'A,{START},1,1,1,1,"1', f'A",{START},1,1,1,1,1']
    bars, rejects, _ = read(write(tmp_path / "x.csv", [*GOOD[:50], *broken, *GOOD[50:]]))
    assert len(bars) == len(GOOD)
    assert [reject.raw.decode() for reject in rejects] == broken


def test_many_bad_rows_are_all_kept_in_their_order(tmp_path: Path) -> None:
    lines = [bad.replace("{t}", str(START)) for bad, _ in BAD if isinstance(bad, str) for _ in range(100)]
    _, rejects, _ = read(write(tmp_path / "x.csv", [*lines, *GOOD]))
    assert [reject.raw.decode() for reject in rejects] == [text.rstrip("\r") for text in lines]
    assert [reject.place for reject in rejects] == [f"{tmp_path / 'x.csv'}:row {i}" for i in range(2, len(lines) + 2)]


@given(st.lists(st.tuples(st.integers(0, 119), st.binary(max_size=60)), max_size=8))
@settings(max_examples=150, deadline=None)
@pytest.mark.usefixtures("small_blocks")
def test_no_garbage_line_disturbs_its_neighbours(
    tmp_path_factory: pytest.TempPathFactory, garbage: list[tuple[int, bytes]]
) -> None:
    rows = [row.encode() for row in GOOD]
    for at, text in garbage:
        rows.insert(at, text.replace(b"\n", b'"'))
    path = tmp_path_factory.mktemp("g") / "bars.csv"
    path.write_bytes(b"\n".join([HEADER.encode(), *rows]))
    bars, rejects, _ = read(path)
    assert [bar.timestamp for bar in bars] == [START + i * MINUTE for i in range(120)]
    expected = {(i + 2, row) for i, row in enumerate(rows) if row.decode(errors="replace") not in GOOD}
    found = {(int(reject.place.rsplit(" ", 1)[1]), reject.raw) for reject in rejects}
    assert found <= {(i, row.removesuffix(b"\r")) for i, row in expected}
    assert {row.strip() for _, row in expected - found if not row.endswith(b"\r")} <= {b""}  # blank lines are no rows


def test_bad_rows_of_parquet_are_kept_as_json(tmp_path: Path) -> None:
    plain = table(random_bars(1, 50)).to_pylist()
    plain[7]["close"] = None
    plain[8]["high"] = float("inf")
    plain[9]["timestamp"] = None
    plain[10]["symbol"] = None
    pa.parquet.write_table(pa.Table.from_pylist(plain), tmp_path / "x.parquet")
    bars, rejects, _ = read(tmp_path / "x.parquet")
    assert len(bars) == 46
    assert [(reject.place.rsplit(":", 1)[1], reject.reason) for reject in rejects] == [
        ("row 8", "close is empty"),
        ("row 9", "a price or the volume is infinite"),
        ("row 10", "timestamp is empty"),
        ("row 11", "the symbol is empty"),
    ]
    assert b'"close": null' in rejects[0].raw
    assert b"S00" in rejects[0].raw


# -- files that cannot be used ---------------------------------------------------------------------------------------


def _parquet(**columns: list[object]) -> Callable[[Path], None]:
    return lambda path: pa.parquet.write_table(pa.table(columns), path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.csv", None, "No such file"),
        ("folder", Path.mkdir, "is a folder"),
        ("empty.csv", b"", "is empty"),
        ("empty.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("blank.csv", b"\n\n", "blank lines"),
        ("header.csv", HEADER.encode() + b"\n\n", "no rows"),
        ("x.csv", b"symbol,timestamp,open,high,low,volume\nA,1,1,1,1,1\n", "no column close; its columns are 'symbol'"),
        ("x.csv", HEADER.replace(",", ";").encode() + b"\n1;2\n", "row 2: 2 columns instead of 7"),
        ("x.csv", b"Date,Time,open,high,low,close,volume\nx,1,1,1,1,1,1\n", "row 2: timestamp 'x' is neither"),
        ("x.csv", b"close,time,open,high,low,Close,volume\n1,1,1,1,1,1,1\n", "close, Close could all be the close"),
        ("bad name's.csv", b"timestamp,open,high,low,close,volume\n1,1,1,1,1,1\n", ""),
        ("_.csv", b"timestamp,open,high,low,close,volume\n1,1,1,1,1,1\n", "no symbol column"),
        ("text.parquet", HEADER.encode() + b"\n", "is not Parquet"),
        ("cut.parquet", b"PAR1" + b"x" * 100, "not a whole Parquet file"),
        ("cut.csv.gz", gzip.compress(b"x" * 1000, mtime=0)[:20], "cut short or damaged"),
        ("book.xlsx", b"PK\x03\x04\x00\x00\x08\n" * 20, "zip data is cut short or damaged"),
        ("utf16.csv", (HEADER + "\n1\n").encode("utf-16"), "none of its 1 rows"),
        ("BTC-1d.feather", b"ARROW1\0\0" + b"x" * 100, "is Feather (Arrow IPC), which is not read; write Parquet: "),
        ("old.xls", b"\xd0\xcf\x11\xe0" + b"x" * 100, "is an old workbook, which is not read; save it as CSV"),
        ("BTC-1m.json", b"[[1709559000000,10,11,9,10.5,100]]", "this is JSON, which is not read"),
        ("rows.json", b'{\n "timestamp": 1,\n "close": 2\n}\n', "this is JSON, which is not read"),
        ("mac.csv", (HEADER + "\r" + GOOD[0] + "\r").encode(), "carriage returns only"),
        ("none.parquet", _parquet(symbol=[], timestamp=[], **{name: [] for name in ONE}), "no rows"),
        ("bool.parquet", _parquet(symbol=["A"], timestamp=[1], **ONE | {"close": [True]}), "column close holds bool"),
        ("code.parquet", _parquet(symbol=[1.5], timestamp=[1], **ONE), "column symbol holds double"),
        ("less.parquet", _parquet(symbol=["A"], **ONE), "no column timestamp"),
    ],
)  # fmt: skip
def test_an_unusable_file_is_reported_in_one_line_and_the_others_are_replayed(
    name: str, content: bytes | Callable[[Path], None] | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if callable(content):
        content(path)
    elif content is not None:
        path.write_bytes(content)
    good = write(tmp_path / "good.csv", GOOD)
    source = FileSource([path, good])
    source.scan()
    if not said:  # a name with a blank ends there: this one is fit
        assert source.problems == []
        return
    assert len(source.problems) == 1
    assert source.problems[0].startswith(f"{path}: ")
    assert said in source.problems[0]
    assert "\n" not in source.problems[0]
    assert sum(len(delivery.bars) for delivery in source.deliveries("")) == len(GOOD)


def test_no_file_at_all_is_an_empty_source(tmp_path: Path) -> None:
    source = FileSource([tmp_path / "gone.csv"])
    assert source.scan().rows == 0
    assert list(source.deliveries("")) == []


def test_a_file_named_twice_and_a_copy_are_replayed_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", GOOD)
    copy = write(tmp_path / "copy.csv", GOOD)
    source = FileSource([path, tmp_path / "." / "a.csv", copy])
    assert sum(len(delivery.bars) for delivery in source.deliveries("")) == len(GOOD)
    assert ["twice" in problem or "same bars" in problem for problem in source.problems] == [True, True]


def test_rows_before_the_end_of_a_truncated_gzip_and_other_files_are_replayed(tmp_path: Path) -> None:
    bars = list(random_bars(3, 20_000))
    whole = gzip.compress("\n".join([HEADER, *map(line, bars)]).encode())
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    other = write(tmp_path / "other.csv", GOOD)
    source = FileSource([tmp_path / "cut.csv.gz", other])
    assert source.problems == []
    deliveries = list(source.deliveries(""))
    found = [bar for delivery in deliveries for bar in delivery.bars]
    cut = [bar for bar in found if bar.symbol != "A"]
    assert len(found) - len(cut) == len(GOOD)
    assert cut == bars[: len(cut)]
    assert len(cut) > 20_000
    assert sum(len(delivery.rejects) for delivery in deliveries) == 0
    assert len(source.problems) == 1
    assert "cut short" in source.problems[0]
    assert source.problems == [notice for delivery in deliveries for notice in delivery.notices]


def test_rows_before_the_damage_in_a_parquet_file_are_replayed(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pa.parquet.write_table(table(random_bars(2, 40_000)), path, row_group_size=20_000, compression="none")
    second = pa.parquet.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    start = second.dictionary_page_offset or second.data_page_offset
    data[start : start + 64] = b"\xff" * 64
    path.write_bytes(data)
    source = FileSource([path])
    found = [bar for delivery in source.deliveries("") for bar in delivery.bars]
    assert len(source.problems) == 1
    assert "is damaged after row" in source.problems[0]
    assert found == list(random_bars(2, 40_000))[: len(found)]
    assert len(found) >= 16_000
