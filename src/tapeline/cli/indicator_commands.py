"""`tapeline indicators`: list what can be computed, and compute it over a file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tapeline.cli.console import notice, print_json, print_records, print_summary, print_table, utc_text
from tapeline.cli.file_options import AS_FOUND, FileReading, reads_files
from tapeline.cli.options import Json, Out
from tapeline.indicators import DEFAULT

if TYPE_CHECKING:
    import pyarrow as pa

    from tapeline.core.market import Floats


@reads_files()
def indicators(
    file: Annotated[
        Path | None, typer.Argument(help="CSV (also gz, zst, zip) or Parquet file of bars.", show_default=False)
    ] = None,
    set_: Annotated[
        str, typer.Option("--set", help="Which, comma-separated, with their parameters.", show_default=False)
    ] = ",".join(DEFAULT),
    out: Out = None,
    list_: Annotated[bool, typer.Option("--list", help="List every indicator there is.")] = False,
    reading: FileReading = AS_FOUND,
    json: Json = False,
) -> None:
    """Compute indicators over a file of bars, or list what can be computed.

    Without --out the newest values of every symbol are printed. Values that are not warm are absent.
    """
    if list_:
        from tapeline.indicators.listing import listing

        columns = ("name", "group", "default", "warm_up", "formula", "source")
        print_records([asdict(row) for row in listing()], columns, as_json=json)
        return
    if file is None:
        raise typer.BadParameter("give a file of bars, or --list", param_hint="FILE")
    import numpy as np
    import pyarrow as pa

    from tapeline.app.settings_group import comma_separated
    from tapeline.cli.bar_files import calendars_of, open_all, read_bars
    from tapeline.cli.output_files import bar_table, write_tables
    from tapeline.core.sessions.session_ids import session_ids
    from tapeline.indicators import Engine, parse
    from tapeline.indicators.spec import volume_outputs

    specs = [parse(text) for text in comma_separated(set_)]
    if not specs:
        raise typer.BadParameter("no indicator is named", param_hint="--set")
    source = open_all([file], reading)
    engine = Engine([spec.text for spec in specs])
    sessions = any("session" in spec.indicator.inputs for spec in specs)
    calendars = calendars_of(source)
    silent = volume_outputs(specs) if not source.readings()[0][1].has_volume else []
    if silent:
        notice(f"{file}: has no volume, so {', '.join(silent)} have no values")
    newest: dict[str, tuple[int, float, Floats]] = {}
    rows = 0

    def tables() -> Iterator[pa.Table]:
        nonlocal rows
        for bars in read_bars(source, "computing", quiet=json):
            rows += len(bars)
            values = engine.update(bars, session=session_ids(bars, calendars) if sessions and len(bars) else None)
            codes, back = np.unique(bars.code[::-1], return_index=True)
            for code, row in zip(codes.tolist(), (len(bars) - 1 - back).tolist(), strict=True):
                newest[bars.symbols[code]] = int(bars.timestamp[row]), float(bars.close[row]), values[row]
            yield bar_table(
                bars, {name: pa.array(values[:, i], from_pandas=True) for i, name in enumerate(engine.outputs)}
            )

    if out is None:
        for _ in tables():
            pass
        _print_newest(newest, engine.outputs, as_json=json)
    else:
        write_tables(out, tables())
        print_summary({"out": str(out), "symbols": len(newest), "rows": rows}, as_json=json)


def _print_newest(newest: dict[str, tuple[int, float, Floats]], outputs: tuple[str, ...], *, as_json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {
            "symbol": symbol,
            "timestamp": timestamp,
            "close": close,
            "indicator": {
                name: value for name, value in zip(outputs, values.tolist(), strict=True) if not math.isnan(value)
            },
        }
        for symbol, (timestamp, close, values) in sorted(newest.items())
    ]
    if as_json:
        print_json(rows)
        return
    shown = [{name: f"{value:.6g}" for name, value in row["indicator"].items()} for row in rows]
    print_table(
        ("symbol", "time (UTC)", "close", *outputs),
        (
            (
                row["symbol"],
                utc_text(row["timestamp"]),
                f"{row['close']:.10g}",
                *(own.get(name, "-") for name in outputs),
            )
            for row, own in zip(rows, shown, strict=True)
        ),
    )
