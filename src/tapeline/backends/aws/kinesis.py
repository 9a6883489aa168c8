"""Put bars on a Kinesis stream by way of a log on this machine's disk: nothing is lost and a symbol's order holds.

`append` writes to the log and returns; a thread reads the log and puts it on the stream. A record holds bars of one
symbol, in order, and its partition key is the symbol. A request has at most one record of a symbol, because Kinesis may
accept one entry and refuse the one before it; a symbol's next record is sent when this one was acknowledged. The
position in the log moves on after bars that were all acknowledged. After a crash the rest is sent again from there:
bars may be on the stream twice, then together with everything that came after them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tapeline.backends.aws.botocore_errors import AwsProblem, botocore_errors
from tapeline.backends.aws.kinesis_records import records_of, request_of, thin
from tapeline.core.market import Bars
from tapeline.core.messages import Delivery
from tapeline.core.ports import Stream
from tapeline.core.retrying import backoff_seconds
from tapeline.errors import StorageError

#: Unsent bars in the log above which `append` waits. Two million forming bars are a day of 20 symbols, about 200 MB.
MOST_UNSENT_BARS = 2_000_000
_RESUMED = 0.9  # it goes on at this share of them: not one bar at a time, and with one notice

#: Bars read from the log at once; forming ones are thinned within that.
READ_BARS = 8192

#: Seconds between attempts: the longest before the first repetition, before any, and where somebody has to fix it.
FIRST_PAUSE, LONGEST_PAUSE, FIXING_PAUSE = 0.1, 5.0, 30.0

#: Seconds after which a problem that should pass by itself is reported.
PATIENCE = 10.0

_ACTION = "kinesis:PutRecords"
_LOG_NAME = "kinesis"  # under this name the log keeps how far it was sent
_NO_BARS = Bars.of(())
_WAIT_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class SinkStatus:
    """Say how the sending does. Numbers count bars; `thinned` are forming ones that a newer one replaced.

    `problem` is why the last request failed ('' when it did not) and `troubled` for how many seconds that has gone on.
    `quiet` is for how many seconds nothing was acknowledged. `paused`: `append` waits until there is room in the log.
    """

    backlog: int
    sent: int
    thinned: int
    problem: str
    troubled: float
    quiet: float
    paused: bool


class KinesisSink:
    """Implement `Sink` onto one Kinesis stream. `outbox` is the log, of this sink alone; `client` is boto3's.

    `notify` gets, from any thread, one line about what a person should know. What an earlier process left in the log is
    sent at once. Raises `LogTrimmedError` when another program trimmed the log.
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
        self._position = int(outbox.resume(_LOG_NAME) or 0)
        outbox.read(self._position, 1)
        self._end = outbox.append(_LOG_NAME, Delivery(_NO_BARS, resume=str(self._position)))
        self._sent = self._thinned = 0
        self._paused = False
        self._problem = self._reported = ""
        self._since = self._acknowledged = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="kinesis", daemon=True)
        self._thread.start()

    # -- the source's side -------------------------------------------------------------------------------------------

    def append(self, source: str, delivery: Delivery) -> int:
        """Keep it in the log, which survives the process. Waits, and the source too, above `MOST_UNSENT_BARS`.

        Raises `StorageError` when the disk is full, and the error that ended the sending thread.
        """
        if len(delivery.bars):
            self._wait_for_room()
        end = self._outbox.append(source, delivery)
        with self._changed:
            self._end = max(self._end, end)
        return end

    def resume(self, source: str) -> str:
        """Return where this source resumes, as the log keeps it."""
        return self._outbox.resume(source)

    def status(self) -> SinkStatus:
        """Return how the sending does. Any thread may ask."""
        with self._changed:
            now = time.monotonic()
            return SinkStatus(
                backlog=self._end - self._position,
                sent=self._sent,
                thinned=self._thinned,
                problem=f"sending has ended: {self._failure}" if self._failure else self._problem,
                troubled=now - self._since if self._problem or self._failure else 0.0,
                quiet=now - self._acknowledged,
                paused=self._paused,
            )

    def close(self, seconds: float) -> int:
        """Send what is in the log, for at most `seconds`. Return how many bars stay there, on the disk.

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
            if self._end - self._position >= MOST_UNSENT_BARS and not self._closing.is_set():
                self._paused = True
                self._notify(
                    f"{MOST_UNSENT_BARS:,} bars wait for stream {self._stream}; collecting pauses until some are sent"
                )
            while self._paused and not self._closing.is_set() and not self._failure:
                self._changed.wait()
            if self._failure:
                raise self._failure

    # -- the sending thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._over():
                closing = self._closing.is_set()  # asked before the read, which then sees all that came before `close`
                bars, after = self._outbox.read(self._position, READ_BARS)
                if len(bars):
                    kept = thin(bars)
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
        """Put these bars on the stream. Return False when the time was over before all were acknowledged."""
        waiting = {symbol: deque(records) for symbol, records in records_of(bars)}
        attempt = 0
        while waiting:
            if self._over():
                return False
            records = dict(request_of(waiting))
            accepted, fixing = self._put(records)
            for symbol in accepted:
                waiting[symbol].popleft()
                if not waiting[symbol]:
                    del waiting[symbol]
            attempt = attempt + 1 if len(accepted) < len(records) else 0
            if attempt:
                self._pause(attempt - 1, fixing=fixing)
        return True

    def _put(self, records: Mapping[str, bytes]) -> tuple[Sequence[str], bool]:
        """Send one request. Return the symbols whose records were accepted, and whether somebody must fix the rest."""
        entries = [{"PartitionKey": symbol, "Data": data} for symbol, data in records.items()]
        try:
            results = self._client.put_records(StreamName=self._stream, Records=entries)["Records"]
        except botocore_errors() as error:
            return (), self._report(AwsProblem.of(error, _ACTION))
        refused = [result for result in results if result.get("ErrorCode")]
        accepted = [s for s, result in zip(records, results, strict=True) if not result.get("ErrorCode")]
        if not refused:
            self._report_recovery()
            return accepted, False
        problem = AwsProblem.answered(_ACTION, refused[0]["ErrorCode"], refused[0].get("ErrorMessage", ""))
        return accepted, self._report(problem)

    def _pause(self, attempt: int, *, fixing: bool) -> None:
        """Wait before the repetition `attempt`, counted from 0; not beyond the time that `close` gave."""
        closing = self._closing.is_set()
        longest = FIXING_PAUSE if fixing and not closing else LONGEST_PAUSE
        pause = backoff_seconds(attempt, FIRST_PAUSE, longest, jitter=1.0)
        if closing:
            time.sleep(max(0.0, min(pause, self._deadline - time.monotonic())))
        else:
            self._closing.wait(pause)

    def _advance(self, after: int, sent: int, thinned_out: int) -> None:
        """Note that the log before the position `after` is not needed any more."""
        try:
            self._outbox.append(_LOG_NAME, Delivery(_NO_BARS, resume=str(after)))
            self._outbox.trim(after)
        except StorageError as error:  # a full disk; what is sent again by the next process does no harm
            self._report_line("disk", str(error), at_once=True)
        with self._changed:
            self._position = after
            self._sent += sent
            self._thinned += thinned_out
            self._acknowledged = time.monotonic()
            self._paused = self._paused and self._end - after >= MOST_UNSENT_BARS * _RESUMED
            self._changed.notify_all()

    def _report(self, problem: AwsProblem) -> bool:
        """Keep the problem for `status`, and report it in time. Return whether somebody has to fix it."""
        fixing = bool(problem.advice)
        self._report_line(problem.code, problem.line(f"stream {self._stream}"), at_once=fixing)
        return fixing

    def _report_line(self, code: str, line: str, *, at_once: bool) -> None:
        """Notify about a problem once, unless `at_once` only after it has lasted `PATIENCE` seconds."""
        now = time.monotonic()
        with self._changed:
            if not self._problem:
                self._since = now
            self._problem = line
        if code != self._reported and (at_once or now - self._since > PATIENCE):
            self._reported = code
            self._notify(f"{line}; bars are kept on the disk and sent later")

    def _report_recovery(self) -> None:
        with self._changed:
            self._problem = ""
        if self._reported:
            self._reported = ""
            self._notify(f"stream {self._stream} takes records again, after {time.monotonic() - self._since:.0f} s")
