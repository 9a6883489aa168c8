"""`tapeline backfill`: Yahoo's history into the archive, and from there into a file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from tapeline.app import config
from tapeline.app import live_wiring as parts
from tapeline.cli.console import CommandError, Ticker, notice, print_json, print_table
from tapeline.cli.symbol_commands import DataDir, Json, explained, watchlist_of
from tapeline.cli.table_files import bar_table, check_name, write
from tapeline.core.adjustment import adjusted
from tapeline.core.times import DAY
from tapeline.errors import FeedError, UnreachableError
from tapeline.feeds.yahoo import (
    History,
    Interval,
    SystemClock,
    Update,
    interval_of,
    period_ms,
    symbols_of,
)

Symbols = Annotated[
    str | None, typer.Option(help="Such as TSLA,AAPL,BTC-USD; kept for the next time.  \\[default: the kept ones]")
]
IntervalName = Annotated[str, typer.Option(help="1m, 2m, 5m, 15m, 30m, 60m, 90m, 1h or 1d.")]
Period = Annotated[
    str | None, typer.Option(help="How far back: 12h, 30d, 6mo, 2y, max.  \\[default: 7d for 1m, 60d, 1y for 1h, 5y]")
]

#: Of 1m it is what one request brings, so that the page opens within seconds.
PERIODS = {"1m": "7d", "60m": "1y", "1h": "1y", "1d": "5y"}
_OTHER_PERIOD = "60d"


def register(app: typer.Typer) -> None:
    """Adds this command."""
    app.command()(backfill)


def backfill(
    symbols: Annotated[
        str | None, typer.Option(help="Such as TSLA,AAPL,BTC-USD.  \\[default: those that are collected]")
    ] = None,
    interval: IntervalName = "1m",
    period: Period = None,
    out: Annotated[
        Path | None,
        typer.Option(help="CSV or Parquet file for the bars of this period.", show_default=False),
    ] = None,
    adjust: Annotated[
        bool, typer.Option("--adjusted", help="With --out: prices adjusted for dividends, not only for splits.")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Fetch history into the archive, and from there into a file. A second time only what is new is asked for."""
    if out is not None:
        check_name(out)
    elif adjust:
        raise typer.BadParameter(
            "the archive keeps prices as they were; name a file: --out FILE", param_hint="--adjusted"
        )
    settings = config.load(data_dir=data_dir)
    with explained():
        wanted = symbols_of(symbols) if symbols else watchlist_of(settings).load()
        if not wanted:
            raise CommandError("name the symbols: --symbols TSLA,AAPL,MSFT")
        kind, since = span(interval, period)
        history = parts.history(settings)
        started = time.perf_counter()
        try:
            updates = fetched(history, wanted, kind, since, quiet=json)
        finally:
            history.close()
    found = [
        {
            "symbol": symbol,
            "bars": len(update.series.bars),
            "new": len(update.changed),
            "first": _time(update.series.bars.timestamp[0]) if len(update.series.bars) else None,
            "last": _time(update.series.bars.timestamp[-1]) if len(update.series.bars) else None,
            "currency": update.series.currency,
            "rejected": len(update.rejects),
        }
        for symbol, update in sorted(updates.items())
    ]
    if out is not None:
        _write(out, [updates[symbol] for symbol in sorted(updates)], since, adjust=adjust)
    if json:
        print_json(found)
    else:
        columns = ("symbol", "bars", "new", "first", "last", "currency", "rejected")
        print_table(columns, ([str(row[column]) for column in columns] for row in found))
        seconds = time.perf_counter() - started
        notice(f"{len(found)} symbols in {seconds:.1f} s, kept in {settings.data_dir / 'archive' / kind.name}")
    if len(updates) < len(wanted):
        raise typer.Exit(1)


def span(interval: str, period: str | None) -> tuple[Interval, int]:
    """The interval, and since when its bars are wanted (UTC epoch ms)."""
    kind = interval_of(interval)
    length = period_ms(period or PERIODS.get(interval, _OTHER_PERIOD), kind)
    if length > kind.reach:
        notice(f"Yahoo has {interval} bars of the last {kind.reach // DAY} days; the archive keeps them from now on")
    return kind, SystemClock().now() - length


def fetched(history: History, symbols: list[str], interval: Interval, since: int, *, quiet: bool) -> dict[str, Update]:
    """Brings the archive up to now. Says which symbols failed; raises when all did."""
    updates: dict[str, Update] = {}
    failed: list[FeedError] = []

    async def fetch() -> None:
        with Ticker(f"fetching {interval.name} history", len(symbols), quiet=quiet) as ticker:
            async for symbol, outcome in history.update_all(symbols, interval, since):
                if isinstance(outcome, UnreachableError):
                    raise outcome
                if isinstance(outcome, FeedError):
                    failed.append(outcome)
                    notice(str(outcome))
                    continue
                updates[symbol] = outcome
                for text in outcome.notices:
                    notice(text)
                ticker.show(len(updates) + len(failed))

    asyncio.run(fetch())
    if failed and not updates:
        raise CommandError(f"nothing could be fetched for {', '.join(symbols)}")
    return updates


def _write(out: Path, updates: Sequence[Update], since: int, *, adjust: bool) -> None:
    """The archived final bars since then, one symbol behind the other."""
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

    write(out, tables())
    notice(f"{count:,} bars written to {out}")


def _time(timestamp: Any) -> str:
    return f"{np.datetime64(int(timestamp), 'ms').item():%Y-%m-%d %H:%M}"
