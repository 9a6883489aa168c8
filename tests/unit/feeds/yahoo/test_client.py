"""Ask again: what is asked for again, how often, and what the user reads when that did not help."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from curl_cffi.const import CurlECode
from curl_cffi.requests.exceptions import RequestException
from tests.local_yahoo.clock import Standing
from tests.local_yahoo.cookies import keep_no_cookies

from tapeline.errors import FeedError, NoDataError, RateLimitedError, ServerError, UnreachableError
from tapeline.feeds.live.bar_intervals import Interval
from tapeline.feeds.live.limits import Limits
from tapeline.feeds.live.patient_requests import ATTEMPTS
from tapeline.feeds.live.venue import Chart
from tapeline.feeds.yahoo import INTERVALS, ChartClient
from tapeline.feeds.yahoo.transport import Answer, YFinanceTransport, _answer, translating_yfinance_errors

OPEN = 1_549_895_400_000  # 2019-02-11 14:30 UTC, the open in New York
MINUTE = 60_000
M1 = INTERVALS["1m"]

CHART = json.dumps(
    {
        "chart": {
            "result": [
                {
                    "meta": {"currency": "USD", "exchangeTimezoneName": "America/New_York", "priceHint": 2},
                    "timestamp": [OPEN // 1000, OPEN // 1000 + 60],
                    "indicators": {
                        "quote": [{n: [10.0, 11.0] for n in ("open", "high", "low", "close")} | {"volume": [5, 6]}]
                    },
                }
            ],
            "error": None,
        }
    }
)
DELISTED = (
    '{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found, symbol may be delisted"}}}'
)
GOOD = Answer(200, CHART, None, None)


@pytest.fixture(scope="module", autouse=True)
def _cookies() -> None:
    keep_no_cookies()


class Scripted:
    """A transport that answers, or fails, in this order; the last one for ever."""

    def __init__(self, *script: Answer | Exception) -> None:
        self.script = list(script)
        self.asked: list[tuple[str, dict[str, str]]] = []

    def get(self, symbol: str, params: Mapping[str, str]) -> Answer:
        self.asked.append((symbol, dict(params)))
        said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(said, Exception):
            raise said
        return said

    def close(self) -> None: ...


class Asking:
    """A client over such a transport, and its clock. The jitter is left out."""

    def __init__(self, *script: Answer | Exception) -> None:
        self.clock = Standing(OPEN + 60 * MINUTE)
        self.transport = Scripted(*script)
        self.limits = Limits(self.clock, burst=1000, chance=lambda: 1.0)

    def chart(
        self, symbol: str = "TSLA", start: int = OPEN, end: int = OPEN + 60 * MINUTE, interval: Interval = M1
    ) -> Chart:
        client = ChartClient(self.transport, self.clock, self.limits)
        try:
            return asyncio.run(client.chart(symbol, interval, start, end))
        finally:
            client.close()

    def error(self, symbol: str = "TSLA") -> FeedError:
        with pytest.raises(FeedError) as found:
            self.chart(symbol)
        assert "\n" not in str(found.value)
        return found.value

    @property
    def attempts(self) -> int:
        return len(self.transport.asked)


def status(code: int, text: str = "<html>\nno</html>", retry_after: float | None = None) -> Answer:
    return Answer(code, text, None, retry_after)


def test_the_request_covers_whole_seconds_around_the_period() -> None:
    asking = Asking(GOOD)
    asking.chart("BRK-B", OPEN + 1, OPEN + MINUTE + 1)
    ((symbol, params),) = asking.transport.asked
    assert symbol == "BRK-B"
    assert (params["period1"], params["period2"]) == (str(OPEN // 1000), str(OPEN // 1000 + 61))
    assert (params["interval"], params["includePrePost"], params["events"]) == ("1m", "false", "div,splits")
    asking.chart(interval=replace(M1, extended=True))
    assert asking.transport.asked[-1][1]["includePrePost"] == "true"


# -- no use asking again -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [404, 200])
def test_a_delisted_symbol_is_named_with_yahoos_reason_and_asked_for_once(code: int) -> None:
    asking = Asking(status(code, DELISTED))
    error = asking.error("GONE")
    assert isinstance(error, NoDataError)
    assert str(error) == "GONE: No data found, symbol may be delisted"
    assert asking.attempts == 1


def test_a_404_without_a_reason_names_the_symbol_too() -> None:
    error = Asking(status(404)).error("GONE")
    assert isinstance(error, NoDataError)
    assert str(error).startswith("GONE: ")


@pytest.mark.parametrize("code", [400, 422])
def test_a_period_that_yahoo_refuses_is_reported_in_yahoos_words_and_not_repeated(code: int) -> None:
    reason = "1m data not available for startTime=1 and endTime=2"
    text = json.dumps({"chart": {"result": None, "error": {"code": "Unprocessable Entity", "description": reason}}})
    asking = Asking(status(code, text))
    error = asking.error()
    assert isinstance(error, NoDataError)
    assert reason in str(error)
    assert asking.attempts == 1


def test_unknown_symbols_do_not_open_the_breaker_and_prove_that_yahoo_answers() -> None:
    asking = Asking(status(404, DELISTED))
    for _ in range(4):
        asking.limits.failed()
    for _ in range(10):
        asking.error("GONE")
    asking.limits.failed()
    assert not asking.limits.is_open
    assert asking.clock.passed == 0


def test_an_unreachable_yahoo_is_reported_at_once_at_first_contact() -> None:
    asking = Asking(UnreachableError("https://yahoo.invalid", "its name does not resolve"))
    error = asking.error()
    assert isinstance(error, UnreachableError)
    assert "https://yahoo.invalid cannot be reached (its name does not resolve)" in str(error)
    assert "tapeline demo" in str(error)
    assert (asking.attempts, asking.clock.passed) == (1, 0)


def test_a_fault_of_the_program_is_not_repeated_and_lets_the_next_request_try() -> None:
    asking = Asking(ZeroDivisionError(), GOOD)
    asking.limits.failed(refused=True)
    with pytest.raises(ZeroDivisionError):
        asking.chart()
    assert asking.attempts == 1
    waited = asking.clock.passed
    assert len(asking.chart().bars) == 2
    assert asking.clock.passed == waited


# -- asked for again ---------------------------------------------------------------------------------------------------


def test_a_429_is_repeated_when_the_pause_is_over() -> None:
    asking = Asking(status(429), status(429), GOOD)
    assert len(asking.chart().bars) == 2
    assert asking.attempts == 3
    assert asking.clock.passed == 5 + 10
    assert not asking.limits.is_open


def test_a_429_is_repeated_after_the_time_yahoo_asks_for() -> None:
    asking = Asking(status(429, retry_after=77.0), GOOD)
    asking.chart()
    assert asking.clock.passed == 77


def test_a_refusal_that_comes_with_status_200_is_one() -> None:
    asking = Asking(status(200, "Edge: Too Many Requests"), GOOD)
    asking.chart()
    assert (asking.attempts, asking.clock.passed) == (2, 5)


def test_endless_429s_end_with_advice() -> None:
    asking = Asking(status(429))
    error = asking.error()
    assert isinstance(error, RateLimitedError)
    assert "429" in str(error)
    assert "wait a few minutes" in str(error)
    assert asking.attempts == ATTEMPTS
    assert asking.clock.passed == 5 + 10 + 20 + 40 + 80


FIXED = {
    "500": status(500),
    "502": status(502, ""),
    "503 with a reason": status(503, DELISTED),
    "a page": status(200, "<html>\nWill be right back</html>"),
    "half a chart": status(200, CHART[:100]),
    "nothing": status(200, ""),
    "a list": status(200, "[]"),
    "an error that is a text": status(200, '{"chart":{"result":null,"error":"internal"}}'),
    "times that are words": status(200, CHART.replace(str(OPEN // 1000 + 60), '"soon"')),
    "prices that are words": status(200, CHART.replace("11.0", '"dear"')),
    "a column too short": status(200, CHART.replace("[5, 6]", "[5]")),
    "a quote that is a text": status(200, CHART.replace('"quote": [{', '"quote": ["none", {')),
    "meta that is a list": status(200, CHART.replace('"meta": {', '"meta": [1], "beta": {')),
    "a cut connection": ServerError("https://yahoo: the answer was cut off (curl 18)"),
    "a time-out after others were answered": UnreachableError("https://yahoo", "no answer within 7 s"),
}


@pytest.mark.parametrize("fault", FIXED.values(), ids=FIXED)
def test_a_transient_failure_is_repeated(fault: Answer | Exception) -> None:
    asking = Asking(status(500), fault, fault, GOOD)
    assert len(asking.chart().bars) == 2
    assert asking.attempts == 4
    assert 0.5 + 1 + 2 <= asking.clock.passed <= 1 + 2 + 4


@pytest.mark.parametrize("fault", FIXED.values(), ids=FIXED)
def test_a_lasting_failure_ends_after_six_attempts_with_one_line(fault: Answer | Exception) -> None:
    asking = Asking(status(500), fault)
    error = asking.error()
    assert isinstance(error, ServerError | UnreachableError)
    assert str(error).startswith(("TSLA: ", "https://yahoo"))
    assert len(str(error)) < 240
    assert asking.attempts == ATTEMPTS == 6


def test_a_server_error_says_its_status() -> None:
    assert "status 502" in str(Asking(status(502)).error())


def test_five_failures_open_the_breaker_for_every_symbol() -> None:
    asking = Asking(status(500))
    asking.error("A")
    pause, before = asking.limits.pause, asking.clock.passed
    assert pause > 0
    asking.transport.script = [GOOD]
    asking.chart("B")
    assert asking.clock.passed >= before + pause


def test_unusable_answers_about_one_symbol_hold_up_no_other() -> None:
    asking = Asking(status(200, '{"chart":{"result":[{"timestamp":"never"}],"error":null}}'))
    for _ in range(3):
        asking.error("BAD")
    assert asking.attempts == 3 * ATTEMPTS
    before = asking.clock.passed
    asking.transport.script = [GOOD]
    asking.chart("GOOD")
    assert asking.clock.passed == before


def test_no_bar_is_final_by_a_clock_that_is_ahead() -> None:
    """Ours or Yahoo's: the earlier one decides whether a bar's grace is over."""
    second = OPEN + 2 * MINUTE + M1.grace
    behind = Asking(Answer(200, CHART, second - 2000, None))
    assert behind.chart().bars.final.tolist() == [True, False]
    ahead = Asking(Answer(200, CHART, second + MINUTE, None))
    ahead.clock.time = second - 2000
    assert ahead.chart().bars.final.tolist() == [True, False]
    agreed = Asking(Answer(200, CHART, second, None))
    assert agreed.chart().bars.final.tolist() == [True, True]


# -- the transport -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["query2.finance.yahoo.com", "ftp://host", "https://", ""])
def test_a_malformed_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(FeedError, match=r"yahoo.url = .* is not an address; write https://host"):
        YFinanceTransport(address)


class Response:
    def __init__(self, **headers: str) -> None:
        self.status_code, self.text = 429, "no"
        self.headers: Any = {name.replace("_", "-"): value for name, value in headers.items()}


def test_the_servers_clock_and_its_retry_after_are_read_from_the_headers() -> None:
    found = _answer(Response(date="Mon, 11 Feb 2019 14:30:00 GMT", retry_after="30"))
    assert (found.status, found.date, found.retry_after) == (429, OPEN, 30.0)


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday", "retry_after": "soon"}, {"date": "", "retry_after": ""}])
def test_missing_or_malformed_headers_are_ignored(headers: dict[str, str]) -> None:
    found = _answer(Response(**headers))
    assert (found.date, found.retry_after) == (None, None)


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (CurlECode.COULDNT_RESOLVE_HOST, UnreachableError, "its name does not resolve"),
        (CurlECode.COULDNT_CONNECT, UnreachableError, "no connection"),
        (CurlECode.OPERATION_TIMEDOUT, UnreachableError, "no answer within 7 s"),
        (CurlECode.PEER_FAILED_VERIFICATION, UnreachableError, "certificate"),
        (CurlECode.PARTIAL_FILE, ServerError, "the answer was cut off"),
        (CurlECode.RECV_ERROR, ServerError, "the answer was cut off"),
    ],
)
def test_failures_of_the_network_are_distinguished(code: CurlECode, kind: type[FeedError], reason: str) -> None:
    with pytest.raises(FeedError, match=reason) as found, translating_yfinance_errors("http://127.0.0.1:9"):
        raise RequestException("curl said so", code)
    assert type(found.value) is kind
    assert str(found.value).startswith("http://127.0.0.1:9")


@pytest.mark.parametrize("raised", [RequestException("curl said so", CurlECode.COULDNT_CONNECT), MemoryError()])
def test_what_this_machine_refused_is_no_failure_of_the_network(raised: Exception) -> None:
    """Asking again would not cure it, and a breaker that waits it out would look like a command that hangs."""
    with pytest.raises(FeedError) as found, no_more_files(), translating_yfinance_errors("http://127.0.0.1:9"):
        raise raised
    assert type(found.value) is FeedError
    assert "too many files are open in this process" in str(found.value)


def test_a_shortage_of_memory_is_no_answer_that_cannot_be_read() -> None:
    with (
        pytest.raises(FeedError, match="not enough memory") as found,
        translating_yfinance_errors("http://127.0.0.1:9"),
    ):
        raise MemoryError
    assert type(found.value) is FeedError


@contextlib.contextmanager
def no_more_files() -> Iterator[None]:
    """Let this process open no more files, as `ulimit -n` does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
