"""`tapeline backup` and `tapeline restore`: copy the data directory while it is in use, and put a copy in place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tapeline.cli.console import Ticker, notice
from tapeline.cli.options import DataDir


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.", show_default=False)],
    data_dir: DataDir = None,
) -> None:
    """Copy the data directory to a folder, of one moment, while others write; the copy is verified."""
    from datetime import UTC, datetime

    from tapeline.app.backing_up import back_up
    from tapeline.app.data_directory import settings_for_reading

    settings = settings_for_reading(data_dir)
    with Ticker("copying", None):
        size = back_up(settings, folder, at=datetime.now(UTC))
    notice(f"{folder}: {size / 1e6:,.1f} MB of {settings.data_dir}, verified")


def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of `tapeline backup`.", show_default=False)],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Move a data directory that is not empty aside.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Put a backup in place as the data directory, after it was verified."""
    from datetime import UTC, datetime

    from tapeline.app import config
    from tapeline.app.backing_up import restore as put_back

    settings = config.load(data_dir=data_dir)
    with Ticker("copying", None):
        replaced = put_back(folder, settings, overwrite=overwrite, at=datetime.now(UTC))
    if replaced is not None:
        notice(f"{replaced}: what was in {settings.data_dir} before")
    notice(f"{settings.data_dir}: restored from {folder}")
