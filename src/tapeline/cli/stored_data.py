"""Open the data directory for a command, and show the conversion of data of an earlier version."""

from __future__ import annotations

import functools
from pathlib import Path

from tapeline.app import config, data_directory
from tapeline.app.config import comma_separated
from tapeline.app.data_directory import DATABASE_FILE, DataDirectory
from tapeline.cli.console import ConversionTicker, notice
from tapeline.errors import NotFoundError

#: The functions of `app.data_directory`, which tell the person who looks on about a conversion of older data.
open_data_directory = functools.partial(
    data_directory.open_data_directory, progress=ConversionTicker().show, notify=notice
)
processing_alone = functools.partial(data_directory.processing_alone, progress=ConversionTicker().show, notify=notice)


def open_stored(data_dir: Path | None) -> DataDirectory:
    """Open the data directory for reading; a demo's is taken when the default one is empty. Raises `StorageError`."""
    settings = config.load(data_dir=data_dir)
    demo = settings.data_dir / "demo"
    if data_dir is None and not (settings.data_dir / DATABASE_FILE).exists() and demo.exists():
        settings = settings.model_copy(update={"data_dir": demo})
    return open_data_directory(settings, create=False)


def stored_symbols(directory: DataDirectory, symbols: str) -> list[str]:
    """Return the symbols named, with commas between them, or all that are stored for `all`.

    Raises `NotFoundError` for one that has no rows.
    """
    known = [row.stock_symbol for row in directory.store.latest()]
    wanted = known if symbols == "all" else comma_separated(symbols)
    for symbol in wanted:
        if symbol not in known:
            raise NotFoundError(
                f"no rows of {symbol} in {directory.path}; symbols there: {', '.join(known) or 'none yet'}"
            )
    return wanted
