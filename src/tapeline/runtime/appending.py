"""Append what a source delivers to a stream, and count it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tapeline.core.ports import Sink, Source
from tapeline.core.rejects import count_of


@dataclass(slots=True)
class Progress:
    """What the pipeline has done since it started. Written by its threads, read by anyone for display."""

    bars_in: int = 0
    rows: int = 0
    rejected: int = 0
    repeated: int = 0
    corrected: int = 0
    last_timestamp: int | None = None


def collect(
    source: Source,
    sink: Sink,
    progress: Progress,
    stopping: threading.Event,
    notify: Callable[[str], None],
    appended: Callable[[int, float], None] = lambda *_: None,
) -> None:
    """Append what the source delivers, from where the sink says it was, until it ends or `stopping` is set."""
    for delivery in source.deliveries(sink.resume(source.name)):
        for text in delivery.notices:
            notify(text)
        arrived = time.monotonic()
        appended(sink.append(source.name, delivery), arrived)
        progress.bars_in += len(delivery.bars)
        progress.rejected += count_of(delivery.rejects)
        if stopping.is_set():
            break
