"""Write bars as vendors, libraries and people do: one function a layout, each with what a reader may have to ask."""

# ruff: noqa: E501 - rows of files are shown whole

from __future__ import annotations

import datetime as dt
import gzip
import io
import random
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from tapeline.core.market import Bar
from tapeline.runtime.zstd import zstd

NEW_YORK = ZoneInfo("America/New_York")
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Written:
    """Hold a file's name and bytes, the bars that it means, and answers to what its rows may leave open."""

    name: str
    content: bytes
    bars: list[Bar]
    answers: dict[str, str] = field(default_factory=dict)


Writer = Callable[[random.Random], Written]
WRITERS: dict[str, Writer] = {}


def writer(function: Writer) -> Writer:
    """Add a layout under the name of its function."""
    WRITERS[function.__name__] = function
    return function


# -- bars ----------------------------------------------------------------------------------------------------------------


def bars_at(rng: random.Random, symbol: str, times: Sequence[int], digits: int = 2) -> list[Bar]:
    """Return bars with a random walk of prices, of this many digits, at these times."""
    made, close = [], rng.uniform(50, 500)
    for time in times:
        low, opens, close, high = sorted(round(close * rng.uniform(0.98, 1.02), digits) for _ in range(4))
        if rng.random() < 0.5:
            opens, close = close, opens
        made.append(Bar(symbol, time, opens, high, low, close, float(rng.randrange(1, 999) * 1000)))
    return made


def days(rng: random.Random, count: int | None = None) -> list[int]:
    """Return the midnights of some weekdays in a row."""
    day = dt.date(2019, 1, 1) + dt.timedelta(days=rng.randrange(1800))
    found: list[int] = []
    while len(found) < (count or rng.randrange(3, 25)):
        if day.weekday() < 5:
            found.append((day - dt.date(1970, 1, 1)).days * DAY_MS)
        day += dt.timedelta(days=1)
    return found


def minutes(rng: random.Random, zone: dt.tzinfo = NEW_YORK) -> list[int]:
    """Return some minutes of an exchange's morning, on two days, from 9:30."""
    found = []
    for day in days(rng, 2):
        start = dt.datetime.fromtimestamp(day / 1000, dt.UTC).replace(hour=9, minute=30, tzinfo=zone)
        found += [round(start.timestamp() * 1000) + i * 60_000 for i in range(rng.randrange(5, 30))]
    return found


def form(time: int, pattern: str, zone: dt.tzinfo = dt.UTC) -> str:
    """Return a time as text."""
    return dt.datetime.fromtimestamp(time / 1000, zone).strftime(pattern)


def rows(header: str, lines: Sequence[str]) -> bytes:
    """Return a header and lines as bytes."""
    return ("\n".join([header, *lines] if header else lines) + "\n").encode()


def prices(bar: Bar) -> str:
    """Return open, high, low and close with commas."""
    return f"{bar.open},{bar.high},{bar.low},{bar.close}"


# -- layouts -------------------------------------------------------------------------------------------------------------


@writer
def yahoo(rng: random.Random) -> Written:
    bars = bars_at(rng, "BRK-B", days(rng))
    lines = [f"{form(b.timestamp, '%Y-%m-%d')},{prices(b)},{b.close * 0.9},{b.volume:.0f}" for b in bars]
    return Written("BRK-B.csv", rows("Date,Open,High,Low,Close,Adj Close,Volume", lines), bars)


@writer
def yfinance(rng: random.Random) -> Written:
    symbols = rng.sample(["AAPL", "MSFT", "VOD.L"], rng.randrange(1, 4))
    times = days(rng)
    own = {symbol: bars_at(rng, symbol, times) for symbol in symbols}
    names = ["close", "high", "low", "open", "volume"]
    header = "Price," + ",".join(name.title() for name in names for _ in symbols)
    header += "\nTicker," + ",".join(symbols * len(names)) + "\nDate" + "," * (len(names) * len(symbols))
    lines = [
        ",".join([form(time, "%Y-%m-%d"), *(str(getattr(own[s][i], name)) for name in names for s in symbols)])
        for i, time in enumerate(times)
    ]
    return Written("download.csv", rows(header, lines), [bar for symbol in symbols for bar in own[symbol]])


