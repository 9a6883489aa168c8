"""`tapeline run`, `collect` and `process`: Yahoo's prices as they come."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from tapeline.app import config
from tapeline.app import live_wiring as parts
from tapeline.app import wiring as bootstrap
from tapeline.app.config import Settings
from tapeline.app.trained_models import retraining
from tapeline.backends.files.file_archive import LocalArchive
from tapeline.cli.backfill_commands import PERIODS, IntervalName, Period, Symbols, fetched, span
from tapeline.cli.console import CommandError, Ticker, notice, print_summary
from tapeline.cli.running import first_model, page_settings, terminated_like_interrupted
from tapeline.cli.running import run as run_pipeline
from tapeline.cli.symbol_commands import DataDir, Json, explained, watchlist_of
from tapeline.core.market import Bars
from tapeline.core.ports import Archive
from tapeline.errors import UnreachableError
from tapeline.feeds.files import Scan
from tapeline.feeds.yahoo import (
    History,
    Interval,
    Watchlist,
    YahooSource,
    interval_of,
    symbols_of,
)
from tapeline.forecast.model import LightGBMModel
from tapeline.research.retraining import SCHEDULES
from tapeline.runtime.pipeline import Progress
from tapeline.runtime.pipeline import collect as collect_into

Port = Annotated[int | None, typer.Option(help="Port of the page; 0 takes a free one.  \\[default: 8000]")]


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command()(run)
    app.command()(collect)
    app.command()(process)


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
        kind, since = span(interval, period)
        with Ticker("compiling the kernels (once)", None, quiet=json):
            bootstrap.warm_up(settings)
        history = parts.history(settings)
        try:
            fetched(history, wanted, kind, since, quiet=json)
        except UnreachableError as error:
            if not home.store.count():
                raise
            notice(f"{error}; showing what is stored, and trying again")
        predictor, no_model = _model(home, settings, history, wanted, kind, since, quiet=json)
        source = parts.source(settings, history, wanted, kind, since)
        pipeline = bootstrap.pipeline(home, settings, source, predictor, notice)
        with (
            _following(watchlist, source),
            retraining(home, settings, _past(history.archive, wanted, kind, since), retrain, notice),
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
        kind, since = span(interval, period)
        home = bootstrap.open_data_directory(settings, create=True)
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
        kind = next((interval_of(name) for name in PERIODS if archive.symbols(name)), interval_of("1m"))
        predictor, no_model = _model(home, settings, archive, archive.symbols(kind.name), kind, 0, quiet=json)
        pipeline = bootstrap.pipeline(home, settings, None, predictor, notice)
        progress = run_pipeline(
            pipeline, home, settings, total=None, page=dashboard, stay=False, quiet=json, no_model=no_model
        )
    _print_progress(progress, as_json=json)


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


def _past(archive: Archive, symbols: list[str], interval: Interval, since: int) -> Callable[[], Iterator[Bars]]:
    """Starts a pass over the archived bars of these symbols, from `since` on."""

    def bars() -> Iterator[Bars]:
        for symbol in symbols:
            series = archive.load(symbol, interval.name)
            if series and len(kept := series.bars[series.bars.timestamp >= since]):
                yield kept

    return bars


def _model(
    home: bootstrap.DataDirectory,
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
