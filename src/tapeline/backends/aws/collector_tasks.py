"""Know which collector tasks are running: each writes a heartbeat into the state table, and reads those of the others.

Whether a task is alive is judged by this machine's own passing time: its heartbeat is a number that must have grown
lately, whatever any clock says. Two tasks that judge differently for a while both collect a symbol, or for some seconds
neither does; both are harmless, because records are upserts, and history closes gaps.

A heartbeat also says whether the task's bars go out by now: one that starts, or waits for history, takes over nothing
that another sends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tapeline.backends.aws.dynamodb.table import Table

#: A partition of the state table that no symbol can have: no ticker has these brackets.
COLLECTORS = "<collectors>"

#: Seconds between two heartbeats, and without one until a task counts as lost: its symbols move on within a minute.
BEAT_SECONDS, LOST_SECONDS = 10.0, 30.0

#: Seconds after which the heartbeat of a task that was never seen here is of the past, however clocks differ.
_PAST_SECONDS = 90

#: Seconds after which DynamoDB drops a heartbeat.
_KEPT_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class _Seen:
    beat: int
    grown: float
    sends: bool


class CollectorTasks:
    """Be one of the tasks. `client` is a boto3 DynamoDB client, `task` a name that no other task has.

    `passed` returns seconds that have passed, however the clock is set; `clock` the time, UTC epoch ms. Every method
    raises `StorageError`.
    """

    def __init__(
        self,
        client: Any,
        table: str,
        task: str,
        *,
        passed: Callable[[], float],
        clock: Callable[[], int],
        sleep: Callable[[float], None],
    ) -> None:
        self.task = task
        self._table = Table(client, table, sleep)
        self._passed = passed
        self._clock = clock
        self._beat = 0
        self._seen: dict[str, _Seen] = {}

    def beat(self, *, sends: bool) -> dict[str, bool]:
        """Write a heartbeat. Return for each task that is alive, this one included, whether its bars go out."""
        self._beat += 1
        second = self._clock() // 1000
        numbers = {"beat": self._beat, "second": second, "expires_at": second + _KEPT_SECONDS}
        item = self._key() | {name: {"N": str(number)} for name, number in numbers.items()} | {"sends": {"BOOL": sends}}
        # a call that was given up on may still arrive, after a later one
        condition = "attribute_not_exists(#beat) OR #beat < :beat"
        self._table.put_if(item, condition, {"#beat": "beat"}, {":beat": item["beat"]})
        return self._alive(second) | {self.task: sends}

    def leave(self) -> None:
        """Take the heartbeat away: the others take this task's symbols over at their next one."""
        self._table.delete(self._key())

    def _alive(self, second: int) -> dict[str, bool]:
        now = self._passed()
        found: dict[str, _Seen] = {}
        for item in self._table.query(COLLECTORS):
            task, beat = item["item"]["S"], int(item["beat"]["N"])
            before = self._seen.get(task)
            if before is not None and beat == before.beat:
                found[task] = before
            elif before is not None or second - int(item["second"]["N"]) <= _PAST_SECONDS:
                found[task] = _Seen(beat, now, item.get("sends", {"BOOL": True})["BOOL"])  # older ones do not say
        self._seen = found
        return {task: seen.sends for task, seen in found.items() if now - seen.grown < LOST_SECONDS}

    def _key(self) -> dict[str, Any]:
        return {"stock_symbol": {"S": COLLECTORS}, "item": {"S": self.task}}
