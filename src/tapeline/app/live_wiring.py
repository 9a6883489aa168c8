"""Wire the market data feeds: history and live bars, for every command that collects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from tapeline.app.config import Settings
from tapeline.app.data_directory import archive_in
from tapeline.core.listed_symbols import SymbolSearch
from tapeline.core.times import MINUTE
from tapeline.errors import ConfigError, FeedError
from tapeline.feeds import binance, yahoo
from tapeline.feeds.live.bar_intervals import Interval
from tapeline.feeds.live.history import History
from tapeline.feeds.live.live_source import LiveSource
from tapeline.feeds.live.symbol_directory import LISTINGS_FILE, SymbolDirectory
from tapeline.feeds.live.venue import HistoryClient, QuoteStream
from tapeline.runtime.clock import Clock, SystemClock

#: The longest bars (ms) that both pre-market (5.5 hours in New York) and after hours are made of without a rest.
_LONGEST_EXTENDED = 30 * MINUTE


@dataclass(frozen=True, slots=True)
class Feed:
    """Hold what a venue brings: its name in messages, its intervals, and how its two clients are made."""

    venue: str
    intervals: Mapping[str, Interval]
    history: Callable[[Settings, Clock], HistoryClient]
    stream: Callable[[Settings, Clock], QuoteStream]


#: Every feed by the name that the setting `feed` chooses it with.
FEEDS = {
    "yahoo": Feed(
        yahoo.VENUE,
        yahoo.INTERVALS,
        lambda settings, clock: yahoo.ChartClient(yahoo.YFinanceTransport(settings.yahoo.url), clock),
        lambda settings, clock: yahoo.PriceStream(settings.yahoo.stream_url, clock),
    ),
    "binance": Feed(
        binance.VENUE,
        binance.INTERVALS,
        lambda settings, clock: binance.KlineClient(settings.binance.url, clock),
        lambda settings, clock: binance.KlineStream(settings.binance.stream_url, clock),
    ),
}


#: How the venue of a feed is searched for symbols; a feed that is not here is not searched.
_SEARCHES: dict[str, Callable[[Settings], SymbolSearch]] = {
    "yahoo": lambda settings: yahoo.YahooSearch(yahoo.YFinanceTransport(settings.yahoo.url)),
}


def symbol_directory(settings: Settings) -> SymbolDirectory | None:
    """Return where symbols of the feed are looked up, None where its venue is not searched."""
    search = _SEARCHES.get(settings.feed)
    return None if search is None else SymbolDirectory(search(settings), settings.data_dir / LISTINGS_FILE)


def feed_of(settings: Settings) -> Feed:
    """Return the feed that the settings name. Raises `ConfigError`."""
    try:
        return FEEDS[settings.feed]
    except KeyError:
        raise ConfigError(f"setting feed = {settings.feed!r}: there are {', '.join(FEEDS)}") from None


def interval_of(settings: Settings, name: str) -> Interval:
    """Return the feed's interval of this name, with extended hours where the settings ask for them.

    Raises `FeedError` where the feed has none of this name.
    """
    feed = feed_of(settings)
    try:
        interval = feed.intervals[name]
    except KeyError:
        raise FeedError(f"{feed.venue} has no interval {name!r}; there are {', '.join(feed.intervals)}") from None
    extended = settings.feed == "yahoo" and settings.yahoo.extended_hours and interval.ms <= _LONGEST_EXTENDED
    return replace(interval, extended=True) if extended else interval


def live_history(settings: Settings) -> History:
    """Return the feed's history, over what the data directory's archive keeps of it. The caller closes it."""
    clock = SystemClock()
    return History(feed_of(settings).history(settings, clock), archive_in(settings.data_dir), clock)


def live_source(
    settings: Settings,
    history: History,
    symbols: Iterable[str],
    interval: Interval,
    since: int,
    *,
    stored: bool = False,
) -> LiveSource:
    """Return a source of live bars that continues this history. `since` (UTC epoch ms) is where its first bars are.

    With `stored` bars to go on with, whoever they came from, it waits for a network; otherwise it says there is none.
    """
    clock = SystemClock()
    stream = feed_of(settings).stream(settings, clock)
    forming_ms = int(settings.forming_seconds * 1000)
    return LiveSource(
        symbols, interval, history, stream, since=since, clock=clock, forming_ms=forming_ms, stored=stored
    )
