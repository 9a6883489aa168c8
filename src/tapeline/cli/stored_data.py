"""Open the data directory for a command, and show the conversion of data of an earlier version."""

from __future__ import annotations

import functools
from pathlib import Path

from tapeline.app import data_directory
from tapeline.app.data_directory import DataDirectory, settings_for_reading
from tapeline.cli.console import ConversionTicker, notice

#: The functions of `app.data_directory`, with what they report shown on stderr.
open_data_directory = functools.partial(
    data_directory.open_data_directory, progress=ConversionTicker().show, notify=notice
)
processing_alone = functools.partial(data_directory.processing_alone, progress=ConversionTicker().show, notify=notice)


def open_stored(data_dir: Path | None) -> DataDirectory:
    """Open the data directory for reading; a demo's is taken when the default one is empty. Raises `StorageError`."""
    return open_data_directory(settings_for_reading(data_dir), create=False)
