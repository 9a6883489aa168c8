"""The layouts that people have: each is read right, or refused with the option to give."""

# ruff: noqa: E501 - rows of files are shown whole

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tapeline.core.market import Bar
from tapeline.core.times import DAY, HOUR, MINUTE, WEEK
from tapeline.feeds.files import FileSource, ReadOptions
from tapeline.feeds.files.file_symbols import symbol_of
from tapeline.feeds.files.interpretation import Interpretation
from tapeline.runtime.zstd import zstd

LAYOUTS = Path(__file__).parents[3] / "data" / "layouts"


def read(path: Path, **options: object) -> tuple[list[Bar], FileSource]:
    source = FileSource([path], options=ReadOptions(**options))  # type: ignore[arg-type]
    return [bar for delivery in source.deliveries("") for bar in delivery.bars], source


def reading(source: FileSource) -> Interpretation:
    [(_, found)] = source.readings()
    return found


def at(text: str) -> int:
    return round(dt.datetime.fromisoformat(text + "+00:00").timestamp() * 1000)


@pytest.mark.parametrize(
    ("name", "layout", "symbols", "first", "closes"),
    [
        ("01_AAPL_yfinance_three_header_rows.csv", "yfinance", "AAPL", "2024-03-04", [101.1, 102.3, 101.7]),
        ("06_XL.csv", "plain", "XL", "2024-03-04", [101.1, 102.3, 101.7]),
        ("08_ms_old.csv", "plain", "IBM", "1962-01-01", [10.5, 10.5, 11.5, 11.5, 11.6, 12.5, 12.6]),
        ("11_DUPB.csv", "Yahoo (web)", "DUPB", "2024-03-06", [10.0, 10.5, 11.5]),
        ("14_GERQ.csv", "plain", "GERQ", "2024-03-04", [1.088, 1.0862, 1.089]),
        ("15_NOVOL.csv", "plain", "NOVOL", "2024-03-04", [1.085, 1.086]),
        ("BTCUSDT-fut.csv", "Binance klines", "BTCUSDT", "2025-01-01", [94401.1, 93607.7]),
        ("CL=F.csv", "Yahoo (web)", "CL=F", "2020-04-16", [19.87, 18.27, -37.63, 10.01, 13.78]),
        ("EURUSD_M1.csv", "MetaTrader 5", "EURUSD", "2024-03-04 09:00", [1.0855, 1.0858]),
        ("GOOGX.csv", "plain", "GOOGX", "2024-03-04", [101.1, 102.3, 101.7]),
        ("SAP.csv", "plain", "SAP", "2024-03-04", [101.1, 102.3]),
        ("TRAIL.csv", "plain", "TRAIL", "2024-03-04", [10.5, 10.5]),
        ("UNNAMED.parquet", "plain", "UNNAMED", "2024-03-04", [10.5, 11.5, 12.5, 13.5]),
        ("daily_IBM.csv", "Alpha Vantage", "IBM", "2024-03-04", [191.1, 192.3, 191.7]),
        ("intcode.parquet", "a table of several symbols", "600519", "2024-03-04", [10.5, 11.5, 12.5, 13.5]),
        ("polygon.csv", "Polygon (Massive)", "AAPL", "2025-04-16 08:35", [200.5, 200.34]),
        ("rows_api.csv", "tapeline's rows", "REG", "2024-03-06 20:10", [107.39999999999999, 107.41, 107.41999999999999]),
    ],
)  # fmt: skip
def test_a_file_of_one_symbol_is_read_as_it_is_meant(
    name: str, layout: str, symbols: str, first: str, closes: list[float]
) -> None:
    bars, source = read(LAYOUTS / name)
    assert source.problems == []
    assert reading(source).guesses["layout"].found == layout
    assert {bar.symbol for bar in bars} == {symbols}
    assert [bar.close for bar in bars] == closes
    assert bars[0].timestamp == at(first)


def test_tickers_in_a_column_called_name_are_symbols() -> None:
    bars, _ = read(LAYOUTS / "03_all_stocks_2yr.csv")
    assert [(bar.symbol, bar.close) for bar in bars if bar.symbol == "BBB"] == [
        ("BBB", c) for c in (511.1, 511.9, 512.2)
    ]
    assert len(bars) == 6


