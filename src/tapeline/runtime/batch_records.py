"""Define what a batch is made of and comes to, and read its records as bars.

What is no bar is refused bar by bar, so that a bad one costs no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tapeline.core.bar_faults import FAULTS, faults
from tapeline.core.codec import decode, encode
from tapeline.core.market import Bars, Ints, Reject
from tapeline.core.symbol_forms import symbol_fault
from tapeline.core.times import MINUTE
from tapeline.errors import DecodeError

#: How far a collector's clock may be ahead of this machine's.
SKEW = 5 * MINUTE


@dataclass(frozen=True, slots=True)
class Record:
    """Hold one record of the stream. `position` grows along one symbol's records; `place` names it in messages."""

    position: int
    place: str
    data: bytes


@dataclass(slots=True)
class Outcome:
    """Count what a batch came to.

    `failed` are the places of records to deliver again: the first of every symbol in trouble, and the first for which
    there was no time. `stopped` says why not all were tried, '' when they were. `renewed` has a line for each state
    that could not be used, because it is damaged or was made for other indicators: it was computed anew from its rows.
    """

    bars: int = 0
    rows: int = 0
    repeated: int = 0
    corrected: int = 0
    rejects: int = 0
    failed: tuple[str, ...] = ()
    stopped: str = ""
    renewed: list[str] = field(default_factory=list)


def bars_of_records(records: Sequence[Record], now: int) -> tuple[Bars, Ints, list[Reject]]:
    """Return the good bars of all records, the index of the record of each (int64 [n]), and the rejects.

    `now` is the time, UTC epoch ms.
    """
    parts: list[Bars] = []
    indices: list[int] = []
    rejects: list[Reject] = []
    newest = -1
    for index, record in enumerate(records):
        if record.position <= newest:
            continue  # delivered twice in one batch
        newest = record.position
        try:
            parts.append(decode(record.data))
            indices.append(index)
        except DecodeError as error:
            rejects.append(Reject("stream", record.place, str(error), record.data))
    bars = Bars.concat(parts)
    source = np.repeat(np.array(indices, np.int64), [len(part) for part in parts])
    wrong = faults(bars, now + SKEW)
    names = [symbol_fault(symbol) for symbol in bars.symbols]
    named = np.array([bool(name) for name in names], np.bool_)[bars.code]
    for i in np.flatnonzero((wrong > 0) | named).tolist():
        record = records[source[i]]
        reason = names[bars.code[i]] or FAULTS[wrong[i]]
        number = i - int(np.searchsorted(source, source[i]))
        own = encode(Bars.of(bars[i : i + 1]))  # not the whole record, which may have hundreds such
        rejects.append(Reject("stream", f"{record.place} bar {number}", reason, own))
    good = (wrong == 0) & ~named
    return bars[good], source[good], rejects
