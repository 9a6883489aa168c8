"""`tapeline indicators`: what can be computed, and computing it over a file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import typer

from tapeline.cli.console import CommandError, Ticker, notice, print_json, print_table
from tapeline.cli.table_files import bar_table, check_name, write
from tapeline.core.market import Floats
from tapeline.core.sessions.session_ids import session_ids
from tapeline.feeds.files import FileSource
from tapeline.indicators import DEFAULT, Engine, parse
from tapeline.indicators.listing import listing


def register(app: typer.Typer) -> None:
    """Adds this command."""
    app.command()(indicators)


def indicators(
    file: Annotated[
        Path | None, typer.Argument(help="CSV, CSV.gz or Parquet file of bars.", show_default=False)
    ] = None,
    set_: Annotated[
        str, typer.Option("--set", help="Which, comma-separated, with their parameters.", show_default=False)
    ] = ",".join(DEFAULT),
    out: Annotated[
        Path | None, typer.Option(help="OUT.parquet or OUT.csv: every bar with its values.", show_default=False)
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List every indicator there is.")] = False,
    zone: Annotated[str, typer.Option(help="Time zone of timestamps that name none.")] = "UTC",
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout, for machines.")] = False,
) -> None:
    """Compute indicators over a file of bars, or list what can be computed.

    Without --out the newest values of every symbol are printed. Values that are not warm are absent.
    """
    if list_:
        _list(as_json=json)
        return
    if file is None:
        raise typer.BadParameter("give a file of bars, or --list", param_hint="FILE")
    if out is not None:
        check_name(out)
    specs = [parse(text) for text in set_.split(",") if text.strip()]
    if not specs:
        raise typer.BadParameter("no indicator is named", param_hint="--set")
    source = FileSource([file], zone=zone)
    if source.problems:
        raise CommandError(source.problems[0])
    engine = Engine([spec.text for spec in specs])
    sessions = any("session" in spec.indicator.inputs for spec in specs)
    rows = source.scan().rows
    rejected = 0
    newest: dict[str, tuple[int, float, Floats]] = {}

    def tables() -> Iterator[pa.Table]:
        nonlocal rejected
        done = 0
        with Ticker("computing", rows, quiet=json) as ticker:
            for delivery in source.deliveries(""):
                for text in delivery.notices:
                    notice(text)
                rejected += len(delivery.rejects)
                bars = delivery.bars
                values = engine.update(bars, session=session_ids(bars) if sessions and len(bars) else None)
                if out is None:
                    codes, back = np.unique(bars.code[::-1], return_index=True)
                    for code, row in zip(codes.tolist(), (len(bars) - 1 - back).tolist(), strict=True):
                        newest[bars.symbols[code]] = int(bars.timestamp[row]), float(bars.close[row]), values[row]
                done += len(bars)
                ticker.show(done)
                yield bar_table(
                    bars, {name: pa.array(values[:, i], from_pandas=True) for i, name in enumerate(engine.outputs)}
                )

    if out is None:
        for _ in tables():
            pass
        _show(newest, engine.outputs, as_json=json)
    else:
        write(out, tables())
    if rejected:
        notice(f"{rejected:,} records were left out; `tapeline replay` keeps them with their reasons")


def _list(*, as_json: bool) -> None:
    found = listing()
    if as_json:
        print_json([asdict(row) for row in found])
    else:
        columns = ("name", "group", "default", "warm_up", "formula", "source")
        print_table(columns, ([getattr(row, column) for column in columns] for row in found))


def _show(newest: dict[str, tuple[int, float, Floats]], outputs: tuple[str, ...], *, as_json: bool) -> None:
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
        ("symbol", "timestamp", "close", *outputs),
        (
            (row["symbol"], row["timestamp"], f"{row['close']:.10g}", *(own.get(name, "-") for name in outputs))
            for row, own in zip(rows, shown, strict=True)
        ),
    )
