"""`tapeline symbols`: list and change which symbols are collected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tapeline.cli.console import print_json
from tapeline.cli.options import DataDir, Json, SymbolNames
from tapeline.errors import NotFoundError

if TYPE_CHECKING:
    from tapeline.feeds.live.watchlist import Watchlist

app = typer.Typer(help="Show or change which symbols are collected; a running collector follows.")


def _watchlist(data_dir: Path | None) -> Watchlist:
    from tapeline.app import config
    from tapeline.app.data_directory import watchlist_in

    return watchlist_in(config.load(data_dir=data_dir).data_dir)


@app.command("add")
def _add(symbols: SymbolNames, data_dir: DataDir = None) -> None:
    """Collect these symbols as well."""
    from tapeline.feeds.live.watchlist import symbols_of

    more = symbols_of(" ".join(symbols))
    _watchlist(data_dir).change(lambda kept: dict.fromkeys([*kept, *more]))


@app.command("remove")
def _remove(symbols: SymbolNames, data_dir: DataDir = None) -> None:
    """Stop collecting these symbols. Their stored bars stay."""
    from tapeline.feeds.live.watchlist import symbols_of

    gone = symbols_of(" ".join(symbols))

    def left(kept: list[str]) -> list[str]:
        if unknown := [symbol for symbol in gone if symbol not in kept]:
            raise NotFoundError(f"not collected: {', '.join(unknown)}; collected are: {', '.join(kept) or 'none'}")
        return [symbol for symbol in kept if symbol not in gone]

    _watchlist(data_dir).change(left)


@app.command("list")
def _list(data_dir: DataDir = None, json: Json = False) -> None:
    """List the symbols that are collected."""
    found = _watchlist(data_dir).load()
    if json:
        print_json(found)
    else:
        typer.echo("\n".join(found) if found else "no symbols yet: tapeline symbols add TSLA AAPL MSFT")
