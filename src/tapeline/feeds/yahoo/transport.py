"""Ask for charts and searches over yfinance's HTTP layer: its browser-like session, cookie, crumb and consent page.

yfinance has Yahoo's hosts in its code. Our session, which it accepts from its users, sends every request for a Yahoo
host to the base address instead when that is another one, keeps the extra requests (cookie, crumb) from taking long,
and hands error answers of the chart endpoint out before yfinance repeats them with another cookie.

Every answer is foreign: it is unpacked to `ANSWER` bytes at most, within the seconds of its time-out, and read as UTF-8
whatever character set it names. Nothing but a `FeedError` leaves this module.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from tapeline.core.extras import is_installed, missing
from tapeline.core.foreign import Bounds, Intake
from tapeline.errors import (
    FeedError,
    OversizedError,
    RateLimitedError,
    ServerError,
    UnreachableError,
    UnusableAnswerError,
    line_with_kind,
)
from tapeline.feeds.yahoo.chart_intervals import VENUE
from tapeline.runtime.machine_refusals import refused_by_machine

CHART_URL = "https://query2.finance.yahoo.com"

#: What an answer may have. The longest that is honest, two-minute bars of 60 days around the clock, has 4 MB.
ANSWER = Bounds(size=8 << 20)

#: A crumb goes into every later address, and what the cookie comes with is thrown away.
_CRUMB = Bounds(size=256)
_EXTRA = Bounds(size=1 << 20)

_CHART_PATH = "/v8/finance/chart/"
_SEARCH_PATH = "/v1/finance/search"

#: Seconds to connect, and for the answer after it. curl is given the sum for both together.
_TIMEOUT = (4.0, 3.0)

#: Seconds for cookie and crumb, which the chart endpoint does not insist on ...
_EXTRA_TIMEOUT = 2.0

#: ... and how long they are left out after they failed.
_EXTRA_PAUSE = 600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold a complete HTTP answer.

    `date` is the server's clock (UTC epoch ms), `retry_after` the seconds it asks to wait; None where it did not say.
    """

    status: int
    text: str
    date: int | None
    retry_after: float | None


class Transport(Protocol):
    """Send one request at a time per thread, blocking. A test may pass another."""

    def get(self, symbol: str, params: Mapping[str, str]) -> Answer:
        """Return the chart endpoint's answer, whatever its status. Raise `UnreachableError` or `ServerError`."""
        ...

    def close(self) -> None:
        """Let go of the connections. A second call does nothing."""
        ...


class _ChartAnswer(Exception):  # noqa: N818 - carries an answer past yfinance, and is no failure
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class YFinanceTransport:
    """Implement `Transport` over yfinance. `base_url` stands in for every Yahoo host when it is not the real one."""

    def __init__(self, base_url: str = CHART_URL) -> None:
        """Raise `FeedError` for a base address that is none, and `MissingLibraryError` without yfinance."""
        if not is_installed("yfinance"):
            raise missing("the feed yahoo needs yfinance", "yahoo")
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise FeedError(f"yahoo.url = {base_url!r} is not an address; write https://host or http://host:port")
        self.base_url = base_url.rstrip("/")
        self._lock = threading.Lock()
        self._session: Any = None

    def get(self, symbol: str, params: Mapping[str, str]) -> Answer:
        """Ask for a chart with yfinance's session, which is made for the first request and shared by all threads."""
        return self._asked(symbol, f"{_CHART_PATH}{quote(symbol, safe='')}", params)

    def search(self, params: Mapping[str, str]) -> Answer:
        """Return the search endpoint's answer, whatever its status, in the same way."""
        return self._asked("Yahoo's search", _SEARCH_PATH, params)

    def _asked(self, what: str, path: str, params: Mapping[str, str]) -> Answer:
        import yfinance  # noqa: F401 - whole, before a part: see `stream_frames`
        from yfinance.data import YfData

        with self._lock:
            if self._session is None:
                # yfinance warns about what a user of this program cannot change
                logging.getLogger("yfinance").addHandler(logging.NullHandler())
                self._session = _session(self.base_url)
            data = YfData(session=self._session)
        url = f"{self.base_url}{path}"
        try:
            with translating_yfinance_errors(self.base_url):
                return _answer(data.get(url, params=dict(params), timeout=_TIMEOUT))
        except _ChartAnswer as found:
            return found.answer
        except OversizedError as error:
            raise UnusableAnswerError(f"{what}: the answer cannot be used: {error}") from error

    def close(self) -> None:
        """Close the session; a later request opens another."""
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None


