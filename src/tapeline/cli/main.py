"""Run the command line `tapeline`. Exit codes: 0 done, 1 failed (a line says why), 2 wrong usage, 130 or 143 stopped.

Importing what a command needs takes longer than most people wait for a list of commands. So `COMMANDS` says in plain
text all that `--help` and a TAB show, and a command's module is imported only when that command is used.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from tapeline import __version__
from tapeline.cli.console import failure
from tapeline.cli.stopping import exit_code, terminated_like_interrupted
from tapeline.errors import TapelineError
from tapeline.runtime.machine_refusals import refused_by_machine

#: Each command or group of commands: its function or `typer.Typer` in this package, and the first line of its help.
COMMANDS = {
    "demo": (
        "replay_commands.demo",
        "Play a packaged week of real one-minute bars through the whole pipeline, with the page on 127.0.0.1.",
    ),
    "replay": (
        "replay_commands.replay",
        "Play bars from files through the whole pipeline into a data directory.",
    ),
    "inspect": (
        "file_commands.inspect",
        "Say what files of bars are taken for and why, what is wrong with them, and which options change that.",
    ),
    "run": (
        "live_commands.run",
        "Analyse live: fetch history, compute every indicator, train or load the model, then follow the market.",
    ),
    "collect": (
        "live_commands.collect",
        "Collect only: history and live bars into the data directory, for a `tapeline process` beside it.",
    ),
    "process": (
        "live_commands.process",
        "Process only: indicators and predictions of what a `tapeline collect` writes into the data directory.",
    ),
    "backfill": (
        "backfill_commands.backfill",
        "Fetch history into the archive, and write its bars to a file. A second run fetches only what is new.",
    ),
    "collector": (
        "collector_commands.collector",
        "Put Yahoo's bars onto a Kinesis stream, as the container on AWS does. Every option can be a setting.",
    ),
    "upload": (
        "cloud_commands.upload",
        "Put files of bars into the history on S3, where training on AWS finds them.",
    ),
    "export": (
        "export_commands.export",
        "Write stored bars to files (--out), or copy the data directory's history, models and rows to AWS.",
    ),
    "import": (
        "cloud_commands.import_",
        "Copy history, models and rows from AWS into the data directory: the rows from DynamoDB, the others from S3.",
    ),
    "deploy-model": (
        "deploy_commands.deploy_model",
        (
            "Serve a model of the registry from a SageMaker endpoint, with a canary and automatic rollback; wait for "
            "the end."
        ),
    ),
    "show": (
        "inspect_commands.show",
        "Print the newest stored rows of a symbol, oldest first.",
    ),
    "odds": (
        "odds_commands.odds",
        "Say how likely a price is passed or touched in the next bars, by the newest forecast that looks so far.",
    ),
    "scan": (
        "scan_commands.scan",
        "List the symbols on whose newest bar a rule holds, in the grammar of alerts.",
    ),
    "rejects": (
        "inspect_commands.rejects",
        "List the records that were refused: where each stood, why, what it was, and how many it stands for.",
    ),
    "dashboard": (
        "inspect_commands.dashboard",
        "Serve the page over a data directory, or over DynamoDB where setting aws.rows_table is set.",
    ),
    "sql": (
        "query_commands.sql",
        "Ask the data directory in SQL, over the views bars, forecasts and rejects. Times are UTC.",
    ),
    "resample": (
        "resample_commands.resample",
        "Write the longer candles that a file's bars make, as the page shows them: aligned to the exchange's sessions.",
    ),
    "indicators": (
        "indicator_commands.indicators",
        "Compute indicators over a file of bars, or list what can be computed.",
    ),
    "train": (
        "training_commands.train",
        "Train a model on files of bars, or on stored ones, and put it into the registry.",
    ),
    "evaluate": (
        "training_commands.evaluate",
        "Test the model walk-forward beside its baselines. The first line says whether it is better than they are.",
    ),
    "score": (
        "score_commands.score",
        "Grade the stored forecasts whose horizon has passed: ranges beside EWMA, directions beside the base rate.",
    ),
    "doctor": (
        "doctor_commands.doctor",
        "Check what is installed, configured and writable, and say what to do about what is not.",
    ),
    "check": (
        "check_commands.check",
        "Look for damage in everything stored, name it, and say what can be fetched or computed again.",
    ),
    "backup": (
        "backup_commands.backup",
        "Copy the data directory to a folder, of one moment, while others write; the copy is verified.",
    ),
    "restore": (
        "backup_commands.restore",
        "Put a backup in place as the data directory, after it was verified.",
    ),
    "models": (
        "model_commands.app",
        "List the trained models, and choose which one is in use.",
    ),
    "symbols": (
        "symbol_commands.app",
        "Show or change which symbols are collected; a running collector follows.",
    ),
    "alerts": (
        "alert_commands.app",
        "Add, list, remove or try alert rules, and list what fired.",
    ),
    "users": (
        "user_commands.app",
        "Add, list or remove who may log in to the page.",
    ),
}


class UnloadedCommand(TyperCommand):
    """Stand for a command or group whose module is not imported yet. It has the name and the help of the real one."""

    def __init__(self, name: str, place: str, summary: str) -> None:
        super().__init__(name, help=summary)
        self._place = place

    def load(self) -> Any:
        """Import the command's module and return the real command."""
        module, _, attribute = self._place.partition(".")
        found = getattr(importlib.import_module(f"tapeline.cli.{module}"), attribute)
        parent = typer.Typer(callback=lambda: None, add_completion=False, rich_markup_mode=None)
        if isinstance(found, typer.Typer):
            parent.add_typer(found, name=self.name)
        else:
            parent.command(self.name)(found)
        command = typer.main.get_group(parent).commands[self.name or ""]
        for each in (command, *getattr(command, "commands", {}).values()):
            _convert_late(each)
        return command

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the whole line for the list of commands."""
        return self.help or ""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Return the context of the real command, so that it is the one that completes, helps and runs."""
        return self.load().make_context(*arguments, **options)


