"""Cut bars into records of a Kinesis stream: which are sent, how long a record is, and what one request may hold."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from tapeline.core.codec import encode
from tapeline.core.market import Bars

#: Most bars in a record. They stay within 25 KB, the unit Kinesis charges by, far below its limit of 1 MiB; a consumer
#: that fails can be given a smaller part of a long history.
RECORD_BARS = 480

#: What Kinesis takes in a request.
REQUEST_RECORDS = 500
REQUEST_BYTES = 5_000_000


def thin(bars: Bars) -> Bars:
    """Return the bars without the forming ones that a later one of the same symbol and time replaces."""
    keys = np.stack((bars.code[::-1], bars.timestamp[::-1]))
    _, last = np.unique(keys, axis=1, return_index=True)
    kept = bars.final.copy()
    kept[len(bars) - 1 - last] = True
    return bars[kept]


def records_of(bars: Bars) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield every symbol with its bars, in order, as records of at most `RECORD_BARS`."""
    order = np.argsort(bars.code, kind="stable")
    codes, starts = np.unique(bars.code[order], return_index=True)
    for code, own in zip(codes.tolist(), np.split(order, starts[1:]), strict=True):
        symbol = bars.symbols[code]
        part = replace(bars[own], symbols=(symbol,), code=np.zeros(len(own), np.int32))
        yield symbol, (encode(part[first : first + RECORD_BARS]) for first in range(0, len(part), RECORD_BARS))


def request_of(waiting: Mapping[str, deque[bytes]]) -> Iterator[tuple[str, bytes]]:
    """Yield the first record of each of as many symbols as one request may have."""
    size = 0
    for count, (symbol, records) in enumerate(waiting.items()):
        size += len(symbol.encode()) + len(records[0])
        if count == REQUEST_RECORDS or size > REQUEST_BYTES:
            return
        yield symbol, records[0]
