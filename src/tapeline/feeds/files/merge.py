"""Sort records on disk, merge them by time, cut them into batches. Memory does not grow with their number.

The order is that of (timestamp, input, position in the input), however the inputs are cut into pieces.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator, Sequence
from typing import IO

import numpy as np
from numpy.typing import NDArray

from tapeline.core.market import Ints
from tapeline.feeds.files.file_records import NO_RECORDS, RECORD, Records

#: Records sorted in memory at once; a file is kept on disk as runs of this many (64 bytes each).
RUN_RECORDS = 1 << 18


class Spill:
    """Keep records in a temporary file, as runs that are each in the order of time."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._pending: list[Records] = []
        self._runs: list[int] = []

    def add(self, records: Records) -> None:
        """Add records of any order. Raise `OSError` when the disk is full."""
        self._pending.append(records)
        if sum(map(len, self._pending)) >= RUN_RECORDS:
            self._write()

    def finish(self) -> None:
        """Write what is left; call it after the last `add`."""
        if self._pending:
            self._write()
        self._file.flush()

    @property
    def runs(self) -> int:
        """Return how many runs there are."""
        return len(self._runs)

    def _write(self) -> None:
        run = in_order(joined(self._pending))
        self._pending = []
        self._file.write(run.tobytes())
        self._runs.append(len(run))

    def run(self, number: int, rows: int) -> Iterator[Records]:
        """Yield the records of a run, `rows` at a time."""
        start = sum(self._runs[:number])
        for offset in range(start, start + self._runs[number], rows):
            count = min(rows, start + self._runs[number] - offset)
            self._file.seek(offset * RECORD.itemsize)
            yield np.frombuffer(self._file.read(count * RECORD.itemsize), RECORD)

    def close(self) -> None:
        """Delete the temporary file."""
        self._file.close()


def joined(parts: Sequence[Records]) -> Records:
    """Return the parts one after the other. (NumPy's own way compares the field names of each part, which is slow.)"""
    parts = [part for part in parts if len(part)]
    if len(parts) == 1:
        return parts[0]
    whole = np.empty(sum(map(len, parts)), RECORD)
    at = 0
    for part in parts:
        whole[at : at + len(part)] = part
        at += len(part)
    return whole


def in_order(records: Records) -> Records:
    """Return the records in the order of time, those of one time as they were; the same array where it is sorted."""
    times = np.ascontiguousarray(records["timestamp"])
    if (times[1:] >= times[:-1]).all():
        return records
    return records[np.argsort(times, kind="stable")]


class _Input:
    """Hold what was read of one input and not merged yet."""

    def __init__(self, pieces: Iterator[Records]) -> None:
        self._pieces = pieces
        self.ended = False
        self._size = 0  # of its largest piece
        self._records = NO_RECORDS
        self._times: Ints = np.empty(0, np.int64)

    @property
    def waiting(self) -> int:
        return len(self._times)

    @property
    def last(self) -> int:
        return int(self._times[-1])

    @property
    def ready(self) -> bool:
        """Return whether all records of some timestamp are here, and enough others that merging need not stop soon."""
        if self.ended:
            return True
        return len(self._times) * 2 > self._size and bool(self._times[0] < self._times[-1])

    def read(self) -> bool:
        """Read a piece. Return False when there was none or nothing in it."""
        piece = next(self._pieces, None)
        if piece is None:
            self.ended = True
            return False
        if len(piece):
            self._size = max(self._size, len(piece))
            self._records = joined([self._records, piece])
            self._times = np.ascontiguousarray(self._records["timestamp"])
        return len(piece) > 0

    def take(self, before: int | None) -> Records:
        """Return the records before this time (None: all), and let go of them."""
        cut = len(self._times) if before is None else int(np.searchsorted(self._times, before))
        taken, self._records, self._times = self._records[:cut], self._records[cut:], self._times[cut:]
        return taken


