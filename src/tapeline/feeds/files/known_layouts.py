"""Know the layouts that data vendors and libraries write, by their columns, and what these leave unsaid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_OHLC = {"open", "high", "low", "close"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Describe a layout: its title, the columns that tell it apart (as `column_roles.plain` makes them), and facts.

    Of several sets of `columns` one is enough; `exact` says that there are no others. `file` is a pattern of the
    file's name. `zone` is that of its times without one; `dates` is `month first` or `day first`. `header` are the
    columns of a file that has no header line.
    """

    title: str
    columns: tuple[frozenset[str], ...] = ()
    exact: bool = False
    file: str = ""
    zone: str = ""
    dates: str = ""
    header: tuple[str, ...] = ()


def _columns(*sets: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(words.split(";")) for words in sets)


_BINANCE = ("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
            "taker_buy_volume", "taker_buy_quote_volume", "ignore")  # fmt: skip

#: The layouts by the name that `--layout` takes, those with more to go by before the others.
LAYOUTS = {
    "tapeline": Layout("tapeline's rows", _columns("stock_symbol;timestamp;price;final")),
    "yfinance": Layout("yfinance", _columns("open;high;low;close;volume;dividends;stock_splits")),
    "binance": Layout(
        "Binance klines", _columns("open_time;close_time;count", "open_time;close_time;ignore"),
        zone="UTC", header=_BINANCE,
    ),
    "metatrader5": Layout("MetaTrader 5", _columns("date;open;high;low;close;tickvol;spread")),
    "stooq": Layout("Stooq", _columns("ticker;per;date;open;high;low;close;openint")),
    "stooq-download": Layout(
        "Stooq", _columns("date;open;high;low;close;volume", "date;open;high;low;close"), exact=True,
        file=r"(?i).*_[dwm]\.(csv|txt).*",
    ),
    "polygon": Layout("Polygon (Massive)", _columns("window_start;transactions", "o;h;l;c;t;n"), zone="UTC"),
    "alpaca": Layout("Alpaca", _columns("symbol;timestamp;trade_count;vwap"), zone="UTC"),
    "interactive-brokers": Layout(
        "Interactive Brokers", _columns("date;open;high;low;close;volume;average;barcount", "date;close;wap;count")
    ),
    "investing": Layout("Investing.com", _columns("date;price;open;high;low;change_%")),
    "nasdaq": Layout("Nasdaq.com", _columns("date;close/last;open;high;low"), dates="month first"),
    "qlib": Layout("Qlib", _columns("instrument;datetime", "instrument;date;factor")),
    "tiingo": Layout("Tiingo", _columns("date;close;adjclose;divcash;splitfactor"), zone="UTC"),
    "alphavantage-adjusted": Layout(
        "Alpha Vantage", _columns("timestamp;adjusted_close;dividend_amount"), zone="America/New_York"
    ),
    "alphavantage": Layout(
        "Alpha Vantage", _columns("timestamp;open;high;low;close;volume"), exact=True,
        file=r"(?i)(daily|weekly|monthly|intraday|time_series).*", zone="America/New_York",
    ),
    "eod": Layout(
        "EOD Historical Data",
        _columns("date;open;high;low;close;adjusted_close;volume", "timestamp;gmtoffset;datetime;close"), zone="UTC",
    ),
    "yahoo": Layout("Yahoo (web)", _columns("date;open;high;low;close;adj_close;volume")),
    "tradingview": Layout("TradingView", _columns("time;open;high;low;close"), file=r"[A-Z_]+[_:][^,]+, .*"),
    "cryptodatadownload": Layout("CryptoDataDownload", _columns("unix;date;symbol;open;high;low;close"), zone="UTC"),
    "kaggle": Layout(
        "a table of several symbols",
        _columns(*(f"{name};open;high;low;close" for name in ("name", "tic", "code", "ts_code", "symbol;date"))),
    ),
    "metatrader4": Layout("MetaTrader 4", header=("date", "time", "open", "high", "low", "close", "volume")),
    "plain": Layout("plain", header=("timestamp", "open", "high", "low", "close", "volume")),
}  # fmt: skip


def layout_of(names: Sequence[str], file_name: str) -> str:
    """Return the name of the layout with these columns, `plain` where it is none that is known."""
    own = set(names)
    for name, layout in LAYOUTS.items():
        fits = any(columns == own if layout.exact else columns <= own for columns in layout.columns)
        if fits and (not layout.file or re.fullmatch(layout.file, file_name)):
            return name
    return "plain"


def headless_layout(cells: Sequence[str]) -> str:
    """Return the name of the layout that a first line without names has, '' where it is none."""
    numbers = [bool(re.fullmatch(r"-?\d+(\.\d*)?", cell.strip())) for cell in cells]
    if len(cells) == len(_BINANCE) and all(numbers):
        return "binance"
    if len(cells) in {6, 7} and re.fullmatch(r"\d{4}\.\d\d\.\d\d", cells[0]) and re.fullmatch(r"\d\d:\d\d.*", cells[1]):
        return "metatrader4"
    timed = bool(re.match(r"\d{4}[-./]?\d\d[-./]?\d\d|\d{10}", cells[0].strip()))
    return "plain" if len(cells) in {5, 6} and timed and all(numbers[1:]) else ""
