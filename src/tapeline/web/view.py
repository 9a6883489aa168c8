"""What the page and the API are given: where rows are read, what they may say about them, and what they may change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tapeline.alerts import Alerts
from tapeline.core.market import Reject
from tapeline.core.ports import Store
from tapeline.forecast.model import Metadata
from tapeline.forecast.registry import Registry


@dataclass(frozen=True, slots=True)
class ReplayProgress:
    """How far a replay has come: `done` of `total` bars (None: not known); `ended` when no more will come."""

    done: int
    total: int | None = None
    ended: bool = False


class SymbolList(Protocol):
    """Which symbols are collected. `save` replaces the list whole; a running collector follows it."""

    def load(self) -> list[str]: ...

    def save(self, symbols: Iterable[str]) -> None: ...


def _no_rejects(_: int | None) -> Iterator[Reject]:
    return iter(())


@dataclass(frozen=True, slots=True)
class View:
    """What is shown. Everything is called from threads of the page's own, a few at a time.

    `replay` answers with the progress of a replay, None when there is none; `stored` with the number of rows in the
    store. `models` are the metadata of the versions that rows name, as far as they are known, `registry` is where
    versions are read and promoted. `no_model` says why there are no predictions, where that is so.

    `rejects` gives the newest so many refused records. `watchlist` is the list of collected symbols, None where it
    cannot be changed. `health` says how the parts in this process and beside it do: names as in `GET /api/v1/health`.
    `currency` answers with what a symbol's prices are quoted in, '' where it is not known. `alerts` gives the fired
    alerts with an `id` above the given one, oldest first, `rulebook` holds the rules, None where there can be none.
    `evaluation` is the last walk-forward report as JSON types.
    """

    store: Store
    replay: Callable[[], ReplayProgress | None] = lambda: None
    stored: Callable[[], int | None] = lambda: None
    models: Mapping[str, Metadata] = field(default_factory=dict)
    no_model: str = ""
    registry: Registry | None = None
    rejects: Callable[[int | None], Iterator[Reject]] = _no_rejects
    watchlist: SymbolList | None = None
    health: Callable[[], Mapping[str, Any]] = dict
    currency: Callable[[str], str] = lambda _: ""
    alerts: Callable[[int], Sequence[Mapping[str, Any]]] = lambda _: ()
    rulebook: Alerts | None = None
    evaluation: Callable[[], Mapping[str, Any] | None] = lambda: None