@writer
def yfinance_parquet(rng: random.Random) -> Written:
    bars = bars_at(rng, "AAPL", days(rng))
    names = ["close", "high", "low", "open", "volume"]
    columns = {"Date": pa.array([b.timestamp for b in bars]).cast(pa.timestamp("ms"))}
    columns |= {f"('{name.title()}', 'AAPL')": [getattr(b, name) for b in bars] for name in names}
    return Written("frame.parquet", parquet(columns), bars)


@writer
def tradingview(rng: random.Random) -> Written:
    bars = bars_at(rng, "AAPL", minutes(rng))
    zoned = rng.random() < 0.5
    lines = [
        f"{form(b.timestamp, '%Y-%m-%dT%H:%M:%S-05:00', dt.timezone(dt.timedelta(hours=-5))) if zoned else b.timestamp // 1000},{prices(b)},{b.volume:.0f},NaN"
        for b in bars
    ]
    return Written("NASDAQ_AAPL, 1.csv", rows("time,open,high,low,close,Volume,SMA", lines), bars)


@writer
def stooq(rng: random.Random) -> Written:
    bars = bars_at(rng, "AAPL.US", days(rng))
    lines = [f"AAPL.US,D,{form(b.timestamp, '%Y%m%d')},000000,{prices(b)},{b.volume:.0f},0" for b in bars]
    header = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"
    return Written("aapl.us.txt", rows(header, lines), bars)


@writer
def stooq_download(rng: random.Random) -> Written:
    bars = bars_at(rng, "AAPL.US", days(rng))
    lines = [f"{form(b.timestamp, '%Y-%m-%d')},{prices(b)},{b.volume:.0f}" for b in bars]
    return Written("aapl_us_d.csv", rows("Date,Open,High,Low,Close,Volume", lines), bars)


@writer
def alphavantage(rng: random.Random) -> Written:
    bars = bars_at(rng, "IBM", minutes(rng))
    lines = [f"{form(b.timestamp, '%Y-%m-%d %H:%M:%S', NEW_YORK)},{prices(b)},{b.volume:.0f}" for b in bars]
    return Written("intraday_1min_IBM.csv", rows("timestamp,open,high,low,close,volume", lines[::-1]), bars)


@writer
def polygon(rng: random.Random) -> Written:
    bars = bars_at(rng, "AAPL", minutes(rng))
    lines = [f"AAPL,{b.volume:.0f},{b.open},{b.close},{b.high},{b.low},{b.timestamp * 10**6},57" for b in bars]
    return Written(
        "2025-04-16.csv.gz",
        gzip.compress(rows("ticker,volume,open,close,high,low,window_start,transactions", lines)),
        bars,
    )


@writer
def binance(rng: random.Random) -> Written:
    bars = bars_at(rng, "BTCUSDT", minutes(rng, dt.UTC))
    scale = rng.choice([1, 1000])
    lines = [
        f"{b.timestamp * scale},{prices(b)},{b.volume},{(b.timestamp + 59_999) * scale},1.0,5,2.0,3.0,0" for b in bars
    ]
    header = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
    content = rows(rng.choice(["", header]), lines)
    return Written("BTCUSDT-1m-2025-01.zip", zipped(content), bars)


@writer
def interactive_brokers(rng: random.Random) -> Written:
    bars = bars_at(rng, "SPY", minutes(rng))
    lines = [f"{form(b.timestamp, '%Y%m%d %H:%M:%S', NEW_YORK)} US/Eastern,{prices(b)},{b.volume},1.5,7" for b in bars]
    return Written("SPY.csv", rows("date,open,high,low,close,volume,average,barCount", lines), bars)


@writer
def metatrader4(rng: random.Random) -> Written:
    bars = bars_at(rng, "EURUSD", minutes(rng, dt.UTC), 4)
    lines = [f"{form(b.timestamp, '%Y.%m.%d,%H:%M')},{prices(b)},{b.volume:.0f}" for b in bars]
    return Written("EURUSD1.csv", rows("", lines), bars)


@writer
def metatrader5(rng: random.Random) -> Written:
    bars = bars_at(rng, "EURUSD", minutes(rng, dt.UTC), 4)
    lines = [
        f"{form(b.timestamp, '%Y.%m.%d,%H:%M:%S')},{prices(b)},{b.volume:.0f},0,3".replace(",", "\t") for b in bars
    ]
    header = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>"
    return Written("EURUSD_M1_202403040000_202403082359.csv", rows(header, lines), bars)


