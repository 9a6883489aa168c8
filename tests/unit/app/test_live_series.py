"""Live bars beside stored ones of another length."""

from __future__ import annotations

from dataclasses import replace

from tests.conftest import START, random_bars
from tests.fakes.sources import ListSource
from tests.fakes.stores import MemoryStore
from tests.rows import row

from tapeline.app.live_series import SeriesSource
from tapeline.core.bars import usual_interval
from tapeline.core.times import DAY, MINUTE


def test_live_bars_go_to_the_series_of_their_interval_and_stay_there() -> None:
    store, said = MemoryStore(), []
    store.put(*(row("OLD", START - START % DAY - at * DAY, 1.0) for at in range(5)))
    store.put(*(row("SAME", START - at * MINUTE, 1.0) for at in range(1, 6)))
    bars = replace(random_bars(3, 20), symbols=("NEW", "OLD", "SAME"))
    assert usual_interval(bars.timestamp, bars.code) == MINUTE
    source = SeriesSource(ListSource([bars[:30], bars[30:]]), store, MINUTE, said.append)
    found = []
    for delivery in source.deliveries(""):
        found.append((delivery.bars.symbols, delivery.resume))
        store.put(*(row("NEW", START - START % DAY - at * DAY, 1.0) for at in range(5)))  # by somebody else
    assert found == [(("NEW", "OLD@1m", "SAME"), "1"), (("NEW", "OLD@1m", "SAME"), "2")]
    assert said == ["OLD: its bars are kept beside those of another length, as OLD@1m"]
    assert source.name == "list"
