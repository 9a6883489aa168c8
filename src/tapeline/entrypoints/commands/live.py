"""`tapeline run`, `collect`, `process` and `backfill`: Yahoo's prices, live and past."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from tapeline import bootstrap, config
from tapeline.archives.local import LocalArchive
from tapeline.bootstrap import live as parts
from tapeline.config import Settings
from tapeline.entrypoints.commands.symbols import explained, watchlist_of
from tapeline.entrypoints.console import CommandError, Ticker, notice, print_json, print_summary, print_table
from tapeline.entrypoints.running import first_model, page_settings, retraining, terminated_like_interrupted
from tapeline.entrypoints.running import run as run_pipeline
from tapeline.market import Bars
from tapeline.pipeline import Progress
from tapeline.pipeline import collect as collect_into
from tapeline.ports import Archive
from tapeline.prediction.model import LightGBMModel
from tapeline.prediction.retraining import SCHEDULES
from tapeline.sources.files import Scan
from tapeline.sources.yahoo import (
    History,
    Interval,
    SystemClock,
    UnreachableError,
    Update,
    Watchlist,
    YahooError,
    YahooSource,
    interval_of,
    period_ms,
    symbols_of,
)

DataDir = Annotated[Path | None, typer.Option(help="Folder of the database, the models and the archive.")]
Port = Annotated[int | None, typer.Option(help="Port of the page; 0 takes a free one.  \\[default: 8000]")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, for machines.")]
Symbols = Annotated[
    str | None, typer.Option(help="Such as TSLA,AAPL,BTC-USD; kept for the next time.  \\[default: the kept ones]")
]
IntervalName = Annotated[str, typer.Option(help="1m, 2m, 5m, 15m, 30m, 60m, 90m, 1h or 1d.")]
Period = Annotated[
    str | None, typer.Option(help="How far back: 12h, 30d, 6mo, 2y, max.  \\[default: 7d for 1m, 60d, 1y for 1h, 5y]")
]

#: Of 1m it is what one request brings, so that the page opens within seconds.
_PERIODS = {"1m": "7d", "60m": "1y", "1h": "1y", "1d": "5y"}
_OTHER_PERIOD = "60d"


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command()(run)
    app.command()(collect)
    app.command()(process)
    app.command()(backfill)


def run(
    symbols: Symbols = None,
    interval: IntervalName = "1m",
    period: Period = None,
    data_dir: DataDir = None,
    port: Port = None,
    dashboard: Annotated[bool, typer.Option(help="Serve the page meanwhile.")] = True,
    retrain: Annotated[
        str | None, typer.Option(help="Train again `daily`, `weekly` or `monthly`; promoted unless worse.")
    ] = None,
    json: Json = False,
) -> None:
    """Live analysis: fetches history, computes every indicator, trains or loads the model, then follows the market.

    Ctrl-C stops; a second start goes on where it was. `tapeline symbols add NVDA` works while it runs.
    """
    if retrain is not None and retrain not in SCHEDULES:
        raise typer.BadParameter(f"{retrain!r} is no schedule: {', '.join(SCHEDULES)}", param_hint="--retrain")
    settings = page_settings(data_dir, port, page=dashboard)
    with explained(), bootstrap.writing(settings) as home, parts.collecting_alone(settings):
        wanted, watchlist = _wanted(settings, symbols)
        kind, since = _span(interval, period)
        with Ticker("compiling the kernels (once)", None, quiet=json):
            bootstrap.warm_up(settings)
        history = parts.history(settings)
        try:
            _fetch(history, wanted, kind, since, quiet=json)
        except UnreachableError as error:
            if not home.store.count():
                raise
            notice(f"{error}; showing what is stored, and trying again")
        predictor, no_model = _model(home, settings, history, wanted, kind, since, quiet=json)
        source = parts.source(settings, history, wanted, kind, since)
        pipeline = bootstrap.pipeline(home, settings, source, predictor, notice)
        with (
            _following(watchlist, source),
            retraining(home, settings, _past(history.archive, wanted, kind, since), retrain),
        ):
            progress = run_pipeline(
                pipeline, home, settings, total=None, page=dashboard, stay=False, quiet=json, no_model=no_model,
                collector=source.status,
            )  # fmt: skip
    _print_progress(progress, as_json=json)


def collect(
    symbols: Symbols = None,
    interval: IntervalName = "1m",
    period: Period = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Collect only: history and live bars into the data directory, for a `tapeline process` beside it."""
    settings = config.load(data_dir=data_dir)
    progress, stopping = Progress(), threading.Event()
    with explained(), parts.collecting_alone(settings):
        wanted, watchlist = _wanted(settings, symbols)
        kind, since = _span(interval, period)
        home = bootstrap.open_home(settings, create=True)
        source = parts.source(settings, parts.history(settings), wanted, kind, since)
        try:
            with _following(watchlist, source), terminated_like_interrupted(), contextlib.suppress(KeyboardInterrupt):
                collect_into(source, home.stream, progress, stopping, notice)
        finally:
            source.close()
            home.database.close()
    _print_progress(progress, as_json=json)


