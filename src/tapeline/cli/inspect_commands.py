"""`tapeline show`, `rejects` and `dashboard`: looking at what a data directory holds."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tapeline.app import config
from tapeline.app import wiring as bootstrap
from tapeline.app.alert_wiring import alerting, alerting_over
from tapeline.app.viewing import access_of, cloud_view, is_live, view_of
from tapeline.backends.aws import clients as aws
from tapeline.cli.console import CommandError, notice, print_json, print_table
from tapeline.cli.running import announce
from tapeline.web import serve

DataDir = Annotated[Path | None, typer.Option(help="Folder of the database.  \\[default: tapeline-data]")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, for machines.")]


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command()(show)
    app.command()(rejects)
    app.command()(dashboard)


@contextlib.contextmanager
def opened(data_dir: Path | None) -> Iterator[bootstrap.DataDirectory]:
    """The data directory, opened for reading; a demo's is taken when the default one is empty."""
    settings = config.load(data_dir=data_dir)
    demo = settings.data_dir / "demo"
    if data_dir is None and not (settings.data_dir / bootstrap.DATABASE_FILE).exists() and demo.exists():
        settings = settings.model_copy(update={"data_dir": demo})
    home = bootstrap.open_data_directory(settings, create=False)
    try:
        yield home
    finally:
        home.database.close()


def show(
    symbol: Annotated[str, typer.Argument(help="Such as AAPL.", show_default=False)],
    last: Annotated[int, typer.Option(help="How many of the newest rows.", min=1)] = 10,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Print the newest stored rows of a symbol, oldest first."""
    with opened(data_dir) as home:
        rows = home.store.rows(symbol, limit=last)
        if not len(rows):
            known = ", ".join(row.stock_symbol for row in home.store.latest()) or "none yet"
            raise CommandError(f"no rows of {symbol} in {home.path}; symbols there: {known}")
    if json:
        print_json([row.as_item() for row in rows])
        return
    columns = ("stock_symbol", "timestamp", "time (UTC)", "price", "volume", "prediction", "probability", "indicator")
    print_table(
        columns,
        (
            (
                row.stock_symbol,
                row.timestamp,
                _utc(row.timestamp) + ("" if row.final else " (forming)"),
                f"{row.price:.10g}",
                f"{row.volume:.10g}",
                row.prediction or "-",
                "-" if row.probability is None else f"{row.probability:.3f}",
                " ".join(f"{name}={value:.6g}" for name, value in row.indicator.items()) or "-",
            )
            for row in rows
        ),
    )


def rejects(
    last: Annotated[int | None, typer.Option(help="Only the newest so many.", min=1)] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List the records that were refused: where each stood, why, and what it was."""
    with opened(data_dir) as home:
        found = [
            {
                "source": reject.source,
                "place": reject.place,
                "reason": reject.reason,
                "raw": reject.raw.decode("utf-8", "backslashreplace"),
            }
            for reject in home.store.rejects(last)
        ]
    if json:
        print_json(found)
    elif found:
        columns = ("place", "reason", "raw")
        print_table(columns, ([str(reject[column]) for column in columns] for reject in found))
    else:
        typer.echo("nothing was rejected")


def dashboard(
    data_dir: DataDir = None,
    port: Annotated[int | None, typer.Option(help="Port of the page; 0 takes a free one.  \\[default: 8000]")] = None,
) -> None:
    """Serve the page over a data directory, or over DynamoDB where `rows_table` is set; what comes in shows up."""
    settings = config.load(port=port, data_dir=data_dir)
    if settings.rows_table and data_dir is None:
        view = cloud_view(settings, aws.client)
        folder = settings.data_dir
        with (
            contextlib.suppress(KeyboardInterrupt),
            alerting_over(view.store, folder, settings, live=True, say=notice) as alerts,
        ):
            if alerts is not None:
                view = dataclasses.replace(view, alerts=alerts.since, rulebook=alerts)
            serve(view, settings.host, settings.port, on_ready=announce, access=access_of(settings))
        return
    with opened(data_dir) as home:
        settings = settings.model_copy(update={"data_dir": home.path})
        live = is_live(home)
        with contextlib.suppress(KeyboardInterrupt), alerting(home, settings, live=live, say=notice) as alerts:
            view = view_of(home, live=live, alerts=alerts)
            serve(view, settings.host, settings.port, on_ready=announce, access=access_of(settings))


def _utc(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
