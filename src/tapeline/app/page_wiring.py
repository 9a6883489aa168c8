"""Wire what page and API show: a data directory's store, models, watch-list, users and health."""

from __future__ import annotations

import contextlib
import functools
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from tapeline.alerts.saved_scans import SCANS_FILE, SavedScans
from tapeline.alerts.service import Alerts
from tapeline.app.config import Settings
from tapeline.app.data_directory import DataDirectory, archive_in, users_in, watchlist_in
from tapeline.app.system_health import SystemHealth
from tapeline.backends.files.file_archive import LocalArchive
from tapeline.core.candle_intervals import INTERVALS
from tapeline.core.foreign import Bounds, load_json
from tapeline.core.messages import Action
from tapeline.core.troubles import Troubles
from tapeline.errors import DecodeError, StorageError
from tapeline.feeds.live.live_source import Status
from tapeline.indicators import DEFAULT
from tapeline.runtime.delivery_lag import BOUNDS, DeliveryLag
from tapeline.web import Access, Desks, FeedPulse, PageData, ReplayProgress
from tapeline.web.page_data import SymbolLookup

if TYPE_CHECKING:
    from tapeline.app.cloud_wiring import Clients

#: The page shows it where it is in the data directory: `tapeline evaluate --json > tapeline-data/evaluation.json`.
EVALUATION_FILE = "evaluation.json"

#: Where what users arranged on the page is kept in the data directory.
DESKS_FOLDER = "desks"

_ERRORS = 20
_EVALUATION = Bounds(size=16 << 20, parts=200_000, values=2_000_000)  # a report of 20 symbols has 60 KB


def access_of(settings: Settings) -> Access:
    """Return who may do what, by the settings and the data directory's users."""
    page = settings.page
    token = page.token.get_secret_value() if page.token else ""
    users = users_in(settings.data_dir)
    return Access(token, users, behind_login=page.behind_login, trusted_proxies=page.trusted_proxies)


def page_data_of(
    directory: DataDirectory,
    *,
    live: bool,
    replay: Callable[[], ReplayProgress | None] = lambda: None,
    collector: Callable[[], Status | None] = lambda: None,
    lag: DeliveryLag | None = None,
    alerts: Alerts | None = None,
    troubles: Callable[[], Troubles] | None = None,
    no_model: str = "",
    indicators: Sequence[str] = DEFAULT,
    lookup: SymbolLookup | None = None,
) -> PageData:
    """Return what the page over a data directory is made of.

    `live` says that symbols are collected into it, so that the list of them can change. `replay` and `collector` say
    how far the source in this process has come, `lag` how long deliveries took from their arrival to the store,
    `troubles` what is wrong with the system (None: what the directory and the collector tell); `no_model` says why
    nothing is predicted, `indicators` are shown where none are asked for, `lookup` is where symbols are looked up.
    """

    def health() -> Mapping[str, Any]:
        status = collector()
        disk = shutil.disk_usage(directory.path)
        return {
            "collector": None if status is None else _collector(status),
            "lag": _lag(lag),
            "depth": _depth(directory),
            "errors": list(directory.store.damaged)[-_ERRORS:],
            "disk_free": disk.free,
            "disk_total": disk.total,
        }

    return PageData(
        directory.store,
        replay=replay,
        stored=directory.store.count,
        no_model=no_model,
        registry=directory.models,
        ranges=directory.ranges,
        rejects=directory.store.rejects,
        watchlist=watchlist_in(directory.path) if live else None,
        feed=lambda: None if (status := collector()) is None else _pulse(status),
        lookup=lookup if live else None,
        health=health,
        currency=_currencies(archive_in(directory.path)),
        alerts=alerts,
        actions=_actions(archive_in(directory.path)),
        desks=Desks(directory.path / DESKS_FOLDER),
        scans=SavedScans(directory.path / SCANS_FILE),
        troubles=SystemHealth(directory, collector).troubles if troubles is None else troubles,
        evaluation=functools.partial(_evaluation, directory),
        indicators=indicators,
    )


def cloud_page_data(settings: Settings, client: Clients) -> PageData:
    """Return what the page over DynamoDB is made of: the rows, without anything to change. Raises `ConfigError`."""
    from tapeline.app.cloud_wiring import cloud_ranges, dynamo_store

    ranges = cloud_ranges(settings, client) if settings.aws.bucket else None
    return PageData(dynamo_store(settings, client), indicators=settings.indicators, ranges=ranges)


def is_live(directory: DataDirectory) -> bool:
    """Return whether symbols are or were collected into this data directory."""
    return watchlist_in(directory.path).path.exists()


def _pulse(status: Status) -> FeedPulse:
    state = "streaming" if status.streaming else "polling" if status.polling else "not connected"
    heard = max(status.heard, status.answered) if status.polling else status.heard
    return FeedPulse(state, heard or None, status.problems)


def _collector(status: Status) -> dict[str, Any]:
    pulse = _pulse(status)
    return {
        "state": pulse.state,
        "last_message": pulse.heard,
        "symbols": status.symbols,
        "markets": list(status.markets),
        "events": [{"timestamp": time, "text": text} for time, text in status.events],
        "problems": dict(status.problems),
    }


def _lag(measured: DeliveryLag | None) -> dict[str, Any] | None:
    """Return median and 99th percentile of the newest in ms, and the histogram; None where nothing was measured."""
    if measured is None or not (seconds := measured.seconds()):
        return None
    histogram = measured.histogram()
    p50, p99 = np.percentile(np.array(seconds) * 1000, (50, 99)).tolist()
    return {"p50": round(p50, 3), "p99": round(p99, 3), "count": len(seconds), **asdict(histogram), "bounds": BOUNDS}


def _depth(directory: DataDirectory) -> int:
    """Return how many bars of the stream are not in the store yet."""
    _, position = directory.store.load(())
    return max(directory.stream.end() - position, 0)


def _actions(archive: LocalArchive) -> Callable[[str], Iterable[Action]]:
    """Return a function that gives the splits and dividends in a symbol's archived history, of any interval."""

    def actions(symbol: str) -> Iterable[Action]:
        found: dict[Action, None] = {}
        for interval in INTERVALS:
            with contextlib.suppress(StorageError):  # `tapeline check` tells of damage
                series = archive.load(symbol, interval)
                found |= dict.fromkeys(series.actions if series is not None else ())
        return found

    return actions


def _currencies(archive: LocalArchive) -> Callable[[str], str]:
    """Return a function that says what a symbol is quoted in, by its archived history; '' where there is none."""

    def currency(symbol: str) -> str:
        for interval in INTERVALS:
            try:
                series = archive.load(symbol, interval)
            except StorageError:
                continue
            if series is not None and series.currency:
                return series.currency
        return ""

    return currency


def _evaluation(directory: DataDirectory) -> dict[str, Any] | None:
    """Return the walk-forward report in the data directory, None where there is none that can be read."""
    try:
        document = load_json((directory.path / EVALUATION_FILE).read_bytes(), _EVALUATION)
    except (OSError, DecodeError):
        return None
    return document if isinstance(document, dict) else None
