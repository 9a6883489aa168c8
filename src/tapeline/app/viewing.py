"""What the page and the API of a data directory are given: its store, models, watch-list, users and health."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tapeline.alerts import Alerts
from tapeline.app import cloud_wiring as cloud
from tapeline.app.config import Settings
from tapeline.app.wiring import DataDirectory
from tapeline.backends.files.file_archive import LocalArchive
from tapeline.errors import StorageError
from tapeline.feeds.yahoo import Watchlist
from tapeline.feeds.yahoo.yahoo_source import Status
from tapeline.web import Access, ReplayProgress, View
from tapeline.web.candle_intervals import INTERVALS
from tapeline.web.users import Users

#: Kept in the data directory, the page shows it: `tapeline evaluate --json > tapeline-data/evaluation.json`.
EVALUATION_FILE = "evaluation.json"

_ERRORS = 20


def users_at(settings: Settings) -> Users:
    """Who may log in to the page of this data directory."""
    return Users(settings.data_dir / "users.json")


def access_of(settings: Settings) -> Access:
    """Who may do what, by the settings and the data directory's users."""
    token = settings.token.get_secret_value() if settings.token else ""
    return Access(token, users_at(settings), behind_login=settings.behind_login)


def view_of(
    home: DataDirectory,
    *,
    live: bool,
    replay: Callable[[], ReplayProgress | None] = lambda: None,
    collector: Callable[[], Status | None] = lambda: None,
    lags: Callable[[], list[float]] = list,
    alerts: Alerts | None = None,
    no_model: str = "",
) -> View:
    """The data directory as a view. `live` when symbols are collected into it, so that the list of them can change."""

    def health() -> Mapping[str, Any]:
        status = collector()
        disk = shutil.disk_usage(home.path)
        problems = [f"{symbol}: {text}" for symbol, text in status.problems.items()] if status else []
        return {
            "collector": None if status is None else _collector(status),
            "lag": _lag(lags()),
            "depth": _depth(home),
            "errors": problems[-_ERRORS:],
            "disk_free": disk.free,
            "disk_total": disk.total,
        }

    return View(
        home.store,
        replay=replay,
        stored=home.store.count,
        no_model=no_model,
        registry=home.models,
        rejects=home.store.rejects,
        watchlist=Watchlist(home.path / "symbols.txt") if live else None,
        health=health,
        currency=_currencies(LocalArchive(home.path / "archive")),
        alerts=alerts.since if alerts else lambda _: (),
        rulebook=alerts,
        evaluation=functools.partial(_evaluation, home),
    )


def cloud_view(settings: Settings, client: cloud.Clients) -> View:
    """The rows in DynamoDB as a view, for looking only. Raises `ConfigError`."""
    return View(cloud.store(settings, client))


def is_live(home: DataDirectory) -> bool:
    """Whether symbols are or were collected into this data directory."""
    return (home.path / "symbols.txt").exists()


def _collector(status: Status) -> dict[str, Any]:
    return {
        "state": "streaming" if status.streaming else "polling" if status.polling else "not connected",
        "last_message": status.heard or None,
        "symbols": status.symbols,
        "markets": list(status.markets),
    }


def _lag(seconds: list[float]) -> dict[str, float] | None:
    """Median and 99th percentile in ms, None where nothing was measured."""
    if not seconds:
        return None
    p50, p99 = np.percentile(np.array(seconds) * 1000, (50, 99)).tolist()
    return {"p50": round(p50, 3), "p99": round(p99, 3), "count": len(seconds)}


def _depth(home: DataDirectory) -> int:
    """How many bars of the stream are not in the store yet."""
    _, position = home.store.load(())
    return max(home.stream.end() - position, 0)


def _currencies(archive: LocalArchive) -> Callable[[str], str]:
    """What each symbol is quoted in, as its archived history says; '' where there is none."""

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


def _evaluation(home: DataDirectory) -> dict[str, Any] | None:
    """The walk-forward report that was kept in the data directory, None where there is none that can be read."""
    try:
        document = json.loads((home.path / EVALUATION_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
