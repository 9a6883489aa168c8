"""Define what is kept of a rule that fired, and of how it was delivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Alert:
    """Hold a rule that fired. `timestamp` is the bar's open time, `at` when it was noticed (both UTC epoch ms).

    `key` is the same whenever the same rule fires for the same symbol and bar. `price` is the close, None for a
    silence. An alert about the system itself has no symbol. `id` counts up from 1; it is 0 before the alert is kept.
    """

    key: str
    rule: str
    symbol: str
    timestamp: int
    at: int
    text: str
    price: float | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class ChannelState:
    """Say how an alert fared on one channel; `at` (UTC epoch ms) is when it was delivered or given up."""

    channel: str
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    error: str
    at: int | None


@dataclass(frozen=True, slots=True)
class FiredAlert(Alert):
    """Hold an alert that was kept, with its state on each channel."""

    deliveries: tuple[ChannelState, ...] = ()
