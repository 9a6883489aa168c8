"""Bound what clients may hold of the page's server: connections in all and for each, and how long one may wait.

Whoever connects and says nothing, or a byte a second, costs a descriptor and memory, and must not keep others out. So
the number of connections is bounded, and when it is reached the one that has waited longest for a request makes room
for the new one: an honest client sends its request at once, and whoever is being answered is never closed for another.
This module knows no sockets: `guarded_protocol` has them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from tapeline.runtime.open_files import allow_open_files

#: The most connections: 500 open pages, and as many for requests. Fewer where the process may open fewer files.
MOST_CONNECTIONS = 1_000

#: The most of one client: an address, or the /64 of an IPv6 address. A trusted proxy brings many, and has no cap.
MOST_OF_ONE_CLIENT = 250

#: How many files a process should be able to open, and how many of them are kept for others than connections.
_WANTED_FILES = 4_096
_OTHER_FILES = 256

_LOG_SECONDS = 60.0

_log = logging.getLogger(__name__)


class Connection(Protocol):
    """Stand for one connection, as `Connections` sees it."""

    def is_overdue(self, now: float) -> bool:
        """Return whether it has waited too long, for its client to send or to read. `now` is monotonic seconds."""
        ...

    def abort(self) -> None:
        """Close it at once, whatever has not been sent."""
        ...


class Connections:
    """Hold every open connection, and close those that are too many or wait too long.

    All methods are called from the event loop's thread. `closed` counts connections that were closed for room or for
    waiting too long, `refused` those that found everything busy, `shed` those that found no free descriptor.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.closed = self.refused = self.shed = 0
        self._clock = clock
        self._most = MOST_CONNECTIONS
        self._clients: dict[Connection, str] = {}  # '' for one without a cap of its own
        self._waiting: dict[str, dict[Connection, None]] = {}  # those without a request, by client, the oldest first
        self._oldest: dict[Connection, None] = {}  # the same of all clients
        self._counts: dict[str, int] = {}
        self._told = (0, 0, 0)
        self._told_at = -_LOG_SECONDS

    def __len__(self) -> int:
        return len(self._clients)

    def prepare(self) -> None:
        """Raise the number of files that this process may open as far as it is allowed, and take the cap from it."""
        files = allow_open_files(_WANTED_FILES)
        if files is not None:
            self._most = min(MOST_CONNECTIONS, max(files - _OTHER_FILES, files // 4))

    def admit(self, connection: Connection, client: str) -> bool:
        """Take a new connection of this client ('': a trusted proxy), in place of another if need be.

        Returns False where there is no room, because all others are being answered.
        """
        full_of = None
        if client and self._counts.get(client, 0) >= MOST_OF_ONE_CLIENT:
            full_of = self._waiting.get(client, {})
        elif len(self._clients) >= self._most:
            full_of = self._oldest
        if full_of is not None:
            oldest = next(iter(full_of), None)
            if oldest is None:
                self.refused += 1
                return False
            self._close(oldest)
        self._clients[connection] = client
        self._counts[client] = self._counts.get(client, 0) + 1
        self.waits(connection)
        return True

    def replace(self, old: Connection, new: Connection) -> None:
        """Give the place of a connection, which is being answered, to another that stands for the same client."""
        self.is_answered(old)
        self._clients[new] = self._clients.pop(old)

    def waits(self, connection: Connection) -> None:
        """Note that a connection waits for a request from now on."""
        client = self._clients.get(connection)
        if client is not None:
            self._waiting.setdefault(client, {})[connection] = None
            self._oldest[connection] = None

    def is_answered(self, connection: Connection) -> None:
        """Note that a connection's request is being answered: nobody takes its place meanwhile."""
        self._oldest.pop(connection, None)
        client = self._clients.get(connection, "")
        waiting = self._waiting.get(client)
        if waiting is not None:
            waiting.pop(connection, None)
            if not waiting:
                del self._waiting[client]

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed; a second call does nothing."""
        self.is_answered(connection)
        client = self._clients.pop(connection, None)
        if client is not None:
            self._counts[client] -= 1
            if not self._counts[client]:
                del self._counts[client]

    def sweep(self) -> None:
        """Close what has waited too long. Called every second; at most once a minute it says how many were closed."""
        now = self._clock()
        for connection in [each for each in self._clients if each.is_overdue(now)]:
            self._close(connection)
        counts = (self.closed, self.refused, self.shed)
        if counts != self._told and now - self._told_at >= _LOG_SECONDS:
            closed, refused, shed = (count - told for count, told in zip(counts, self._told, strict=True))
            self._told, self._told_at = counts, now
            _log.warning(
                "connections: %d were closed because they waited too long or others needed the room, %d refused "
                "because all were busy, %d because no file descriptor was free; %d are open",
                closed, refused, shed, len(self._clients),
            )  # fmt: skip

    def _close(self, connection: Connection) -> None:
        self.closed += 1
        self.remove(connection)
        connection.abort()
