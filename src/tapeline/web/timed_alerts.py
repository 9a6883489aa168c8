"""Give alerts that fired the ISO texts of their times, as answers and events show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from tapeline.alerts.alert_records import ChannelState, FiredAlert
from tapeline.core.iso_text import iso_time, iso_times


@dataclass(frozen=True, slots=True)
class TimedDelivery(ChannelState):
    """Hold how an alert fared on a channel, and as `at_time` the ISO text of `at`."""

    at_time: str | None = None


@dataclass(frozen=True, slots=True)
class TimedAlert(FiredAlert):
    """Hold an alert that fired, and as `time` and `at_time` the ISO texts of its `timestamp` and `at`."""

    deliveries: tuple[TimedDelivery, ...] = ()
    time: str = ""
    at_time: str = ""


def timed_alerts(alerts: Sequence[FiredAlert]) -> list[TimedAlert]:
    """Return the alerts with their times as text."""
    times, noticed = iso_times([alert.timestamp for alert in alerts]), iso_times([alert.at for alert in alerts])
    names = [field.name for field in fields(FiredAlert) if field.name != "deliveries"]
    return [
        TimedAlert(
            **{name: getattr(alert, name) for name in names}, time=time, at_time=at,
            deliveries=tuple(_timed(state) for state in alert.deliveries),
        )
        for alert, time, at in zip(alerts, times, noticed, strict=True)
    ]  # fmt: skip


def _timed(state: ChannelState) -> TimedDelivery:
    return TimedDelivery(**asdict(state), at_time=iso_time(state.at))
