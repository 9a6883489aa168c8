"""`tapeline symbols`: which symbols are collected, shown and changed. A running collector follows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from tapeline.app import config
from tapeline.app.config import Settings
from tapeline.cli.console import CommandError, print_json
from tapeline.errors import FeedError, StorageError
from tapeline.feeds.yahoo import (
    Watchlist,
    symbols_of,
)

DataDir = Annotated[Path | None, typer.Option(help="Folder of the database, the models and the archive.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, for machines.")]

app = typer.Typer(help="Show or change which symbols are collected; a running collector follows.")


@app.command("add")
def _add(
    symbols: Annotated[list[str], typer.Argument(help="Such as NVDA AMD.", show_default=False)],
    data_dir: DataDir = None,
) -> None:
    """Collect these as well."""
    with explained():
        watchlist = watchlist_of(config.load(data_dir=data_dir))
        watchlist.save(dict.fromkeys([*watchlist.load(), *symbols_of(" ".join(symbols))]))


@app.command("remove")
def _remove(
    symbols: Annotated[list[str], typer.Argument(help="Such as NVDA AMD.", show_default=False)],
    data_dir: DataDir = None,
) -> None:
    """Collect these no longer. What is stored of them stays."""
    with explained():
        watchlist = watchlist_of(config.load(data_dir=data_dir))
        kept, gone = watchlist.load(), symbols_of(" ".join(symbols))
        if unknown := [symbol for symbol in gone if symbol not in kept]:
            raise CommandError(f"not collected: {', '.join(unknown)}; collected are: {', '.join(kept) or 'none'}")
        watchlist.save(symbol for symbol in kept if symbol not in gone)


@app.command("list")
def _list(data_dir: DataDir = None, json: Json = False) -> None:
    """Which symbols are collected."""
    with explained():
        found = watchlist_of(config.load(data_dir=data_dir)).load()
    if json:
        print_json(found)
    else:
        typer.echo("\n".join(found) if found else "no symbols yet: tapeline symbols add TSLA AAPL MSFT")


def watchlist_of(settings: Settings) -> Watchlist:
    """The list of a data directory."""
    return Watchlist(settings.data_dir / "symbols.txt")


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turns what Yahoo and the archive say into a line for the user."""
    try:
        yield
    except (FeedError, StorageError) as error:
        raise CommandError(str(error)) from error
