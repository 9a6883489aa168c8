"""Run one page: its data, the threads that read it, the loop that keeps open pages up to date, and who may look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from tapeline.alerts.screening import Screener
from tapeline.forecast.model import Metadata
from tapeline.forecast.range_model import RangeModel
from tapeline.web.access import Access
from tapeline.web.allowance import Allowance
from tapeline.web.broadcast import Broadcast
from tapeline.web.connections import Connections
from tapeline.web.defects import Defects
from tapeline.web.page_data import PageData
from tapeline.web.reject_counter import RejectCounter
from tapeline.web.score_cache import ScoreCache
from tapeline.web.thread_runner import ThreadRunner
from tapeline.web.versions import RangeVersions, Versions

T = TypeVar("T")

_MOST_GRADINGS = 16  # that wait; each may take seconds
_MOST_QUESTIONS = 16  # to a venue that wait; each may take seconds
_MOST_LOG_INS = 32  # that wait: a second and a half

#: How often the venue is searched for whoever looks at the page. It counts the searches together with the questions of
#: the collector, which must not be refused because somebody searches without end.
_SEARCHES_AT_ONCE, _SEARCHES_PER_SECOND = 60, 0.25


class Page:
    """Give every request what it needs of one page. A route asks for it as `CurrentPage`.

    The store blocks, so requests never call it in the event loop: `read` and `judge` run a function in a thread and
    return its answer or raise its error. `judge` has a thread of its own, because grading takes seconds and the chart
    must not wait for it. So have `ask`, because a venue answers when it likes, and `verify`, because hashing one
    password takes 64 MB and 50 ms, and strangers may ask. Each has a bounded queue: a request that would have to wait
    behind too many raises `OverloadedError`.
    """

    def __init__(self, data: PageData, access: Access) -> None:
        self.data = data
        self.access = access
        self.versions = Versions(data.registry)
        self.models: Callable[[], Mapping[str, Metadata]] = self.versions.metadata
        self.range_models: Callable[[], Mapping[str, RangeModel]] = RangeVersions(data.ranges).models
        self.screener = Screener(data.store, self.range_models)
        self.connections = Connections()
        self.defects = Defects()
        self.broadcast = Broadcast(data, self.models)
        self.scores = ScoreCache(data.store)
        self.searches = Allowance(_SEARCHES_AT_ONCE, _SEARCHES_PER_SECOND)
        self.histories = 0  # that are being streamed
        self.rejected = RejectCounter(data.rejects)
        self._reads = ThreadRunner(name="page")
        self._judging = ThreadRunner(1, "judging", _MOST_GRADINGS)
        self._asking = ThreadRunner(1, "asking", _MOST_QUESTIONS)
        self._log_ins = ThreadRunner(1, "log-in", _MOST_LOG_INS)

    async def read(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, from one of two threads for short reads."""
        return await self._reads.call(work)

    async def judge(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, one at a time, for work that takes seconds."""
        return await self._judging.call(work)

    async def ask(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, one at a time, for questions to a venue."""
        return await self._asking.call(work)

    async def verify(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, one at a time, for checking passwords."""
        return await self._log_ins.call(work)

    def end(self) -> None:
        """End the open event streams, which would otherwise go on for ever."""
        self.broadcast.end()

    def close(self) -> None:
        """Wait for reads under way; afterwards nothing uses the store."""
        self.broadcast.close()
        for runner in (self._reads, self._judging, self._asking, self._log_ins):
            runner.close()
