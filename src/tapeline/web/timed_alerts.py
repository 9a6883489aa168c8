"""Give alerts that fired the ISO text of their time, as answers and events show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from tapeline.alerts.alert_records import FiredAlert
from tapeline.web.iso_text import iso_times


@dataclass(frozen=True, slots=True)
class TimedAlert(FiredAlert):
    """Hold an alert that fired, and as `time` the ISO text of its `timestamp`."""

    time: str = ""


def timed_alerts(alerts: Sequence[FiredAlert]) -> list[TimedAlert]:
    """Return the alerts with their times as text."""
    texts = iso_times([alert.timestamp for alert in alerts])
    names = [field.name for field in fields(FiredAlert)]
    return [
        TimedAlert(**{name: getattr(alert, name) for name in names}, time=text)
        for alert, text in zip(alerts, texts, strict=True)
    ]
