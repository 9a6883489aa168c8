"""`tapeline run`, `collect` and `process`: follow a venue's prices as they come."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tapeline.cli.console import notice, print_summary
from tapeline.cli.options import DataDir, FeedName, IntervalName, Json, LiveSymbols, Period, Port
from tapeline.errors import UnreachableError

if TYPE_CHECKING:
    from tapeline.runtime.appending import Progress


def run(
    symbols: LiveSymbols = None,
    interval: IntervalName = "1m",
    period: Period = None,
    feed: FeedName = None,
    data_dir: DataDir = None,
    port: Port = None,
    dashboard: Annotated[bool, typer.Option(help="Serve the page meanwhile.")] = True,
    retrain: Annotated[
        str | None, typer.Option(help="Train again `daily`, `weekly` or `monthly`; promoted if it wins.")
    ] = None,
    json: Json = False,
) -> None:
    """Analyse live: fetch history, compute every indicator, train or load the model, then follow the market.

    Ctrl-C stops; a second start resumes where it was. `tapeline symbols add NVDA` works while it runs.
    """
    from tapeline.app import wiring
    from tapeline.app.data_directory import collecting_alone
    from tapeline.app.live_series import SeriesSource
    from tapeline.app.live_wiring import live_history, live_source
    from tapeline.app.trained_models import retraining
    from tapeline.cli.fetching import fetch_history, span
    from tapeline.cli.following import following, live_model, past_bars, usual_step, watchlist_of
    from tapeline.cli.running import compile_kernels, page_settings, run_pipeline
    from tapeline.cli.stored_data import processing_alone
    from tapeline.research.retraining import SCHEDULES

    if retrain is not None and retrain not in SCHEDULES:
        raise typer.BadParameter(f"{retrain!r} is no schedule: {', '.join(SCHEDULES)}", param_hint="--retrain")
    settings = page_settings(data_dir, port, page=dashboard, feed=feed)
    with processing_alone(settings) as directory, collecting_alone(settings):
        watchlist, wanted = watchlist_of(settings, symbols)
        chosen, since = span(settings, interval, period)
        compile_kernels(settings, quiet=json)
        history, stored = live_history(settings), directory.holds_bars
        try:
            fetch_history(history, wanted, chosen, since, quiet=json)
        except UnreachableError as error:
            if not stored:
                raise
            notice(f"{error}; showing what is stored, and trying again")
        past = past_bars(history.archive, wanted, chosen, since)
        predictor, no_model = live_model(directory, settings, list(past()), chosen, quiet=json)
        source = live_source(settings, history, wanted, chosen, since, stored=stored)
        named = SeriesSource(source, directory.store, chosen.ms, notice)
        live = wiring.pipeline(directory, settings, named, predictor, notice, usual_step(past(), chosen))
        with following(watchlist, wanted, source), retraining(directory, settings, past, retrain, notice):
            progress = run_pipeline(
                live, directory, settings, total=None, page=dashboard, stay=False, quiet=json, no_model=no_model,
                collector=source.status,
            )  # fmt: skip
    _print_progress(progress, as_json=json)


def collect(
    symbols: LiveSymbols = None,
    interval: IntervalName = "1m",
    period: Period = None,
    feed: FeedName = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Collect only: history and live bars into the data directory, for a `tapeline process` beside it."""
    from tapeline.app import config
    from tapeline.app.data_directory import collecting_alone
    from tapeline.app.live_series import SeriesSource
    from tapeline.app.live_wiring import live_history, live_source
    from tapeline.cli.fetching import span
    from tapeline.cli.following import following, watchlist_of
    from tapeline.cli.stopping import terminated_like_interrupted
    from tapeline.cli.stored_data import open_data_directory
    from tapeline.runtime.appending import Progress, collect

    settings = config.load(data_dir=data_dir, feed=feed)
    progress, stopping = Progress(), threading.Event()
    with collecting_alone(settings):
        watchlist, wanted = watchlist_of(settings, symbols)
        chosen, since = span(settings, interval, period)
        with (
            open_data_directory(settings, create=True) as directory,
            contextlib.closing(
                live_source(settings, live_history(settings), wanted, chosen, since, stored=directory.holds_bars)
            ) as source,
            following(watchlist, wanted, source),
            terminated_like_interrupted(),
            contextlib.suppress(KeyboardInterrupt),
        ):
            named = SeriesSource(source, directory.store, chosen.ms, notice)
            collect(named, directory.stream, progress, stopping, notice)
    _print_progress(progress, as_json=json)


def process(
    data_dir: DataDir = None,
    port: Port = None,
    dashboard: Annotated[bool, typer.Option(help="Serve the page as well.")] = False,
    json: Json = False,
) -> None:
    """Process only: indicators and predictions of what a `tapeline collect` writes into the data directory."""
    from tapeline.app import wiring
    from tapeline.app.data_directory import archive_in
    from tapeline.app.live_wiring import interval_of
    from tapeline.cli.fetching import PERIODS
    from tapeline.cli.following import live_model, past_bars, usual_step
    from tapeline.cli.running import compile_kernels, page_settings, run_pipeline
    from tapeline.cli.stored_data import processing_alone

    settings = page_settings(data_dir, port, page=dashboard)
    with processing_alone(settings) as directory:
        compile_kernels(settings, quiet=json)
        archive = archive_in(settings.data_dir)
        interval = interval_of(settings, next((name for name in PERIODS if archive.symbols(name)), "1m"))
        past = past_bars(archive, archive.symbols(interval.name), interval, 0)
        predictor, no_model = live_model(directory, settings, list(past()), interval, quiet=json)
        processing = wiring.pipeline(directory, settings, None, predictor, notice, usual_step(past(), interval))
        progress = run_pipeline(
            processing, directory, settings, total=None, page=dashboard, stay=False, quiet=json, no_model=no_model
        )
    _print_progress(progress, as_json=json)


def _print_progress(progress: Progress, *, as_json: bool) -> None:
    summary: dict[str, Any] = {
        "bars_in": progress.bars_in,
        "rows": progress.rows,
        "corrected": progress.corrected,
        "rejected": progress.rejected,
    }
    print_summary(summary, as_json=as_json)
