"""`tapeline users`: who may log in to the page."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from tapeline.app import config
from tapeline.app.viewing import users_at
from tapeline.cli.console import CommandError, notice, print_json, print_table
from tapeline.errors import InputError
from tapeline.web.users import (
    SHORTEST_PASSWORD,
    Role,
    Users,
)

DataDir = Annotated[Path | None, typer.Option(help="Folder of the database; the users are kept beside it.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, for machines.")]

app = typer.Typer(help="Add, list or remove who may log in to the page.", no_args_is_help=True)


@contextlib.contextmanager
def _users(data_dir: Path | None) -> Iterator[Users]:
    try:
        yield users_at(config.load(data_dir=data_dir))
    except InputError as error:
        raise CommandError(str(error)) from error


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Letters, digits, dot, dash, underscore and @.", show_default=False)],
    role: Annotated[Role, typer.Option(help="`viewer` looks, `admin` changes as well.")] = Role.VIEWER,
    data_dir: DataDir = None,
) -> None:
    """Add a user, or give a known one another password and role.

    The password is asked for, or read as one line from a pipe. From then on everybody has to log in.
    """
    if sys.stdin.isatty():
        password = typer.prompt(f"Password ({SHORTEST_PASSWORD} characters or more)", hide_input=True, err=True)
        if password != typer.prompt("Once more", hide_input=True, err=True):
            raise CommandError("the two passwords differ; nothing was changed")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    with _users(data_dir) as users:
        users.add(name, role, password)
        notice(f"{name} may log in as {role.value}")


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="See `tapeline users list`.", show_default=False)],
    data_dir: DataDir = None,
) -> None:
    """Remove a user. Open sessions of theirs end at once."""
    with _users(data_dir) as users:
        users.remove(name)
        notice(f"{name} may log in no longer")


@app.command("list")
def list_(data_dir: DataDir = None, json: Json = False) -> None:
    """List who may log in, and as what."""
    with _users(data_dir) as users:
        found = [{"name": user.name, "role": user.role.value} for _, user in sorted(users.load().items())]
    if json:
        print_json(found)
    elif found:
        print_table(("name", "role"), ([each["name"], each["role"]] for each in found))
    else:
        notice("no users yet: tapeline users add NAME --role admin")
