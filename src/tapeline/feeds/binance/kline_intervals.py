"""List the intervals of Binance's klines, and spell symbols as Binance does."""

from __future__ import annotations

from tapeline.core.sessions import exchange_of
from tapeline.core.times import DAY, HOUR, MINUTE
from tapeline.errors import NoDataError
from tapeline.feeds.live.bar_intervals import YEAR, Interval

#: What messages call the venue.
VENUE = "Binance"

#: The most klines in one answer; futures have 1,500.
MOST_KLINES = 1000

#: A kline is complete when its close time has passed; its last trades may be counted a moment later.
_GRACE = 2_000

_PREFIX = "BINANCE:"

#: Assets that prices are quoted in, the longer names first where one ends like another.
_QUOTES = (
    "FDUSD", "USDT", "USDC", "TUSD", "BUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "JPY", "GBP", "AUD", "USD",
)  # fmt: skip


def _interval(name: str, ms: int, requested: str = "") -> Interval:
    return Interval(name, ms, MOST_KLINES * ms, 10 * YEAR, _GRACE, requested or name)


#: Weeks begin on Monday there and are left out: they are made of days.
INTERVALS = {
    interval.name: interval
    for interval in (
        _interval("1m", MINUTE),
        _interval("3m", 3 * MINUTE),
        _interval("5m", 5 * MINUTE),
        _interval("15m", 15 * MINUTE),
        _interval("30m", 30 * MINUTE),
        _interval("60m", HOUR, "1h"),
        _interval("1h", HOUR),
        _interval("2h", 2 * HOUR),
        _interval("4h", 4 * HOUR),
        _interval("1d", DAY),
    )
}


def venue_symbol(symbol: str) -> str:
    """Return a symbol as Binance writes it: BTCUSDT for BTC-USDT and BINANCE:BTCUSDT.

    Raises `NoDataError` for one that would elsewhere be taken for a share, with hours of an exchange.
    """
    plain = symbol.removeprefix(_PREFIX).replace("-", "")
    if exchange_of(symbol) != "24/7":
        raise NoDataError(
            f"{symbol}: is not known as a pair of coins, which trade around the clock; write {_PREFIX}{plain}"
        )
    return plain


def quote_asset(symbol: str) -> str:
    """Return what prices of a pair are in, such as USDT; '' where that cannot be told."""
    plain = symbol.removeprefix(_PREFIX).replace("-", "")
    return next((asset for asset in _QUOTES if plain.endswith(asset)), "")
