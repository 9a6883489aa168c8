"""Talk to a running server with the verbs of the package: `tapeline.connect("http://127.0.0.1:8000")`.

The answers are those of the API (docs/api.md). `async_client` has the same verbs for programs with an event loop.
"""

from __future__ import annotations

import functools
import http.client
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, overload
from urllib.parse import quote

from tapeline.app import config
from tapeline.app.server_requests import ServerRequests
from tapeline.core.foreign import Bounds, load_json
from tapeline.core.retrying import backoff_seconds
from tapeline.errors import DecodeError, StorageError

if TYPE_CHECKING:
    from tapeline.app.async_client import AsyncClient
    from tapeline.app.expectations import Forecast, PriceOdds
    from tapeline.app.loading import Time

#: What an event may have: the quotes of 10,000 symbols take 3 MB.
EVENT = Bounds(size=16 << 20, parts=200_000, values=1_000_000)

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """Hold one message of a server: `quotes`, `bars`, `status` or `alert`, with its JSON value; `id` of an alert."""

    kind: str
    data: Any
    id: str = ""


class ServerClient:
    """Ask a running server. Any thread may use it; each call is one request, or a page of them.

    Every method raises `NotFoundError`, `NotPossibleError` or `InputError` for what the server refuses, and
    `StorageError` when it does not answer.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self._token = token
        self._requests = ServerRequests(url, token)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.url}>"

    def symbols(self) -> list[dict[str, Any]]:
        """Return the watch-list: a quote for each symbol.

        tapeline.connect("http://127.0.0.1:8000").symbols()
        """
        found: list[dict[str, Any]] = self._requests.document("/symbols", {}, ("symbols",))["symbols"]
        return found

    def load(
        self, symbols: str | Sequence[str], *, interval: str | None = None, indicators: Sequence[str] = (),
        start: Time | None = None, end: Time | None = None, ranges: bool = False, to: str = "pandas",
    ) -> Any:  # fmt: skip
        """Return bars as a data frame, as `tapeline.load` does."""
        from tapeline.app.loading import load

        return load(
            symbols, interval=interval, indicators=indicators, start=start, end=end, url=self.url,
            token=self._token or "", ranges=ranges, to=to,
        )  # fmt: skip

    def scan(
        self, rule: str, *, columns: Sequence[str] = (), interval: str | None = None, at: Time | None = None,
        sort: str = "", limit: int = 10_000, to: str = "pandas",
    ) -> Any:  # fmt: skip
        """Return the symbols on whose newest bar a rule holds as a data frame, as `tapeline.scan` does.

        A server gives at most 10,000; a warning says how many there are where that, or `limit`, leaves some out.
        """
        from tapeline.app.loading import checked_kind, frame_of, in_epoch_ms, warn
        from tapeline.app.scanning import matches_table

        checked_kind(to)
        query = {
            "rule": rule, "columns": ",".join(columns), "interval": interval, "at": in_epoch_ms(at), "sort": sort,
            "limit": limit,
        }  # fmt: skip
        found = self._requests.document("/scan", query, ("matches", "columns", "matched"))
        with self._requests.taking_apart():
            if found["matched"] > len(found["matches"]):
                warn(f"{found['matched']:,} symbols match; the first {len(found['matches']):,} in this order are here")
            for symbol in found.get("without_bars", ()):
                warn(f"{self._requests.base}: there are no bars of {symbol}")
            table = matches_table(found["matches"], found["columns"])
        return frame_of(table, to, index=None)

    def forecast(self, symbol: str, *, interval: str | None = None) -> Forecast:
        """Return the expected move after the last closed bar, as `tapeline.forecast` does."""
        from tapeline.app.expectations import Forecast
        from tapeline.app.stored_forecasts import no_forecast

        path = f"/symbols/{quote(symbol, safe='')}/forecast"
        found = self._requests.document(path, {"interval": interval}, ("symbol", "interval"))
        if found.get("horizons") is None:
            raise no_forecast(symbol)
        with self._requests.taking_apart():
            return Forecast(
                found["symbol"], found["interval"], _time(found["timestamp"]), found["close"],
                {int(horizon): fields for horizon, fields in found["horizons"].items()}, found["words"],
                found["model"], found["is_newest"],
            )  # fmt: skip

    def odds(self, symbol: str, price: float, *, within: int = 5, interval: str | None = None) -> PriceOdds:
        """Return the chance that a price is touched, or passed, as `tapeline.odds` does."""
        from tapeline.app.expectations import PriceOdds

        query = {"price": price, "within": within, "interval": interval}
        names = [each.name for each in fields(PriceOdds)]  # a newer server may have more to say
        found = self._requests.document(f"/symbols/{quote(symbol, safe='')}/odds", query, names)
        with self._requests.taking_apart():
            return PriceOdds(**{name: found[name] for name in names} | {"timestamp": _time(found["timestamp"])})

    def alerts(self, limit: int = 200) -> list[dict[str, Any]]:
        """Return the newest alerts, newest first."""
        found: list[dict[str, Any]] = self._requests.document("/alerts", {"limit": limit}, ("alerts",))["alerts"]
        return found

    def events(
        self, symbol: str | None = None, *, interval: str | None = None, indicators: Sequence[str] | None = None,
        stopping: threading.Event | None = None, sleep: Callable[[float], object] = time.sleep,
    ) -> Iterator[ServerEvent]:  # fmt: skip
        """Yield what changes, for ever or until `stopping` is set: quotes, status, alerts, and bars of a symbol.

            for event in tapeline.connect("http://127.0.0.1:8000").events("TSLA"):
                print(event.kind, event.data)
                break

        A connection that is lost is made again, with growing waits; alerts that fired meanwhile come then. Raises
        `NotFoundError` for a symbol that the server does not know, with the one that may be meant.
        """
        if symbol is not None:  # nothing would ever come of it
            path = f"/symbols/{quote(symbol, safe='')}/bars"
            self._requests.document(path, {"limit": 1, "interval": interval, "indicators": ""}, ("columns",))
        query = {
            "symbol": symbol, "interval": interval, "indicators": None if indicators is None else ",".join(indicators),
        }  # fmt: skip
        last, failures, began = "", 0, False
        while stopping is None or not stopping.is_set():
            headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
            try:
                with self._requests.open("/events", query, headers) as answer:
                    if answer.headers.get_content_type() != "text/event-stream":
                        raise StorageError(f"{self._requests.base}: no events come; is a page served there?")
                    for event in parsed_events(iter(functools.partial(answer.readline, EVENT.size + 1), b"")):
                        began, failures, last = True, 0, event.id or last
                        if event.kind != "beat":
                            yield event
                        if stopping is not None and stopping.is_set():
                            return
            except StorageError:
                if not began:
                    raise  # there is no server
            except (OSError, http.client.HTTPException):
                pass  # the connection broke
            sleep(backoff_seconds(failures, _FIRST_WAIT, _LONGEST_WAIT))
            failures += 1


def parsed_events(lines: Iterable[bytes]) -> Iterator[ServerEvent]:
    """Yield the server-sent events in these lines, as the HTML standard has them; comments are passed over.

    Raises `StorageError` for an event whose data is not JSON, or that is too long.
    """
    kind, identifier = "message", ""
    data: list[str] = []
    size = 0
    for raw in lines:
        size += len(raw)
        if size > EVENT.size:
            raise StorageError(f"an event of the server is longer than {EVENT.size:,} bytes; is a page served there?")
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                try:
                    value = load_json("\n".join(data), EVENT)
                except DecodeError as error:
                    raise StorageError(f"an event of the server: {error}") from error
                yield ServerEvent(kind, value, identifier)
            kind, identifier, data, size = "message", "", [], 0
        elif name == "event":
            kind = value
        elif name == "id":
            identifier = value
        elif name == "data":
            data.append(value)


@overload
def connect(url: str, token: str | None = None, *, asynchronous: Literal[False] = False) -> ServerClient: ...


@overload
def connect(url: str, token: str | None = None, *, asynchronous: Literal[True]) -> AsyncClient: ...


def connect(url: str, token: str | None = None, *, asynchronous: bool = False) -> ServerClient | AsyncClient:
    """Return a client of the server at `url`, with the verbs of this package. Nothing is sent yet.

        server = tapeline.connect("http://127.0.0.1:8000")
        server.load("TSLA", indicators=["sma_20"])
        server.scan("rsi_14 < 30")

    `token` opens a server that asks for one, by default the setting page.token. With `asynchronous` the verbs are to be
    awaited, and `events` is for `async for`. Raises `InputError` for a text that is no address.
    """
    if token is None and (known := config.load().page.token) is not None:
        token = known.get_secret_value()
    client = ServerClient(url, token)
    if asynchronous:
        from tapeline.app.async_client import AsyncClient

        return AsyncClient(client)
    return client


def _time(timestamp: int) -> datetime:
    return datetime.fromtimestamp(timestamp / 1000, UTC)
