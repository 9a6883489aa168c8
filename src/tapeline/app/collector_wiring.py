"""Settings -> the parts of `tapeline collector`: Yahoo's live bars onto Kinesis, over the log in the data directory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tapeline.app import live_wiring as live
from tapeline.app.cloud_wiring import Clients, required
from tapeline.app.config import Settings
from tapeline.app.wiring import DATABASE_FILE
from tapeline.backends.aws.kinesis import KinesisSink
from tapeline.backends.sqlite.database import (
    Database,
)
from tapeline.backends.sqlite.sqlite_stream import SqliteStream
from tapeline.errors import LogTrimmedError, StorageError
from tapeline.feeds.yahoo import SystemClock, YahooSource, interval_of, period_ms, symbols_of

#: How far back the first bars are of, where one request does not bring less.
LONGEST_PERIOD = "5y"


@dataclass(frozen=True, slots=True)
class Collecting:
    """A source and the sink it goes to."""

    symbols: tuple[str, ...]
    source: YahooSource
    sink: KinesisSink


@contextlib.contextmanager
def collecting(
    settings: Settings, client: Clients, notify: Callable[[str], None], period: str | None = None
) -> Iterator[Collecting]:
    """The parts, over a data directory that this process alone collects into. The caller runs and closes them.

    `period` is how far back the first bars are of (7d for 1m). Raises `ConfigError`, `StorageError` and `FeedError`.
    """
    required(settings, "symbols", "kinesis_stream")
    symbols = symbols_of(",".join(settings.symbols))
    interval = interval_of(settings.interval)
    length = period_ms(period, interval) if period else min(interval.span, period_ms(LONGEST_PERIOD, interval))
    kinesis = client("kinesis")
    with live.collecting_alone(settings):
        database = Database(settings.data_dir / DATABASE_FILE)
        try:
            outbox = SqliteStream(database, kept_bars=0)
            try:
                sink = KinesisSink(outbox, kinesis, settings.kinesis_stream, notify)
            except LogTrimmedError as error:
                raise StorageError(
                    f"{settings.data_dir}: holds what `tapeline run` or `process` keeps; choose another --data-dir"
                ) from error
            past = live.history(settings)
            source = live.source(settings, past, symbols, interval, SystemClock().now() - length)
            try:
                yield Collecting(tuple(symbols), source, sink)
            finally:
                source.close()
                sink.close(0)
        finally:
            database.close()
