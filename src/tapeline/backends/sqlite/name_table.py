"""Give symbols and models numbers, which is what rows and blocks say instead of their names."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from tapeline.backends.sqlite.checked_rows import checked_rows, put_rows
from tapeline.backends.sqlite.damage_log import DamageLog
from tapeline.core.series import symbol_of
from tapeline.errors import StorageError


class NameTable:
    """Number names and know them again, each verified once by its checksum. A number never gets another name."""

    def __init__(self, damage: DamageLog) -> None:
        self._damage = damage
        self._numbers: dict[tuple[str, str], int] = {}
        self._names: dict[str, dict[int, str]] = {"symbols": {}, "models": {}}
        self._grouped: tuple[int, dict[str, dict[str, int]]] = (0, {})  # series by symbol, and of how many names

    def forget(self) -> None:
        """Forget numbers that were given out in a transaction that was rolled back."""
        self._numbers.clear()
        self._names = {"symbols": {}, "models": {}}
        self._grouped = (0, {})

    def known_numbers(self, table: str, names: Iterable[str]) -> dict[str, int] | None:
        """Return the numbers of these names, None where one is not known here yet."""
        found = {name: self._numbers.get((table, name), -1) for name in names}
        return None if -1 in found.values() else found

    def numbers(self, connection: sqlite3.Connection, table: str, names: Iterable[str]) -> dict[str, int]:
        """Return the numbers of names, given out at their first use, inside the caller's transaction.

        Raises `StorageError` where a damaged name may be one of them: a second number would split its history.
        """
        wanted = list(names)
        found = self.known_numbers(table, wanted)
        if found is None:
            stored = self._read(connection, table)
            new = [name for name in wanted if (table, name) not in self._numbers]
            if new and not all(whole for _, whole in stored):
                raise StorageError(
                    f"the names of {table} are damaged, and {new[0]} may be among them; run `tapeline check --repair`"
                )
            first = max((row[0] for row, _ in stored), default=0) + 1
            put_rows(connection, table, list(enumerate(dict.fromkeys(new), first)), clause=" ")
            self._numbers |= {(table, name): number for number, name in enumerate(dict.fromkeys(new), first)}
            found = {name: self._numbers[table, name] for name in wanted}
        return found

    def find(self, connection: sqlite3.Connection, table: str, name: str) -> int | None:
        """Return the number of a name, None where it has none. The table is read: its index may be damaged."""
        if (table, name) not in self._numbers:
            self._read(connection, table)
        return self._numbers.get((table, name))

    def all(self, connection: sqlite3.Connection, table: str) -> dict[int, str]:
        """Return the names by number, without those that are damaged, which are reported."""
        names = self._names[table]
        (count,) = connection.execute(f"SELECT count(*) FROM {table} NOT INDEXED").fetchone()  # noqa: S608
        if count == len(names):
            return names  # not what the table has by now: another thread, which began earlier, may know fewer
        return {number: name for (number, name), whole in self._read(connection, table) if whole}

    def series_of(self, connection: sqlite3.Connection, symbol: str) -> dict[str, int]:
        """Return the names of a symbol's series with their numbers. All names are gone through when one has come."""
        names = self.all(connection, "symbols")
        count, groups = self._grouped
        if count != len(names):
            groups = {}
            for number, name in list(names.items()):
                for each in {name, symbol_of(name)}:
                    groups.setdefault(each, {})[name] = number
            self._grouped = len(names), groups
        return groups.get(symbol, {})

    def _read(self, connection: sqlite3.Connection, table: str) -> list[tuple[tuple[Any, ...], bool]]:
        """Read all names. Return their rows, and whether each is what was written."""
        stored = list(checked_rows(connection, table, "NOT INDEXED"))
        for (number, _), whole in stored:
            if not whole:
                self._damage.note((table, number), f"the name of number {number} of the {table} is damaged")
        self._names[table] = {number: name for (number, name), whole in stored if whole}
        self._numbers |= {(table, name): number for (number, name), whole in stored if whole}
        return stored
