"""Open the data directory for a command, and show the conversion of data of an earlier version."""

from __future__ import annotations

import functools
from pathlib import Path

from tapeline.app import data_directory
from tapeline.app.config import comma_separated
from tapeline.app.data_directory import DataDirectory, settings_for_reading
from tapeline.cli.console import ConversionTicker, notice
from tapeline.core.symbol_forms import canonical_symbol, meant_symbol

#: The functions of `app.data_directory`, with what they report shown on stderr.
open_data_directory = functools.partial(
    data_directory.open_data_directory, progress=ConversionTicker().show, notify=notice
)
processing_alone = functools.partial(data_directory.processing_alone, progress=ConversionTicker().show, notify=notice)


def open_stored(data_dir: Path | None) -> DataDirectory:
    """Open the data directory for reading; a demo's is taken when the default one is empty. Raises `StorageError`."""
    return open_data_directory(settings_for_reading(data_dir), create=False)


def stored_symbol(directory: DataDirectory, symbol: str) -> str:
    """Return the symbol that is meant: as written where it has rows, otherwise as symbols are kept."""
    kept = canonical_symbol(symbol)
    return symbol if symbol != kept and len(directory.store.rows(symbol, limit=1)) > 0 else kept


def stored_symbols(directory: DataDirectory, symbols: str) -> list[str]:
    """Return the symbols named, with commas between them, or all that are stored for `all`.

    Raises `NotFoundError` for one that has no rows.
    """
    known = [row.stock_symbol for row in directory.store.latest()]
    wanted = known if symbols == "all" else [meant_symbol(each, known) for each in comma_separated(symbols)]
    for symbol in wanted:
        if symbol not in known:
            from tapeline.app.stored_history import unknown_symbol

            raise unknown_symbol(symbol, known, directory.path)
    return wanted
