"""The chart endpoint over yfinance's HTTP layer: its browser-like session, cookie, crumb and consent handling.

yfinance writes Yahoo's hosts into its code. A session of ours, which it accepts from its users, sends every request for
a Yahoo host to the base address instead when that is another one, keeps the extra requests (cookie, crumb) from taking
long, and hands error answers of the chart endpoint out before yfinance repeats them with another cookie.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from tapeline.errors import FeedError, RateLimitedError, ServerError, UnreachableError

CHART_URL = "https://query2.finance.yahoo.com"
STREAM_URL = "wss://streamer.finance.yahoo.com/?version=2"

_CHART_PATH = "/v8/finance/chart/"

#: Connecting, and the answer after it. curl is given the sum for both together.
_TIMEOUT = (4.0, 3.0)

#: The same for cookie and crumb, which the chart endpoint answers without ...
_EXTRA_TIMEOUT = 2.0

#: ... and how long they are left out after they failed.
_EXTRA_PAUSE = 600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer. `date` is the server's clock (UTC epoch ms), None where it did not say."""

    status: int
    text: str
    date: int | None
    retry_after: float | None


class Transport(Protocol):
    """One request at a time per thread, blocking. A test may pass another."""

    def get(self, symbol: str, params: Mapping[str, str]) -> Answer:
        """The chart endpoint's answer, whatever its status. Raises `UnreachableError` or `ServerError`."""
        ...

    def close(self) -> None: ...


class _ChartAnswer(Exception):  # noqa: N818 - carries an answer past yfinance, is not a failure
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class YFinanceTransport:
    """`Transport` over yfinance. `base_url` stands in for every Yahoo host when it is not the real one."""

    def __init__(self, base_url: str = CHART_URL) -> None:
        """Raises `FeedError` for a base address that is none."""
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise FeedError(f"yahoo_url = {base_url!r} is no address; write https://host or http://host:port")
        self.base_url = base_url.rstrip("/")
        self._lock = threading.Lock()
        self._session: Any = None

    def get(self, symbol: str, params: Mapping[str, str]) -> Answer:
        import yfinance  # noqa: F401 - whole, before a part: see `frames`
        from curl_cffi.requests.exceptions import RequestException
        from yfinance.data import YfData
        from yfinance.exceptions import YFRateLimitError

        with self._lock:
            if self._session is None:
                # yfinance warns where a user of this program can do nothing about it
                logging.getLogger("yfinance").addHandler(logging.NullHandler())
                self._session = _session(self.base_url)
            data = YfData(session=self._session)
        url = f"{self.base_url}{_CHART_PATH}{quote(symbol, safe='')}"
        try:
            return _answer(data.get(url, params=dict(params), timeout=_TIMEOUT))
        except _ChartAnswer as found:
            return found.answer
        except YFRateLimitError as error:
            raise RateLimitedError from error
        except RequestException as error:
            raise _explained(self.base_url, error) from error

    def close(self) -> None:
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None


def _session(base_url: str) -> Any:
    """curl_cffi's session, as yfinance makes it, with the routing described above."""
    from curl_cffi import requests

    base = urlsplit(base_url)
    routed = base_url != CHART_URL

    class Session(requests.Session[requests.Response]):
        extra_failed = float("-inf")

        def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
            parts = urlsplit(url)
            chart = _CHART_PATH in parts.path
            if routed and (parts.hostname or "").endswith("yahoo.com"):
                url = parts._replace(scheme=base.scheme, netloc=base.netloc, path=base.path + parts.path).geturl()
            if chart:
                kwargs["timeout"] = _TIMEOUT
                response = super().request(method, url, *args, **kwargs)
                if response.status_code not in {200, 401, 403}:  # those two a new crumb may mend
                    raise _ChartAnswer(_answer(response))
                return response
            if time.monotonic() - self.extra_failed < _EXTRA_PAUSE:
                raise TimeoutError("cookie and crumb are left out for a while")  # which yfinance takes in its stride
            kwargs["timeout"] = _EXTRA_TIMEOUT
            try:
                return super().request(method, url, *args, **kwargs)
            except OSError:
                type(self).extra_failed = time.monotonic()
                raise

    return Session(impersonate="chrome")


def _answer(response: Any) -> Answer:
    headers = response.headers
    try:
        date: int | None = int(parsedate_to_datetime(headers.get("date", "")).timestamp() * 1000)
    except ValueError:
        date = None
    try:
        retry_after: float | None = float(headers.get("retry-after", ""))
    except ValueError:
        retry_after = None
    return Answer(response.status_code, response.text, date, retry_after)


def _explained(url: str, error: Any) -> FeedError:
    from curl_cffi.const import CurlECode

    reasons = {
        CurlECode.COULDNT_RESOLVE_HOST: "its name does not resolve",
        CurlECode.COULDNT_CONNECT: "no connection",
        CurlECode.COULDNT_RESOLVE_PROXY: "the proxy's name does not resolve",
        CurlECode.PROXY: "the proxy refused",
        CurlECode.SSL_CONNECT_ERROR: "no TLS connection",
        CurlECode.PEER_FAILED_VERIFICATION: "its certificate is not trusted here",
        CurlECode.OPERATION_TIMEDOUT: f"no answer within {sum(_TIMEOUT):.0f} s",
    }
    if (reason := reasons.get(error.code)) is not None:
        return UnreachableError(url, reason)
    return ServerError(f"{url}: the answer was cut off ({error})")
