"""Settings -> Yahoo's history and live bars, for every command that collects."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import filelock

from tapeline.app.config import Settings
from tapeline.backends.files.file_archive import LocalArchive
from tapeline.backends.sqlite.database import (
    explained,
)
from tapeline.errors import StorageError
from tapeline.feeds.yahoo import ChartClient, History, Interval, SystemClock, YahooSource, YFinanceTransport


def archive(settings: Settings) -> LocalArchive:
    """The history that is kept in the data directory."""
    return LocalArchive(settings.data_dir / "archive")


def history(settings: Settings) -> History:
    """Yahoo's history, over what is kept of it."""
    clock = SystemClock()
    return History(ChartClient(YFinanceTransport(settings.yahoo_url), clock), archive(settings), clock)


def source(settings: Settings, past: History, symbols: Iterable[str], interval: Interval, since: int) -> YahooSource:
    """Live bars behind this history, whose first bars are of `since` (UTC epoch ms)."""
    return YahooSource(
        symbols,
        interval,
        past,
        since=since,
        stream_url=settings.yahoo_stream_url,
        forming_ms=int(settings.forming_seconds * 1000),
    )


@contextlib.contextmanager
def collecting_alone(settings: Settings) -> Iterator[None]:
    """Held by the one process that collects into a data directory. Raises `StorageError` for a second."""
    path = settings.data_dir
    with explained(path):
        path.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path / "collecting.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise StorageError(
            f"{path}: another tapeline is collecting into it; stop it or choose another --data-dir"
        ) from error
    try:
        yield
    finally:
        lock.release()
