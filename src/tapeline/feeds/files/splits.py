"""Scale the prices of a file for splits: those that another file lists, or those that its own jumps tell."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tapeline.core.candle_intervals import ROUND_THE_CLOCK
from tapeline.core.market import OHLCV, Codes, Ints
from tapeline.core.sessions import calendar
from tapeline.core.symbol_forms import canonical_symbol
from tapeline.core.times import DAY
from tapeline.errors import FileError
from tapeline.feeds.files.column_roles import ALIASES, plain

#: By symbol ('' for the only one of a file): the open time of the first bar in new shares (UTC epoch ms), and how many
#: of those an old one became.
Splits = Mapping[str, Sequence[tuple[int, float]]]

_RATIOS = ("stock_splits", "split", "splits", "ratio", "split_ratio", "split_factor", "split_coefficient")
_RATIO = re.compile(r"([0-9.]+)(?:\s*(?::|/|-for-|for)\s*([0-9.]+))?")

#: New shares for an old one, at most, and its inverse at least.
_MOST = 100_000.0


def read_splits(path: Path) -> Splits:
    """Return the splits in a CSV file: a date, a ratio (4, 4:1 or 4-for-1; 0 and 1 are none), perhaps a symbol.

    yfinance's `actions.to_csv()` is such a file; its dividends are left. Times are midnight UTC of the dates. Raises
    `FileError`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            names = {plain(name): name for name in table.fieldnames or () if name}
            columns = [_first(names, aliases) for aliases in (ALIASES["timestamp"], _RATIOS, ALIASES["symbol"])]
            if columns[0] is None or columns[1] is None:
                raise FileError(f"{path}: is no file of splits: it needs the columns date and split, perhaps symbol")
            found: dict[str, list[tuple[int, float]]] = {}
            for row in table:
                date, ratio, symbol = (str(row.get(name) or "") if name else "" for name in columns)
                value = _ratio(ratio, f"{path}:row {table.line_num}")
                if value != 1.0:
                    found.setdefault(canonical_symbol(symbol), []).append(
                        (_midnight(date, f"{path}:row {table.line_num}"), value)
                    )
    except FileNotFoundError as error:
        raise FileError(
            f"{path}: there is no such file of splits; --adjust takes column, detected or a file"
        ) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"{path}: the splits cannot be read ({error})") from error
    return found


def at_sessions(splits: Splits, exchange: str) -> Splits:
    """Return these splits at the beginning of the session of their date, before which the old shares traded."""
    if exchange in ROUND_THE_CLOCK:
        return splits
    known = calendar(exchange)

    def begin(midnight: int) -> int:
        day = dt.datetime.fromtimestamp(midnight / 1000, dt.UTC)
        at = int(np.searchsorted(known.day, day.year * 10_000 + day.month * 100 + day.day))
        return int(known.pre[at]) if 0 < at < len(known) else midnight

    return {symbol: [(begin(time), ratio) for time, ratio in own] for symbol, own in splits.items()}


def scale(values: dict[str, Any], times: Ints, code: Codes, names: Iterable[str], splits: Splits) -> None:
    """Divide prices and multiply volumes by the splits that came after them. Changes `values`, columns by name."""
    factor = np.ones(len(times))
    for number, symbol in enumerate(names):
        for since, ratio in (*splits.get(symbol, ()), *splits.get("", ())):
            factor[(code == number) & (times < since)] *= ratio
    for name in OHLCV[:4]:
        values[name] = values[name] / factor
    values["volume"] = values["volume"] * factor


def _first(names: Mapping[str, str], aliases: Iterable[str]) -> str | None:
    return next((names[alias] for alias in aliases if alias in names), None)


def _midnight(text: str, place: str) -> int:
    try:
        date = dt.date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise FileError(f"{place}: {text!r} is no date of a split; write 2024-06-10") from None
    return (date - dt.date(1970, 1, 1)).days * DAY


def _ratio(text: str, place: str) -> float:
    """Return new shares for an old one; 1.0 where there is no split."""
    parts = _RATIO.fullmatch(text.strip().lower())
    try:
        value = float(parts[1]) / float(parts[2] or 1) if parts else float(text or 0)
    except (ValueError, ZeroDivisionError):
        value = -1.0
    if value and not 1 / _MOST <= value <= _MOST:
        raise FileError(f"{place}: {text!r} is no ratio of a split; write 4 or 4:1")
    return value or 1.0
