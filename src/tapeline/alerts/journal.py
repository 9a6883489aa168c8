"""What alerts keep: rules that were added, what each rule remembers, what fired, and how it was delivered.

One SQLite file in the data directory, apart from the bars'. What fired, the states behind it and the deliveries that
are due are written at once: a restart neither repeats an alert nor forgets one.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tapeline.alerts.rule_state import State
from tapeline.errors import StorageError

JOURNAL_FILE = "alerts.db"

#: Alerts kept; older ones are forgotten.
KEPT_ALERTS = 10_000

_VERSION = 1
_SCHEMA = """
CREATE TABLE rules (id TEXT PRIMARY KEY, text TEXT NOT NULL, added INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE states (rule TEXT NOT NULL, symbol TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (rule, symbol))
    WITHOUT ROWID;
CREATE TABLE fired (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, rule TEXT NOT NULL, symbol TEXT NOT NULL,
    timestamp INTEGER NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL, price REAL
);
CREATE TABLE deliveries (
    alert INTEGER NOT NULL REFERENCES fired (id) ON DELETE CASCADE, channel TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL, error TEXT NOT NULL, at INTEGER, PRIMARY KEY (alert, channel)
) WITHOUT ROWID;
CREATE INDEX deliveries_pending ON deliveries (channel, alert) WHERE state = 'pending';
"""


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule that fired. `timestamp` is the bar's open time, `at` when it was noticed (both UTC epoch ms).

    `key` is the same whenever the same rule fires for the same symbol and bar. `price` is the close, None for a
    silence. `id` counts up, 0 before it was kept.
    """

    key: str
    rule: str
    symbol: str
    timestamp: int
    at: int
    text: str
    price: float | None = None
    id: int = 0


class Journal:
    """The file, opened; any thread may use it. `create` makes it where it is missing. Raises `StorageError`."""

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self._lock = threading.RLock()
        if not create and not path.exists():
            raise StorageError(f"{path}: there are no alerts kept there")
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Closes the file; a second call does nothing."""
        with self._lock:
            self._connection.close()

    # -- rules -------------------------------------------------------------------------------------------------------

    def rules(self) -> list[tuple[str, str]]:
        """(id, text) of the rules that were added, oldest first."""
        return [(row[0], row[1]) for row in self._read("SELECT id, text FROM rules ORDER BY added, id")]

    def add_rule(self, rule_id: str, text: str, at: int) -> bool:
        """Keeps the rule. False if it is there already."""
        with self._transaction() as connection:
            return connection.execute("INSERT OR IGNORE INTO rules VALUES (?, ?, ?)", (rule_id, text, at)).rowcount > 0

    def remove_rule(self, rule_id: str) -> bool:
        """Forgets the rule and what it remembers, not what it fired. False if it is not there."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM states WHERE rule = ?", (rule_id,))
            return connection.execute("DELETE FROM rules WHERE id = ?", (rule_id,)).rowcount > 0

    # -- what rules remember and what fired --------------------------------------------------------------------------

    def states(self, rule_id: str) -> dict[str, State]:
        """What the rule remembers, by symbol."""
        found = self._read("SELECT symbol, state FROM states WHERE rule = ?", (rule_id,))
        return {symbol: State.load(text) for symbol, text in found}

    def record(
        self, states: Mapping[tuple[str, str], State], alerts: Iterable[Alert], channels: Sequence[str]
    ) -> list[Alert]:
        """Writes states by (rule id, symbol) and alerts at once. The alerts that were not there before, with ids.

        Each of these is due on every one of `channels`.
        """
        new = []
        with self._transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO states VALUES (?, ?, ?)",
                [(rule, symbol, state.dump()) for (rule, symbol), state in states.items()],
            )
            for alert in alerts:
                cursor = connection.execute(
                    "INSERT OR IGNORE INTO fired (key, rule, symbol, timestamp, at, text, price) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (alert.key, alert.rule, alert.symbol, alert.timestamp, alert.at, alert.text, alert.price),
                )
                if cursor.rowcount:
                    new.append(_alert((cursor.lastrowid, *_values(alert))))
            if new:
                connection.executemany(
                    "INSERT INTO deliveries VALUES (?, ?, 'pending', 0, '', NULL)",
                    [(alert.id, channel) for alert in new for channel in channels],
                )
                connection.execute("DELETE FROM fired WHERE id <= ?", (new[-1].id - KEPT_ALERTS,))
        return new

    def fired(self, after: int = 0, limit: int = 200) -> list[dict[str, Any]]:
        """The newest alerts with an id above `after`, oldest first, as JSON types, each with its `deliveries`."""
        with self._lock:
            found = self._read(
                "SELECT * FROM (SELECT id, key, rule, symbol, timestamp, at, text, price FROM fired WHERE id > ? "
                "ORDER BY id DESC LIMIT ?) ORDER BY id",
                (after, limit),
            )
            if not found:
                return []
            told = self._read(
                "SELECT alert, channel, state, attempts, error, at FROM deliveries WHERE alert >= ? ORDER BY channel",
                (found[0][0],),
            )
        deliveries: dict[int, list[dict[str, Any]]] = {row[0]: [] for row in found}
        for alert, channel, state, attempts, error, at in told:
            if alert in deliveries:
                deliveries[alert].append(
                    {"channel": channel, "state": state, "attempts": attempts, "error": error, "at": at}
                )
        names = ("id", "key", "rule", "symbol", "timestamp", "at", "text", "price")
        return [{**dict(zip(names, row, strict=True)), "deliveries": deliveries[row[0]]} for row in found]

    # -- deliveries --------------------------------------------------------------------------------------------------

    def pending(self, channel: str, limit: int) -> list[Alert]:
        """The oldest alerts that are due on this channel."""
        found = self._read(
            "SELECT id, key, rule, symbol, timestamp, fired.at, text, price FROM deliveries "
            "JOIN fired ON fired.id = deliveries.alert WHERE channel = ? AND state = 'pending' ORDER BY alert LIMIT ?",
            (channel, limit),
        )
        return [_alert(row) for row in found]

    def delivered(self, channel: str, alerts: Iterable[Alert], at: int) -> None:
        """These have gone out on this channel."""
        self._attempted(channel, alerts, "delivered", "", at)

    def failed(self, channel: str, alerts: Iterable[Alert], error: str, at: int, *, final: bool) -> None:
        """These have not; `final` when it is not tried again."""
        self._attempted(channel, alerts, "failed" if final else "pending", error, at if final else None)

    def _attempted(self, channel: str, alerts: Iterable[Alert], state: str, error: str, at: int | None) -> None:
        with self._transaction() as connection:
            connection.executemany(
                "UPDATE deliveries SET state = ?, attempts = attempts + 1, error = ?, at = ? "
                "WHERE channel = ? AND alert = ?",
                [(state, error, at, channel, alert.id) for alert in alerts],
            )

    # -- the file ----------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        with self._transaction() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise StorageError(f"{self.path}: a newer tapeline made it (version {version}): upgrade tapeline")
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_VERSION}")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # an error may have rolled it back already
                    self._connection.execute("ROLLBACK")
                raise

    def _read(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._lock, self._explained():
            return self._connection.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"{self.path}: the alerts cannot be read or written ({error})") from error


def _values(alert: Alert) -> tuple[Any, ...]:
    return alert.key, alert.rule, alert.symbol, alert.timestamp, alert.at, alert.text, alert.price


def _alert(row: Sequence[Any]) -> Alert:
    number, key, rule, symbol, timestamp, at, text, price = row
    return Alert(key, rule, symbol, timestamp, at, text, price, number)
