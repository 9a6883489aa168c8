"""`tapeline resample`: make longer candles of a file of bars."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tapeline.cli.console import print_summary
from tapeline.cli.file_options import AS_FOUND, FileReading, reads_files
from tapeline.cli.options import ENDINGS, File, Json, refuse_existing
from tapeline.errors import NotPossibleError


@reads_files(without={"interval", "calendar"})
def resample(
    file: File,
    interval: Annotated[str, typer.Option(help="Length of the candles: 5m, 30m, 1h, 4h, 1d, 1w, 1mo, ...")],
    out: Annotated[Path, typer.Option(help="New CSV or Parquet file for the candles.")],
    calendar: Annotated[
        str | None,
        typer.Option(help="Calendar of the exchange: XNYS, XLON, UTC, ...  [default: the one of each symbol]"),
    ] = None,
    final: Annotated[bool, typer.Option("--final", help="Leave out a last candle that more bars may go into.")] = False,
    reading: FileReading = AS_FOUND,
    json: Json = False,
) -> None:
    """Write the longer candles that a file's bars make, as the page shows them: aligned to the exchange's sessions.

    The last candle of a symbol is written as well. Where it ends after the last bar, so that more bars may still go
    into it, it is counted as unfinished.
    """
    from tapeline.app.resampling import resampled
    from tapeline.cli.bar_files import open_all, read_bars
    from tapeline.cli.output_files import bar_table, write_tables
    from tapeline.core.market import Bars

    if out.suffix not in ENDINGS:
        raise typer.BadParameter(f"{out}: the name must end in {' or '.join(ENDINGS)}", param_hint="--out")
    refuse_existing(out)
    bars = Bars.concat(list(read_bars(open_all([file], reading), "reading", quiet=json)))
    try:
        candles = resampled(bars, interval, calendar)
    except NotPossibleError as error:
        raise NotPossibleError(f"{file} at {interval}: {error}") from error
    unfinished = int((~candles.final).sum())
    if final:
        candles = candles[candles.final]
    write_tables(out, iter([bar_table(candles)] if len(candles) else []))
    counts = {"symbols": len(candles.symbols), "candles": len(candles), "unfinished": unfinished}
    print_summary({"out": str(out), **counts}, as_json=json)
