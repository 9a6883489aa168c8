"""Ask Binance for klines, within its limits, over HTTP."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from tapeline.core.foreign import Intake, load_json
from tapeline.errors import (
    DecodeError,
    FeedError,
    NoDataError,
    OversizedError,
    RateLimitedError,
    ServerError,
    UnreachableError,
    UnusableAnswerError,
)
from tapeline.feeds.binance.kline_intervals import MOST_KLINES, VENUE, venue_symbol
from tapeline.feeds.binance.klines import BOUNDS, decode
from tapeline.feeds.live.answer_times import answer_times
from tapeline.feeds.live.bar_intervals import Interval
from tapeline.feeds.live.limits import Limits
from tapeline.feeds.live.patient_requests import PatientRequests
from tapeline.feeds.live.venue import Chart
from tapeline.feeds.live.worker_threads import in_thread
from tapeline.runtime.clock import Clock

#: Requests under way at once, and a second in the long run: klines weigh 2, so 2,400 of the 6,000 a minute that Binance
#: allows an address are used, and others behind the address have the rest.
PARALLEL = 4
PER_SECOND = 20.0
BURST = 20

_PATH = "/api/v3/klines"
#: Seconds for each step of a request, and for the whole answer.
_TIMEOUT = 10.0
_LONGEST = 20.0
_CHUNK = 1 << 16

_UNKNOWN_SYMBOLS = (-1121, -1100)  # codes: invalid symbol, illegal characters
_TOO_MANY_REQUESTS = (-1003, -1015)


@dataclass(frozen=True, slots=True)
class _Answer:
    body: bytes
    date: int | None


class KlineClient:
    """Implement `HistoryClient` over Binance's klines. Use it from one event loop at a time; `close` it when done."""

    def __init__(self, url: str, clock: Clock) -> None:
        """Raise `FeedError` for an address that is none."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise FeedError(f"binance.url = {url!r} is not an address; write https://host or http://host:port")
        self.name = VENUE
        self.parallel = PARALLEL
        self.ahead = 0
        self._url = url.rstrip("/")
        self._clock = clock
        self._requests = PatientRequests(Limits(clock, per_second=PER_SECOND, burst=BURST), clock)
        self._pool = ThreadPoolExecutor(PARALLEL, "binance")

    @property
    def per_second(self) -> float:
        """Return how many requests are sent a second in the long run."""
        return self._requests.limits.per_second

    @per_second.setter
    def per_second(self, value: float) -> None:
        self._requests.limits.per_second = value

    async def chart(self, symbol: str, interval: Interval, start: int, end: int) -> Chart:
        """Return the bars that open in start <= t < end (UTC epoch ms). Raise `FeedError` when all attempts failed."""
        query = urlencode({
            "symbol": venue_symbol(symbol), "interval": interval.requested, "startTime": start, "endTime": end - 1,
            "limit": MOST_KLINES,
        })  # fmt: skip
        return await self._requests.ask(lambda: self._once(symbol, interval, f"{self._url}{_PATH}?{query}"))

    async def _once(self, symbol: str, interval: Interval, url: str) -> Chart:
        answer = await in_thread(self._pool, self._get, url, symbol)
        times = answer_times(self._clock.now(), answer.date)
        self.ahead = times.ahead
        return await in_thread(self._pool, decode, answer.body, symbol, interval, times.as_of, times.latest)

    def close(self) -> None:
        """Give up what was not asked yet."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _get(self, url: str, symbol: str) -> _Answer:
        request = Request(url, headers={"Accept": "application/json"})  # noqa: S310 - http or https
        with _translating_http_errors(self._url, symbol), urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310
            return _Answer(_bounded(response), _date(response.headers))


def _bounded(response: Any) -> bytes:
    """Return what an answer holds. Raises `OversizedError` for too much, and `TimeoutError` for what takes too long."""
    intake = Intake(BOUNDS)
    began = time.monotonic()
    while chunk := response.read1(_CHUNK):
        if not intake.add(chunk):
            break
        if time.monotonic() - began > _LONGEST:
            raise TimeoutError(f"it took more than {_LONGEST:.0f} s")
    return intake.content()


def _date(headers: Message) -> int | None:
    try:
        return int(parsedate_to_datetime(headers.get("Date", "")).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError):
        return None


@contextlib.contextmanager
def _translating_http_errors(url: str, symbol: str) -> Iterator[None]:
    """Translate the errors of the HTTP library into the feed errors that `feeds/live` acts on."""
    try:
        yield
    except HTTPError as error:
        raise _refusal(error, url, symbol) from error
    except OversizedError as error:
        raise UnusableAnswerError(f"{symbol}: the answer cannot be used: {error}") from error
    except URLError as error:
        raise UnreachableError(url, str(error.reason), "binance.url") from error
    except (OSError, HTTPException, ValueError) as error:
        raise ServerError(f"{symbol}: the answer was cut off ({error})") from error


def _refusal(error: HTTPError, url: str, symbol: str) -> FeedError:
    """Return what a status other than 200 means: 429 asks to slow down, and 418 bans who did not."""
    code, reason = _said(error)
    if error.code in {418, 429} or code in _TOO_MANY_REQUESTS:
        return RateLimitedError(VENUE, _seconds(error.headers.get("Retry-After")))
    if error.code == 451:
        return UnreachableError(url, "Binance does not serve this location", "binance.url")
    if error.code == 404 or code in _UNKNOWN_SYMBOLS:
        return NoDataError(f"{symbol}: Binance has nothing under this symbol ({reason or error.code})")
    return ServerError(f"{symbol}: Binance answered with status {error.code}: {reason!r}")


def _said(error: HTTPError) -> tuple[int | None, str]:
    """Return Binance's own code and reason, None and '' where the answer has none."""
    try:
        with error:
            found = load_json(_bounded(error), BOUNDS)
        return int(found["code"]), str(found["msg"])[:200]
    except (DecodeError, OSError, HTTPException, LookupError, TypeError, ValueError, OverflowError):
        return None, ""


def _seconds(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
