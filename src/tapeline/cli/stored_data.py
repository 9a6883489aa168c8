"""Open the data directory for a command, and show the conversion of data of an earlier version."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

from tapeline.app import data_directory
from tapeline.app.data_directory import DataDirectory, settings_for_reading
from tapeline.cli.console import ConversionTicker, notice
from tapeline.core.series import symbol_of
from tapeline.core.symbol_forms import meant_symbol
from tapeline.errors import NotFoundError

#: The functions of `app.data_directory`, with what they report shown on stderr.
open_data_directory = functools.partial(
    data_directory.open_data_directory, progress=ConversionTicker().show, notify=notice
)
processing_alone = functools.partial(data_directory.processing_alone, progress=ConversionTicker().show, notify=notice)


def open_stored(data_dir: Path | None) -> DataDirectory:
    """Open the data directory for reading; a demo's is taken when the default one is empty. Raises `StorageError`."""
    return open_data_directory(settings_for_reading(data_dir), create=False)


def stored_series(directory: DataDirectory, symbols: Iterable[str] | None, interval: str | None) -> list[str]:
    """Return the stored series of these symbols, in any spelling, or of all (None).

    Without an interval these are the ones that are shown; of all, those without one at it are left out. Raises
    `NotFoundError` for a symbol that has no rows, or none at this interval.
    """
    from tapeline.runtime.stored_series import StoredSeries

    names: dict[str, list[str]] = {}
    for name in directory.store.latest().bars.symbols:
        names.setdefault(symbol_of(name), []).append(name)
    series = StoredSeries(directory.store, lambda symbol: names.get(symbol, ()))
    found = []
    for given in names if symbols is None else symbols:
        symbol = meant_symbol(given, names)
        if symbol_of(symbol) not in names:
            from tapeline.app.stored_history import unknown_symbol

            raise unknown_symbol(symbol, list(names), directory.path)
        try:
            found.append(series.stored(symbol, interval))
        except NotFoundError:
            if symbols is not None:
                raise
    return found
