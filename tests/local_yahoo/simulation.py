"""Play whole sessions in compressed time: the real source, stream, processor and store against the local Yahoo.

The driver advances the clock in steps, publishes the prices of each, and does to the server what its script says.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tapeline.backends.files.file_archive import LocalArchive
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.backends.sqlite.sqlite_stream import SqliteStream
from tapeline.core.market import Bars
from tapeline.feeds.live.history import History
from tapeline.feeds.live.live_source import LiveSource
from tapeline.feeds.yahoo import INTERVALS, ChartClient, PriceStream, YFinanceTransport
from tapeline.runtime.appending import Progress
from tapeline.runtime.pipeline import Pipeline
from tapeline.runtime.processor import Processor
from tests.local_yahoo.clock import SimClock, SkewedClock
from tests.local_yahoo.cookies import keep_no_cookies
from tests.local_yahoo.market import MINUTE, Market
from tests.local_yahoo.server import LocalYahoo

Action = Callable[["Simulation"], None]


@dataclass
class Simulation:
    """Feed one data directory under `folder` from `market` by the local Yahoo, from `start` on.

    `script` maps times (UTC epoch ms) to what happens then, once. `specs` are the indicators. With `extended`
    pre-market and after hours are collected too.
    """

    folder: Path
    market: Market
    start: int
    script: dict[int, Action] = field(default_factory=dict)
    specs: tuple[str, ...] = ("sma_5", "rsi_14")
    lookback: int = 2 * 86_400_000
    step: int = 10_000
    extended: bool = False
    notices: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = SimClock(self.start)
        self.machine = SkewedClock(self.clock)
        keep_no_cookies()
        self.yahoo = LocalYahoo(self.market, self.clock.now)
        self.since = self.start - self.lookback
        self.watched = list(self.market.symbols)
        self._due = sorted(self.script)
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Simulation:
        self.yahoo.start()
        self.run()
        return self

    def __exit__(self, *_: object) -> None:
        self.halt()
        self.yahoo.stop()

    # -- the program under test --------------------------------------------------------------------------------------

    def run(self) -> None:
        """Start the collector and the pipeline, as a fresh process would."""
        self.database = Database(self.folder / "tapeline.db")
        self.store = SqliteStore(self.database)
        stream = SqliteStream(self.database)
        client = ChartClient(YFinanceTransport(self.yahoo.url), self.machine)
        self.source = LiveSource(
            self.watched,
            replace(INTERVALS["1m"], extended=self.extended),
            History(client, LocalArchive(self.folder / "archive"), self.machine),
            PriceStream(self.yahoo.stream_url, self.machine),
            since=self.since,
            clock=self.machine,
        )
        self.pipeline = Pipeline(self.source, stream, self.store, Processor(self.specs), notify=self.notices.append)
        self.failure: list[BaseException] = []
        self._thread = threading.Thread(target=self._pipe, name="pipeline")
        self._thread.start()

    def _pipe(self) -> None:
        try:
            self.pipeline.run()
        except BaseException as error:  # noqa: BLE001 - shown by `halt`
            self.failure.append(error)

    def halt(self) -> Progress:
        """Stop everything as Ctrl-C does."""
        if self._thread is not None:
            self.pipeline.stop()
            while self._thread.is_alive():
                self.clock.advance(self.clock.now() + 1000)
                self._thread.join(0.05)
            self._thread = None
            self.database.close()
        if self.failure:
            raise self.failure[0]
        return self.pipeline.progress

    # -- time --------------------------------------------------------------------------------------------------------

    def until(self, end: int) -> None:
        """Let time pass, the script included."""
        while (now := self.clock.now()) < end:
            if self.failure:
                raise self.failure[0]
            to = min(now + (self.step if self._busy(now) else 60_000), end)
            while self._due and self._due[0] <= to:
                to = max(now, self._due[0])
                if to > now:
                    self._pass(now, to)
                    now = to
                self.script[self._due.pop(0)](self)
            self._pass(now, to)

    def _busy(self, now: int) -> bool:
        return any(opened - 5 * MINUTE <= now < closed + 25 * MINUTE for opened, closed in self.market.sessions)

    def _pass(self, start: int, end: int) -> None:
        before = self._heard()
        sent = self.yahoo.publish(self.market.ticks(start, end))
        self._settle(before + sent)
        self.clock.advance(end)
        self._settle(0)

    def _heard(self) -> int:
        status = self.source.status()
        return 0 if status is None else status.frames

    def _settle(self, frames: int) -> None:
        """Wait, within limits, until what is under way has arrived: the simulation must not outrun the sockets."""
        deadline = time.monotonic() + 0.1
        time.sleep(0.0005)
        while self._heard() < frames and self.yahoo.listeners and time.monotonic() < deadline:
            time.sleep(0.0005)
        deadline = time.monotonic() + 2
        while self.yahoo.in_flight and time.monotonic() < deadline:
            time.sleep(0.0005)

    def when(self, condition: Callable[[], bool], *, seconds: float = 30) -> None:
        """Let simulated time pass in small steps until the condition holds; fail after this many real seconds."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self.failure:
                raise self.failure[0]
            assert time.monotonic() < deadline, f"not reached; the last notices: {self.notices[-5:]}"
            self.until(self.clock.now() + 1000)
            time.sleep(0.002)

    def standing(self, condition: Callable[[], bool], *, seconds: float = 5) -> bool:
        """Wait in real time, while the simulated time stands, until the condition holds. Return whether it does."""
        deadline = time.monotonic() + seconds
        while not (found := condition()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return found

    # -- results -----------------------------------------------------------------------------------------------------

    def stored(self, symbol: str) -> Bars:
        """Return the final bars in the store."""
        bars = self.store.rows(symbol).bars
        return bars[bars.final]

    def official(self, symbol: str, start: int, end: int) -> dict[str, np.ndarray]:
        """Return those bars as the market has them now; minutes without a trade are left out."""
        rows = self.market.official(symbol, start, end, self.clock.now())
        traded = ~np.isnan(rows["open"]) if len(rows["time"]) else np.zeros(0, np.bool_)
        return {name: values[traded] for name, values in rows.items()}

    def differences(self, symbol: str, start: int, end: int) -> list[str]:
        """Return how the stored final bars of start <= t < end differ from the official ones; [] when they do not."""
        stored, official = self.stored(symbol), self.official(symbol, start, end)
        stored = stored[(stored.timestamp >= start) & (stored.timestamp < end)]
        times = stored.timestamp
        found = []
        if len(np.unique(times)) != len(times):
            found.append(f"{symbol}: a bar is stored twice")
        missing = np.setdiff1d(official["time"], times)
        extra = np.setdiff1d(times, official["time"])
        if len(missing):
            found.append(f"{symbol}: {len(missing)} bars are missing, the first {missing[0]:.0f}")
        if len(extra):
            found.append(f"{symbol}: {len(extra)} bars are not official, the first {extra[0]}")
        _, here, there = np.intersect1d(times, official["time"], return_indices=True)
        for name in ("open", "high", "low", "close", "volume"):
            wrong = np.flatnonzero(getattr(stored, name)[here] != official[name][there])
            if len(wrong):
                at = wrong[0]
                found.append(
                    f"{symbol}: {len(wrong)} values of {name} differ, the first at {times[here][at]}: "
                    f"{getattr(stored, name)[here][at]} instead of {official[name][there][at]}"
                )
        return found
