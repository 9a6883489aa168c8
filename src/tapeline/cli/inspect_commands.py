"""`tapeline show`, `rejects` and `dashboard`: look at what a data directory holds."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Annotated

import typer

from tapeline.cli.console import announce, notice, print_json, print_records
from tapeline.cli.options import DataDir, Json, Port, StoredInterval


def show(
    symbol: Annotated[str, typer.Argument(help="Such as AAPL.", show_default=False)],
    last: Annotated[int, typer.Option(help="How many of the newest rows.", min=1)] = 10,
    as_known: Annotated[
        bool, typer.Option("--as-known", help="Bars as they were first stored, before any correction.")
    ] = False,
    columns: Annotated[
        str | None,
        typer.Option(help="Such as close,volume,rsi_14,low_80_5.  [default: as many as fit]", show_default=False),
    ] = None,
    interval: StoredInterval = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Print the newest stored rows of a symbol, oldest first."""
    from tapeline.app import config
    from tapeline.app.stored_history import stored_series
    from tapeline.cli.row_columns import USUAL, named_columns, print_rows
    from tapeline.cli.stored_data import open_stored
    from tapeline.forecast.horizons import with_horizons
    from tapeline.runtime.indicator_view import IndicatorView, RowReader

    specs: Sequence[str] = config.load(data_dir=data_dir).indicators
    wanted: Sequence[str] | None = None
    if columns is not None:
        wanted, specs = named_columns(columns)
    with open_stored(data_dir) as directory:
        reader: RowReader = directory.store
        if as_known:
            from tapeline.app.stored_history import FirstKnownRows

            reader = FirstKnownRows(directory.store)
        [name] = stored_series(directory, [symbol], interval)
        rows = IndicatorView(reader).rows(name, specs, limit=last)
        models, _ = directory.ranges.models()
    if json:
        print_json(with_horizons([row.as_item() for row in rows], rows, models))
        return
    print_rows(rows, models, (*USUAL, *rows.names) if wanted is None else wanted, chosen=wanted is not None)


def rejects(
    last: Annotated[int | None, typer.Option(help="How many of the newest.  [default: all]", min=1)] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List the records that were refused: where each stood, why, what it was, and how many it stands for."""
    from tapeline.cli.stored_data import open_stored

    with open_stored(data_dir) as directory:
        found = [
            {
                "source": reject.source,
                "place": reject.place,
                "reason": reject.reason,
                "raw": reject.raw.decode("utf-8", "backslashreplace"),
                "count": reject.count,
            }
            for reject in directory.store.rejects(last)
        ]
    if found or json:
        print_records(found, ("place", "reason", "raw", "count"), as_json=json)
    else:
        typer.echo("nothing was rejected")


def dashboard(data_dir: DataDir = None, port: Port = None) -> None:
    """Serve the page over a data directory, or over DynamoDB where the setting aws.rows_table names one.

    New rows show up as they come in.
    """
    from tapeline.app import config
    from tapeline.app.alert_wiring import alerting
    from tapeline.app.data_directory import check_after_unclean_end
    from tapeline.app.live_wiring import symbol_directory
    from tapeline.app.page_wiring import access_of, cloud_page_data, is_live, page_data_of
    from tapeline.backends.aws.clients import client
    from tapeline.cli.stored_data import open_stored
    from tapeline.runtime.process_memory import limit_arenas
    from tapeline.web import serve

    limit_arenas()
    settings = config.load(page__port=port, data_dir=data_dir)
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        if settings.aws.rows_table and data_dir is None:
            page, folder, live = cloud_page_data(settings, client), settings.data_dir, True
        else:
            directory = stack.enter_context(open_stored(data_dir))
            check_after_unclean_end(directory)
            settings = settings.model_copy(update={"data_dir": directory.path})
            live = is_live(directory)
            lookup = symbol_directory(settings) if live else None
            page = page_data_of(directory, live=live, indicators=settings.indicators, lookup=lookup)
            folder = directory.path
        alerts = stack.enter_context(
            alerting(page.store, folder, settings, live=live, notify=notice, troubles=page.troubles, ranges=page.ranges)
        )
        page = dataclasses.replace(page, alerts=alerts)
        serve(page, settings.page.host, settings.page.port, on_ready=announce, access=access_of(settings))
