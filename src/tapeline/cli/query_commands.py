"""`tapeline sql`: ask a data directory in SQL."""

from __future__ import annotations

import itertools
import json as json_text
import math
import sys
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tapeline.cli.console import Ticker, notice, print_table
from tapeline.cli.options import ENDINGS, AsKnown, CandleInterval, DataDir, Json, Specs, refuse_existing

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows that a terminal shows: a table on it is as wide as its widest row, so all of them have to be there first.
_SHOWN_ROWS = 1000


def sql(
    query: Annotated[str, typer.Argument(help='Such as "SELECT symbol, max(close) FROM bars GROUP BY symbol".')],
    indicators: Specs = None,
    interval: CandleInterval = None,
    as_known: AsKnown = False,
    out: Annotated[
        Path | None, typer.Option(help="New CSV or Parquet file for the answer.", show_default=False)
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV to stdout.")] = False,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Ask the data directory in SQL, over the views bars, forecasts and rejects. Times are UTC.

    bars has symbol, timestamp, open, high, low, close, volume, final, and a column for each output of --indicators;
    forecasts has symbol, timestamp, price, what was said, and model; rejects has source, place, reason, raw and
    count. A condition on symbol or timestamp keeps everything else from being read.
    """
    if csv + json + (out is not None) > 1:
        raise typer.BadParameter("choose one of --csv, --json and --out")
    if out is not None and out.suffix not in ENDINGS:
        raise typer.BadParameter(f"{out}: the name must end in {' or '.join(ENDINGS)}", param_hint="--out")
    refuse_existing(out)
    with Ticker("asking", None, quiet=csv or json):  # the imports take longer than most questions
        import pyarrow as pa
        import pyarrow.csv

        from tapeline.app.querying import Query
        from tapeline.app.settings_group import comma_separated
        from tapeline.cli.output_files import write_tables
        from tapeline.cli.stored_data import open_stored
        from tapeline.runtime.csv_cells import without_formulas

    with (
        open_stored(data_dir) as directory,
        Query(directory, interval=interval, indicators=comma_separated(indicators or ""), as_known=as_known) as asked,
    ):
        schema, batches = asked.batches(query)
        if out is not None:
            tables = (pa.Table.from_batches([batch]) for batch in batches)
            write_tables(out, itertools.chain([schema.empty_table()], tables))
        elif csv:
            with pa.csv.CSVWriter(sys.stdout.buffer, schema) as writer:
                for batch in batches:
                    writer.write_batch(without_formulas(batch))
        elif json:
            _print_json(batches)
        else:
            _print_table(schema.names, batches)


def _print_table(names: list[str], batches: Iterator[pa.RecordBatch]) -> None:
    rows = ([_shown(row[name]) for name in names] for row in _rows(batches))
    if not sys.stdout.isatty():
        print_table(names, rows)
        return
    with Ticker("asking", None):
        shown = list(itertools.islice(rows, _SHOWN_ROWS))
    print_table(names, shown)
    if next(rows, None) is not None:
        notice(f"there are more than these {_SHOWN_ROWS:,} rows; --csv, --json and --out give all of them")


def _print_json(batches: Iterator[pa.RecordBatch]) -> None:
    """Print an array with one object a line, as the rows come."""
    before = "[\n"
    for row in _rows(batches):
        plain = {name: _plain(value) for name, value in row.items()}
        sys.stdout.write(before + json_text.dumps(plain, default=str, allow_nan=False))
        before = ",\n"
    sys.stdout.write("[]\n" if before == "[\n" else "\n]\n")


def _rows(batches: Iterator[pa.RecordBatch]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        yield from batch.to_pylist()


def _shown(value: Any) -> str:
    """Return a value for a table, absent ones as `-`."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if value is None:
        return "-"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: times in ISO format, whole numbers of any size, null for what is no number."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
