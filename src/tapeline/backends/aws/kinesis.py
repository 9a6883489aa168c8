"""Bars onto a Kinesis stream, over a log on this machine's disk: nothing is lost and a symbol's order holds.

`append` writes to the log and returns; a thread reads the log and puts it on the stream. A record holds bars of one
symbol, in order, and its partition key is the symbol. A request has one record of a symbol at the most, because Kinesis
may accept one entry and refuse the one before it; a symbol's next record goes out when this one was acknowledged. The
place in the log moves on behind bars that were acknowledged, all of them. After a crash the rest is sent again from
there: bars may be on the stream twice, then together with everything that was behind them.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tapeline.backends.aws.kinesis_records import records_of, request_of, thinned
from tapeline.backends.aws.kinesis_refusals import KinesisProblem, advised, explained
from tapeline.core.market import Bars
from tapeline.core.ports import Delivery, Stream
from tapeline.errors import StorageError

#: Bars in the log above which `append` waits. Two million forming bars are a day of 20 symbols, some 200 MB.
HELD_BARS = 2_000_000
_RESUMED = 0.9  # it goes on when so much of them is left: not one bar at a time, and said once

#: Bars read from the log at once; forming ones are thinned within that.
READ_BARS = 8192

#: Seconds between attempts: longest pause of what passes by itself, and of what somebody has to mend.
FIRST_PAUSE, LONGEST_PAUSE, MENDING_PAUSE = 0.1, 5.0, 30.0

#: Trouble that passes by itself is said when it has lasted so many seconds.
PATIENCE = 10.0

_PLACE = "kinesis"  # under this name the log keeps how far it was sent
_NO_BARS = Bars.of(())
_WAIT_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class SinkStatus:
    """How the sending does. Numbers count bars; `thinned` are forming ones that a newer one stood in for.

    `problem` is why the last request failed ('' when it did not) and `troubled` for how many seconds that has gone on.
    `quiet` is for how many seconds nothing was acknowledged. `held`: `append` waits for room.
    """

    backlog: int
    sent: int
    thinned: int
    problem: str
    troubled: float
    quiet: float
    held: bool


class KinesisSink:
    """`Sink` onto this Kinesis stream. `outbox` is the log, of this sink alone; `client` is a boto3 Kinesis client.

    `notify` is told, from any thread, what somebody should know. What an earlier process left in the log is
    sent at once. Raises `LogTrimmedError` when the log was trimmed by somebody else.
    """

    def __init__(
        self, outbox: Stream, client: Any, stream: str, notify: Callable[[str], None] = lambda _: None
    ) -> None:
        self._outbox = outbox
        self._client = client
        self._stream = stream
        self._notify = notify
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._deadline = float("inf")
        self._failure: BaseException | None = None
        self._position = int(outbox.resume(_PLACE) or 0)
        outbox.read(self._position, 1)
        self._end = outbox.append(_PLACE, Delivery(_NO_BARS, resume=str(self._position)))
        self._sent = self._thinned = 0
        self._held = False
        self._problem = self._said = ""
        self._since = self._acknowledged = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="kinesis", daemon=True)
        self._thread.start()

    # -- the source's side -------------------------------------------------------------------------------------------

    def append(self, source: str, delivery: Delivery) -> int:
        """Keeps it in the log, which survives the process. Waits while `HELD_BARS` are unsent, so that a source waits.

        Raises `StorageError` when the disk is full, and what ended the sending thread.
        """
        if len(delivery.bars):
            self._wait_for_room()
        end = self._outbox.append(source, delivery)
        with self._changed:
            self._end = max(self._end, end)
        return end

    def resume(self, source: str) -> str:
        return self._outbox.resume(source)

    def status(self) -> SinkStatus:
        """From any thread."""
        with self._changed:
            now = time.monotonic()
            return SinkStatus(
                backlog=self._end - self._position,
                sent=self._sent,
                thinned=self._thinned,
                problem=f"sending has ended: {self._failure}" if self._failure else self._problem,
                troubled=now - self._since if self._problem or self._failure else 0.0,
                quiet=now - self._acknowledged,
                held=self._held,
            )

    def close(self, seconds: float) -> int:
        """Sends what is in the log, for so many seconds at the most. Returns how many bars stay there, on the disk.

        A request that is under way then is waited for. A second call, from another thread, can shorten the time.
        """
        with self._changed:
            self._deadline = min(self._deadline, time.monotonic() + seconds)
            self._closing.set()
            self._changed.notify_all()
        self._thread.join()
        return self._end - self._position

    def _wait_for_room(self) -> None:
        with self._changed:
            if self._end - self._position >= HELD_BARS and not self._closing.is_set():
                self._held = True
                self._notify(
                    f"{HELD_BARS:,} bars wait for stream {self._stream}; collecting is held until some are sent"
                )
            while self._held and not self._closing.is_set() and not self._failure:
                self._changed.wait()
            if self._failure:
                raise self._failure

    # -- the sending thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._over():
                closing = self._closing.is_set()  # asked before the read, which then has all that came before `close`
                bars, after = self._outbox.read(self._position, READ_BARS)
                if len(bars):
                    kept = thinned(bars)
                    if self._send(kept):
                        self._advance(after, len(kept), len(bars) - len(kept))
                elif closing:
                    return
                else:
                    self._outbox.wait(self._position, _WAIT_SECONDS)
        except BaseException as error:  # noqa: BLE001 - raised from `append`
            with self._changed:
                self._failure, self._since = error, time.monotonic()
                self._changed.notify_all()

    def _over(self) -> bool:
        return time.monotonic() >= self._deadline

    def _send(self, bars: Bars) -> bool:
        """Puts these bars on the stream. False when the time was over before all were acknowledged."""
        waiting = {symbol: deque(records) for symbol, records in records_of(bars)}
        attempt = 0
        while waiting:
            if self._over():
                return False
            records = dict(request_of(waiting))
            accepted, mending = self._put(records)
            for symbol in accepted:
                waiting[symbol].popleft()
                if not waiting[symbol]:
                    del waiting[symbol]
            attempt = attempt + 1 if len(accepted) < len(records) else 0
            if attempt:
                self._pause(attempt, mending=mending)
        return True

    def _put(self, records: Mapping[str, bytes]) -> tuple[Sequence[str], bool]:
        """One request. Returns which symbols' records were accepted, and whether the others need somebody's help."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError  # what a proxy's HTML leads to

        entries = [{"PartitionKey": symbol, "Data": data} for symbol, data in records.items()]
        try:
            results = self._client.put_records(StreamName=self._stream, Records=entries)["Records"]
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            problem = explained(error, self._stream)
            self._troubled(problem)
            return (), problem.mending
        refused = [result for result in results if result.get("ErrorCode")]
        accepted = [s for s, result in zip(records, results, strict=True) if not result.get("ErrorCode")]
        if not refused:
            self._well()
            return accepted, False
        problem = advised(refused[0]["ErrorCode"], refused[0].get("ErrorMessage", ""), self._stream)
        self._troubled(problem)
        return accepted, problem.mending

    def _pause(self, attempt: int, *, mending: bool) -> None:
        """Waits before the next attempt, the longer the more there were; not beyond the time that `close` gave."""
        closing = self._closing.is_set()
        longest = MENDING_PAUSE if mending and not closing else LONGEST_PAUSE
        pause = random.uniform(0, min(longest, FIRST_PAUSE * 2 ** min(attempt, 20)))
        if closing:
            time.sleep(max(0.0, min(pause, self._deadline - time.monotonic())))
        else:
            self._closing.wait(pause)

    def _advance(self, after: int, sent: int, thinned_out: int) -> None:
        """The log up to there is not needed any more."""
        try:
            self._outbox.append(_PLACE, Delivery(_NO_BARS, resume=str(after)))
            self._outbox.trim(after)
        except StorageError as error:  # a full disk; what is sent again by the next process does no harm
            self._troubled(KinesisProblem("disk", str(error), mending=True))
        with self._changed:
            self._position = after
            self._sent += sent
            self._thinned += thinned_out
            self._acknowledged = time.monotonic()
            self._held = self._held and self._end - after >= HELD_BARS * _RESUMED
            self._changed.notify_all()

    def _troubled(self, problem: KinesisProblem) -> None:
        now = time.monotonic()
        with self._changed:
            if not self._problem:
                self._since = now
            self._problem = problem.text
        if problem.code != self._said and (problem.mending or now - self._since > PATIENCE):
            self._said = problem.code
            self._notify(f"{problem.text}; bars are kept on the disk and sent later")

    def _well(self) -> None:
        with self._changed:
            self._problem = ""
        if self._said:
            self._said = ""
            self._notify(f"stream {self._stream} takes records again, after {time.monotonic() - self._since:.0f} s")