def process(
    data_dir: DataDir = None,
    port: Port = None,
    dashboard: Annotated[bool, typer.Option(help="Serve the page as well.")] = False,
    json: Json = False,
) -> None:
    """Process only: indicators and predictions of what a `tapeline collect` writes into the data directory."""
    settings = page_settings(data_dir, port, page=dashboard)
    with explained(), bootstrap.writing(settings) as home:
        with Ticker("compiling the kernels (once)", None, quiet=json):
            bootstrap.warm_up(settings)
        archive = parts.archive(settings)
        kind = next((interval_of(name) for name in _PERIODS if archive.symbols(name)), interval_of("1m"))
        predictor, no_model = _model(home, settings, archive, archive.symbols(kind.name), kind, 0, quiet=json)
        pipeline = bootstrap.pipeline(home, settings, None, predictor, notice)
        progress = run_pipeline(
            pipeline, home, settings, total=None, page=dashboard, stay=False, quiet=json, no_model=no_model
        )
    _print_progress(progress, as_json=json)


def backfill(
    symbols: Symbols = None,
    interval: IntervalName = "1m",
    period: Period = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Fetch history into the archive. A second time only what is new is asked for."""
    settings = config.load(data_dir=data_dir)
    with explained():
        wanted = symbols_of(symbols) if symbols else watchlist_of(settings).load()
        if not wanted:
            raise CommandError("name the symbols: --symbols TSLA,AAPL,MSFT")
        kind, since = _span(interval, period)
        history = parts.history(settings)
        started = time.perf_counter()
        try:
            updates = _fetch(history, wanted, kind, since, quiet=json)
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
    if json:
        print_json(found)
    else:
        columns = ("symbol", "bars", "new", "first", "last", "currency", "rejected")
        print_table(columns, ([str(row[column]) for column in columns] for row in found))
        seconds = time.perf_counter() - started
        notice(f"{len(found)} symbols in {seconds:.1f} s, kept in {settings.data_dir / 'archive' / kind.name}")
    if len(updates) < len(wanted):
        raise typer.Exit(1)


# -- parts -------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _following(watchlist: Watchlist, source: YahooSource) -> Iterator[None]:
    """Hands changes of the list to the source meanwhile."""
    stopping = threading.Event()
    thread = watchlist.follow(source.watch, stopping, notice)
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _wanted(settings: Settings, symbols: str | None) -> tuple[list[str], Watchlist]:
    """The symbols of this run, which the list holds from now on."""
    watchlist = watchlist_of(settings)
    if symbols is not None:
        watchlist.save(symbols_of(symbols))
    wanted = watchlist.load()
    if not wanted:
        raise CommandError("name the symbols: --symbols TSLA,AAPL,MSFT (or try `tapeline demo`, which needs none)")
    return wanted, watchlist


def _span(interval: str, period: str | None) -> tuple[Interval, int]:
    """The interval, and since when its bars are wanted (UTC epoch ms)."""
    kind = interval_of(interval)
    length = period_ms(period or _PERIODS.get(interval, _OTHER_PERIOD), kind)
    if length > kind.reach:
        notice(
            f"Yahoo has {interval} bars of the last {kind.reach // 86_400_000} days; the archive keeps them from now on"
        )
    return kind, SystemClock().now() - length


def _fetch(history: History, symbols: list[str], interval: Interval, since: int, *, quiet: bool) -> dict[str, Update]:
    """Brings the archive up to now. Says which symbols failed; raises when all did."""
    updates: dict[str, Update] = {}
    failed: list[YahooError] = []

    async def fetch() -> None:
        with Ticker(f"fetching {interval.name} history", len(symbols), quiet=quiet) as ticker:
            async for symbol, outcome in history.update_all(symbols, interval, since):
                if isinstance(outcome, UnreachableError):
                    raise outcome
                if isinstance(outcome, YahooError):
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


def _past(archive: Archive, symbols: list[str], interval: Interval, since: int) -> Callable[[], Iterator[Bars]]:
    """Starts a pass over the archived bars of these symbols, from `since` on."""

    def bars() -> Iterator[Bars]:
        for symbol in symbols:
            series = archive.load(symbol, interval.name)
            if series and len(kept := series.bars[series.bars.timestamp >= since]):
                yield kept

    return bars


def _model(
    home: bootstrap.Home,
    settings: Settings,
    history: History | LocalArchive,
    symbols: list[str],
    interval: Interval,
    since: int,
    *,
    quiet: bool,
) -> tuple[LightGBMModel | None, str]:
    """The model of this data directory, or one trained on the archived history; without one, why."""
    archive = history.archive if isinstance(history, History) else history
    bars = list(_past(archive, symbols, interval, since)())
    scan = Scan(
        rows=sum(map(len, bars)),
        start=min((int(part.timestamp[0]) for part in bars), default=0),
        end=max((int(part.timestamp[-1]) for part in bars), default=0),
        interval=interval.ms,
        files=(),
    )

    def past(until: int) -> Iterator[Bars]:
        yield from (part[part.timestamp <= until] for part in bars)

    return first_model(home, settings, past, scan, quiet=quiet)


def _print_progress(progress: Progress, *, as_json: bool) -> None:
    summary: dict[str, Any] = {
        "bars_in": progress.bars_in,
        "rows": progress.rows,
        "corrected": progress.corrected,
        "rejected": progress.rejected,
    }
    print_summary(summary, as_json=as_json)


def _time(timestamp: Any) -> str:
    return f"{np.datetime64(int(timestamp), 'ms').item():%Y-%m-%d %H:%M}"