def merged(inputs: Sequence[Iterator[Records]]) -> Iterator[Records]:
    """Merge inputs that are each in the order of time into pieces. All records of one time are in one piece.

    An empty piece says that something was read and nothing can be merged yet, so a consumer can see to its rejects.
    """
    active = [_Input(pieces) for pieces in inputs]
    while active:
        for one in active:
            while not one.ready:
                if not one.read():
                    yield NO_RECORDS
        horizon = min((one.last for one in active if not one.ended), default=None)
        parts = [part for one in active if len(part := one.take(horizon))]
        active = [one for one in active if not one.ended or one.waiting]
        if parts:
            yield in_order(joined(parts))


def last_of_each(pieces: Iterator[Records]) -> Iterator[tuple[Records, Records, Records]]:
    """Yield pieces of one input, in the order of time, without rows that come again later; those, and the last ones.

    Only pieces of a single time are looked at, for only they can pile up: the rest is left to `repeats`. They are held
    back until the time is over.
    """
    held = NO_RECORDS
    for piece in pieces:
        if not len(piece):
            yield NO_RECORDS, NO_RECORDS, NO_RECORDS
            continue
        first, last = piece["timestamp"][0], piece["timestamp"][-1]
        if len(held) and held["timestamp"][0] != first:
            yield held, NO_RECORDS, NO_RECORDS
            held = NO_RECORDS
        whole = joined([held, piece]) if len(held) else piece
        held = NO_RECORDS
        if first != last or len(whole) < 2:
            yield whole, NO_RECORDS, NO_RECORDS
            continue
        earlier, latest = repeats(whole)
        held = np.delete(whole, earlier)
        yield NO_RECORDS, whole[earlier], whole[latest]
    if len(held):
        yield held, NO_RECORDS, NO_RECORDS


def batches(pieces: Iterator[Records], rows: int, single_from: int | None) -> Iterator[Records]:
    """Cut the pieces of `merged` anew: as many whole timestamps as fit into `rows` records, at least one.

    From the time `single_from` on each timestamp comes on its own. Empty pieces are passed on.
    """
    waiting: list[Records] = []
    count = 0
    for piece in pieces:
        if not len(piece):
            yield piece
            continue
        waiting.append(piece)
        count += len(piece)
        if count > rows or (single_from is not None and int(piece["timestamp"][-1]) >= single_from):
            rest = yield from _cut(joined(waiting), rows, single_from)
            waiting, count = [rest], len(rest)
    if count:
        rest = yield from _cut(joined(waiting), rows, single_from)
        if len(rest):
            yield rest


def _cut(records: Records, rows: int, single_from: int | None) -> Generator[Records, None, Records]:
    """Yield the batches that are certain and return the rest, which more records may still join."""
    times = np.ascontiguousarray(records["timestamp"])
    start = 0
    while start < len(records):
        if single_from is not None and times[start] >= single_from:
            end = np.searchsorted(times, times[start], "right")
        else:
            end = len(records)
            if end - start > rows:
                end = np.searchsorted(times, times[start + rows])
                end = end if end > start else np.searchsorted(times, times[start], "right")
            if single_from is not None:
                end = min(end, np.searchsorted(times, single_from))
            if end == len(records) and end - start <= rows:
                break
        yield records[start : int(end)]
        start = int(end)
    return records[start:]


def repeats(records: Records) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indexes of records whose symbol and time come again later, and where each comes last.

    The records are in the order of time.
    """
    times, codes = np.ascontiguousarray(records["timestamp"]), np.ascontiguousarray(records["code"])
    if not len(records) or ((times[1:] > times[:-1]) | (codes[1:] > codes[:-1])).all():
        return _NONE, _NONE
    symbols = np.int64(codes.max()) + 1
    key = (times - times[0]) * symbols + codes
    order = np.argsort(key, kind="stable")
    again = np.concatenate((key[order][1:] == key[order][:-1], [False]))
    if not again.any():
        return _NONE, _NONE
    ends = np.flatnonzero(~again)
    last = ends[np.searchsorted(ends, np.arange(len(order)))]
    return order[again], order[last[again]]


_NONE: NDArray[np.intp] = np.empty(0, np.intp)