def test_the_last_of_repeated_rows_counts() -> None:
    bars, source = read(LAYOUTS / "11_DUPB.csv")
    assert (bars[-1].close, bars[-1].volume) == (11.5, 1200)
    assert source.scan().rows == 4


@pytest.mark.parametrize(
    ("name", "option", "settled", "first"),
    [
        ("17_DD.csv", "date_format", "%d/%m/%Y", "2024-03-04"),
        ("17_DD.csv", "date_format", "%m/%d/%Y", "2024-04-03"),
        ("DT.csv", "zone", "America/New_York", "2024-01-02 14:30"),
        ("DT.csv", "zone", "UTC", "2024-01-02 09:30"),
    ],
)
def test_what_a_file_leaves_open_is_refused_with_the_option_that_settles_it(
    name: str, option: str, settled: str, first: str
) -> None:
    bars, source = read(LAYOUTS / name)
    assert bars == []
    [problem] = source.problems
    assert f"--{option.replace('_', '-')} {settled}" in problem
    bars, source = read(LAYOUTS / name, **{option: settled})
    assert source.problems == []
    assert bars[0].timestamp == at(first)


def test_minutes_of_new_york_without_a_zone_make_its_whole_session(tmp_path: Path) -> None:
    start = dt.datetime.fromisoformat("2024-03-05T09:30")
    rows = [f"{start + dt.timedelta(minutes=i)},100,101,99,100,1000" for i in range(390)]
    path = tmp_path / "NAIVE.csv"
    path.write_text("timestamp,open,high,low,close,volume\n" + "\n".join(rows))
    assert "--zone America/New_York or --zone UTC" in read(path)[1].problems[0]
    bars, _ = read(path, zone="America/New_York")
    assert (bars[0].timestamp, bars[-1].timestamp) == (at("2024-03-05 14:30"), at("2024-03-05 20:59"))
    path.write_text(path.read_text().replace("2024-03-05", "2024-03-09"))  # a Saturday: no exchange's hours
    assert read(path)[1].problems == []


def test_symbols_with_a_slash_are_read_and_one_with_a_blank_has_a_true_reason() -> None:
    source = FileSource([LAYOUTS / "slash.csv"])
    deliveries = list(source.deliveries(""))
    assert [bar.symbol for delivery in deliveries for bar in delivery.bars] == ["BTC-USDT", "BRK-B", "BRK.B"]
    [reject] = [reject for delivery in deliveries for reject in delivery.rejects]
    assert "'BRK B' has a blank" in reject.reason


@pytest.mark.parametrize(
    ("name", "interval"),
    [("weekly.csv", WEEK), ("09_abc_1m.csv", MINUTE), ("09_abc_1d.csv", DAY), ("BTCUSDT-fut.csv", HOUR)],
)
def test_the_length_of_bars_is_told(name: str, interval: int) -> None:
    assert read(LAYOUTS / name)[1].scan().interval == interval


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("daily_IBM.csv", "IBM"), ("intraday_5min_IBM.csv", "IBM"), ("NASDAQ_AAPL, 1D.csv", "AAPL"),
        ("LSE_VOD, 1D.csv", "LSE:VOD"), ("BINANCE_BTCUSDT, 60_1a2b3.csv", "BTCUSDT"),
        ("BTCUSDT-1h-2025-01.csv", "BTCUSDT"), ("BTCUSDT-1h-2025-01.zip", "BTCUSDT"), ("aapl_us_d.csv", "AAPL.US"),
        ("aapl.us.txt", "AAPL.US"), ("^spx_d.csv", "^SPX"), ("EURUSD_M1.csv", "EURUSD"), ("EURUSD60.csv", "EURUSD"),
        ("EURUSD_M1_202403040000_202403082359.csv", "EURUSD"), ("UNNAMED.csv", "UNNAMED"), ("BRK-B.csv", "BRK-B"),
        ("BTC-USD.csv", "BTC-USD"), ("AAPL-1d.csv", "AAPL"), ("01_AAPL.csv", "AAPL"), ("600519.csv", "600519"),
        ("AAPL Historical Data.csv", "AAPL"), ("HistoricalData_1712345678901.csv", ""),
    ],
)  # fmt: skip
def test_a_files_name_says_the_symbol_as_vendors_write_it(name: str, symbol: str) -> None:
    assert symbol_of(Path(name)) == symbol


