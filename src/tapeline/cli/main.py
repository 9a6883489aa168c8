"""Run the command line `tapeline`. Exit codes: 0 done, 1 failed (one line says why), 2 wrong usage."""

from __future__ import annotations

import sys

import typer
from rich.markup import escape

import tapeline
from tapeline.cli import (
    alert_commands,
    backfill_commands,
    cloud_commands,
    collector_commands,
    deploy_commands,
    doctor_commands,
    indicator_commands,
    inspect_commands,
    live_commands,
    model_commands,
    replay_commands,
    score_commands,
    symbol_commands,
    training_commands,
    user_commands,
)
from tapeline.cli.console import stderr
from tapeline.errors import TapelineError

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


app.command()(replay_commands.demo)
app.command()(replay_commands.replay)
app.command()(live_commands.run)
app.command()(live_commands.collect)
app.command()(live_commands.process)
app.command()(backfill_commands.backfill)
app.command()(collector_commands.collector)
app.command()(cloud_commands.upload)
app.command()(cloud_commands.export)
app.command("import")(cloud_commands.import_)
app.command()(deploy_commands.deploy_model)
app.command()(inspect_commands.show)
app.command()(inspect_commands.rejects)
app.command()(inspect_commands.dashboard)
app.command()(indicator_commands.indicators)
app.command()(training_commands.train)
app.command()(training_commands.evaluate)
app.command()(score_commands.score)
app.command()(doctor_commands.doctor)
app.add_typer(model_commands.app, name="models")
app.add_typer(symbol_commands.app, name="symbols")
app.add_typer(alert_commands.app, name="alerts")
app.add_typer(user_commands.app, name="users")


def main() -> None:
    """Run the command line and exit. Only what a user can fix is one line; a defect keeps its traceback."""
    try:
        app()
    except TapelineError as error:
        stderr.print(f"[bold red]tapeline:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
