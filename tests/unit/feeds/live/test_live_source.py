"""A live source as its reader and its owner see it; what it collects is tested with the collector."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tapeline.feeds.live import live_source
from tapeline.feeds.live.history import History
from tapeline.feeds.live.live_source import LiveSource
from tapeline.feeds.live.supervision import Supervisor
from tapeline.feeds.live.venue import QuoteStream
from tapeline.feeds.yahoo import INTERVALS
from tapeline.runtime.clock import SystemClock


class DeafCollector:
    """Collect nothing, and follow no other list."""

    def __init__(
        self, interval: object, history: object, stream: object, clock: Any, outbox: Any, *_: object, stored: bool
    ) -> None:
        self.official = SimpleNamespace(resume=lambda text: None)
        self.supervisor = Supervisor(clock, outbox)
        self._outbox = outbox

    async def run(self, symbols: object, continued: object) -> None:
        self._outbox.note(notices=["running"])
        await asyncio.Event().wait()

    async def watch(self, symbols: list[str], continued: object) -> None:
        raise ValueError(f"no calendar of {symbols[-1]}")


def test_a_list_that_cannot_be_followed_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_source, "Collector", DeafCollector)
    history, stream = SimpleNamespace(close=lambda: None), SimpleNamespace(name="prices")
    source = LiveSource(
        ["TSLA"], INTERVALS["1m"], cast("History", history), cast("QuoteStream", stream), since=0, clock=SystemClock()
    )
    deliveries = source.deliveries("")
    assert next(deliveries).notices == ("running",)
    source.watch(["TSLA", "NEW"])
    (line,) = next(deliveries).notices
    assert "the list of symbols: unforeseen ValueError" in line
    assert "no calendar of NEW" in line
    source.close()
    assert list(deliveries) == []
