"""`tapeline backfill`: fetch Yahoo's history into the archive, and write it to a file."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from tapeline.app import config
from tapeline.app.config import Settings
from tapeline.app.data_directory import watchlist_in
from tapeline.app.live_wiring import feed_of, interval_of, live_history
from tapeline.cli.console import Ticker, notice, print_records, utc_text
from tapeline.cli.options import DataDir, IntervalName, Json, Period
from tapeline.cli.output_files import Out, bar_table, write_tables
from tapeline.core.adjustment import adjusted
from tapeline.core.times import DAY
from tapeline.errors import FeedError, InputError, UnreachableError
from tapeline.feeds.live.bar_intervals import Interval, period_ms
from tapeline.feeds.live.history import History, Update
from tapeline.feeds.live.watchlist import symbols_of
from tapeline.runtime.clock import now_ms

#: How far back by default. Of 1m it is what one request brings, so that the page opens within seconds.
PERIODS = {"1m": "7d", "60m": "1y", "1h": "1y", "1d": "5y"}
_OTHER_PERIOD = "60d"


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
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Fetch history into the archive, and write its bars to a file. A second run fetches only what is new."""
    if adjust and out is None:
        raise typer.BadParameter(
            "the archive keeps prices as they were; name a file: --out FILE", param_hint="--adjusted"
        )
    settings = config.load(data_dir=data_dir)
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
        notice(f"{len(found)} symbols in {seconds:.1f} s, kept in {settings.data_dir / 'archive' / chosen.name}")
    if len(updates) < len(wanted):
        raise typer.Exit(1)


def span(settings: Settings, interval: str, period: str | None) -> tuple[Interval, int]:
    """Return the interval, and since when its bars are wanted (UTC epoch ms). Raises `FeedError`."""
    chosen = interval_of(settings, interval)
    length = period_ms(period or PERIODS.get(interval, _OTHER_PERIOD), chosen)
    if length > chosen.reach:
        venue, days = feed_of(settings).venue, chosen.reach // DAY
        notice(f"{venue} has {interval} bars of the last {days} days; the archive keeps them from now on")
    return chosen, now_ms() - length


def fetch_history(
    history: History, symbols: list[str], interval: Interval, since: int, *, quiet: bool
) -> dict[str, Update]:
    """Bring the archive up to now. Say which symbols failed; raise `FeedError` when all did.

    Raises `UnreachableError` at the first symbol that cannot be reached: without a network none can.
    """
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
        raise FeedError(f"nothing could be fetched for {', '.join(symbols)}")
    return updates


def _as_json(symbol: str, update: Update) -> dict[str, Any]:
    times = update.series.bars.timestamp
    return {
        "symbol": symbol,
        "bars": len(times),
        "new": len(update.changed),
        "first": _minute(times[0]) if len(times) else None,
        "last": _minute(times[-1]) if len(times) else None,
        "currency": update.series.currency,
        "rejected": len(update.rejects),
    }


def _write(out: Path, updates: Sequence[Update], since: int, *, adjust: bool) -> None:
    """Write the archived final bars since then, one symbol after the other."""
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
    notice(f"{count:,} bars written to {out}")


def _minute(timestamp: Any) -> str:
    return utc_text(int(timestamp))[:16]
