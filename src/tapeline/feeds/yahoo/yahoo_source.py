"""`YahooSource`: the live source. An event loop in a thread of its own collects; `deliveries` hands over."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tapeline.core.ports import Delivery
from tapeline.feeds.live.outbox import Outbox
from tapeline.feeds.live.tracked_bars import phase_text
from tapeline.feeds.yahoo.chart_intervals import Interval
from tapeline.feeds.yahoo.history import History
from tapeline.feeds.yahoo.live_collector import FORMING_MS, Collector
from tapeline.feeds.yahoo.transport import STREAM_URL
from tapeline.runtime.clock import Clock, SystemClock


@dataclass(frozen=True, slots=True)
class Status:
    """What the source is doing, for a person. `markets` has a line for each exchange: open until when, or opening when.

    `official` is how many symbols have their history. `problems` maps symbols to what is wrong with them. `heard` is
    when the last streamed message came (UTC epoch ms; 0: never).
    """

    markets: tuple[str, ...]
    streaming: bool
    polling: bool
    symbols: int
    official: int
    frames: int
    gaps: int
    refused: int
    corrected: int
    problems: dict[str, str]
    heard: int = 0


class YahooSource:
    """`Source` of these symbols, from `since` (UTC epoch ms) on, for weeks.

    First comes history: the archive, brought up to now. Then streamed bars as they form and close, and again history
    over them, as corrections: final bars that differ from what was delivered before. After a restart history goes on
    from the last official bar. Symbols that Yahoo does not know are said once and tried again every few hours.

    Raises, from `deliveries`, `UnreachableError` when there is no network at the start and nothing was stored yet.
    """

    def __init__(
        self,
        symbols: Iterable[str],
        interval: Interval,
        history: History,
        *,
        since: int,
        stream_url: str = STREAM_URL,
        clock: Clock | None = None,
        forming_ms: int = FORMING_MS,
    ) -> None:
        self.name = f"yahoo {interval.name}"
        self._symbols = list(symbols)
        self._interval = interval
        self._history = history
        self._since = since
        self._stream_url = stream_url
        self._clock = clock or SystemClock()
        self._forming_ms = forming_ms
        self._outbox = Outbox()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._collector: Collector | None = None

    def deliveries(self, resume: str) -> Iterator[Delivery]:
        self._outbox.start(resume)
        thread = threading.Thread(target=self._collect, args=(resume,), name="yahoo", daemon=True)
        thread.start()
        try:
            while (delivery := self._outbox.take()) is not None:
                yield delivery
        finally:
            self.close()
            thread.join()

    def close(self) -> None:
        self._closed.set()
        self._outbox.close()
        with self._lock:
            if self._loop is not None and self._task is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._task.cancel)

    def watch(self, symbols: Iterable[str]) -> None:
        """The symbols from now on, from any thread. New ones are back-filled, others are no longer collected."""
        with self._lock:
            self._symbols = list(symbols)
            if self._loop is not None and self._collector is not None and not self._loop.is_closed():
                asyncio.run_coroutine_threadsafe(self._collector.watch(self._symbols), self._loop)

    def status(self) -> Status | None:
        """What it is doing, from any thread; None before it started."""
        collector = self._collector
        if collector is None:
            return None
        tracked = list(collector.tracked.values())
        return Status(
            markets=tuple(phase_text(state) for state in collector.states(self._clock.now())),
            streaming=collector.stream.connected,
            polling=collector.polling,
            symbols=len(tracked),
            official=sum(t.ready for t in tracked),
            frames=collector.stream.frames,
            gaps=collector.gaps,
            refused=collector.streamed.refused,
            corrected=collector.corrected,
            problems={t.symbol: t.problem for t in tracked if t.problem},
            heard=collector.stream.heard,
        )

    def _collect(self, resume: str) -> None:
        try:
            asyncio.run(self._main(resume))
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - handed to the reader of `deliveries`
            self._outbox.fail(_single(error))
        finally:
            self._history.close()
            self._outbox.close()

    async def _main(self, resume: str) -> None:
        collector = Collector(
            self._interval, self._history, self._stream_url, self._clock, self._outbox, self._since, self._forming_ms
        )
        collector.resume(resume)
        with self._lock:
            self._loop, self._task, self._collector = asyncio.get_running_loop(), asyncio.current_task(), collector
            symbols = self._symbols
        if not self._closed.is_set():
            await collector.run(symbols)


def _single(error: BaseException) -> BaseException:
    """The first error of a group: the others came from the same cause or from being cancelled."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
