"""Running a pipeline from the command line: in the background, with a progress bar or the page in front."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType

from tapeline.bootstrap import Home
from tapeline.config import Settings
from tapeline.dashboard import Replay, View, serve
from tapeline.entrypoints.console import Ticker, stderr
from tapeline.pipeline import Pipeline, Progress

_LOOK_SECONDS = 0.1


def run(
    pipeline: Pipeline, home: Home, settings: Settings, *, total: int | None, page: bool, stay: bool, quiet: bool
) -> Progress:
    """Runs the pipeline until its source ends or Ctrl-C; everything read by then is stored.

    With `page` it is served meanwhile, and with `stay` also when the source has ended, until Ctrl-C.
    """
    with _terminated_like_interrupted(), ThreadPoolExecutor(1, "pipeline") as executor:
        job = executor.submit(pipeline.run)
        try:
            if page:
                _serve(pipeline, home, settings, job, total, stay=stay)
            else:
                _watch(pipeline, job, total, quiet=quiet)
        except KeyboardInterrupt:
            pipeline.stop()
        except BaseException:
            pipeline.stop()
            raise
        return job.result()


def _watch(pipeline: Pipeline, job: Future[Progress], total: int | None, *, quiet: bool) -> None:
    with Ticker("replaying", total, quiet=quiet) as ticker:
        while not job.done():
            try:
                job.result(_LOOK_SECONDS)
            except TimeoutError:
                ticker.show(pipeline.progress.bars_in)


def _serve(
    pipeline: Pipeline, home: Home, settings: Settings, job: Future[Progress], total: int | None, *, stay: bool
) -> None:
    def replay() -> Replay:
        return Replay(pipeline.progress.bars_in, total, ended=job.done())

    def over() -> bool:
        return job.done() and (not stay or job.exception() is not None)

    view = View(home.store, replay=replay, stored=home.store.count, models=home.models.metadata())
    serve(view, settings.host, settings.port, on_ready=announce, should_stop=over)


def announce(url: str) -> None:
    """Says where the page is."""
    stderr.print(f"the page is at [bold]{url}[/]   (Ctrl-C stops)")


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM, which service managers send, stops as cleanly as Ctrl-C."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
