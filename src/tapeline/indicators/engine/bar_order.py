"""Choose the order in which the bars of a batch are committed: symbol by symbol."""

from __future__ import annotations

import numpy as np

from tapeline.core.market import Codes, Ints
from tapeline.indicators.kernels.steps import step


@step
def by_slot(slots: Codes, counts: Ints, order: Ints) -> Ints:
    """Fill `order` with the indices of bars, slot by slot, in their order within one; return where each slot ends."""
    count, alone = len(slots), len(slots) > 0
    for i in range(count):
        if not 0 <= slots[i] < len(counts):
            raise ValueError("a slot is not from this engine's slots()")
        alone = alone and slots[i] == slots[0]
        order[i] = i
    if alone:
        return np.full(1, count)
    ends = np.empty(count, np.int64)
    touched = 0
    for i in range(count):
        if counts[slots[i]] == 0:
            ends[touched] = slots[i]
            touched += 1
        counts[slots[i]] += 1
    total = 0
    for i in range(touched):
        slot = ends[i]
        total += counts[slot]
        counts[slot] = total - counts[slot]
    for i in range(count):
        order[counts[slots[i]]] = i
        counts[slots[i]] += 1
    for i in range(touched):
        slot = ends[i]
        ends[i] = counts[slot]
        counts[slot] = 0
    return ends[:touched]
