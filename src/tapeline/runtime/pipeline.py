"""The embedded loop: source -> stream -> processor -> store, each at its own pace, in three threads of one process.

- *collecting* appends what the source delivers to the stream;
- *processing* (the caller's thread) reads the stream from the store's position and steps the processor;
- *storing* commits what came out. A short queue before it holds the processor back when the disk is slower.

A crash at any moment loses nothing and doubles nothing: deliveries are appended together with the source's place, and
rows, states and the stream position are committed together; a restart goes on from both.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

from tapeline.core.market import Bars, Reject
from tapeline.core.messages import Commit
from tapeline.core.ports import Predictor, Source, Store, Stream
from tapeline.core.rejects import count_of
from tapeline.core.rows import Rows
from tapeline.error_text import counted
from tapeline.errors import DecodeError
from tapeline.forecast.range_model import RangeModel
from tapeline.runtime.appending import Progress, collect
from tapeline.runtime.corrections import NO_ROWS, recomputed, replay_late_bars
from tapeline.runtime.delivery_lag import DeliveryLag
from tapeline.runtime.processor import Processor, Step

#: Bars processed at once, at most.
BATCH_BARS = 16_384

#: Bars committed at once, at most, while more are waiting. A killed process computes as many again.
COMMIT_BARS = 65_536

#: Late bars gathered before their symbols are replayed while more records are waiting.
_LATE_BARS = 100_000
_TRIM_BARS = 50_000  # committed between two trims of the log
_MOST_AHEAD = 131_072  # bars that a source may be ahead of the processor
_AHEAD_SECONDS = 0.005
_WAIT_SECONDS = 0.2
_MODEL_SECONDS = 2.0


class Pipeline:
    """Drives one source through the ports. `run` blocks; `stop` ends it soon, from any thread or a signal handler.

    Without a source it processes what another process appends to the stream. `promoted` and `promoted_range` are asked
    now and then whether another model is to predict from here on. `set_aside` has a line for each symbol of which late
    records could not be dealt with.
    """

    def __init__(
        self,
        source: Source | None,
        stream: Stream,
        store: Store,
        processor: Processor,
        *,
        promoted: Callable[[], Predictor | None] = lambda: None,
        promoted_range: Callable[[], RangeModel | None] = lambda: None,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.progress = Progress()
        self.lag = DeliveryLag()
        self.set_aside: dict[str, str] = {}
        self._source = source
        self._stream = stream
        self._store = store
        self._processor = processor
        self._promoted = promoted
        self._promoted_range = promoted_range
        self._notify = notify
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._failures: list[BaseException] = []
        self._queue: queue.Queue[Commit | None] = queue.Queue(maxsize=1)
        self._steps: list[Step] = []  # not committed yet
        self._read = 0

    def stop(self) -> None:
        self._stopping.set()
        if self._source is not None:
            self._source.close()

    def run(self) -> Progress:
        """Goes on until the source ends or `stop`; everything read by then is committed. Raises what a part raised."""
        position = self._read = self._resume()
        threads = [threading.Thread(target=self._storing, name="storing")]
        if self._source is not None:
            threads.append(threading.Thread(target=self._collecting, args=(self._source,), name="collecting"))
        try:
            for thread in threads:
                thread.start()
            self._process(position)
        finally:
            self.stop()
            self._queue.put(None)
            for thread in threads:
                if thread.ident is not None:  # the machine may have refused it
                    thread.join()
        if self._failures:
            raise self._failures[0]
        return self.progress

    # -- threads -----------------------------------------------------------------------------------------------------

    def _collecting(self, source: Source) -> None:
        def appended(position: int, since: float) -> None:
            self.lag.appended(position, since)
            while position - self._read > _MOST_AHEAD and not self._stopping.wait(_AHEAD_SECONDS):
                pass  # a file is read faster than its bars are processed: the log must not grow with it

        try:
            collect(source, self._stream, self.progress, self._stopping, self._notify, appended)
        except BaseException as error:  # noqa: BLE001 - handed to the caller of `run`
            self._failures.append(error)
            self.stop()
        finally:
            self._ended.set()

    def _storing(self) -> None:
        trimmed = self._read
        while (commit := self._queue.get()) is not None:
            try:
                if not self._failures:
                    self._store.commit(commit)
                    self.lag.stored(commit.position)
                    self.progress.rows += len(commit.rows)
                    if commit.position - trimmed >= _TRIM_BARS:
                        self._stream.trim(commit.position)
                        trimmed = commit.position
            except BaseException as error:  # noqa: BLE001 - the queue is drained all the same, or `put` would block
                self._failures.append(error)
                self.stop()
            finally:
                self._queue.task_done()

    # -- processing --------------------------------------------------------------------------------------------------

    def _resume(self) -> int:
        """Restores the processor and answers with the stream position.

        States that do not fit, or that are not there although there are rows, are computed anew.
        """
        states, position = self._store.load()
        known = self._store.latest().bars.symbols
        unfit = {symbol: f"the stored state of {symbol} is missing" for symbol in known if symbol not in states}
        for symbol, state in states.items():
            try:
                self._processor.restore({symbol: state})
            except DecodeError as error:
                unfit[symbol] = str(error)
        if unfit:
            every = "all " if 1 < len(unfit) == len({*known, *states}) else ""
            whose = "its" if len(unfit) == 1 else "their"
            count = counted(len(unfit), "symbol")
            self._notify(f"{next(iter(unfit.values()))}; computing {every}{count} again from {whose} stored bars")
        for symbol in unfit:
            found = recomputed(self._store, self._processor, symbol, position)
            for commit in found.commits() if found else ():
                self._store.commit(commit)
        return position

    def _process(self, position: int) -> None:
        """Read on from `position`. The committed position stays before late bars until they have been replayed.

        Should the process die in between, those records are read again; the others are recognised as repeated.
        """
        late: list[Bars] = []
        committed = position
        looked = time.monotonic()
        while not self._failures:
            if time.monotonic() - looked > _MODEL_SECONDS:
                looked = time.monotonic()
                promoted = self._promoted()
                if promoted is not None:
                    self._flush(committed)
                    self._processor.replace_predictor(promoted)
                promoted_range = self._promoted_range()
                if promoted_range is not None:
                    self._flush(committed)
                    self._processor.replace_range_model(promoted_range)
            bars, after = self._stream.read(position, BATCH_BARS)
            if self._steps and (not len(bars) or self._unflushed >= COMMIT_BARS):
                self._flush(committed)
            if late and (not len(bars) or sum(map(len, late)) > _LATE_BARS):
                self._flush(committed)
                self._correct(Bars.concat(late), committed)
                self._queue.put(Commit(NO_ROWS, {}, position))
                late, committed = [], position
                continue
            if not len(bars):
                if self._stopping.is_set() or (self._ended.is_set() and not self._stream.wait(position, 0)):
                    break
                self._stream.wait(position, _WAIT_SECONDS)
                continue
            step = self._processor.step(bars, remember=False)
            if len(step.late):
                late.append(step.late)
            position = self._read = after
            committed = committed if late else position
            self.progress.repeated += step.repeated
            self.progress.last_timestamp = int(bars.timestamp.max())
            self._steps.append(step)
            if self._stopping.is_set() and not late:
                break
        self._flush(committed)

    @property
    def _unflushed(self) -> int:
        return sum(len(step.rows) for step in self._steps)

    def _flush(self, position: int) -> None:
        """Hand over what the steps since the last time led to, as one commit.

        While records wait, several steps are committed together: a state and a block are then written once for all.
        """
        steps, self._steps = self._steps, []
        if not steps or self._failures:
            return
        symbols = dict.fromkeys(symbol for step in steps for symbol in step.symbols)
        states = {symbol: self._processor.state(symbol) for symbol in symbols}
        checkpoints = {symbol: states[symbol] for step in steps for symbol in step.due}
        self._queue.put(Commit(Rows.concat([step.rows for step in steps]), states, position, checkpoints))

    def _correct(self, late: Bars, position: int) -> None:
        """Replays the symbols of these late bars, unless the stored bars already say the same."""
        self._queue.join()  # the history must be complete before it is read
        for correction in replay_late_bars(self._store, self._processor, late, position):
            self.progress.repeated += correction.repeated
            self.progress.corrected += correction.changed
            if correction.rejects:
                self._set_aside(correction.symbol, correction.rejects)
                self._queue.put(Commit(NO_ROWS, {}, position, rejects=correction.rejects))
            for commit in correction.commits():
                self._queue.put(commit)
            if not correction.last:
                self._queue.join()

    def _set_aside(self, symbol: str, rejects: Sequence[Reject]) -> None:
        count = count_of(rejects)
        self.progress.rejected += count
        records = "a late record was" if count == 1 else f"{count:,} late records were"
        self.set_aside[symbol] = f"{symbol}: {records} {rejects[0].reason}; see `tapeline rejects`"
        self._notify(self.set_aside[symbol])