@writer
def investing(rng: random.Random) -> Written:
    bars = bars_at(rng, "GOOG", days(rng, 15))
    lines = [
        f'"{form(b.timestamp, "%m/%d/%Y")}","{b.close:,}","{b.open:,}","{b.high:,}","{b.low:,}","{b.volume / 1e3:.2f}K","0.1%"'
        for b in bars
    ]
    header = '"Date","Price","Open","High","Low","Vol.","Change %"'
    return Written("GOOG Historical Data.csv", rows(header, lines[::-1]), bars, {"date_format": "%m/%d/%Y"})


@writer
def nasdaq(rng: random.Random) -> Written:
    bars = bars_at(rng, "AAPL", days(rng))
    lines = [f"{form(b.timestamp, '%m/%d/%Y')},${b.close},{b.volume:.0f},${b.open},${b.high},${b.low}" for b in bars]
    return Written("AAPL.csv", rows("Date,Close/Last,Volume,Open,High,Low", lines[::-1]), bars)


@writer
def kaggle(rng: random.Random) -> Written:
    times = days(rng)
    bars = [bar for symbol in ("AAA", "BBB", "CCC") for bar in bars_at(rng, symbol, times)]
    lines = [f"{form(b.timestamp, '%Y-%m-%d')},{prices(b)},{b.volume:.0f},{b.symbol}" for b in bars]
    name = rng.choice(["Name", "tic", "Symbol", "<TICKER>", "code"])
    return Written("all_stocks_5yr.csv", rows(f"date,open,high,low,close,volume,{name}", lines), bars)


@writer
def alpaca(rng: random.Random) -> Written:
    bars = bars_at(rng, "AAPL", minutes(rng))
    lines = [f"AAPL,{form(b.timestamp, '%Y-%m-%d %H:%M:%S+00:00')},{prices(b)},{b.volume},12.0,1.5" for b in bars]
    return Written("bars.csv", rows("symbol,timestamp,open,high,low,close,volume,trade_count,vwap", lines), bars)


@writer
def qlib(rng: random.Random) -> Written:
    bars = bars_at(rng, "SH600519", days(rng))
    lines = [f"SH600519,{form(b.timestamp, '%Y-%m-%d')},{prices(b)},{b.volume},1.0" for b in bars]
    return Written("qlib.csv", rows("instrument,datetime,$open,$high,$low,$close,$volume,$factor", lines), bars)


@writer
def tiingo(rng: random.Random) -> Written:
    bars = bars_at(rng, "AAPL", days(rng))
    lines = [
        f"{form(b.timestamp, '%Y-%m-%d')},{b.close},{b.high},{b.low},{b.open},{b.volume:.0f},1,1,1,1,1,0.0,1.0"
        for b in bars
    ]
    header = "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor"
    return Written("AAPL.csv", rows(header, lines), bars)


@writer
def eod(rng: random.Random) -> Written:
    bars = bars_at(rng, "AAPL.US", minutes(rng))
    lines = [
        f"{b.timestamp // 1000},0,{form(b.timestamp, '%Y-%m-%d %H:%M:%S')},{prices(b)},{b.volume:.0f}" for b in bars
    ]
    return Written("AAPL.US.csv", rows("Timestamp,Gmtoffset,Datetime,Open,High,Low,Close,Volume", lines), bars)


@writer
def tapeline(rng: random.Random) -> Written:
    bars = bars_at(rng, "AAPL", minutes(rng))
    lines = [f'"AAPL",{b.timestamp},{prices(b)},{b.volume},true,"UP",0.6' for b in bars]
    header = '"stock_symbol","timestamp","open","high","low","price","volume","final","prediction","probability"'
    return Written("rows.csv", rows(header, lines), bars)


