"""Wire `tapeline collector`: the feed's live bars onto Kinesis, over the log in the data directory.

Of several tasks each collects a part of the symbols, at a part of the rate at which one would ask.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from tapeline.app.cloud_wiring import Clients, require
from tapeline.app.config import Settings
from tapeline.app.data_directory import collecting_alone, open_data_directory
from tapeline.app.live_wiring import interval_of, live_history, live_source
from tapeline.app.symbol_sharing import Share, SymbolSharing
from tapeline.backends.aws.collector_tasks import BEAT_SECONDS, CollectorTasks
from tapeline.backends.aws.kinesis import KinesisSink
from tapeline.backends.sqlite.sqlite_stream import SqliteStream
from tapeline.errors import LogTrimmedError, StorageError
from tapeline.feeds.live.bar_intervals import period_ms
from tapeline.feeds.live.live_source import LiveSource
from tapeline.feeds.live.watchlist import symbols_of
from tapeline.runtime.clock import SystemClock, now_ms

#: How far back the first bars are, where one request does not bring less.
LONGEST_PERIOD = "5y"


@dataclass(slots=True)
class Collecting:
    """Hold a source, the sink that its bars go to, and the name of the stack that its metrics are under."""

    symbols: tuple[str, ...]
    source: LiveSource
    sink: KinesisSink
    stack: str


@contextlib.contextmanager
def collecting(
    settings: Settings, client: Clients, notify: Callable[[str], None], period: str | None = None
) -> Iterator[Collecting]:
    """Wire source and sink over a data directory that this process alone collects into; close both at the end.

    The caller runs them. With a state table, symbols are split over the tasks that are running, and `symbols` changes
    when one comes or goes. `period` is how far back the first bars are (7d for 1m).

    Raises `ConfigError`, `StorageError` and `FeedError`.
    """
    require(settings, "symbols", "aws.kinesis_stream")
    symbols = symbols_of(",".join(settings.symbols))
    interval = interval_of(settings, settings.interval)
    length = period_ms(period, interval) if period else min(interval.span, period_ms(LONGEST_PERIOD, interval))
    kinesis = client("kinesis")
    with collecting_alone(settings), open_data_directory(settings, create=True, notify=notify) as directory:
        history = live_history(settings)
        source = live_source(settings, history, symbols, interval, SystemClock().now() - length)
        try:
            sink = KinesisSink(
                SqliteStream(directory.database, kept_bars=0), kinesis, settings.aws.kinesis_stream, notify
            )
        except LogTrimmedError as error:
            raise StorageError(
                f"{settings.data_dir}: holds what `tapeline run` or `process` keeps; choose another --data-dir"
            ) from error
        parts = Collecting(tuple(symbols), source, sink, settings.aws.stack)

        def split(share: Share) -> None:
            parts.symbols = share.symbols
            history.share(share.tasks)
            source.watch(share.symbols, share.continued)

        try:
            with sharing(settings, client, symbols, split, source.settled, notify):
                yield parts
        finally:
            source.close()
            sink.close(0)


@contextlib.contextmanager
def sharing(
    settings: Settings,
    client: Clients,
    symbols: Sequence[str],
    split: Callable[[Share], None],
    settled: Callable[[], Collection[str]],
    notify: Callable[[str], None],
) -> Iterator[None]:
    """Be one of the running tasks until the block ends: `split` gets this one's share, `settled` says what it sends.

    Without a state table this task is alone. Raises `ConfigError`.
    """
    if not settings.aws.state_table:
        yield
        return
    tasks = CollectorTasks(
        client("dynamodb"), settings.aws.state_table, uuid.uuid4().hex, passed=time.monotonic, clock=now_ms,
        sleep=time.sleep,
    )  # fmt: skip
    running = SymbolSharing(symbols, tasks, split, settled, notify)
    running.start(BEAT_SECONDS)
    try:
        yield
    finally:
        running.close()
