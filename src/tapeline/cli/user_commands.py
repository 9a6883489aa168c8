"""`tapeline users`: add, list and remove who may log in to the page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tapeline.cli.console import notice, print_records
from tapeline.cli.options import DataDir, Json
from tapeline.errors import InputError
from tapeline.web.users import SHORTEST_PASSWORD, Role, Users

app = typer.Typer(help="Add, list or remove who may log in to the page.", no_args_is_help=True)


def _users(data_dir: Path | None) -> Users:
    from tapeline.app import config
    from tapeline.app.data_directory import users_in

    return users_in(config.load(data_dir=data_dir).data_dir)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Letters, digits, dot, dash, underscore and @.", show_default=False)],
    role: Annotated[Role, typer.Option(help="`viewer` looks, `admin` changes as well.")] = Role.VIEWER,
    data_dir: DataDir = None,
) -> None:
    """Add a user, or give an existing one another password and role.

    The password is asked for, or read as one line from a pipe. From then on everybody has to log in.
    """
    if sys.stdin.isatty():
        password = typer.prompt(f"Password ({SHORTEST_PASSWORD} characters or more)", hide_input=True, err=True)
        if password != typer.prompt("Once more", hide_input=True, err=True):
            raise InputError("the two passwords differ; nothing was changed")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    _users(data_dir).add(name, role, password)
    notice(f"{name} may log in as {role.value}")


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="See `tapeline users list`.", show_default=False)],
    data_dir: DataDir = None,
) -> None:
    """Remove a user. Their open sessions end at once."""
    _users(data_dir).remove(name)
    notice(f"{name} may no longer log in")


@app.command("list")
def list_(data_dir: DataDir = None, json: Json = False) -> None:
    """List who may log in, and as what."""
    users = _users(data_dir).load()
    found = [{"name": user.name, "role": user.role.value} for _, user in sorted(users.items())]
    print_records(found, ("name", "role"), as_json=json, empty="no users yet: tapeline users add NAME --role admin")