def _session(base_url: str) -> Any:
    """Return curl_cffi's session, as yfinance makes it, with the routing described above."""
    from curl_cffi import requests
    from curl_cffi.curl import CURL_WRITEFUNC_ERROR
    from curl_cffi.requests.exceptions import RequestException

    base = urlsplit(base_url)
    routed = base_url != CHART_URL

    class Session(requests.Session[requests.Response]):
        extra_failed = float("-inf")

        def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
            parts = urlsplit(url)
            asked_for = _CHART_PATH in parts.path or parts.path.endswith(_SEARCH_PATH)
            if routed and (parts.hostname or "").endswith("yahoo.com"):
                url = parts._replace(scheme=base.scheme, netloc=base.netloc, path=base.path + parts.path).geturl()
            if asked_for:
                kwargs["timeout"] = _TIMEOUT
                response = self._within(ANSWER, method, url, *args, **kwargs)
                if response.status_code not in {200, 401, 403}:  # a new crumb may cure those two
                    raise _ChartAnswer(_answer(response))
                return response
            if time.monotonic() - self.extra_failed < _EXTRA_PAUSE:
                raise TimeoutError("cookie and crumb are left out for a while")  # which yfinance bears
            kwargs["timeout"] = _EXTRA_TIMEOUT
            try:
                bounds = _CRUMB if parts.path.endswith("/getcrumb") else _EXTRA
                return self._within(bounds, method, url, *args, **kwargs)
            except (OSError, OversizedError) as error:
                type(self).extra_failed = time.monotonic()
                if isinstance(error, OversizedError):
                    raise TimeoutError("cookie and crumb were not had") from error  # which yfinance bears
                raise

        def _within(self, bounds: Bounds, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
            """Return the answer; hang up on one that is too long, and raise `OversizedError`.

            curl bounds the headers (300 KB) and the seconds of the whole transfer by itself.
            """
            intake = Intake(bounds)

            def take(chunk: bytes) -> int:
                return len(chunk) if intake.add(chunk) else CURL_WRITEFUNC_ERROR

            kwargs["content_callback"] = take
            try:
                response = super().request(method, url, *args, **kwargs)
            except RequestException:
                intake.content()  # says so when that was why
                raise
            response.content = intake.content()
            response.encoding = "utf-8"  # a character set that the sender names may take quadratic time to decode
            return response

    return Session(impersonate="chrome")


def _answer(response: Any) -> Answer:
    headers = response.headers
    try:
        date: int | None = int(parsedate_to_datetime(headers.get("date", "")).timestamp() * 1000)
    except (ValueError, TypeError, LookupError, OverflowError):
        date = None
    try:
        retry_after: float | None = float(headers.get("retry-after", ""))
    except ValueError:
        retry_after = None
    return Answer(response.status_code, response.text, date, retry_after)


@contextlib.contextmanager
def translating_yfinance_errors(url: str) -> Iterator[None]:
    """Translate the errors of yfinance and curl into ours: `RateLimitedError`, `UnreachableError`, `ServerError`.

    Whatever else they raise over an answer is a `ServerError` with its kind: one answer ends no program. What this
    machine refused (memory, open files) is a `FeedError` that says so: asking again would not cure it.
    """
    from curl_cffi.const import CurlECode
    from curl_cffi.requests.exceptions import RequestException
    from yfinance.exceptions import YFRateLimitError

    reasons: dict[int, str] = {
        CurlECode.COULDNT_RESOLVE_HOST: "its name does not resolve",
        CurlECode.COULDNT_CONNECT: "no connection",
        CurlECode.COULDNT_RESOLVE_PROXY: "the proxy's name does not resolve",
        CurlECode.PROXY: "the proxy refused",
        CurlECode.SSL_CONNECT_ERROR: "no TLS connection",
        CurlECode.PEER_FAILED_VERIFICATION: "its certificate is not trusted here",
        CurlECode.OPERATION_TIMEDOUT: f"no answer within {sum(_TIMEOUT):.0f} s",
    }
    try:
        yield
    except YFRateLimitError as error:
        raise RateLimitedError(VENUE) from error
    except RequestException as error:
        if refusal := _refused_here(error):
            raise FeedError(refusal) from error
        if (reason := reasons.get(error.code)) is not None:
            raise UnreachableError(url, reason, "yahoo.url") from error
        raise ServerError(f"{url}: the answer was cut off ({error})") from error
    except (FeedError, OversizedError, _ChartAnswer):
        raise
    except Exception as error:
        if refusal := _refused_here(error):
            raise FeedError(refusal) from error
        raise ServerError(f"{url}: the answer cannot be read: {line_with_kind(error)}") from error


def _refused_here(error: Exception) -> str:
    """Return what this machine refused, '' where it is not to blame. curl takes no open file left for no connection."""
    try:
        os.close(os.dup(1))
    except OSError as refused:
        if refused.errno in {errno.EMFILE, errno.ENFILE}:
            return refused_by_machine(refused)
    return refused_by_machine(error)
