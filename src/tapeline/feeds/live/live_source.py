"""`LiveSource`: a live feed as a source. An event loop in a thread of its own collects; `deliveries` hands over."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from tapeline.core.messages import Delivery
from tapeline.core.troubles import Troubles
from tapeline.feeds.live.bar_intervals import Interval
from tapeline.feeds.live.history import History
from tapeline.feeds.live.live_collector import FORMING_MS, Collector
from tapeline.feeds.live.outbox import Outbox
from tapeline.feeds.live.tracked_bars import phase_text
from tapeline.feeds.live.venue import QuoteStream
from tapeline.feeds.live.worker_threads import call_in_loop
from tapeline.runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Status:
    """Say what a live source is doing, for a person.

    `markets` has a line for each exchange: open until when, or opening when. `official` is how many of the `symbols`
    have their history. `problems` maps symbols to what is wrong with them. `heard` is when the last streamed message
    came (UTC epoch ms; 0: never), `answered` when the last answer about history did. `troubles` says what is wrong with
    the whole: no prices, bars that were not made official for two periods, a clock that was set or differs from the
    venue's, errors that nobody foresaw. `clock_steps` is how often the machine's clock was set. `events` are the last
    things that were worth a line, each with its time.
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
    troubles: Troubles = field(default_factory=dict)
    clock_steps: int = 0
    answered: int = 0
    events: tuple[tuple[int, str], ...] = ()


class LiveSource:
    """Implement `Source` for a venue: bars of these symbols from `since` (UTC epoch ms) on, for weeks.

    First comes history: the archive, brought up to now. Then streamed bars as they form and close, and again history
    over them, as corrections: final bars that differ from what was delivered before. After a restart history goes on
    from the last official bar. A symbol that the venue does not know is reported once and tried again every few hours.

    `deliveries` raises `UnreachableError` when there is no network at the start and nothing was stored yet, neither by
    this source nor, by the caller's word `stored`, by anything else.
    """

    def __init__(
        self,
        symbols: Iterable[str],
        interval: Interval,
        history: History,
        stream: QuoteStream,
        *,
        since: int,
        clock: Clock,
        forming_ms: int = FORMING_MS,
        stored: bool = False,
    ) -> None:
        self.name = f"{stream.name} {interval.name}"
        self._symbols = list(symbols)
        self._continued: Container[str] = ()
        self._interval = interval
        self._history = history
        self._stream = stream
        self._since = since
        self._clock = clock
        self._forming_ms = forming_ms
        self._stored = stored
        self._outbox = Outbox(clock.now)
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._collector: Collector | None = None

    def deliveries(self, resume: str) -> Iterator[Delivery]:
        """Yield everything that waits, again and again, until `close`; go on after the delivery that said `resume`."""
        self._outbox.start(resume)
        thread = threading.Thread(target=self._collect, args=(resume,), name=self._stream.name, daemon=True)
        thread.start()
        try:
            while (delivery := self._outbox.take()) is not None:
                yield delivery
        finally:
            self.close()
            thread.join()

    def close(self) -> None:
        """End `deliveries` soon, from any thread. A second call does nothing."""
        self._closed.set()
        self._outbox.close()
        with self._lock:
            if self._loop is not None and self._task is not None:
                call_in_loop(self._loop, self._task.cancel)

    def watch(self, symbols: Iterable[str], continued: Container[str] = ()) -> None:
        """Collect these symbols from now on, from any thread. New ones are back-filled, others no longer collected.

        `continued` are those that another process collected until now: their prices go out at once.
        """
        with self._lock:
            self._symbols, self._continued = list(symbols), continued
            if self._loop is not None and self._collector is not None and not self._loop.is_closed():
                asyncio.run_coroutine_threadsafe(self._watch(self._collector), self._loop)

    def settled(self) -> frozenset[str]:
        """Return the symbols that nobody else needs to collect, from any thread: see `Collector.settled`."""
        return frozenset() if self._collector is None else self._collector.settled()

    def status(self) -> Status | None:
        """Return what the source is doing, from any thread; None before it started."""
        collector = self._collector
        if collector is None:
            return None
        tracked = list(collector.tracked.values())
        return Status(
            markets=tuple(phase_text(state) for state in collector.markets.states(self._clock.now())),
            streaming=self._stream.connected,
            polling=collector.polling,
            symbols=len(tracked),
            official=sum(one.ready for one in tracked),
            frames=self._stream.frames,
            gaps=collector.gaps,
            refused=collector.streamed.refused,
            corrected=collector.official.corrected,
            problems={one.symbol: one.problem for one in tracked if one.problem},
            heard=self._stream.heard,
            troubles=collector.troubles(),
            clock_steps=collector.clock_watch.steps,
            answered=collector.answered,
            events=tuple(self._outbox.events.copy()),
        )

    async def _watch(self, collector: Collector) -> None:
        """Have the collector follow the list as it is now. Nobody waits for it, so what goes wrong is reported."""
        try:
            await collector.watch(self._symbols, self._continued)
        except Exception as error:  # noqa: BLE001 - the other symbols are collected as before
            collector.supervisor.report("the list of symbols", error)

    def _collect(self, resume: str) -> None:
        try:
            asyncio.run(self._run_collector(resume))
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - handed to the reader of `deliveries`
            self._outbox.fail(_first_cause(error))
        finally:
            self._history.close()
            self._outbox.close()

    async def _run_collector(self, resume: str) -> None:
        collector = Collector(
            self._interval, self._history, self._stream, self._clock, self._outbox, self._since, self._forming_ms,
            stored=self._stored,
        )  # fmt: skip
        collector.official.resume(resume)
        with self._lock:
            self._loop, self._task, self._collector = asyncio.get_running_loop(), asyncio.current_task(), collector
            symbols, continued = self._symbols, self._continued
        if not self._closed.is_set():
            await collector.run(symbols, continued)


def _first_cause(error: BaseException) -> BaseException:
    """Return the first error of a group: the others have the same cause or come from being cancelled."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
