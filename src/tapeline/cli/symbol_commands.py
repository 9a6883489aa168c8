"""`tapeline symbols`: list and change which symbols are collected."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tapeline.cli.console import notice, print_json
from tapeline.cli.options import DataDir, FeedName, Json, SymbolNames
from tapeline.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from tapeline.feeds.live.watchlist import Watchlist

_SHOWN = 20  # stored symbols that are named

app = typer.Typer(help="Show or change which symbols are collected; a running collector follows.", no_args_is_help=True)


def _watchlist(data_dir: Path | None) -> Watchlist:
    from tapeline.app import config
    from tapeline.app.data_directory import watchlist_in

    return watchlist_in(config.load(data_dir=data_dir).data_dir)


def _named(words: Sequence[str]) -> list[str]:
    """Return the symbols in these words: a comma separates some in one word, and a blank is in no symbol."""
    from tapeline.core.symbol_forms import symbol_fault
    from tapeline.feeds.live.watchlist import symbols_of

    parts = [part.strip() for word in words for part in word.split(",") if part.strip()]
    for part in parts:
        if fault := symbol_fault(part):
            raise InputError(fault)
    return symbols_of(",".join(parts))


def _unchecked(line: str) -> None:
    notice(f"{line}; `tapeline run` collects it")


@app.command("add")
def _add(
    symbols: SymbolNames,
    check: Annotated[bool, typer.Option(help="Ask the feed's venue whether it has them.")] = True,
    feed: FeedName = None,
    data_dir: DataDir = None,
) -> None:
    """Collect these symbols as well, once the venue was asked whether it has them."""
    from tapeline.app import config

    more = _named(symbols)
    settings = config.load(data_dir=data_dir, feed=feed)
    watchlist = _watchlist(data_dir)
    known = watchlist.load()
    if check and any(symbol not in known for symbol in more):
        from tapeline.app.live_wiring import symbol_directory
        from tapeline.feeds.live.symbol_directory import checked_symbols

        directory = symbol_directory(settings)
        checked_symbols(directory, [symbol for symbol in more if symbol not in known], _unchecked)
        for symbol, listed in ({} if directory is None else directory.names()).items():
            if symbol in more and listed.name:
                notice(f"{symbol}: {listed.name}" + (f", {listed.exchange}" if listed.exchange else ""))
    watchlist.change(lambda kept: dict.fromkeys([*kept, *more]))


@app.command("remove")
def _remove(symbols: SymbolNames, data_dir: DataDir = None) -> None:
    """Stop collecting these symbols. Their stored bars stay."""
    gone = _named(symbols)

    def left(kept: list[str]) -> list[str]:
        if unknown := [symbol for symbol in gone if symbol not in kept]:
            raise NotFoundError(f"not collected: {', '.join(unknown)}; collected are: {', '.join(kept) or 'none'}")
        return [symbol for symbol in kept if symbol not in gone]

    _watchlist(data_dir).change(left)


@app.command("list")
def _list(data_dir: DataDir = None, json: Json = False) -> None:
    """List the symbols that are collected; where there are none, say which are stored."""
    found = _watchlist(data_dir).load()
    if json:
        print_json(found)
        return
    typer.echo("\n".join(found) if found else "no symbols are collected yet: tapeline symbols add TSLA AAPL MSFT")
    if not found and (stored := _stored(data_dir)):
        more = f" and {len(stored) - _SHOWN:,} more" if len(stored) > _SHOWN else ""
        notice(f"stored, but not collected: {', '.join(stored[:_SHOWN])}{more}; tapeline show {stored[0]} prints bars")


def _stored(data_dir: Path | None) -> list[str]:
    """Return the symbols that have bars in the data directory, sorted."""
    from tapeline.app import config
    from tapeline.app.data_directory import DATABASE_FILE
    from tapeline.cli.stored_data import open_stored
    from tapeline.core.series import symbol_of

    folder = config.load(data_dir=data_dir).data_dir
    if not (folder / DATABASE_FILE).exists():
        return []
    with open_stored(folder) as directory:
        return sorted(set(map(symbol_of, directory.store.latest().bars.symbols)))
