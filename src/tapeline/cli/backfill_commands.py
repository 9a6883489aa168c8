"""`tapeline backfill`: fetch Yahoo's history into the archive, and write it to a file."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tapeline.cli.console import notice, print_records, utc_text
from tapeline.cli.options import DataDir, FeedName, IntervalName, Json, Out, Period
from tapeline.error_text import counted
from tapeline.errors import InputError

if TYPE_CHECKING:
    from tapeline.feeds.live.history import Update


def backfill(
    symbols: Annotated[
        str | None, typer.Option(help="Such as TSLA,AAPL,BTC-USD.  [default: those that are collected]")
    ] = None,
    interval: IntervalName = "1m",
    period: Period = None,
    out: Out = None,
    adjust: Annotated[
        bool, typer.Option("--adjusted", help="With --out: prices adjusted for dividends, not only for splits.")
    ] = False,
    feed: FeedName = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Fetch history into the archive, and write its bars to a file. A second run fetches only what is new."""
    if adjust and out is None:
        raise typer.BadParameter(
            "the archive keeps prices as they were; name a file: --out FILE", param_hint="--adjusted"
        )
    from tapeline.app import config
    from tapeline.app.data_directory import watchlist_in
    from tapeline.app.live_wiring import live_history
    from tapeline.cli.fetching import fetch_history, span
    from tapeline.feeds.live.watchlist import symbols_of

    settings = config.load(data_dir=data_dir, feed=feed)
    wanted = symbols_of(symbols) if symbols else watchlist_in(settings.data_dir).load()
    if not wanted:
        raise InputError("name the symbols: --symbols TSLA,AAPL,MSFT")
    chosen, since = span(settings, interval, period)
    started = time.perf_counter()
    with contextlib.closing(live_history(settings)) as history:
        updates = fetch_history(history, wanted, chosen, since, quiet=json)
    if out is not None:
        _write(out, [updates[symbol] for symbol in sorted(updates)], since, adjust=adjust)
    found = [_as_json(symbol, update) for symbol, update in sorted(updates.items())]
    print_records(found, ("symbol", "bars", "new", "first", "last", "currency", "rejected"), as_json=json)
    if not json:
        seconds = time.perf_counter() - started
        notice(
            f"{counted(len(found), 'symbol')} in {seconds:.1f} s, kept in {settings.data_dir / 'archive' / chosen.name}"
        )
    if len(updates) < len(wanted):
        raise typer.Exit(1)


def _as_json(symbol: str, update: Update) -> dict[str, Any]:
    from tapeline.core.rejects import count_of

    times = update.series.bars.timestamp
    return {
        "symbol": symbol,
        "bars": len(times),
        "new": len(update.changed),
        "first": _minute(times[0]) if len(times) else None,
        "last": _minute(times[-1]) if len(times) else None,
        "currency": update.series.currency,
        "rejected": count_of(update.rejects),
    }


def _write(out: Path, updates: Sequence[Update], since: int, *, adjust: bool) -> None:
    """Write the archived final bars since then, one symbol after the other."""
    from tapeline.cli.output_files import bar_table, write_tables
    from tapeline.core.adjustment import adjusted

    count = 0

    def tables() -> Iterator[Any]:
        nonlocal count
        for update in updates:
            bars = update.series.bars
            if adjust:
                bars, version = adjusted(update.series)
                notice(f"{update.series.symbol}: adjusted for the actions {version}")
            bars = bars[bars.timestamp >= since]
            count += len(bars)
            yield bar_table(bars)

    write_tables(out, tables())
    notice(f"{counted(count, 'bar')} written to {out}")


def _minute(timestamp: Any) -> str:
    return utc_text(int(timestamp))[:16]
