"""Define the options and arguments that several commands share, each once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tapeline.errors import StorageError

DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder of the database, the models and the archive.  [default: tapeline-data]"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout, for machines.")]
Port = Annotated[int | None, typer.Option(help="Port of the page; 0 takes a free one.  [default: 8000]")]
Zone = Annotated[
    str | None,
    typer.Option(help="Time zone of times that name none, such as America/New_York.", show_default=False),
]
Bucket = Annotated[str | None, typer.Option(help="S3 bucket.  [default: setting aws.bucket]", show_default=False)]
Symbols = Annotated[str | None, typer.Option(help="Only these, such as TSLA,AAPL.  [default: all]")]
File = Annotated[Path, typer.Argument(help="CSV (also gz, zst, zip) or Parquet file of bars.", show_default=False)]
Files = Annotated[
    list[Path], typer.Argument(help="CSV (also gz, zst, zip) or Parquet files of bars.", show_default=False)
]

# -- live bars ---------------------------------------------------------------------------------------------------------

LiveSymbols = Annotated[
    str | None, typer.Option(help="Such as TSLA,AAPL,BTC-USD; kept for the next time.  [default: the kept ones]")
]
FeedName = Annotated[
    str | None, typer.Option("--feed", help="Where bars come from: yahoo or binance.  [default: setting feed]")
]
SymbolNames = Annotated[list[str], typer.Argument(help="Such as NVDA AMD.", show_default=False)]
IntervalName = Annotated[
    str, typer.Option(help="1m, 5m, 15m, 30m, 60m, 1h or 1d; Yahoo also has 2m and 90m, Binance 3m, 2h and 4h.")
]
Period = Annotated[
    str | None, typer.Option(help="How far back: 12h, 30d, 6mo, 2y, max.  [default: 7d for 1m, 60d, 1y for 1h, 5y]")
]

# -- stored history ----------------------------------------------------------------------------------------------------

CandleInterval = Annotated[
    str | None,
    typer.Option(
        "--interval", help="Length of the candles, from 1m to 1h, 2h, 4h, 1d, 1w and 1mo.  [default: as stored]"
    ),
]
StoredInterval = Annotated[
    str | None,
    typer.Option(
        "--interval",
        help="Which of a symbol's stored series, such as 1d.  [default: the shortest that has not ended]",
        show_default=False,
    ),
]
Specs = Annotated[
    str | None, typer.Option("--indicators", help="Columns of indicators, such as sma_20,rsi_14.", show_default=False)
]
AsKnown = Annotated[bool, typer.Option("--as-known", help="Bars as they were first stored, before any correction.")]

# -- models ------------------------------------------------------------------------------------------------------------

ModelName = Annotated[str, typer.Option("--name", help="Which model.")]
ModelVersion = Annotated[str | None, typer.Argument(help="[default: the one in use]", show_default=False)]
ModelsAt = Annotated[
    str | None,
    typer.Option("--models", help="Folder of the models or s3://bucket/prefix.  [default: models in --data-dir]"),
]

# -- files to write ----------------------------------------------------------------------------------------------------

#: Endings of the files that can be written.
ENDINGS = (".csv", ".parquet")


def refuse_existing(out: Path | None) -> None:
    """Raise `StorageError` when a file or folder that is to be written is there already."""
    if out is not None and out.exists():
        raise StorageError(f"{out}: is there already; name another, or delete it")


def _check_out(out: Path | None) -> Path | None:
    if out is not None and out.suffix not in ENDINGS:
        raise typer.BadParameter(f"{out}: the name must end in {' or '.join(ENDINGS)}")
    refuse_existing(out)
    return out


Out = Annotated[
    Path | None,
    typer.Option(help="New CSV or Parquet file for the bars.", show_default=False, callback=_check_out),
]
