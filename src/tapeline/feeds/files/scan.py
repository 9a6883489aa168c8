"""Look through whole files first: how many bars, from when to when, in which order, how far apart."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tapeline.core.bars import usual_interval
from tapeline.core.market import Ints
from tapeline.core.sessions.evidence import around_the_clock
from tapeline.core.sessions.exchanges import known_exchange
from tapeline.errors import FileError
from tapeline.feeds.files.file_records import NO_RECORDS, FilePass, Records
from tapeline.feeds.files.merge import in_order
from tapeline.feeds.files.price_jumps import PriceJump, PriceJumps

_BLOCK_ROWS = 1 << 14
_LOOKED_AT_ROWS = 1 << 16  # of each file, for its interval

#: Bars of a symbol whose times are kept.
TELLING_BARS = 500


@dataclass(frozen=True, slots=True)
class FileScan:
    """Say what a file holds: how many usable and rejected rows, and in which order.

    `start` and `end` are the open times of its first and last bar (UTC epoch ms; 0 without bars). `interval` is the
    `usual_interval` of its symbols' bars in ms, None where they do not tell. `ordered` says that its rows are in the
    order of time. `content` changes when the file's bars do. `damage` says that the file ends too early, and why; ''
    where it does not. `first_reject` is the place and the reason of the first rejected row. `intervals` has that of
    each symbol whose bars tell it. `jumps` are prices that look like unadjusted splits.
    `around_the_clock` are the symbols whose own bars say that they trade on weekends, and whose form does not say more.
    `times` are open times of each symbol's bars, in order: the first `TELLING_BARS` of them. `said` is the interval
    that an option gave the bars, None where their times tell it.
    """

    path: Path
    rows: int
    rejected: int
    start: int
    end: int
    interval: int | None
    ordered: bool
    content: str
    damage: str
    first_reject: str
    intervals: dict[str, int]
    symbols: tuple[str, ...]
    jumps: tuple[PriceJump, ...]
    around_the_clock: frozenset[str]
    times: Mapping[str, Ints] = field(default_factory=dict)
    said: int | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """Say what all files hold together; see `FileScan`. `rows` are the usable ones, repeated ones included."""

    rows: int
    start: int
    end: int
    interval: int | None
    files: tuple[FileScan, ...]


def scanned(path: Path, one_pass: FilePass) -> FileScan:
    """Read a file from its start to its end, or to where it is damaged, and return what it holds."""
    rows = rejected = digest = start = end = 0
    ordered, damage, first_reject = True, "", ""
    looked_at: list[Records] = []
    jumps = PriceJumps()
    try:
        for records, rejects in one_pass.blocks(_BLOCK_ROWS):
            rejected += len(rejects)
            if rejects and not first_reject:
                first_reject = f"the first, {rejects[0].place.rpartition(':')[2]}: {rejects[0].reason}"
            if not len(records):
                continue
            times = np.ascontiguousarray(records["timestamp"])
            ordered = ordered and in_order(records) is records and (not rows or int(times[0]) >= end)
            start = min(start, int(times.min())) if rows else int(times.min())
            end = max(end, int(times.max())) if rows else int(times.max())
            if rows < _LOOKED_AT_ROWS:
                looked_at.append(records[["timestamp", "code"]])
            jumps.look(records, list(one_pass.table))
            digest = zlib.crc32(records.tobytes(), digest)
            rows += len(records)
    except FileError as error:
        damage = str(error)
    digest = zlib.crc32("\n".join(one_pass.table).encode(), digest)
    content = f"{rows}-{rejected}-{digest:08x}"
    some = np.concatenate(looked_at) if looked_at else NO_RECORDS
    telling = {
        symbol: np.sort(some["timestamp"][some["code"] == code])[:TELLING_BARS]
        for symbol, code in one_pass.table.items()
    }
    interval = one_pass.interval or usual_interval(some["timestamp"], some["code"])
    intervals = {
        symbol: own
        for symbol, code in one_pass.table.items()
        if (own := one_pass.interval or usual_interval(some["timestamp"][some["code"] == code])) is not None
    }
    weekly = around_the_clock(some["timestamp"], some["code"], len(one_pass.table)) if len(some) else np.empty(0)
    always = frozenset(
        symbol for symbol, proven in zip(one_pass.table, weekly, strict=False) if proven and not known_exchange(symbol)
    )
    return FileScan(
        path, rows, rejected, start, end, interval, ordered, content, damage, first_reject, intervals,
        tuple(one_pass.table), tuple(jumps.found), always, telling, one_pass.interval,
    )  # fmt: skip


def combined_scan(files: tuple[FileScan, ...]) -> Scan:
    """Return what these files hold together; of their intervals, that with the most rows."""
    full = [file for file in files if file.rows]
    intervals: Counter[int] = Counter()
    for file in full:
        if file.interval is not None:
            intervals[file.interval] += file.rows
    return Scan(
        sum(file.rows for file in full),
        min((file.start for file in full), default=0),
        max((file.end for file in full), default=0),
        min(intervals, key=lambda interval: (-intervals[interval], interval), default=None),
        files,
    )
