"""Taking alerts to channels: each channel has a thread of its own, tries again with growing waits, and gives up once.

What is due stands in the journal, so that it goes on after a restart. All that is due on a channel goes in one message:
five hundred symbols that fall silent at once are one message, not five hundred.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from tapeline.alerts.journal import (
    Alert,
    Journal,
)
from tapeline.alerts.rule_state import utc
from tapeline.core.times import HOUR
from tapeline.errors import DeliveryError, StorageError
from tapeline.runtime.clock import now_ms

#: An alert is not tried again so long after it fired (ms).
GIVE_UP = HOUR

#: Alerts in one message, at the most.
MOST_IN_MESSAGE = 50

#: Seconds between two tries, at the most.
LONGEST_WAIT = 300.0

_GOODBYE_SECONDS = 3.0


class Channel(Protocol):
    """Where alerts go. Used by one thread."""

    def send(self, alerts: Sequence[Alert]) -> None:
        """Sends these in one message, in some seconds at the most. Raises `DeliveryError`."""
        ...


class Log:
    """Alerts as lines for whoever runs the program."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def send(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            self._say(f"alert: {line(alert)}")


class Courier:
    """Takes what is due to one channel. `attempt` is one try; `run` tries until told to stop."""

    def __init__(
        self,
        name: str,
        channel: Channel,
        journal: Journal,
        say: Callable[[str], None],
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._name = name
        self._channel = channel
        self._journal = journal
        self._say = say
        self._clock = clock
        self._failures = 0

    def attempt(self) -> float | None:
        """Tries once. Seconds until the next try, 0 for at once, None when nothing is due."""
        due = self._journal.pending(self._name, MOST_IN_MESSAGE)
        if not due:
            return None
        try:
            self._channel.send(due)
        except DeliveryError as error:
            return self._after(due, error)
        except Exception as error:  # noqa: BLE001 - one channel's defect must not end its thread
            return self._after(due, DeliveryError(f"{type(error).__name__}: {error}"[:200]))
        self._failures = 0
        self._journal.delivered(self._name, due, self._clock())
        return 0.0

    def run(self, ended: threading.Event, wake: threading.Event) -> None:
        """Tries until `ended`; `wake` says that something new is due."""
        while not ended.is_set():
            wake.clear()
            try:
                wait = self.attempt()
            except StorageError as error:
                self._say(str(error))
                wait = LONGEST_WAIT
            if wait is None:
                wake.wait()
            elif wait:
                ended.wait(wait)

    def _after(self, due: Sequence[Alert], error: DeliveryError) -> float:
        now = self._clock()
        over = [alert for alert in due if not error.again or now - alert.at >= GIVE_UP]
        rest = [alert for alert in due if alert not in over]
        if over:
            self._journal.failed(self._name, over, str(error), now, final=True)
            self._say(f"{len(over)} alert(s) could not be sent by {self._name} and are given up: {error}")
        if rest:
            self._journal.failed(self._name, rest, str(error), now, final=False)
            if self._failures == 0:
                self._say(f"{len(rest)} alert(s) could not be sent by {self._name} yet: {error}")
        self._failures += 1
        backoff = min(2.0**self._failures, LONGEST_WAIT) * random.uniform(0.5, 1.0)
        return min(max(backoff, error.wait), LONGEST_WAIT)


class Couriers:
    """All channels, each with its thread, from `start` to `stop`."""

    def __init__(self, channels: Mapping[str, Channel], journal: Journal, say: Callable[[str], None]) -> None:
        self._ended = threading.Event()
        self._couriers = {name: Courier(name, channel, journal, say) for name, channel in channels.items()}
        self._wakes = {name: threading.Event() for name in channels}
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begins, with what an earlier run left."""
        for name, courier in self._couriers.items():
            thread = threading.Thread(
                target=courier.run, args=(self._ended, self._wakes[name]), name=f"alerts by {name}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def wake(self) -> None:
        """Something is due."""
        for wake in self._wakes.values():
            wake.set()

    def stop(self) -> None:
        """Lets tries under way end, for some seconds; what is still due waits for the next start."""
        self._ended.set()
        self.wake()
        until = time.monotonic() + _GOODBYE_SECONDS
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0.0))


def line(alert: Alert) -> str:
    """The alert as one line of plain text."""
    seen = alert.text if alert.price is None else f"{alert.text} (bar of {utc(alert.timestamp)})"
    return f"{alert.symbol}: {alert.rule}: {seen}"


def subject(alerts: Sequence[Alert]) -> str:
    """A heading for these, of 100 ASCII characters at the most."""
    first = alerts[0]
    text = f"tapeline: {first.symbol} {first.rule}" if len(alerts) == 1 else f"tapeline: {len(alerts)} alerts"
    plain = text.encode("ascii", "replace").decode()
    return plain if len(plain) <= 100 else f"{plain[:97]}..."


def body(alerts: Sequence[Alert]) -> str:
    """These as plain text, one a line."""
    return "\n".join(map(line, alerts))
