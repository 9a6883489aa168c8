"""Read splits and dividends, and the currency that they and the prices are in, from a chart's answer."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Literal

from tapeline.core.market import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, Reject
from tapeline.core.messages import Action

#: New shares for an old one, at most, and its inverse at least: beyond these an announced split is no split.
_MOST_SPLIT = 100_000.0


def currency_of(value: Any) -> str:
    """Return a currency such as USD or GBp; '' for what cannot be one."""
    fine = isinstance(value, str) and len(value) <= 8 and value.isascii() and value.isalnum()
    return value if fine else ""


def actions_of(events: dict[str, Any], currency: str, symbol: str) -> tuple[list[Action], list[Reject]]:
    """Return dividends and splits in the order of time, and rejects for those that cannot be.

    A split rewrites a symbol's whole history, so one with a ratio that no split has is refused.
    """
    found: list[Action] = []
    refused: list[Reject] = []
    for kind, event in _events(events):
        at = float(event["date"]) * 1000
        if kind == "split":
            value, paid = float(event["numerator"]) / float(event["denominator"]), ""
            fine = 1 / _MOST_SPLIT <= value <= _MOST_SPLIT
        else:
            value, paid = float(event["amount"]), currency_of(event.get("currency")) or currency
            fine = 0 < value < math.inf
        if fine and EARLIEST_TIMESTAMP <= at <= LATEST_TIMESTAMP:
            found.append(Action(int(at), kind, value, paid))
        else:
            reason = f"a {kind} of {value:g}, which none has" if not fine else f"a {kind} outside 1867-2200"
            refused.append(Reject("yahoo", f"{symbol} {kind} {at / 1000:.0f}", reason, json.dumps(event).encode()))
    return sorted(found, key=lambda action: (action.timestamp, action.kind)), refused


def _events(events: dict[str, Any]) -> Iterator[tuple[Literal["dividend", "split"], dict[str, Any]]]:
    for event in (events.get("dividends") or {}).values():
        if event.get("amount"):
            yield "dividend", event
    for event in (events.get("splits") or {}).values():
        if event.get("numerator") and event.get("denominator"):
            yield "split", event