class _Commands(TyperGroup):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands.update({name: UnloadedCommand(name, *entry) for name, entry in COMMANDS.items()})
        _convert_late(self)

    def invoke(self, context: Any) -> Any:
        """Run the command; one that is interrupted exits with a code that says how it ended (`cli.stopping`)."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt as interrupt:
            code = exit_code(context.invoked_subcommand or "", interrupt)
            if code:
                failure("stopped before its end")
            raise typer.Exit(code) from interrupt


def _convert_late(command: Any) -> None:
    """Let a command convert no value that was not given, and none for a TAB.

    Typer imports Pydantic to convert a value, which takes as long as all else that `--help` and a TAB do.
    """
    find = command.get_params

    def get_params(context: Any) -> Any:
        found = find(context)
        for parameter in found:
            if "process_value" not in vars(parameter):
                parameter.process_value = functools.partial(_converted, parameter, parameter.process_value)
        return found

    command.get_params = get_params


def _converted(parameter: Any, convert: Callable[[Any, Any], Any], context: Any, value: Any) -> Any:
    absent = not parameter.required and (value is None or value is False)
    return value if absent or context.resilient_parsing else convert(context, value)


app = typer.Typer(
    name="tapeline",
    cls=_Commands,
    help="Live bars in, indicators and honest predictions out. Start with `tapeline demo`: it needs no network.",
    no_args_is_help=True,
    rich_markup_mode=None,  # importing what draws help in panels doubles its time
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        typer.echo(f"tapeline {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line and exit. Only what a user can fix is one line; a defect keeps its traceback."""
    try:
        with terminated_like_interrupted():
            app()
    except TapelineError as error:
        failure(str(error))
        sys.exit(1)
    except Exception as error:
        refusal = refused_by_machine(error)
        if not refusal:
            raise
        failure(refusal)
        sys.exit(1)
