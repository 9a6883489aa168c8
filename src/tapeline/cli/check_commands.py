"""`tapeline check`: look for damage in the data directory, and repair it."""

from __future__ import annotations

from typing import Annotated

import typer

from tapeline.cli.console import Ticker, notice, print_records
from tapeline.cli.options import DataDir, Json


def check(
    repair: Annotated[
        bool, typer.Option("--repair", help="Fetch or compute again what is damaged; a copy of it is kept.")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Look for damage in everything stored, name it, and say what can be fetched or computed again.

    Exit code 1 where something is damaged and was not repaired.
    """
    from dataclasses import asdict
    from datetime import UTC, datetime

    with Ticker("looking for damage", None, quiet=json):
        from tapeline.app import checking
        from tapeline.app.data_directory import settings_for_reading
        from tapeline.errors import StorageError

        settings = settings_for_reading(data_dir)
        if not settings.data_dir.is_dir():
            raise StorageError(
                f"{settings.data_dir}: no data here yet; run `tapeline demo` or `tapeline replay FILE` first"
            )
        found = list(checking.flaws(settings))
    if found and repair:
        checking.repair(settings, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}", notice)
        found = list(checking.flaws(settings))
    print_records(
        [asdict(flaw) for flaw in found], ("file", "text", "remedy"), as_json=json,
        empty=f"{settings.data_dir}: nothing is damaged",
    )  # fmt: skip
    if found:
        raise typer.Exit(1)
