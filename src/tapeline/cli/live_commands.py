"""`tapeline run`, `collect` and `process`: follow Yahoo's prices as they come."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from tapeline.app import config, wiring
from tapeline.app.config import Settings
from tapeline.app.data_directory import DataDirectory, archive_in, collecting_alone, watchlist_in
from tapeline.app.live_wiring import interval_of, live_history, live_source
from tapeline.app.trained_models import retraining
from tapeline.cli.backfill_commands import PERIODS, fetch_history, span
from tapeline.cli.console import notice, print_summary
from tapeline.cli.options import DataDir, IntervalName, Json, LiveSymbols, Period, Port
from tapeline.cli.running import (
    compile_kernels,
    first_model,
    page_settings,
    run_pipeline,
    terminated_like_interrupted,
)
from tapeline.cli.stored_data import open_data_directory, processing_alone
from tapeline.core.market import Bars
from tapeline.core.ports import Archive
from tapeline.errors import InputError, UnreachableError
from tapeline.feeds.files import Scan
from tapeline.feeds.live.bar_intervals import Interval
from tapeline.feeds.live.live_source import LiveSource
from tapeline.feeds.live.watchlist import Watchlist, symbols_of
from tapeline.forecast.model import LightGBMModel
from tapeline.research.retraining import SCHEDULES
from tapeline.runtime import pipeline
from tapeline.runtime.pipeline import Progress


def run(
    symbols: LiveSymbols = None,
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
    """Analyse live: fetch history, compute every indicator, train or load the model, then follow the market.

    Ctrl-C stops; a second start resumes where it was. `tapeline symbols add NVDA` works while it runs.
    """
    if retrain is not None and retrain not in SCHEDULES:
        raise typer.BadParameter(f"{retrain!r} is no schedule: {', '.join(SCHEDULES)}", param_hint="--retrain")
    settings = page_settings(data_dir, port, page=dashboard)
    with processing_alone(settings) as directory, collecting_alone(settings):
        watchlist, wanted = _watchlist(settings, symbols)
        chosen, since = span(settings, interval, period)
        compile_kernels(settings, quiet=json)
        history = live_history(settings)
        try:
            fetch_history(history, wanted, chosen, since, quiet=json)
        except UnreachableError as error:
            if not directory.store.count():
                raise
            notice(f"{error}; showing what is stored, and trying again")
        past = _past(history.archive, wanted, chosen, since)
        predictor, no_model = _model(directory, settings, list(past()), chosen, quiet=json)
        source = live_source(settings, history, wanted, chosen, since)
        live = wiring.pipeline(directory, settings, source, predictor, notice)
        with _following(watchlist, source), retraining(directory, settings, past, retrain, notice):
            progress = run_pipeline(
                live, directory, settings, total=None, page=dashboard, stay=False, quiet=json, no_model=no_model,
                collector=source.status,
            )  # fmt: skip
    _print_progress(progress, as_json=json)


def collect(
    symbols: LiveSymbols = None,
    interval: IntervalName = "1m",
    period: Period = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Collect only: history and live bars into the data directory, for a `tapeline process` beside it."""
    settings = config.load(data_dir=data_dir)
    progress, stopping = Progress(), threading.Event()
    with collecting_alone(settings):
        watchlist, wanted = _watchlist(settings, symbols)
        chosen, since = span(settings, interval, period)
        with (
            open_data_directory(settings, create=True) as directory,
            contextlib.closing(live_source(settings, live_history(settings), wanted, chosen, since)) as source,
            _following(watchlist, source),
            terminated_like_interrupted(),
            contextlib.suppress(KeyboardInterrupt),
        ):
            pipeline.collect(source, directory.stream, progress, stopping, notice)
    _print_progress(progress, as_json=json)


def process(
    data_dir: DataDir = None,
    port: Port = None,
    dashboard: Annotated[bool, typer.Option(help="Serve the page as well.")] = False,
    json: Json = False,
) -> None:
    """Process only: indicators and predictions of what a `tapeline collect` writes into the data directory."""
    settings = page_settings(data_dir, port, page=dashboard)
    with processing_alone(settings) as directory:
        compile_kernels(settings, quiet=json)
        archive = archive_in(settings.data_dir)
        interval = interval_of(settings, next((name for name in PERIODS if archive.symbols(name)), "1m"))
        past = _past(archive, archive.symbols(interval.name), interval, 0)
        predictor, no_model = _model(directory, settings, list(past()), interval, quiet=json)
        progress = run_pipeline(
            wiring.pipeline(directory, settings, None, predictor, notice), directory, settings, total=None,
            page=dashboard, stay=False, quiet=json, no_model=no_model,
        )  # fmt: skip
    _print_progress(progress, as_json=json)


@contextlib.contextmanager
def _following(watchlist: Watchlist, source: LiveSource) -> Iterator[None]:
    """Pass changes of the list to the source meanwhile."""
    stopping = threading.Event()
    thread = watchlist.follow(source.watch, stopping, notice)
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _watchlist(settings: Settings, symbols: str | None) -> tuple[Watchlist, list[str]]:
    """Return the watch-list and the symbols on it, which are from now on those that were named."""
    watchlist = watchlist_in(settings.data_dir)
    if symbols is not None:
        watchlist.save(symbols_of(symbols))
    wanted = watchlist.load()
    if not wanted:
        raise InputError("name the symbols: --symbols TSLA,AAPL,MSFT (or try `tapeline demo`, which needs none)")
    return watchlist, wanted


def _past(archive: Archive, symbols: list[str], interval: Interval, since: int) -> Callable[[], Iterator[Bars]]:
    """Return a function that starts a pass over the archived bars of these symbols, from `since` on."""

    def bars() -> Iterator[Bars]:
        for symbol in symbols:
            series = archive.load(symbol, interval.name)
            if series and len(kept := series.bars[series.bars.timestamp >= since]):
                yield kept

    return bars


def _model(
    directory: DataDirectory, settings: Settings, past: list[Bars], interval: Interval, *, quiet: bool
) -> tuple[LightGBMModel | None, str]:
    """Return the model of this data directory, or one trained on these past bars; without one, None and why."""
    scan = Scan(
        rows=sum(map(len, past)),
        start=min((int(bars.timestamp[0]) for bars in past), default=0),
        end=max((int(bars.timestamp[-1]) for bars in past), default=0),
        interval=interval.ms,
        files=(),
    )

    def history(until: int) -> Iterator[Bars]:
        yield from (bars[bars.timestamp <= until] for bars in past)

    return first_model(directory, settings, history, scan, quiet=quiet)


def _print_progress(progress: Progress, *, as_json: bool) -> None:
    summary: dict[str, Any] = {
        "bars_in": progress.bars_in,
        "rows": progress.rows,
        "corrected": progress.corrected,
        "rejected": progress.rejected,
    }
    print_summary(summary, as_json=as_json)
