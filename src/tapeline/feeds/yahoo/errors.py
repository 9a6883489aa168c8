"""What can go wrong with Yahoo, told apart by what helps: waiting, another symbol or period, or the network."""

from __future__ import annotations


class YahooError(Exception):
    """Something Yahoo did or did not do; the message is one line for the user."""


class UnreachableError(YahooError):
    """No connection: the name does not resolve, the host does not answer, a proxy refuses."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"{url} cannot be reached ({reason}); check the network, a proxy, or the setting yahoo_url. "
            "`tapeline demo` needs no network"
        )


class RateLimitedError(YahooError):
    """Too many requests (429). `retry_after` is what the answer asked for, in seconds, where it did."""

    def __init__(self, retry_after: float | None = None) -> None:
        super().__init__("Yahoo limits the rate of requests from this address (429); wait some minutes and try again")
        self.retry_after = retry_after


class ServerError(YahooError):
    """An answer of 5xx, or one that was cut or is no chart. The same request may work a little later."""


class NoDataError(YahooError):
    """Yahoo has nothing under this symbol and period, and says why: unknown, delisted, too far back."""
