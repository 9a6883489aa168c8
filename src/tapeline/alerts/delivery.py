"""Deliver alerts to channels: each has a thread of its own, tries again with growing waits, and gives up in the end.

What is due is in the journal, so delivery goes on after a restart. Everything that is due on a channel goes in one
message: five hundred symbols that fall silent together are one message, not five hundred.

An alert is delivered at least once: a message that was taken in the moment of a crash is sent again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from tapeline.alerts.alert_records import Alert
from tapeline.alerts.journal import Journal
from tapeline.alerts.rule_state import utc
from tapeline.core.retrying import backoff_seconds
from tapeline.core.times import HOUR
from tapeline.errors import DeliveryError, line_with_kind
from tapeline.runtime.clock import now_ms

#: How long an alert is tried (ms, from the first try of this process on, in monotonic time: a clock that is set by two
#: hours must not lose every alert that waits).
GIVE_UP = HOUR

#: The most alerts in one message.
MOST_IN_MESSAGE = 50

#: The most seconds between two tries.
LONGEST_WAIT = 300.0

_FIRST_WAIT = 2.0
_GOODBYE_SECONDS = 3.0


class Channel(Protocol):
    """Send alerts somewhere. Used by one thread."""

    def send(self, alerts: Sequence[Alert]) -> None:
        """Send these in one message, within seconds. Raises `DeliveryError`."""
        ...


class Log:
    """Write alerts as lines for whoever runs the program."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def send(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            self._write(f"alert: {line(alert)}")


class Courier:
    """Deliver what is due on one channel. `attempt` is one try; `run` tries until it is stopped."""

    def __init__(
        self,
        name: str,
        channel: Channel,
        journal: Journal,
        notify: Callable[[str], None],
        clock: Callable[[], int] = now_ms,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._channel = channel
        self._journal = journal
        self._notify = notify
        self._clock = clock
        self._monotonic = monotonic
        self._tried: dict[str, float] = {}  # key -> when it was tried first
        self._failures = 0

    def attempt(self) -> float | None:
        """Try once. Return the seconds until the next try: 0 for at once, None when nothing is due."""
        due = self._journal.pending(self._name, MOST_IN_MESSAGE)
        if not due:
            return None
        for alert in due:
            self._tried.setdefault(alert.key, self._monotonic())
        try:
            self._channel.send(due)
        except DeliveryError as error:
            return self._after(due, error)
        except Exception as error:  # noqa: BLE001 - one channel's defect must not end its thread
            return self._after(due, DeliveryError(line_with_kind(error)[:200]))
        self._failures = 0
        self._forget(due)
        self._journal.delivered(self._name, due, self._clock())
        return 0.0

    def run(self, ended: threading.Event, wake: threading.Event) -> None:
        """Try until `ended`; `wake` says that something new is due."""
        while not ended.is_set():
            wake.clear()
            try:
                wait = self.attempt()
            except Exception as error:  # noqa: BLE001 - the journal cannot be used, or a defect: what is due stays due
                self._notify(line_with_kind(error))
                wait = LONGEST_WAIT
            if wait is None:
                wake.wait()
            elif wait:
                ended.wait(wait)

    def _after(self, due: Sequence[Alert], error: DeliveryError) -> float:
        now, oldest = self._clock(), self._monotonic() - GIVE_UP / 1000
        lost = [alert for alert in due if not error.again or self._tried[alert.key] <= oldest]
        self._forget(lost)
        kept = [alert for alert in due if alert not in lost]
        if lost:
            self._journal.failed(self._name, lost, str(error), now, final=True)
            self._notify(f"{len(lost)} alert(s) could not be sent by {self._name} and are given up: {error}")
        if kept:
            self._journal.failed(self._name, kept, str(error), now, final=False)
            if self._failures == 0:
                self._notify(f"{len(kept)} alert(s) could not be sent by {self._name} yet: {error}")
        wait = backoff_seconds(self._failures, _FIRST_WAIT, LONGEST_WAIT)
        self._failures += 1
        return min(max(wait, error.wait), LONGEST_WAIT)

    def _forget(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            self._tried.pop(alert.key, None)


class Couriers:
    """Run all channels, each with its thread, from `start` to `stop`."""

    def __init__(self, channels: Mapping[str, Channel], journal: Journal, notify: Callable[[str], None]) -> None:
        self._ended = threading.Event()
        self._couriers = {name: Courier(name, channel, journal, notify) for name, channel in channels.items()}
        self._wakes = {name: threading.Event() for name in channels}
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin, with what an earlier run left."""
        for name, courier in self._couriers.items():
            thread = threading.Thread(
                target=courier.run, args=(self._ended, self._wakes[name]), name=f"alerts by {name}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def wake(self) -> None:
        """Say to every channel that something is due."""
        for wake in self._wakes.values():
            wake.set()

    def stop(self) -> None:
        """Let tries under way end, for up to three seconds; what is still due waits for the next start."""
        self._ended.set()
        self.wake()
        until = time.monotonic() + _GOODBYE_SECONDS
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0.0))


def line(alert: Alert) -> str:
    """Return the alert as one line of plain text."""
    values = alert.text if alert.price is None else f"{alert.text} (bar of {utc(alert.timestamp)})"
    return ": ".join(part for part in (alert.symbol, alert.rule, values) if part)


def subject(alerts: Sequence[Alert]) -> str:
    """Return a heading for these, of at most 100 ASCII characters."""
    first = alerts[0]
    text = (
        f"tapeline: {f'{first.symbol} {first.rule}'.strip()}" if len(alerts) == 1 else f"tapeline: {len(alerts)} alerts"
    )
    plain = text.encode("ascii", "replace").decode()
    return plain if len(plain) <= 100 else f"{plain[:97]}..."


def body(alerts: Sequence[Alert]) -> str:
    """Return these as plain text, one a line."""
    return "\n".join(map(line, alerts))
