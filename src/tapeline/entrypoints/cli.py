"""`tapeline`: the command line. Exit codes: 0 done, 1 failed (one line says why), 2 wrong usage."""

from __future__ import annotations

import sys

import typer
from rich.markup import escape

import tapeline
from tapeline.config import ConfigError
from tapeline.dashboard import ExposedError, PortInUseError
from tapeline.database import DatabaseError
from tapeline.entrypoints.commands import (
    alerts,
    backfill,
    cloud,
    collector,
    deploy,
    doctor,
    indicators,
    inspect,
    live,
    prediction,
    replay,
    symbols,
    users,
)
from tapeline.entrypoints.console import CommandError, stderr
from tapeline.indicators import SpecError
from tapeline.prediction.training import MissingLibraryError
from tapeline.sources.files import SourceError

app = typer.Typer(
    name="tapeline",
    help="Live bars in, indicators and honest predictions out. Start with [bold]tapeline demo[/]: it needs no network.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        typer.echo(f"tapeline {tapeline.__version__}")
        raise typer.Exit


replay.register(app)
live.register(app)
backfill.register(app)
collector.register(app)
cloud.register(app)
deploy.register(app)
inspect.register(app)
indicators.register(app)
prediction.register(app)
doctor.register(app)
app.add_typer(symbols.app, name="symbols")
app.add_typer(alerts.app, name="alerts")
app.add_typer(users.app, name="users")

#: What a user can mend. Everything else is a defect, and its traceback is wanted.
_EXPLAINED = (
    CommandError, ConfigError, DatabaseError, ExposedError, MissingLibraryError, PortInUseError, SourceError, SpecError,
)  # fmt: skip


def main() -> None:
    """Runs the command line and exits."""
    try:
        app()
    except _EXPLAINED as error:
        stderr.print(f"[bold red]tapeline:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
