"""What `tapeline train` and `evaluate` share: their options, the bars they learn from, and a progress bar."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tapeline.cli.console import Ticker, notice
from tapeline.cli.file_options import FileReading

if TYPE_CHECKING:
    from tapeline.core.market import Bars

OptionalFiles = Annotated[
    list[Path] | None, typer.Argument(help="CSV (also gz, zst, zip) or Parquet files of bars.", show_default=False)
]
StoredSymbols = Annotated[
    str | None, typer.Option(help="Instead of files: the stored bars of these symbols, comma-separated, or `all`.")
]
Horizon = Annotated[int, typer.Option(help="How many bars ahead to predict.", min=1, max=1000)]
Band = Annotated[float, typer.Option(help="No-trade band, in standard deviations of the move.", min=0.0)]
Trials = Annotated[int, typer.Option(help="Optuna trials for LightGBM's parameters, on training bars only.", min=0)]


def history(
    files: list[Path] | None, symbols: str | None, data_dir: Path | None, reading: FileReading, *, again: bool = False
) -> Iterator[Bars]:
    """Yield the bars of the files, or the stored ones of these symbols, with the values that were known live.

    A volume that was corrected after the close would tell a model what nobody knew at the close. How the files are read
    is said once, not when they are read `again`.
    """
    if bool(files) == bool(symbols):
        raise typer.BadParameter("give files of bars, or --symbols for stored ones, and not both")
    if files:
        from tapeline.app.file_series import series_of_files
        from tapeline.cli.bar_files import open_files, read_bars, say_reading, scan_of
        from tapeline.core.times import interval_name

        source = open_files(files, reading, future=True)
        scan = scan_of(source, reading)
        if not again:
            for problem in source.problems:
                notice(problem)
            say_reading(source)
        series = series_of_files(None, scan)
        source.name_series(series.names)
        if (others := series.others(scan.interval)) and not again:
            length = interval_name(scan.interval or 0)
            are = "is" if len(others) == 1 else "are"
            notice(f"{len(others)} series {are} left out, whose bars are not {length} long")
        for bars in read_bars(source, "reading", quiet=True, again=again):
            yield series.only(bars, scan.interval)
        return
    from tapeline.app.settings_group import comma_separated
    from tapeline.app.stored_history import stored_series
    from tapeline.cli.stored_data import open_stored
    from tapeline.core.series import symbol_of

    wanted = None if symbols == "all" else comma_separated(symbols or "")
    with open_stored(data_dir) as directory:
        for name in stored_series(directory, wanted, reading.interval):
            yield replace(directory.store.rows(name).as_known().bars, symbols=(symbol_of(name),))


@contextlib.contextmanager
def progress(what: str, *, quiet: bool) -> Iterator[Callable[[float, str], None]]:
    """Give a function that shows how much of the work is done, from 0 to 1."""
    with Ticker(what, 100, quiet=quiet, percent=True) as ticker:
        yield lambda done, _: ticker.show(int(100 * done))