PLAIN = (
    "Date,Open,High,Low,Close,Volume\n2024-03-04,1,2,0.5,1.5,10\n2024-03-05,1,2,0.5,1.6,10\n2024-03-06,1,2,0.5,1.7,10\n"
)


@pytest.mark.parametrize(
    ("name", "text", "closes", "first"),
    [
        ("HistoricalData.csv", 'Date,Close/Last,Volume,Open,High,Low\n03/05/2024,"$1,408.50",107,$1400,"$1,410",$1390\n', [1408.5], "2024-03-05"),
        ("I.csv", '"Date","Price","Open","High","Low","Vol.","Change %"\n"03/13/2024","10.5","10","11","9","107.92M","0.1%"\n', [10.5], "2024-03-13"),
        ("EURUSD60.csv", "2024.03.04,09:00,1.1,1.2,1.0,1.15,120\n2024.03.04,10:00,1.1,1.2,1.0,1.16,120\n", [1.15, 1.16], "2024-03-04 09:00"),
        ("BTCUSDT-1h-2025-01.csv", "1735689600000000,1,2,0.5,1.5,7,1735693199999999,1,1,1,1,0\n", [1.5], "2025-01-01"),
        ("IB.csv", "date,open,high,low,close,volume,average,barCount\n20231115 09:30:00 US/Eastern,1,2,0.5,1.5,7,1,1\n", [1.5], "2023-11-15 14:30"),
        ("S.txt", "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\nAAPL.US,D,20240304,000000,1,2,0.5,1.5,7,0\n", [1.5], "2024-03-04"),
        ("Q.csv", "instrument,datetime,$open,$high,$low,$close,$volume\nSH600519,2024-03-04,1,2,0.5,1.5,7\n", [1.5], "2024-03-04"),
        ("C.csv", "https://www.example.com\nunix,date,symbol,open,high,low,close,Volume BTC,Volume USD\n1709510400,2024-03-04 00:00:00,BTC/USD,1,2,0.5,1.5,7,8\n", [1.5], "2024-03-04"),
        ("D.csv", "Datum;Erster;Hoch;Tief;Schlusskurs;Stücke\n04.03.2024;1.000,5;1.002,0;999,5;1.001,5;1.000\n", [1001.5], "2024-03-04"),
        ("M.csv", "Date|Open|High|Low|Close\nMar 04, 2024|1|2|0.5|1.5\n", [1.5], "2024-03-04"),
        ("A.csv", "Date,Open,High,Low,Close,Volume\n04-Mar-2024,1,2,0.5,1.5,\n", [1.5], "2024-03-04"),
        ("N.csv", "date,open,high,low,close\n202403040930,1,2,0.5,1.5\n202403040931,1,2,0.5,1.6\n", [], ""),
        ("X.csv", "date,open,high,low,close\n45355.5,1,2,0.5,1.5\n45355.75,1,2,0.5,1.6\n", [1.5, 1.6], "2024-03-04 12:00"),
        ("P.csv", "Date,Time,Open,High,Low,Close\n03/13/2024,02:30 PM,1,2,0.5,1.5\n", [1.5], "2024-03-13 14:30"),
        ("Z.csv", "time,open,high,low,close\n04.03.2024 00:00:00.000 GMT+0100,1,2,0.5,1.5\n", [1.5], "2024-03-03 23:00"),
    ],
)  # fmt: skip
def test_layouts_of_vendors(name: str, text: str, closes: list[float], first: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    bars, source = read(tmp_path / name, **({"symbol": "ABC"} if name.startswith("Hist") else {}))
    if not closes:
        assert "--zone" in source.problems[0]
        return
    assert source.problems == []
    assert [bar.close for bar in bars] == closes
    assert bars[0].timestamp == at(first)


def test_prices_that_may_have_thousands_or_decimals_are_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_text('Date,Open,High,Low,Close\n2024-03-04,"1,085","1,092","1,079","1,088"\n')
    assert "--decimal , or --decimal ." in read(path)[1].problems[0]
    assert read(path, decimal=",")[0][0].close == 1.088
    assert read(path, decimal=".")[0][0].close == 1088
    path.write_text(path.read_text() + "2024-03-05,999,1001,998,1000\n")  # near 1,088 only as thousands
    assert [bar.close for bar in read(path)[0]] == [1088, 1000]


def test_packed_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "A.csv.zst").write_bytes(zstd.compress(PLAIN.encode()))
    with zipfile.ZipFile(tmp_path / "B.zip", "w") as archive:
        archive.writestr("inside.csv", PLAIN)
    (tmp_path / "C.csv").write_bytes(PLAIN.encode("utf-16"))
    for name in ("A.csv.zst", "B.zip", "C.csv"):
        bars, source = read(tmp_path / name)
        assert source.problems == []
        assert [(bar.symbol, bar.close) for bar in bars] == [(name[0], close) for close in (1.5, 1.6, 1.7)]
    with zipfile.ZipFile(tmp_path / "D.zip", "w") as archive:
        archive.writestr("one.csv", PLAIN)
        archive.writestr("two.csv", PLAIN)
    assert "an archive of 2 files" in read(tmp_path / "D.zip")[1].problems[0]
    for log in (28, 27):
        pack = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: log})
        (tmp_path / f"{log}.csv.zst").write_bytes(pack.compress(PLAIN.encode()) + pack.flush())
    assert read(tmp_path / "27.csv.zst")[1].problems == []
    assert "a window of 256 MB to be unpacked, and 128 is the most" in read(tmp_path / "28.csv.zst")[1].problems[0]


