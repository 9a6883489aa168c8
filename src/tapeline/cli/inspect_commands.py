"""`tapeline show`, `rejects` and `dashboard`: look at what a data directory holds."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import Annotated

import typer

from tapeline.cli.console import notice, print_json, print_records, print_table, utc_text
from tapeline.cli.options import DataDir, Json, Port, StoredInterval


def show(
    symbol: Annotated[str, typer.Argument(help="Such as AAPL.", show_default=False)],
    last: Annotated[int, typer.Option(help="How many of the newest rows.", min=1)] = 10,
    as_known: Annotated[
        bool, typer.Option("--as-known", help="Bars as they were first stored, before any correction.")
    ] = False,
    interval: StoredInterval = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Print the newest stored rows of a symbol, oldest first."""
    from tapeline.app import config
    from tapeline.cli.stored_data import open_stored, stored_series
    from tapeline.forecast.horizons import horizons_of, with_horizons
    from tapeline.runtime.indicator_view import IndicatorView, RowReader

    settings = config.load(data_dir=data_dir)
    with open_stored(data_dir) as directory:
        reader: RowReader = directory.store
        if as_known:
            from tapeline.app.stored_history import FirstKnownRows

            reader = FirstKnownRows(directory.store)
        [name] = stored_series(directory, [symbol], interval)
        rows = IndicatorView(reader).rows(name, settings.indicators, limit=last)
        models, _ = directory.ranges.models()
    if json:
        print_json(with_horizons([row.as_item() for row in rows], rows, models))
        return
    columns = (
        "stock_symbol", "timestamp", "time (UTC)", "price", "volume", "prediction", "probability", "80% in 5 bars",
        "indicator",
    )  # fmt: skip
    horizons = horizons_of(rows, models)
    print_table(
        columns,
        (
            (
                row.stock_symbol,
                row.timestamp,
                utc_text(row.timestamp) + ("" if row.final else " (forming)"),
                f"{row.price:.10g}",
                f"{row.volume:.10g}",
                row.prediction or "-",
                "-" if row.probability is None else f"{row.probability:.3f}",
                _band(expected),
                " ".join(f"{name}={value:.6g}" for name, value in row.indicator.items()) or "-",
            )
            for row, expected in zip(rows, horizons, strict=True)
        ),
    )


def _band(expected: Mapping[str, Mapping[str, float]] | None) -> str:
    """Return the 80% band of the close 5 bars ahead, `-` where nothing is said that far."""
    if expected is None or "5" not in expected:
        return "-"
    return f"{expected['5']['low_80']:.6g} to {expected['5']['high_80']:.6g}"


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
    """Serve the page over a data directory, or over DynamoDB where setting aws.rows_table is set.

    New rows show up as they come in.
    """
    from tapeline.app import config
    from tapeline.app.alert_wiring import alerting
    from tapeline.app.data_directory import check_after_unclean_end
    from tapeline.app.live_wiring import symbol_directory
    from tapeline.app.page_wiring import access_of, cloud_page_data, is_live, page_data_of
    from tapeline.backends.aws.clients import client
    from tapeline.cli.running import announce
    from tapeline.cli.stored_data import open_stored
    from tapeline.web import serve

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
