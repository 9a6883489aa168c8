"""Define what a page shows and may change: the store and whatever else of a data directory it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tapeline.alerts.saved_scans import SavedScans
from tapeline.alerts.service import Alerts
from tapeline.core.listed_symbols import ListedSymbol
from tapeline.core.market import Reject
from tapeline.core.messages import Action
from tapeline.core.ports import Store
from tapeline.core.troubles import Troubles
from tapeline.forecast.range_registry import RangeRegistry
from tapeline.forecast.registry import Registry
from tapeline.web.candles import CandleReader
from tapeline.web.desks import Desks


@dataclass(frozen=True, slots=True)
class ReplayProgress:
    """Say how far a replay is: `done` of `total` bars (None: not known); `ended` when no more will come."""

    done: int
    total: int | None = None
    ended: bool = False


@dataclass(frozen=True, slots=True)
class FeedPulse:
    """Say how a live feed in this process is doing: `streaming`, `polling` or `not connected`.

    `heard` is when the last price came, or while polling the last answer (UTC epoch ms, None: never). `problems` maps
    symbols to why they bring nothing.
    """

    state: str
    heard: int | None
    problems: Mapping[str, str]


class SymbolList(Protocol):
    """List the symbols that are collected. A running collector follows the list."""

    def load(self) -> list[str]:
        """Return the symbols in the order they were added."""
        ...

    def change(self, change: Callable[[list[str]], Iterable[str]]) -> list[str]:
        """Replace the list by what `change` makes of it, while nobody else does, and return that."""
        ...


class SymbolLookup(Protocol):
    """Look symbols up at the venue that bars are collected from. Blocking, for seconds."""

    venue: str

    def find(self, text: str) -> Sequence[ListedSymbol]:
        """Return what the venue finds for a text, best first. Raises `FeedError`."""
        ...

    def check(self, symbol: str) -> ListedSymbol:
        """Return the symbol as the venue lists it. Raises `NotFoundError` and `FeedError`."""
        ...

    def names(self) -> Mapping[str, ListedSymbol]:
        """Return what is known of symbols that were checked before."""
        ...


def _no_rejects(_: int | None) -> Iterator[Reject]:
    return iter(())


@dataclass(frozen=True, slots=True)
class PageData:
    """Hold what one page is made of. Only `store` is needed; whatever else is left out is shown as absent.

    The web room reads nothing but this: `app` fills it from a data directory or from DynamoDB. Everything in it is
    called from several threads of the page's own, and raises `TapelineError` where something cannot be read.

    - `replay` returns the progress of a replay, None when there is none; then time is that of the newest bar.
    - `stored` returns how many rows the store has, None where counting is not possible.
    - `ranges` is where range models are read.
    - `registry` is where model versions are read and promoted; `no_model` says why there are no predictions.
    - `rejects` yields the newest refused records, as many as asked for (None: all).
    - `watchlist` is the list of collected symbols, None where it cannot be changed.
    - `feed` returns how the live feed of this process is doing, None where none runs.
    - `lookup` is where symbols are looked up before they are collected, None where they are not.
    - `health` returns how the parts of the system are doing, under the names of `GET /api/v1/health`.
    - `troubles` returns what is wrong with the system itself, by kind.
    - `currency` returns what a symbol's prices are quoted in, '' where that is not known.
    - `alerts` are the rules and what they fired, None where none can be kept.
    - `scans` are the saved questions to the screener, None where none can be kept.
    - `indicators` are the specs shown where none are asked for, None for those that the store keeps with its rows;
      `candles` reads with them.
    - `actions` returns the splits and dividends in a symbol's archived history, in any order.
    - `desks` keeps what each user arranged on the page, None where nothing can be kept.
    - `evaluation` returns the last walk-forward report as JSON types, None where none was kept.
    """

    store: Store
    replay: Callable[[], ReplayProgress | None] = lambda: None
    stored: Callable[[], int | None] = lambda: None
    registry: Registry | None = None
    ranges: RangeRegistry | None = None
    no_model: str = ""
    rejects: Callable[[int | None], Iterator[Reject]] = _no_rejects
    watchlist: SymbolList | None = None
    feed: Callable[[], FeedPulse | None] = lambda: None
    lookup: SymbolLookup | None = None
    health: Callable[[], Mapping[str, Any]] = dict
    troubles: Callable[[], Troubles] = dict
    currency: Callable[[str], str] = lambda _: ""
    alerts: Alerts | None = None
    scans: SavedScans | None = None
    actions: Callable[[str], Iterable[Action]] = lambda _: ()
    desks: Desks | None = None
    evaluation: Callable[[], Mapping[str, Any] | None] = lambda: None
    indicators: Sequence[str] | None = None
    candles: CandleReader = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "candles", CandleReader(self.store, self.indicators))
