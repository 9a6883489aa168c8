"""Keep each symbol's newest bars, and say which bars a record commits and which records come too late."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tapeline.core.jit import jit
from tapeline.core.market import Codes, Flags, Floats, Ints

#: The time of a bar that is not there: before all others.
NEVER = -(1 << 62)


class LatestBars:
    """Hold one bar for each slot: its time (`NEVER` for none) and open, high, low, close, volume."""

    def __init__(self, size: int) -> None:
        self.timestamp: Ints = np.full(size, NEVER, np.int64)
        self.values: Floats = np.zeros((size, 5))

    def grow(self, room: int) -> None:
        """Add this number of slots, without bars."""
        self.timestamp = np.concatenate((self.timestamp, np.full(room, NEVER, np.int64)))
        self.values = np.concatenate((self.values, np.zeros((room, 5))))

    def put(self, slot: int, timestamp: int, values: Sequence[float] | Floats) -> None:
        """Replace the bar of a slot."""
        self.timestamp[slot] = timestamp
        self.values[slot] = values


@jit
def classify_records(
    slot: Codes,
    timestamp: Ints,
    values: Floats,
    final: Flags,
    last_time: Ints,
    last_values: Floats,
    forming_time: Ints,
    forming_values: Floats,
    unsettled: Flags,
) -> tuple[Codes, Ints, Floats, NDArray[np.int64], int]:
    """Return the bars that the records commit, in order, the indices of those that come too late, and how many repeat.

    The bars are their slots, open times and values [n, 5]. Moves the last and the forming bars on. A record that comes
    too late makes its slot unsettled: those after it wait, too, so that a symbol's records keep their order.

    Values are copied one by one: for the copy of an array, Numba compiles an error message for two seconds.
    """
    count = len(slot)
    made_slot = np.empty(2 * count, np.int32)  # a record commits at most itself and the forming bar before it
    made_time = np.empty(2 * count, np.int64)
    made_values = np.empty((2 * count, 5))
    late = np.empty(count, np.int64)
    made = late_count = repeated = 0
    for i in range(count):
        s, t = slot[i], timestamp[i]
        if unsettled[s]:  # the order of a symbol's records is kept
            late[late_count] = i
            late_count += 1
            continue
        if t <= last_time[s]:
            same = t == last_time[s]
            for k in range(5):
                same = same and values[i, k] == last_values[s, k]
            if same or not final[i]:
                repeated += 1
            else:
                late[late_count] = i
                late_count += 1
                unsettled[s] = True
            continue
        pending = forming_time[s]
        if pending != NEVER and pending < t:
            made_slot[made], made_time[made] = s, pending
            for k in range(5):
                made_values[made, k] = last_values[s, k] = forming_values[s, k]
            made += 1
            last_time[s] = pending
            forming_time[s] = NEVER
            pending = NEVER
        if final[i] or pending > t:
            made_slot[made], made_time[made] = s, t
            for k in range(5):
                made_values[made, k] = last_values[s, k] = values[i, k]
            made += 1
            last_time[s] = t
            if pending == t:
                forming_time[s] = NEVER
        else:
            forming_time[s] = t
            for k in range(5):
                forming_values[s, k] = values[i, k]
    return made_slot[:made], made_time[:made], made_values[:made], late[:late_count], repeated
