"""Keep rules that were added, what each rule remembers, what fired, and how it was delivered.

One SQLite file in the data directory, apart from the bars'. What fired, the states that led to it and the deliveries
that are due are written in one transaction: a restart neither repeats an alert nor forgets one. Every row has a
checksum; one that damage changed is passed over, and named by `damage`.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tapeline.alerts.alert_records import Alert, ChannelState, FiredAlert
from tapeline.alerts.journal_tables import COVERED, make_tables, sum_up, whole
from tapeline.alerts.rule_state import State
from tapeline.core.checksums import checksum_of
from tapeline.error_text import counted
from tapeline.errors import StorageError
from tapeline.runtime.private_files import make_private_file, make_private_folder

JOURNAL_FILE = "alerts.db"

#: The most alerts kept; older ones are deleted.
KEPT_ALERTS = 10_000


class Journal:
    """Keep alerts in a file, which `create` makes where it is missing. Any thread may use it.

    Every method raises `StorageError` when the file cannot be read or written, or a newer version made it.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self._lock = threading.RLock()
        if not create and not path.exists():
            raise StorageError(f"{path}: no alerts are kept there")
        with self._translating_errors():
            make_private_folder(path.parent)
            make_private_file(path)  # its journals get the same mode
            self._connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            self._connection.create_function("checksum", -1, lambda *values: checksum_of(values), deterministic=True)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            self._connection.close()

    # -- rules -------------------------------------------------------------------------------------------------------

    def rules(self) -> list[tuple[str, str]]:
        """Return (id, text) of the rules that were added, oldest first."""
        query = f"SELECT id, text FROM rules WHERE {whole('rules')} ORDER BY added, id"  # noqa: S608 - names of this module
        return [(row[0], row[1]) for row in self._read(query)]

    def add_rule(self, rule_id: str, text: str, at: int) -> bool:
        """Keep the rule. Return False if it is there already."""
        with self._transaction() as connection:
            added = connection.execute(
                "INSERT OR IGNORE INTO rules (id, text, added) VALUES (?, ?, ?)", (rule_id, text, at)
            )
            sum_up(connection, "rules", "id = ?", [(rule_id,)])
            return added.rowcount > 0

    def remove_rule(self, rule_id: str) -> bool:
        """Delete the rule and what it remembers, not what it fired. Return False if it is not there."""
        with self._transaction() as connection:
            for table in ("states", "pauses"):
                connection.execute(f"DELETE FROM {table} WHERE rule = ?", (rule_id,))  # noqa: S608 - as above
            return connection.execute("DELETE FROM rules WHERE id = ?", (rule_id,)).rowcount > 0

    def replace_rule(self, rule_id: str, new_id: str, text: str) -> bool:
        """Put another rule in a rule's place: it remembers nothing. Return False if the first is not there.

        In the place of a paused rule it is paused. Where the new one is there already, the first is removed.
        """
        with self._transaction() as connection:
            found = connection.execute("SELECT added FROM rules WHERE id = ?", (rule_id,)).fetchone()
            if found is None:
                return False
            if connection.execute("SELECT 1 FROM rules WHERE id = ?", (new_id,)).fetchone() is None:
                connection.execute("UPDATE OR REPLACE pauses SET rule = ? WHERE rule = ?", (new_id, rule_id))
                sum_up(connection, "pauses", "rule = ?", [(new_id,)])
            for table in ("states", "pauses"):
                connection.execute(f"DELETE FROM {table} WHERE rule = ?", (rule_id,))  # noqa: S608 - as above
            connection.execute("DELETE FROM rules WHERE id = ?", (rule_id,))
            connection.execute("INSERT OR IGNORE INTO rules (id, text, added) VALUES (?, ?, ?)", (new_id, text, *found))
            sum_up(connection, "rules", "id = ?", [(new_id,)])
            return True

    def paused(self) -> frozenset[str]:
        """Return the ids of the rules that are paused."""
        return frozenset(row[0] for row in self._read(f"SELECT rule FROM pauses WHERE {whole('pauses')}"))  # noqa: S608

    def pause(self, rule_id: str, at: int | None) -> None:
        """Pause a rule from this time (UTC epoch ms) on, or, with None, let it go on as if it were new."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM states WHERE rule = ?", (rule_id,))
            connection.execute("DELETE FROM pauses WHERE rule = ?", (rule_id,))
            if at is not None:
                connection.execute("INSERT INTO pauses (rule, at) VALUES (?, ?)", (rule_id, at))
                sum_up(connection, "pauses", "rule = ?", [(rule_id,)])

    # -- what rules remember and what fired --------------------------------------------------------------------------

    def states(self, rule_id: str) -> dict[str, State]:
        """Return what the rule remembers, by symbol."""
        query = f"SELECT symbol, state FROM states WHERE rule = ? AND {whole('states')}"  # noqa: S608 - as above
        found = self._read(query, (rule_id,))
        return {symbol: State.load(text) for symbol, text in found}

    def record(
        self, states: Mapping[tuple[str, str], State], alerts: Iterable[Alert], channels: Sequence[str]
    ) -> list[Alert]:
        """Write states by (rule id, symbol) and alerts in one transaction. Return the alerts that are new, with ids.

        Each of these is then due on every one of `channels`. An alert whose key is there already is left out.
        """
        new = []
        with self._transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO states (rule, symbol, state) VALUES (?, ?, ?)",
                [(rule, symbol, state.dump()) for (rule, symbol), state in states.items()],
            )
            sum_up(connection, "states", "rule = ? AND symbol = ?", states)
            for alert in alerts:
                cursor = connection.execute(
                    "INSERT OR IGNORE INTO fired (key, rule, symbol, timestamp, at, text, price) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (alert.key, alert.rule, alert.symbol, alert.timestamp, alert.at, alert.text, alert.price),
                )
                if cursor.rowcount:
                    new.append(replace(alert, id=cursor.lastrowid or 0))
            if new:
                sum_up(connection, "fired", "id = ?", [(alert.id,) for alert in new])
                due = [(alert.id, channel) for alert in new for channel in channels]
                connection.executemany(
                    "INSERT INTO deliveries (alert, channel, state, attempts, error, at) "
                    "VALUES (?, ?, 'pending', 0, '', NULL)",
                    due,
                )
                sum_up(connection, "deliveries", "alert = ? AND channel = ?", due)
                connection.execute("DELETE FROM fired WHERE id <= ?", (new[-1].id - KEPT_ALERTS,))
        return new

    def fired(self, after: int = 0, limit: int = 200, rule: str | None = None) -> list[FiredAlert]:
        """Return the newest `limit` alerts with an id above `after`, oldest first; of one rule, by its text."""
        with self._lock:
            found = self._read(
                "SELECT * FROM (SELECT key, rule, symbol, timestamp, at, text, price, id FROM fired "  # noqa: S608
                f"WHERE id > ? AND (? IS NULL OR rule = ?) AND {whole('fired')} ORDER BY id DESC LIMIT ?) ORDER BY id",
                (after, rule, rule, limit),
            )
            if not found:
                return []
            states = self._read(
                "SELECT alert, channel, state, attempts, error, at FROM deliveries "  # noqa: S608 - as above
                f"WHERE alert >= ? AND {whole('deliveries')} ORDER BY channel",
                (found[0][-1],),
            )
        deliveries: dict[int, list[ChannelState]] = {row[-1]: [] for row in found}
        for alert, *state in states:
            if alert in deliveries:
                deliveries[alert].append(ChannelState(*state))
        names = ("key", "rule", "symbol", "timestamp", "at", "text", "price", "id")
        return [
            FiredAlert(**dict(zip(names, row, strict=True)), deliveries=tuple(deliveries[row[-1]])) for row in found
        ]

    # -- deliveries --------------------------------------------------------------------------------------------------

    def pending(self, channel: str, limit: int) -> list[Alert]:
        """Return the oldest alerts that are due on this channel."""
        found = self._read(
            "SELECT key, rule, symbol, timestamp, fired.at, text, price, id FROM deliveries "  # noqa: S608 - as above
            "JOIN fired ON fired.id = deliveries.alert WHERE channel = ? AND deliveries.state = 'pending' "
            f"AND {whole('fired', 'fired.')} AND {whole('deliveries', 'deliveries.')} ORDER BY alert LIMIT ?",
            (channel, limit),
        )
        return [Alert(*row) for row in found]

    def delivered(self, channel: str, alerts: Iterable[Alert], at: int) -> None:
        """Note that these have gone out on this channel."""
        self._attempted(channel, alerts, "delivered", "", at)

    def failed(self, channel: str, alerts: Iterable[Alert], error: str, at: int, *, final: bool) -> None:
        """Note that these have not; `final` when they are given up."""
        self._attempted(channel, alerts, "failed" if final else "pending", error, at if final else None)

    def _attempted(self, channel: str, several: Iterable[Alert], state: str, error: str, at: int | None) -> None:
        alerts = list(several)
        with self._transaction() as connection:
            connection.executemany(
                "UPDATE deliveries SET state = ?, attempts = attempts + 1, error = ?, at = ? "
                "WHERE channel = ? AND alert = ?",
                [(state, error, at, channel, alert.id) for alert in alerts],
            )
            sum_up(connection, "deliveries", "alert = ? AND channel = ?", [(alert.id, channel) for alert in alerts])

    # -- damage ------------------------------------------------------------------------------------------------------

    def damage(self) -> list[str]:
        """Return a line about each damaged part of the file. Damaged rows are passed over by every other method."""
        lines = [row[0] for row in self._read("PRAGMA integrity_check(20)") if row[0] != "ok"]
        for table in COVERED:
            (number,) = self._read(f"SELECT count(*) FROM {table} WHERE NOT {whole(table)}")[0]  # noqa: S608
            if number:
                are = "is" if number == 1 else "are"
                lines.append(f"{counted(number, 'row')} of {table} {are} damaged, and passed over")
        return lines

    def delete_damaged(self) -> None:
        """Delete the rows that are not what was written, and write the file anew."""
        with self._transaction() as connection:
            for table in COVERED:
                connection.execute(f"DELETE FROM {table} WHERE NOT {whole(table)}")  # noqa: S608 - as above
        with self._lock, self._translating_errors():
            self._connection.execute("VACUUM")

    def copy(self, path: Path) -> None:
        """Write a copy of the file, of one moment, to `path`. Whoever uses the journal goes on meanwhile."""
        with self._lock, self._translating_errors():
            make_private_file(path)
            with contextlib.closing(sqlite3.connect(path)) as target:
                self._connection.backup(target)

    # -- the file ----------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        with self._transaction() as connection:
            make_tables(connection, self.path)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translating_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # an error may have rolled it back already
                    self._connection.execute("ROLLBACK")
                raise

    def _read(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._lock, self._translating_errors():
            return self._connection.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _translating_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"{self.path}: the alerts cannot be read or written ({error})") from error
