"""Read files of bars for a command, and say what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tapeline.cli.console import Ticker, notice
from tapeline.core.market import Bars
from tapeline.core.rejects import count_of
from tapeline.core.times import HOUR
from tapeline.errors import FileError
from tapeline.feeds.files import FileSource
from tapeline.runtime.clock import now_ms

#: A file in local times without a zone may run ahead of UTC by this much (ms) without being in the future.
_ZONE_SLACK = 14 * HOUR


def open_files(files: list[Path], zone: str) -> FileSource:
    """Open files whose rows may not lie in the future: such a row would make every later bar come too late.

    The caller says what is wrong with them. Raises `FileError` for a time zone that does not exist.
    """
    return FileSource(files, zone=zone, now=now_ms() + _ZONE_SLACK)


def open_all(files: list[Path], zone: str) -> FileSource:
    """Open files that are all needed; their rows may be of any time. Raises `FileError` for the first fault."""
    source = FileSource(files, zone=zone)
    if source.problems:
        raise FileError(source.problems[0])
    return source


def read_bars(source: FileSource, what: str, *, quiet: bool) -> Iterator[Bars]:
    """Yield the bars of a source in batches, with a progress bar called `what`; then say how many were left out."""
    done = rejected = 0
    with Ticker(what, source.scan().rows, quiet=quiet) as ticker:
        for delivery in source.deliveries(""):
            for text in delivery.notices:
                notice(text)
            rejected += count_of(delivery.rejects)
            yield delivery.bars
            done += len(delivery.bars)
            ticker.show(done)
    if rejected:
        notice(f"{rejected:,} records were left out; `tapeline replay` keeps them with their reasons")
