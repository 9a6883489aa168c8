"""`tapeline`: the command line. Exit codes: 0 done, 1 failed (one line says why), 2 wrong usage."""

from __future__ import annotations

import sys

import typer
from rich.markup import escape

import tapeline
from tapeline.cli import (
    alert_commands as alerts,
)
from tapeline.cli import (
    backfill_commands as backfill,
)
from tapeline.cli import (
    cloud_commands as cloud,
)
from tapeline.cli import (
    collector_commands as collector,
)
from tapeline.cli import (
    deploy_commands as deploy,
)
from tapeline.cli import (
    doctor_commands as doctor,
)
from tapeline.cli import (
    indicator_commands as indicators,
)
from tapeline.cli import (
    inspect_commands as inspect,
)
from tapeline.cli import (
    live_commands as live,
)
from tapeline.cli import (
    replay_commands as replay,
)
from tapeline.cli import (
    symbol_commands as symbols,
)
from tapeline.cli import (
    training_commands as prediction,
)
from tapeline.cli import (
    user_commands as users,
)
from tapeline.cli.console import CommandError, stderr
from tapeline.errors import ConfigError, FileError, MissingLibraryError, ServingError, SpecError, StorageError

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
    CommandError, ConfigError, StorageError, ServingError, MissingLibraryError, ServingError, FileError, SpecError,
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
