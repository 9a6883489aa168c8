"""Find out what the columns of a file mean, by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tapeline.core.market import OHLCV
from tapeline.errors import FileError

#: The names of each meaning as `plain` makes them, the surest first.
ALIASES: dict[str, tuple[str, ...]] = {
    "symbol": (
        "symbol", "ticker", "stock_symbol", "tic", "instrument", "instrument_id", "ts_code", "code", "sym",
        "stock_code", "asset", "name",
    ),
    "timestamp": (
        "timestamp", "datetime", "date_time", "date/time", "open_time", "window_start", "date", "time", "trade_date",
        "tradedate", "trading_date", "unix", "dt", "t", "dtyyyymmdd", "day", "gmt_time", "local_time", "begins_at",
        "datum", "日期", "时间", "index_level_0", "index", "unnamed:_0", "",
    ),
    "open": ("open", "o", "open_price", "first", "eröffnung", "erster", "开盘"),
    "high": ("high", "h", "high_price", "max", "hoch", "最高"),
    "low": ("low", "l", "low_price", "min", "tief", "最低"),
    "close": ("close", "c", "close/last", "price", "last", "close_price", "schluss", "schlusskurs", "收盘"),
    "volume": ("volume", "vol", "v", "tickvol", "tick_volume", "volumen", "stücke", "成交量"),
    "clock": ("time",),
    "adjusted": ("adj_close", "adjclose", "adjusted_close"),
    "final": ("final",),
}  # fmt: skip

#: What a row cannot be without.
NEEDED = ("timestamp", *OHLCV[:4])
#: What a column's name may be given for with `--columns`.
MEANINGS = ("symbol", "timestamp", *OHLCV)

_MAX_LISTED = 12
_MOST_COLUMNS = 1000


def plain(name: str) -> str:
    """Return a column's name without its case and ornaments: `<CLOSE>`, `$close`, `4. close` are `close`."""
    name = name.strip().lower().strip("<>\"'").lstrip("$")
    name = re.sub(r"^\d\. ?", "", name)
    return re.sub(r"[\s_]+", "_", name.replace("(", "").replace(")", "")).strip("_ .") if name.strip("_") else name


def column_indexes(names: Sequence[str], path: Path, given: Mapping[str, str]) -> dict[str, int]:
    """Return the index in `names` of each meaning of `ALIASES` that the file has.

    `given` says which column has a meaning. Raise `FileError` when one of `NEEDED` is missing, when two columns of one
    name could be meant, or when there are absurdly many.
    """
    if len(names) > _MOST_COLUMNS:
        raise FileError(
            f"{path}: has {len(names):,} columns; at most {_MOST_COLUMNS:,} are read: is it a table of bars?"
        )
    found = _named(names, path, given)
    missing = [meaning for meaning in NEEDED if meaning not in found]
    if missing:
        listed = ", ".join(repr(name) for name in names[:_MAX_LISTED]) + (", ..." if len(names) > _MAX_LISTED else "")
        raise FileError(
            f"{path}: no column {', '.join(missing)}; its columns are {listed}: say which is meant with "
            f"--columns {missing[0]}=NAME, or add a header line"
        )
    return found


def roles_in(names: Sequence[str]) -> int:
    """Return how many of the needed meanings these names have: a header has all of them, a row of numbers has none."""
    known = {plain(name) for name in names}
    return sum(not known.isdisjoint(ALIASES[meaning]) for meaning in NEEDED)


def _named(names: Sequence[str], path: Path, given: Mapping[str, str]) -> dict[str, int]:
    known: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        known.setdefault(plain(name), []).append(index)
    found: dict[str, int] = {}
    for meaning, name in given.items():
        exact = [i for i, own in enumerate(names) if own.strip() == name.strip()] or known.get(plain(name), [])
        if not exact and name.isdecimal() and 0 < int(name) <= len(names):
            exact = [int(name) - 1]  # of a file without a header
        if not exact:
            raise FileError(f"{path}: no column {name!r} to be the {meaning}; its columns are {', '.join(names)[:300]}")
        found[meaning] = exact[0]
    taken = set(found.values())
    for meaning, aliases in ALIASES.items():
        if meaning in found:
            continue
        candidates = next((known[alias] for alias in aliases if alias in known and known[alias][0] not in taken), [])
        if meaning == "volume" and not candidates:  # `Volume USDT`, `Volume (shares)`
            candidates = [i for name, places in known.items() if name.startswith("volume_") for i in places][:1]
        if len(candidates) > 1:
            several = ", ".join(names[i] for i in candidates)
            raise FileError(
                f"{path}: columns {several} could all be the {meaning}; say which with --columns {meaning}=NUMBER"
            )
        if candidates and meaning != "clock":
            found[meaning] = candidates[0]
            taken.add(candidates[0])
        elif candidates and candidates[0] != found.get("timestamp"):
            found[meaning] = candidates[0]  # of a date beside it, perhaps
    return found
