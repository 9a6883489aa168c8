"""Keep decoded blocks in memory, as many as a number of bars allows."""

from __future__ import annotations

import threading
from collections import OrderedDict

from tapeline.backends.sqlite.bar_blocks import Block

_BESIDE = 32  # as many bars as the rest of a block takes


class BlockCache:
    """Keep blocks by their number in the file, those used last, up to `bars` bars in all; 76 bytes each. Any thread."""

    def __init__(self, bars: int) -> None:
        self._most = bars
        self._bars = 0
        self._blocks: OrderedDict[int, Block] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, number: int) -> Block | None:
        """Return the block if it is kept."""
        with self._lock:
            found = self._blocks.get(number)
            if found is not None:
                self._blocks.move_to_end(number)
            return found

    def keep(self, number: int, block: Block) -> None:
        """Keep a block, and let go of those that were not used for longest where there are too many bars."""
        with self._lock:
            if number in self._blocks:  # another thread read it at the same time
                return
            self._blocks[number] = block
            self._bars += len(block) + _BESIDE
            while self._bars > self._most and len(self._blocks) > 1:
                self._bars -= len(self._blocks.popitem(last=False)[1]) + _BESIDE

    def drop(self, number: int) -> None:
        """Let go of a block."""
        with self._lock:
            block = self._blocks.pop(number, None)
            if block is not None:
                self._bars -= len(block) + _BESIDE

    def clear(self) -> None:
        """Let go of all blocks."""
        with self._lock:
            self._blocks.clear()
            self._bars = 0
