"""A source that delivers what a test gives it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from tapeline.core.market import Bars
from tapeline.core.messages import Delivery


class ListSource:
    """A `Source` of these batches, which resumes by their number. An endless one waits for `close` after the last."""

    name = "list"

    def __init__(self, batches: Sequence[Bars], *, endless: bool = False) -> None:
        self._batches = batches
        self._endless = endless
        self._closed = threading.Event()

    def deliveries(self, resume: str) -> Iterator[Delivery]:
        for number in range(int(resume or 0), len(self._batches)):
            yield Delivery(self._batches[number], resume=str(number + 1))
        if self._endless:
            self._closed.wait(60)

    def close(self) -> None:
        self._closed.set()
