"""Find out what the columns of a file mean, and which symbol its name says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tapeline.core.market import OHLCV, symbol_fault
from tapeline.errors import FileError

_ALIASES = {
    "symbol": ("ticker", "stock_symbol"),
    "timestamp": ("datetime", "date", "time"),
    "volume": ("vol",),
}
_ENDINGS = {".csv", ".txt", ".gz", ".parquet", ".pq"}
_MAX_LISTED = 12
_MOST_COLUMNS = 1000


def column_indexes(names: Sequence[str], path: Path) -> dict[str, int]:
    """Return the index in `names` of each meaning: `symbol` where there is one, `timestamp` and the numbers of a bar.

    Raise `FileError` when one of these is missing, when two columns could be meant, or when there are absurdly many.
    """
    if len(names) > _MOST_COLUMNS:
        raise FileError(
            f"{path}: has {len(names):,} columns; at most {_MOST_COLUMNS:,} are read: is it a table of bars?"
        )
    plain = [name.strip().lower().replace(" ", "_") for name in names]
    found: dict[str, int] = {}
    missing: list[str] = []
    for meaning in ("symbol", "timestamp", *OHLCV):
        own = [i for i, name in enumerate(plain) if name == meaning]
        others = [i for i, name in enumerate(plain) if name in _ALIASES.get(meaning, ())]
        candidates = own or others
        if len(candidates) > 1:
            several = ", ".join(names[i] for i in candidates)
            raise FileError(f"{path}: columns {several} could all be the {meaning}; name only one of them {meaning!r}")
        if candidates:
            found[meaning] = candidates[0]
        elif meaning != "symbol":
            missing.append(meaning)
    if missing:
        listed = ", ".join(repr(name) for name in names[:_MAX_LISTED]) + (", ..." if len(names) > _MAX_LISTED else "")
        raise FileError(
            f"{path}: no column {', '.join(missing)}; its columns are {listed}: rename them or add a header line"
        )
    return found


def symbol_of(path: Path) -> str:
    """Return the symbol in a file's name: AAPL for `AAPL_1d.csv.gz`. Raise `FileError` when it is none."""
    name = path.name
    while Path(name).suffix.lower() in _ENDINGS:
        name = Path(name).stem
    symbol = name.replace(" ", "_").partition("_")[0]
    if fault := symbol_fault(symbol):
        raise FileError(f"{path}: it has no symbol column, and its name does not say one ({fault}): add a column")
    return symbol
