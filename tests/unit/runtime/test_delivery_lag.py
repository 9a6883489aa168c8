"""Deliveries are counted from their arrival to the commit of their rows."""

from __future__ import annotations

from tapeline.runtime.delivery_lag import DeliveryLag


def test_every_delivery_under_way_is_counted_however_many_there_are() -> None:
    lag = DeliveryLag()
    for position in range(1, 3_001):
        lag.appended(position, 0.0)
    lag.stored(3_000)
    assert sum(lag.histogram().counts) == 3_000
    assert len(lag.seconds()) == 1_000
