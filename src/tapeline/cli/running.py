"""Run a pipeline from the command line: in the background, with a progress bar or the page in front."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tapeline.app import config, wiring
from tapeline.app.alert_wiring import alerting
from tapeline.app.config import Settings
from tapeline.app.data_directory import DataDirectory
from tapeline.app.live_wiring import symbol_directory
from tapeline.app.page_wiring import access_of, page_data_of
from tapeline.app.system_health import SystemHealth
from tapeline.app.trained_models import starting_model
from tapeline.cli.console import Ticker, announce, notice, stderr
from tapeline.cli.stopping import terminated_like_interrupted
from tapeline.core.kernel_cache import telling_of_compiling
from tapeline.core.market import Bars
from tapeline.errors import MissingLibraryError, NotEnoughHistoryError, OtherIntervalError
from tapeline.feeds.files import Scan
from tapeline.feeds.live.live_source import Status
from tapeline.forecast.model import LightGBMModel
from tapeline.runtime.appending import Progress
from tapeline.runtime.pipeline import Pipeline
from tapeline.runtime.process_memory import limit_arenas, release_freed_memory
from tapeline.web import ReplayProgress, check_port, serve

_LOOK_SECONDS = 0.1


def run_pipeline(
    pipeline: Pipeline,
    directory: DataDirectory,
    settings: Settings,
    *,
    total: int | None,
    page: bool,
    stay: bool,
    quiet: bool,
    no_model: str = "",
    collector: Callable[[], Status | None] = lambda: None,
) -> Progress:
    """Run the pipeline until its source ends or Ctrl-C; everything read by then is stored.

    With `page` it is served meanwhile, and with `stay` also after the source has ended, until Ctrl-C. `total` is how
    many bars the source has, those of earlier runs included (None: it has no end); `no_model` says why there are no
    predictions; `collector` how the source does, where it can say so.
    """
    limit_arenas()
    release_freed_memory()  # a model may just have been trained
    before = 0 if total is None else min(directory.store.count(), total)  # a run that was stopped resumes

    def replay() -> ReplayProgress | None:
        return (
            ReplayProgress(min(before + pipeline.progress.bars_in, total), total, ended=job.done()) if total else None
        )

    with terminated_like_interrupted(), ThreadPoolExecutor(1, "pipeline") as executor:
        job = executor.submit(pipeline.run)
        try:
            if page:
                live, health = total is None, SystemHealth(directory, collector, lambda: [*pipeline.set_aside.values()])
                with alerting(
                    directory.store,
                    directory.path,
                    settings,
                    live=live,
                    notify=notice,
                    troubles=health.troubles,
                    ranges=directory.ranges,
                ) as alerts:
                    data = page_data_of(
                        directory, live=live, replay=replay, collector=collector, lag=pipeline.lag,
                        alerts=alerts, troubles=health.troubles, no_model=no_model, indicators=settings.indicators,
                        lookup=symbol_directory(settings) if live else None,
                    )  # fmt: skip
                    serve(
                        data,
                        settings.page.host,
                        settings.page.port,
                        on_ready=announce,
                        should_stop=lambda: job.done() and (not stay or job.exception() is not None),
                        access=access_of(settings),
                    )
            else:
                _show_progress(pipeline, job, total and total - before, quiet=quiet)
        except KeyboardInterrupt:
            pipeline.stop()
        except BaseException:
            pipeline.stop()
            raise
        return job.result()


def _show_progress(pipeline: Pipeline, job: Future[Progress], total: int | None, *, quiet: bool) -> None:
    with Ticker("replaying", total, quiet=quiet) as ticker:
        while not job.done():
            try:
                job.result(_LOOK_SECONDS)
            except TimeoutError:
                ticker.show(pipeline.progress.bars_in)


def page_settings(data_dir: Path | None, port: int | None, *, page: bool, feed: str | None = None) -> Settings:
    """Return the settings of this run. With `page`, check that it can be served before long work is begun for it.

    Raises `ConfigError` and `ServingError`.
    """
    settings = config.load(data_dir=data_dir, page__port=port, feed=feed)
    if page:
        check_port(settings.page.host, settings.page.port, access_of(settings))
    return settings


def compile_kernels(settings: Settings, *, quiet: bool) -> None:
    """Make the compiled kernels ready, and say so: the first time on a machine it takes a minute or two."""

    def tell() -> None:
        if not quiet and not stderr().is_terminal:  # a terminal shows the ticker
            notice("compiling the kernels, once on this machine: that takes a minute or two")

    with (
        Ticker("loading the kernels, which are compiled at the first start", None, quiet=quiet),
        telling_of_compiling(tell),
    ):
        wiring.warm_up(settings)


def first_model(
    directory: DataDirectory, settings: Settings, history: Callable[[int], Iterator[Bars]], scan: Scan, *, quiet: bool
) -> tuple[LightGBMModel | None, str]:
    """Return the model to predict with, trained first where there is none; without one, None and why."""
    with Ticker("training on the first part", 100, quiet=quiet, percent=True) as ticker:
        try:
            model = starting_model(
                directory, settings, history, scan, notice, lambda done, _: ticker.show(int(100 * done))
            )
        except (MissingLibraryError, NotEnoughHistoryError, OtherIntervalError) as error:
            notice(f"no predictions: {error}")
            return None, str(error)
    return model, ""
