"""`--out FILE`: bars, and what was computed for them, as CSV or Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import typer

from tapeline.cli.console import CommandError
from tapeline.core.market import Bars

_ENDINGS = (".csv", ".parquet")


def check_name(out: Path) -> None:
    """Raises `typer.BadParameter` for a name that says no format."""
    if out.suffix not in _ENDINGS:
        raise typer.BadParameter(f"{out}: the name must end in {' or '.join(_ENDINGS)}", param_hint="--out")


def bar_table(bars: Bars, columns: Mapping[str, Any] | None = None) -> pa.Table:
    """The bars as columns that `tapeline replay` reads (times in epoch ms), and beside them `columns` [n]."""
    return pa.table(
        {
            "symbol": pa.DictionaryArray.from_arrays(bars.code, list(bars.symbols)).cast(pa.string()),
            "timestamp": bars.timestamp,
            **{name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")},
            **(columns or {}),
        }
    )


def write(out: Path, tables: Iterator[pa.Table]) -> None:
    """Writes the tables one after the other; what was there before stays until all is written."""
    part = out.with_name(f".{out.name}.part")
    try:
        first = next(tables)
        opened = pyarrow.parquet.ParquetWriter if out.suffix == ".parquet" else pyarrow.csv.CSVWriter
        with opened(str(part), first.schema) as writer:
            writer.write_table(first)
            for table in tables:
                writer.write_table(table)
        part.replace(out)
    except StopIteration:
        raise CommandError("there are no bars to write") from None
    except OSError as error:
        raise CommandError(f"{out}: cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
