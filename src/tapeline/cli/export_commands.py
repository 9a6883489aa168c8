"""`tapeline export`: write stored bars to files, or copy history, models and rows to AWS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tapeline.cli.console import Ticker, print_summary
from tapeline.cli.options import (
    ENDINGS,
    AsKnown,
    Bucket,
    CandleInterval,
    DataDir,
    Json,
    Specs,
    Symbols,
    refuse_existing,
)
from tapeline.core.times import epoch_ms
from tapeline.runtime.clock import now_ms

if TYPE_CHECKING:
    import pyarrow as pa


def export(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="SYMBOLS", help="Such as TSLA AAPL.  [default: all]")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="New FILE.parquet, FILE.csv or folder.  [default: to AWS]", show_default=False),
    ] = None,
    indicators: Specs = None,
    interval: CandleInterval = None,
    start: Annotated[str | None, typer.Option(help="From this time on: 2026-01-02, 2026-01-02T14:30 (UTC).")] = None,
    end: Annotated[str | None, typer.Option(help="Before this time.")] = None,
    as_known: AsKnown = False,
    symbols: Symbols = None,
    bucket: Bucket = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Write stored bars to files (--out), or copy the data directory's history, models and rows to AWS.

    A file has the final bars of one symbol after the other, with indicators (those of the settings unless --indicators
    names others) and, at the stored interval, forecasts. A folder is laid out like the copy that Athena reads on AWS:
    Parquet files by date, the indicators as a map. Without --out history and models go to S3 and rows to DynamoDB; what
    is there already is left out, so a second run, or one after an interruption, does what is left.
    """
    from tapeline.app import config
    from tapeline.app.exporting import bar_tables, write_partitions
    from tapeline.app.settings_group import comma_separated
    from tapeline.app.stored_history import Selection, StoredHistory
    from tapeline.cli.copying import copy_to_aws
    from tapeline.cli.output_files import csv_times, write_tables
    from tapeline.cli.stored_data import open_stored
    from tapeline.indicators.spec import parse_all

    wanted = [*(names or ()), *comma_separated(symbols or "")]
    if out is None:
        given = {"--indicators": indicators, "--interval": interval, "--start": start, "--end": end}
        for option in [option for option, value in given.items() if value is not None] + ["--as-known"] * as_known:
            raise typer.BadParameter("name the file or folder with --out", param_hint=option)
        copy_to_aws(",".join(wanted) or None, bucket, data_dir, as_json=json)
        return
    if out.suffix not in ENDINGS and out.suffix[1:].isalpha():
        raise typer.BadParameter(f"{out}: name a folder, or a file that ends in .parquet or .csv", param_hint="--out")
    refuse_existing(out)
    specs = config.load(data_dir=data_dir).indicators if indicators is None else comma_separated(indicators)
    since, until = (None if text is None else epoch_ms(text) for text in (start, end))
    rows = 0
    with open_stored(data_dir) as directory, Ticker("exporting", None, quiet=json) as ticker:
        history = StoredHistory(directory, interval, as_known=as_known)
        selection = Selection(history.chosen(wanted), tuple(spec.text for spec in parse_all(specs)), since, until)

        def count(more: int) -> None:
            nonlocal rows
            rows += more
            ticker.show(rows)

        def tables() -> Iterator[pa.Table]:
            for table in bar_tables(history, selection):
                count(len(table))
                yield csv_times(table) if out.suffix == ".csv" else table

        if out.suffix in ENDINGS:
            write_tables(out, tables())
        else:
            write_partitions(history, selection, out, now=now_ms(), progress=count)
    print_summary({"out": str(out), "symbols": len(selection.symbols), "rows": rows}, as_json=json)
