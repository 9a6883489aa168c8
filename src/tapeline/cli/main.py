"""Run the command line `tapeline`. Exit codes: 0 done, 1 failed (a line says why), 2 wrong usage, 130 or 143 stopped,
and 141 where nobody reads what it prints.

Importing what a command needs takes longer than most people wait for a list of commands. So `command_list`
says in plain text all that `--help` and a TAB show, and a command's module is imported only when it is used.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from tapeline import __version__
from tapeline.cli.command_list import COMMANDS, HEADINGS
from tapeline.cli.console import failure
from tapeline.cli.late_conversion import prepare_parameters
from tapeline.cli.stopping import exit_code, terminated_like_interrupted
from tapeline.errors import TapelineError
from tapeline.runtime.machine_refusals import refused_by_machine


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
            parent.add_typer(found, name=self.name, cls=_Group)
        else:
            parent.command(self.name)(found)
        command = typer.main.get_group(parent).commands[self.name or ""]
        under = getattr(command, "commands", {}).values()
        for each in (command, *under):
            prepare_parameters(each)
        for each in under:
            each.short_help = " ".join(each.help.partition("\n\n")[0].split())  # the whole sentence, not 45 characters
        return command

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the whole line for the list of commands."""
        return self.help or ""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Return the context of the real command, so that it is the one that completes, helps and runs."""
        return self.load().make_context(*arguments, **options)


class _Group(TyperGroup):
    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        """Parse as usual; of an option that stands before the command which takes it, say where it goes."""
        first = args[0].partition("=")[0] if args and not context.resilient_parsing else ""
        if first.startswith("--") and not _takes(self, context, first):
            named = [word for word in args if word in self.commands]
            for name in named or self.list_commands(context):
                command: Any = self.commands[name]
                command = command.load() if isinstance(command, UnloadedCommand) and named else command
                if _takes(command, context, first):
                    context.fail(f"{first} goes after the command: {context.command_path} {name} {first}")
        return super().parse_args(context, args)


def _takes(command: Any, context: Any, option: str) -> bool:
    return any(option in (*each.opts, *each.secondary_opts) for each in command.get_params(context))


class _Commands(_Group):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands.update({name: UnloadedCommand(name, *entry) for name, entry in COMMANDS.items()})
        prepare_parameters(self)

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        """Read `help show` as `show --help`, as uv, ruff and git do."""
        return super().parse_args(context, [*args[1:], "--help"] if args[:1] == ["help"] else args)

    def format_commands(self, context: Any, formatter: Any) -> None:
        """Write the commands under their headings."""
        for heading, names in HEADINGS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, self.commands[name].get_short_help_str()) for name in names])

    def invoke(self, context: Any) -> Any:
        """Run the command; one that is interrupted exits with a code that says how it ended (`cli.stopping`)."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt as interrupt:
            code = exit_code(context.invoked_subcommand or "", interrupt)
            if code:
                failure("stopped before its end")
            raise typer.Exit(code) from interrupt


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
def _version(version: bool = typer.Option(False, "--version", "-V", help="Print the version and exit.")) -> None:
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
