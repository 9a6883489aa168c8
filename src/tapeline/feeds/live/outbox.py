"""Join what waits between the event loop that collects and the thread that stores, so that it cannot pile up."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence

from tapeline.core.market import Bar, Bars, Reject
from tapeline.core.messages import Delivery
from tapeline.feeds.live.worker_threads import call_in_loop
from tapeline.runtime.clock import now_ms

#: Final bars that may wait before history is held back.
ROOM = 100_000

#: Rejects and notices that may wait; more are dropped, as nobody reads thousands a second.
_LINES = 1000

#: Notices that are remembered with their times, for a person who looks later.
_REMEMBERED = 50

_NO_BARS = Bars.of(())


class Outbox:
    """Take bars from one thread and give them to another as deliveries, everything that waits at once.

    A forming bar that was not fetched yet is replaced by a newer one of its symbol, so a slow reader gets fewer forming
    bars, never fewer final ones. `events` are the last notices with the time that `now` gave for them, UTC epoch ms.
    """

    def __init__(self, now: Callable[[], int] = now_ms) -> None:
        self.events: deque[tuple[int, str]] = deque(maxlen=_REMEMBERED)
        self._now = now
        self._ready = threading.Condition()
        self._final: list[Bars] = []
        self._waiting = 0
        self._forming: dict[str, Bar] = {}
        self._rejects: list[Reject] = []
        self._notices: list[str] = []
        self._resume = ""
        self._closed = False
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._taken = asyncio.Event()

    # -- the event loop's side ---------------------------------------------------------------------------------------

    async def room(self) -> None:
        """Wait until there is room for more history."""
        self._loop = asyncio.get_running_loop()
        while True:
            with self._ready:
                if self._waiting < ROOM or self._closed:
                    return
                self._taken.clear()
            await self._taken.wait()

    def put(
        self, bars: Bars, *, resume: str | None = None, rejects: Sequence[Reject] = (), notices: Sequence[str] = ()
    ) -> None:
        """Add final bars, and the text to resume from after everything that was put so far."""
        with self._ready:
            if len(bars):
                self._final.append(bars)
                self._waiting += len(bars)
            self._resume = self._resume if resume is None else resume
            self._rejects.extend(rejects[: _LINES - len(self._rejects)])
            self._notices.extend(notices[: _LINES - len(self._notices)])
            self.events.extend((self._now(), notice) for notice in notices)
            self._ready.notify()

    def note(self, *, rejects: Sequence[Reject] = (), notices: Sequence[str] = ()) -> None:
        """Add rejects and lines for the user, without a bar."""
        self.put(_NO_BARS, rejects=rejects, notices=notices)

    def put_forming(self, bars: Sequence[Bar]) -> None:
        """Add forming bars, each in place of an older one of its symbol."""
        with self._ready:
            for bar in bars:
                self._forming[bar.symbol] = bar
            self._ready.notify()

    def fail(self, error: BaseException) -> None:
        """Have `take` raise this once what waits was handed out. The first failure counts."""
        with self._ready:
            self._failure = self._failure or error
            self._ready.notify()

    # -- the reader's side -------------------------------------------------------------------------------------------

    def start(self, resume: str) -> None:
        """Say, before anything is put, where the stream stands."""
        self._resume = resume

    def take(self) -> Delivery | None:
        """Return everything that waits; block until there is something. None once closed. Raise what failed."""
        with self._ready:
            while not (self._final or self._forming or self._rejects or self._notices):
                if self._failure is not None:
                    raise self._failure
                if self._closed:
                    return None
                self._ready.wait()
            final = Bars.concat(self._final)
            newest = dict.fromkeys(final.symbols, -1)
            for bars in self._final:
                for code, symbol in enumerate(bars.symbols):
                    times = bars.timestamp[bars.code == code]
                    newest[symbol] = max(newest[symbol], int(times.max(initial=-1)))
            forming = [bar for bar in self._forming.values() if bar.timestamp > newest.get(bar.symbol, -1)]
            delivered = Bars.concat([final, Bars.of(forming)]) if forming else final
            delivery = Delivery(delivered, tuple(self._rejects), self._resume, tuple(self._notices))
            self._final, self._forming, self._rejects, self._notices = [], {}, [], []
            self._waiting = 0
        if self._loop is not None:
            call_in_loop(self._loop, self._taken.set)
        return delivery

    def close(self) -> None:
        """End `take` and `room`, from any thread."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()