#: How times are written in a plain table: a function of one, and what settles it where the rows do not.
_MINUTES: list[tuple[Callable[[int], str], dict[str, str]]] = [
    (str, {}),
    (lambda t: str(t // 1000), {}),
    (lambda t: str(t * 1000), {}),
    (lambda t: form(t, "%Y-%m-%dT%H:%M:%SZ"), {}),
    (lambda t: form(t, "%Y-%m-%d %H:%M:%S", NEW_YORK), {"zone": "America/New_York"}),
    (lambda t: form(t, "%Y%m%d%H%M", NEW_YORK), {"zone": "America/New_York"}),
    (lambda t: form(t, "%d/%m/%Y %H:%M"), {"date_format": "%d/%m/%Y %H:%M", "zone": "UTC"}),
    (lambda t: form(t, "%m/%d/%Y %I:%M %p"), {"date_format": "%m/%d/%Y %I:%M %p", "zone": "UTC"}),
    (lambda t: form(t, "%d.%m.%Y %H:%M:%S.000 GMT+0000"), {}),
    (lambda t: repr(t / DAY_MS + 25_569), {"zone": "UTC"}),
]
_DAYS: list[tuple[Callable[[int], str], dict[str, str]]] = [
    (lambda t: form(t, "%Y-%m-%d"), {}),
    (lambda t: form(t, "%Y%m%d"), {}),
    (lambda t: form(t, "%Y/%m/%d"), {}),
    (lambda t: form(t, "%d.%m.%Y"), {}),
    (lambda t: form(t, "%d-%b-%Y"), {}),
    (lambda t: form(t, "%b %d, %Y").replace(",", ""), {}),
    (lambda t: form(t, "%d/%m/%Y"), {"date_format": "%d/%m/%Y"}),
    (lambda t: form(t, "%m/%d/%y"), {"date_format": "%m/%d/%y"}),
    (lambda t: str(t // DAY_MS + 25_569), {}),
    (lambda t: form(t + 5 * 3_600_000, "%Y-%m-%dT%H:%M:%SZ"), {}),
]


@writer
def plain(rng: random.Random) -> Written:
    """Write a table of names that all understand, with any separator, marks, order, packing and form of times."""
    daily = rng.random() < 0.5
    show, answers = rng.choice(_DAYS if daily else _MINUTES)
    bars = bars_at(rng, "AAPL", days(rng) if daily else minutes(rng))
    mark = rng.choice([".", ","])
    separator = rng.choice([";", "\t", "|"] if mark == "," else [",", ";", "\t", "|"])
    names = ["open", "high", "low", "close", "volume"]
    rng.shuffle(names)

    def number(value: float) -> str:
        return f"{value:.2f}".replace(".", mark)

    lines = [separator.join([show(b.timestamp), *(number(getattr(b, name)) for name in names)]) for b in bars]
    if rng.random() < 0.3:
        rng.shuffle(lines)
    elif rng.random() < 0.4:
        lines.reverse()
    time = rng.choice(["Date", "timestamp", "time", "", "Unnamed: 0", "Open time"])
    header = separator.join([time, *(name.title() for name in names)])
    if rng.random() < 0.2:
        lines = [line + separator for line in lines]
    content = rows(header, lines)
    if rng.random() < 0.2:
        content = content.replace(b"\n", b"\r\n")
    content = content.decode().encode(rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16"]))
    packing = rng.choice(["", "", "gz", "zst", "zip"])
    packed = {"": bytes, "gz": gzip.compress, "zst": zstd.compress, "zip": zipped}[packing](content)
    return Written("AAPL.csv" + (f".{packing}" if packing else ""), packed, bars, answers | {"decimal": mark})


@writer
def plain_parquet(rng: random.Random) -> Written:
    bars = bars_at(rng, "600519", days(rng))
    stamps = pa.array([b.timestamp for b in bars])
    kind = rng.choice([pa.timestamp("ns"), pa.timestamp("us", "UTC"), pa.date32(), pa.int64(), pa.string()])
    date = stamps.cast(pa.timestamp("ms")).cast(pa.date32()) if kind == pa.date32() else None
    if kind == pa.string():
        date = pa.array([form(b.timestamp, "%Y-%m-%d") for b in bars])
    elif date is None:
        date = stamps if kind == pa.int64() else stamps.cast(pa.timestamp("ms", kind.tz)).cast(kind)
    columns = {name: [getattr(b, name) for b in bars] for name in ("open", "high", "low", "close", "volume")}
    columns |= {rng.choice(["Date", "__index_level_0__"]): date, "symbol": [600519] * len(bars)}
    return Written("x.parquet", parquet(columns), bars)


def parquet(columns: dict[str, object]) -> bytes:
    """Return a Parquet file of these columns."""
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def zipped(content: bytes) -> bytes:
    """Return a zip archive of one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bars.csv", content)
    return file.getvalue()