def test_tickers_side_by_side_are_read_apart(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text(
        "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume\n"
        "Ticker,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT\nDate,,,,,,,,,,\n"
        "2024-03-04,1.5,2.5,2,3,1,2,1.2,2.2,10,20\n2024-03-05,1.6,,2,,1,,1.2,,10,\n"
    )
    bars, source = read(path)
    assert source.problems == []
    assert [(bar.symbol, bar.close, bar.volume) for bar in bars] == [
        ("AAPL", 1.5, 10),
        ("MSFT", 2.5, 20),
        ("AAPL", 1.6, 10),
    ]
    names = ["Date"] + [
        f"('{name}', '{ticker}')" for name in ("Close", "High", "Low", "Open", "Volume") for ticker in "AB"
    ]
    values = [[dt.datetime(2024, 3, 4)], *([float(v)] for v in (1.5, 2.5, 2, 3, 1, 2, 1.2, 2.2, 10, 20))]  # noqa: DTZ001
    pq.write_table(pa.table(dict(zip(names, values, strict=True))), tmp_path / "many.parquet")
    assert [(bar.symbol, bar.close) for bar in read(tmp_path / "many.parquet")[0]] == [("A", 1.5), ("B", 2.5)]


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_text("when,from,top,bottom,to\n2024-03-04,1,2,0.5,1.5\n")
    assert "no column timestamp, open, high, low, close" in read(path)[1].problems[0]
    names = {"timestamp": "when", "open": "from", "high": "top", "low": "bottom", "close": "to"}
    assert [bar.close for bar in read(path, columns=names)[0]] == [1.5]


def test_ends_of_bars_are_asked_about(tmp_path: Path) -> None:
    start = dt.datetime.fromisoformat("2024-03-05T14:31")
    rows = [f"{start + dt.timedelta(minutes=i)}Z,1,2,0.5,1.5" for i in range(390)]
    path = tmp_path / "A.csv"
    path.write_text("time,open,high,low,close\n" + "\n".join(rows))
    assert "--stamp end or --stamp start" in read(path)[1].problems[0]
    bars, _ = read(path, stamp="end")
    assert (bars[0].timestamp, bars[-1].timestamp) == (at("2024-03-05 14:30"), at("2024-03-05 20:59"))


def test_daily_bars_have_the_date_of_their_exchange(tmp_path: Path) -> None:
    days = ["2024-03-04T05:00Z", "2024-03-05T05:00Z", "2024-03-06T05:00Z"]
    path = tmp_path / "A.csv"
    path.write_text("time,open,high,low,close\n" + "\n".join(f"{day},1,2,0.5,1.5" for day in days))
    assert [bar.timestamp for bar in read(path)[0]] == [at(f"2024-03-0{day}") for day in (4, 5, 6)]
    crypto = path.rename(tmp_path / "BTC-USD.csv")
    assert read(crypto)[0][0].timestamp == at("2024-03-04")


def test_a_day_that_is_stamped_in_two_ways_is_one_bar(tmp_path: Path) -> None:
    def written(name: str, hours: dict[int, str]) -> Path:
        path = tmp_path / name
        rows = [f"2024-03-{day:02d}T{hour}:00Z,1,2,0.5,1.{day}" for day, hour in hours.items()]
        path.write_text("time,open,high,low,close\n" + "\n".join(rows) + "\n")
        return path

    mixed = written("A.csv", {4: "00", 5: "05", 6: "00", 7: "05", 8: "05"})
    assert [bar.timestamp for bar in read(mixed)[0]] == [at(f"2024-03-0{day}") for day in range(4, 9)]
    midnight = written("B.csv", {4: "00", 5: "00", 6: "00"})
    new_york = written("C.csv", {4: "05", 5: "05", 6: "05"})
    source = FileSource([midnight, new_york], options=ReadOptions(symbol="A"))
    assert sum(len(each.bars) for each in source.deliveries("")) == 3
    local = written("D.csv", {4: "00", 5: "00", 6: "00"})
    local.write_text(local.read_text().replace("Z", ""))
    bars, _ = read(local, zone="America/New_York")
    assert [bar.timestamp for bar in bars] == [at(f"2024-03-0{day}") for day in (4, 5, 6)]


def test_prices_are_scaled_to_adjusted_closes_on_request(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_text(
        "Date,Open,High,Low,Close,Adj Close,Volume\n2024-03-04,400,420,380,400,100,7\n2024-03-05,101,102,99,100,100,7\n"
    )
    bars, source = read(path)
    assert "from 400 to 101 on 2024-03-05, as an unadjusted 4-for-1 split" in str(source.scan().files[0].jumps[0])
    adjusted, source = read(path, adjust="column")
    assert source.scan().files[0].jumps == ()
    assert [(bar.open, bar.high, bar.low, bar.close) for bar in adjusted] == [(100, 105, 95, 100), (101, 102, 99, 100)]
    assert bars[0].close == 400


def test_a_file_without_a_usable_row_says_the_first_reason(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_text("time,open,high,low,close\nsoon,1,2,0.5,1.5\nlater,1,2,0.5,1.5\n")
    _, source = read(path)
    assert "none of its 2 rows can be used; the first, row 2: timestamp 'soon' is neither" in source.problems[0]


def test_periods_of_pandas_are_their_starts(tmp_path: Path) -> None:
    field = pa.field(
        "date", pa.int64(),
        metadata={"ARROW:extension:name": "pandas.period", "ARROW:extension:metadata": '{"freq": "M"}'},
    )  # fmt: skip
    prices = {name: [1.0, 1.0] for name in ("open", "high", "low", "close")}
    schema = pa.schema([field, *((name, pa.float64()) for name in prices)])
    pq.write_table(pa.table({"date": [650, 651], **prices}, schema=schema), tmp_path / "A.parquet")
    assert [bar.timestamp for bar in read(tmp_path / "A.parquet")[0]] == [at("2024-03-01"), at("2024-04-01")]


def test_a_bar_that_says_it_is_forming_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        "stock_symbol,timestamp,open,high,low,price,volume,final\nA,1709755800000,1,2,0.5,1.5,7,true\n"
        "A,1709755860000,1,2,0.5,1.6,7,false\n"
    )
    source = FileSource([path])
    [delivery] = source.deliveries("")
    assert [bar.close for bar in delivery.bars] == [1.5]
    assert [reject.reason for reject in delivery.rejects] == ["the bar was still forming"]


def test_times_that_are_no_numbers_are_refused_one_by_one(tmp_path: Path) -> None:
    prices = {name: [1.0] * 3 for name in ("open", "high", "low", "close")}
    pq.write_table(pa.table({"time": [float("nan"), float("inf"), 1.7e9], **prices}), tmp_path / "A.parquet")
    bars, source = read(tmp_path / "A.parquet")
    assert [bar.timestamp for bar in bars] == [1_700_000_000_000]
    assert source.scan().files[0].rejected == 2


def test_another_encoding_is_read_when_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "SAP.csv"
    path.write_bytes("Datum;Eröffnung;Open;High;Low;Close\n2024-03-04;ä;1,5;2,5;0,5;1,5\n".encode("cp1252"))
    assert "--encoding cp1252" in read(path)[1].problems[0]
    [bar], _ = read(path, encoding="cp1252", columns={"timestamp": "Datum"})
    assert (bar.symbol, bar.high) == ("SAP", 2.5)
