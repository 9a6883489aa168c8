"""Ask for charts: `transport` sends one request, `chart` decodes its answer."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from tapeline.core.sessions import calendar_of
from tapeline.errors import NoDataError, RateLimitedError, ServerError
from tapeline.feeds.live.answer_times import answer_times
from tapeline.feeds.live.bar_intervals import Interval
from tapeline.feeds.live.limits import Limits
from tapeline.feeds.live.patient_requests import PatientRequests
from tapeline.feeds.live.venue import Chart
from tapeline.feeds.live.worker_threads import in_thread
from tapeline.feeds.yahoo.chart import decode
from tapeline.feeds.yahoo.chart_intervals import VENUE
from tapeline.feeds.yahoo.transport import Answer, Transport
from tapeline.runtime.clock import Clock

#: Requests under way at once.
PARALLEL = 4


class ChartClient:
    """Implement `HistoryClient` over Yahoo's charts. Use it from one event loop at a time; `close` it when done.

    `ahead` is how far the server's clock was ahead of ours at its last answer, ms; 0 before the first.
    """

    def __init__(self, transport: Transport, clock: Clock, limits: Limits | None = None) -> None:
        self._transport = transport
        self._clock = clock
        self._requests = PatientRequests(limits or Limits(clock), clock)
        self._pool = ThreadPoolExecutor(PARALLEL, "yahoo")
        self.ahead = 0
        self.name = VENUE
        self.parallel = PARALLEL

    @property
    def per_second(self) -> float:
        """Return how many requests are sent a second in the long run."""
        return self._requests.limits.per_second

    @per_second.setter
    def per_second(self, value: float) -> None:
        self._requests.limits.per_second = value

    async def chart(self, symbol: str, interval: Interval, start: int, end: int) -> Chart:
        """Return the bars that open in start <= t < end (UTC epoch ms). Raise `FeedError` when all attempts failed."""
        params = {
            "period1": str(start // 1000),
            "period2": str(-(-end // 1000)),
            "interval": interval.requested,
            "includePrePost": str(interval.extended).lower(),
            "events": "div,splits",
        }
        return await self._requests.ask(lambda: self._once(symbol, interval, params))

    async def _once(self, symbol: str, interval: Interval, params: Mapping[str, str]) -> Chart:
        answer = await in_thread(self._pool, self._transport.get, symbol, params)
        _raise_for(answer, symbol)
        times = answer_times(self._clock.now(), answer.date)
        self.ahead = times.ahead
        # a long history takes some milliseconds to decode, and the first symbol of an exchange builds its calendar
        return await in_thread(
            self._pool, lambda: decode(answer.text, symbol, interval, calendar_of(symbol), times.as_of, times.latest)
        )

    def close(self) -> None:
        """Give up what was not asked yet, and close the transport."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._transport.close()


def _raise_for(answer: Answer, symbol: str) -> None:
    """Raise for a refusal. A chart's own error (unknown symbol, too far back) is JSON with 400, 404 or 422."""
    if answer.status == 200:
        return
    if answer.status == 429:
        raise RateLimitedError(VENUE, answer.retry_after)
    if answer.status in {400, 404, 422} and answer.text.lstrip().startswith("{"):
        return  # decoding finds the reason in it
    if answer.status == 404:
        raise NoDataError(f"{symbol}: Yahoo has nothing under this symbol (404)")
    raise ServerError(f"{symbol}: Yahoo answered with status {answer.status}: {answer.text[:60]!r}")
