"""Test bars from ticks and from finer bars against pandas, one at a time against all at once, and intervals."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import MINUTE, START, random_bars

from tapeline.core.bar_builder import BarBuilder
from tapeline.core.bars import Grid, Sessions, resample, shortest_interval, usual_interval
from tapeline.core.market import Bar, Bars, Tick
from tapeline.core.times import DAY, HOUR
from tapeline.data import sample_path
from tapeline.errors import RejectedError
from tapeline.feeds.files import FileSource

COLUMNS = ["open", "high", "low", "close", "volume"]

#: Three New York sessions of 6.5 hours, the last one a half day, then none for a while.
SESSIONS = Sessions(
    np.array([START, START + DAY, START + 2 * DAY], np.int64),
    np.array([START + 390 * MINUTE, START + DAY + 390 * MINUTE, START + 2 * DAY + 210 * MINUTE], np.int64),
    np.array([START - 870 * MINUTE + i * DAY for i in range(3)], np.int64),
)


def by_key(bars: Any) -> dict[tuple[str, int], Bar]:
    """Return what a reader of the records ends up with: the last bar for each symbol and time."""
    return {(bar.symbol, bar.timestamp): bar for bar in bars}


def built(builder: BarBuilder, items: Any) -> dict[tuple[str, int], Bar]:
    return by_key(bar for item in items for bar in builder.update(item))


# -- all at once -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [2, 5, 15, 60, 240, 1440])
def test_the_packaged_week_is_resampled_as_pandas_does(minutes: int) -> None:
    bars = Bars.concat([delivery.bars for delivery in FileSource([sample_path("1m")]).deliveries("")])
    found = pd.DataFrame(list(resample(bars, Grid(minutes * MINUTE)))).set_index(["symbol", "timestamp"]).sort_index()
    frame = pd.DataFrame({"symbol": np.array(bars.symbols)[bars.code], **{c: getattr(bars, c) for c in COLUMNS}})
    frame.index = pd.to_datetime(bars.timestamp, unit="ms")
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    expected = frame.groupby("symbol").resample(f"{minutes}min").agg(rules).dropna()
    assert len(found) == len(expected)
    assert (found.index.get_level_values(1) == expected.index.get_level_values(1).as_unit("ms").astype("int64")).all()
    assert (found.index.get_level_values(0) == expected.index.get_level_values(0)).all()
    for column in COLUMNS:
        assert (found[column].to_numpy() == expected[column].to_numpy()).all()
    assert (~found["final"]).sum() == 24
    assert found["final"].groupby("symbol").apply(lambda final: final.iloc[:-1].all() and not final.iloc[-1]).all()


def test_resampling_keeps_the_order_of_time_and_takes_the_later_of_repeated_bars() -> None:
    bars = random_bars(3, 30)
    again = bars[10:20]
    changed = Bars.of([replace(bar, close=bar.high, volume=1.0) for bar in again])
    found = resample(Bars.concat([bars, changed]), Grid(5 * MINUTE))
    assert (np.diff(found.timestamp) >= 0).all()
    instead = by_key([*bars, *changed])
    assert list(found) == list(resample(Bars.of(instead.values()), Grid(5 * MINUTE)))


def test_no_bars_make_no_bars() -> None:
    assert len(resample(Bars.of(()), Grid(MINUTE))) == 0
    assert len(resample(random_bars(), Grid(DAY, Sessions(*[np.empty(0, np.int64)] * 3)))) == 0
    assert BarBuilder(Grid(MINUTE)).advance(START) == []


@pytest.mark.parametrize("interval", [0, -1, 7 * MINUTE, 2 * DAY])
def test_an_interval_that_does_not_divide_a_day_is_refused(interval: int) -> None:
    with pytest.raises(ValueError, match="divide a day"):
        Grid(interval)


# -- intervals -------------------------------------------------------------------------------------------------------

#: One thin series: most bars are five minutes apart, two are a minute apart, and a night lies between.
IRREGULAR = START + MINUTE * np.array([0, 5, 10, 15, 16, 26, 36, 46, 51, 1440, 1445, 1450], np.int64)


def test_an_irregular_series_has_one_usual_interval_and_one_shortest() -> None:
    assert usual_interval(IRREGULAR) == 5 * MINUTE
    assert shortest_interval(IRREGULAR) == MINUTE


def test_of_several_most_frequent_steps_the_smallest_is_the_interval() -> None:
    assert usual_interval(START + MINUTE * np.array([0, 10, 20, 25, 30], np.int64)) == 5 * MINUTE


def test_the_order_of_bars_and_repeated_times_do_not_change_the_usual_interval() -> None:
    shuffled = np.random.default_rng(0).permutation(np.repeat(IRREGULAR, 3))
    assert usual_interval(shuffled) == 5 * MINUTE


def test_bars_of_different_symbols_are_not_compared() -> None:
    bars = random_bars(3, 30)
    assert usual_interval(bars.timestamp + MINUTE // 3 * bars.code, bars.code) == MINUTE


def test_bars_that_all_open_at_midnight_are_daily_even_across_a_weekend() -> None:
    friday_and_monday = START // DAY * DAY + np.array([0, 3 * DAY])
    for interval in (usual_interval, shortest_interval):
        assert interval(friday_and_monday) == interval(friday_and_monday[:1]) == DAY


def test_a_single_bar_or_none_tells_no_interval() -> None:
    for interval in (usual_interval, shortest_interval):
        assert interval(IRREGULAR[:1]) is interval(IRREGULAR[:0]) is interval(IRREGULAR[[0, 0]]) is None


# -- sessions --------------------------------------------------------------------------------------------------------


def test_bars_start_with_the_session_and_never_span_two() -> None:
    minutes = [Bar("A", START + i * MINUTE, 1, 1, 1, 1, 1) for i in range(-60, 3 * 1440)]
    for interval, first_day in ((HOUR, 7), (65 * MINUTE, 6), (390 * MINUTE, 1), (4 * HOUR, 2)):
        found = list(resample(Bars.of(minutes), Grid(interval, SESSIONS)))
        assert [bar.timestamp for bar in found[:first_day]] == [START + i * interval for i in range(first_day)]
        assert found[first_day].timestamp == START + DAY
        assert sum(bar.volume for bar in found) == 390 + 390 + 210
    assert [bar.volume for bar in resample(Bars.of(minutes), Grid(HOUR, SESSIONS))][:7] == [60.0] * 6 + [30.0]


def test_a_daily_bar_is_the_session_stamped_with_its_date() -> None:
    minutes = [Bar("A", START + i * MINUTE, 1, 1, 1, 1, 1) for i in range(-60, 3 * 1440)]
    found = list(resample(Bars.of(minutes), Grid(DAY, SESSIONS)))
    assert [(bar.timestamp, bar.volume, bar.final) for bar in found] == [
        (START - 870 * MINUTE, 390, True),
        (START - 870 * MINUTE + DAY, 390, True),
        (START - 870 * MINUTE + 2 * DAY, 210, False),
    ]


def test_ticks_outside_every_session_are_refused() -> None:
    builder = BarBuilder(Grid(MINUTE, SESSIONS))
    for outside in (START - 1, START + 390 * MINUTE, START + 3 * DAY):
        with pytest.raises(RejectedError, match="outside every trading session"):
            builder.update(Tick("A", outside, 1.0))
    assert builder.update(Tick("A", START + 390 * MINUTE - 1, 1.0)) != []


# -- one at a time ---------------------------------------------------------------------------------------------------

GRIDS = st.sampled_from([Grid(5 * MINUTE), Grid(HOUR), Grid(DAY), Grid(HOUR, SESSIONS), Grid(DAY, SESSIONS)])
PRICES = st.integers(1, 50).map(float)


@given(
    GRIDS,
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 90), PRICES, PRICES, st.integers(0, 9)), max_size=80),
)
@settings(deadline=None)
def test_building_one_at_a_time_equals_resampling(grid: Grid, steps: list[tuple[str, int, float, float, int]]) -> None:
    time = {"A": START, "B": START}
    bars = []
    for symbol, gap, price, other, volume in steps:
        time[symbol] += max(gap - 20, 0) * MINUTE  # often none: the same finer bar again
        bars.append(Bar(symbol, time[symbol], price, max(price, other), min(price, other), other, volume))
    if grid.sessions is not None:
        bars = [bar for bar in bars if grid.spans(np.array([bar.timestamp]))[2][0]]
    assert built(BarBuilder(grid), bars) == by_key(resample(Bars.of(bars), grid))


@given(st.lists(st.tuples(st.integers(0, 119), PRICES), min_size=1, max_size=40), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_in_which_ticks_of_neighbouring_bars_arrive_does_not_matter(
    seconds: list[tuple[int, float]], rng: random.Random
) -> None:
    # equal times are the exception: the first to arrive opens, the last closes
    ticks = [Tick("A", START + 1000 * second, price, 1.0) for second, price in dict(seconds).items()]
    ordered = built(BarBuilder(Grid(MINUTE)), sorted(ticks, key=lambda tick: tick.timestamp))
    rng.shuffle(ticks)
    shuffled = built(BarBuilder(Grid(MINUTE), lateness=2 * MINUTE), ticks)
    assert {k: replace(bar, final=True) for k, bar in shuffled.items()} == {
        k: replace(bar, final=True) for k, bar in ordered.items()
    }


@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 400), PRICES), max_size=40),
    st.integers(0, 40),
    st.booleans(),
)
@settings(deadline=None)
def test_a_restored_builder_continues_as_the_original(
    steps: list[tuple[str, int, float]], at: int, ticks: bool
) -> None:
    def outcome(builder: BarBuilder, item: Tick | Bar) -> Any:
        try:
            return builder.update(item)
        except RejectedError as error:
            return str(error)

    items: list[Tick | Bar] = [
        Tick(symbol, START + 1000 * second, price, 2.0) if ticks
        else Bar(symbol, START + 1000 * second, price, price, price, price, 2.0)
        for symbol, second, price in steps
    ]  # fmt: skip
    builder, restored = BarBuilder(Grid(MINUTE)), BarBuilder(Grid(MINUTE))
    for item in items[:at]:
        outcome(builder, item)
    restored.restore(json.loads(json.dumps(builder.snapshot())))
    for item in items[at:]:
        assert outcome(builder, item) == outcome(restored, item)
    assert builder.advance(START + HOUR) == restored.advance(START + HOUR)
    assert builder.snapshot() == restored.snapshot()


def test_a_snapshot_of_another_interval_or_version_is_refused() -> None:
    snapshot = BarBuilder(Grid(MINUTE)).snapshot()
    with pytest.raises(ValueError, match="interval 60000 ms"):
        BarBuilder(Grid(HOUR)).restore(snapshot)
    with pytest.raises(ValueError, match="version 99"):
        BarBuilder(Grid(MINUTE)).restore(snapshot | {"version": 99})


# -- the policy ------------------------------------------------------------------------------------------------------


@pytest.fixture
def builder() -> BarBuilder:
    """A one-minute builder that saw a bar at START and is forming the one at START + 2 minutes."""
    builder = BarBuilder(Grid(MINUTE), lateness=3 * MINUTE)
    builder.update(Tick("A", START + 1000, 10.0, 1))
    builder.update(Tick("A", START + 2 * MINUTE + 1000, 20.0, 1))
    return builder


def test_the_first_tick_of_the_next_interval_closes_the_bar_and_a_gap_has_no_bar(builder: BarBuilder) -> None:
    fresh = BarBuilder(Grid(MINUTE))
    assert fresh.update(Tick("A", START + 1000, 10.0, 1)) == [Bar("A", START, 10, 10, 10, 10, 1, final=False)]
    assert fresh.update(Tick("A", START + 10 * MINUTE, 11.0, 1)) == [
        Bar("A", START, 10, 10, 10, 10, 1, final=True),
        Bar("A", START + 10 * MINUTE, 11, 11, 11, 11, 1, final=False),
    ]


def test_two_ticks_of_the_same_time_both_count_and_the_later_one_is_the_close(builder: BarBuilder) -> None:
    time = START + 2 * MINUTE + 1000
    assert builder.update(Tick("A", time, 22.0, 5)) == [Bar("A", START + 2 * MINUTE, 20, 22, 20, 22, 6, final=False)]
    assert builder.update(Tick("A", time, 22.0, 5)) == [Bar("A", START + 2 * MINUTE, 20, 22, 20, 22, 11, final=False)]


def test_an_earlier_tick_of_the_forming_bar_is_its_open(builder: BarBuilder) -> None:
    time = START + 2 * MINUTE
    assert builder.update(Tick("A", time, 18.0)) == [Bar("A", time, 18, 20, 18, 20, 1, final=False)]
    assert builder.update(Tick("A", time + 500, 5.0)) == [Bar("A", time, 18, 20, 5, 20, 1, final=False)]


def test_a_late_tick_of_the_previous_bar_corrects_it(builder: BarBuilder) -> None:
    assert builder.update(Tick("A", START + 2000, 9.0, 4)) == [Bar("A", START, 10, 10, 9, 9, 5, final=True)]
    assert builder.update(Tick("A", START + 500, 8.0, 1)) == [Bar("A", START, 8, 10, 8, 9, 6, final=True)]
    assert builder.update(Tick("A", START + 2 * MINUTE + 5000, 21.0)) == [
        Bar("A", START + 2 * MINUTE, 20, 21, 20, 21, 1, final=False)
    ]


def test_a_late_tick_in_a_gap_makes_a_bar_which_is_then_the_previous_one(builder: BarBuilder) -> None:
    between = Bar("A", START + MINUTE, 15, 15, 15, 15, 2, final=True)
    assert builder.update(Tick("A", START + MINUTE, 15.0, 2)) == [between]
    with pytest.raises(RejectedError, match="before the previous one"):
        builder.update(Tick("A", START + 2000, 9.0))


def test_a_tick_that_is_too_late_is_refused_and_changes_nothing(builder: BarBuilder) -> None:
    builder.update(Tick("A", START + 2 * MINUTE + 59_000, 20.0))
    strict = BarBuilder(Grid(MINUTE))
    strict.restore(builder.snapshot())
    before = strict.snapshot()
    with pytest.raises(RejectedError, match="169,000 ms older than the newest of A; 60,000 are allowed"):
        strict.update(Tick("A", START + 10_000, 9.0))
    assert strict.snapshot() == before


def test_the_clock_closes_bars_and_late_ticks_still_correct_them(builder: BarBuilder) -> None:
    assert builder.advance(START + 3 * MINUTE - 1) == []
    assert builder.advance(START + 3 * MINUTE) == [Bar("A", START + 2 * MINUTE, 20, 20, 20, 20, 1, final=True)]
    assert builder.advance(START + 9 * MINUTE) == []
    assert builder.update(Tick("A", START + 2 * MINUTE + 2000, 19.0)) == [
        Bar("A", START + 2 * MINUTE, 20, 20, 19, 19, 1, final=True)
    ]
    assert builder.update(Tick("A", START + 3 * MINUTE, 30.0)) == [
        Bar("A", START + 3 * MINUTE, 30, 30, 30, 30, 0, final=False)
    ]


def test_the_last_bar_of_a_session_ends_with_it() -> None:
    builder = BarBuilder(Grid(HOUR, SESSIONS))
    close = START + 390 * MINUTE
    builder.update(Tick("A", close - MINUTE, 1.0))
    assert builder.advance(close - 1) == []
    assert builder.advance(close) == [Bar("A", START + 6 * HOUR, 1, 1, 1, 1, 0, final=True)]


def test_a_finer_bar_that_is_still_forming_is_replaced_not_added() -> None:
    builder = BarBuilder(Grid(5 * MINUTE))
    builder.update(Bar("A", START, 1, 4, 1, 2, 100))
    for volume in (10, 20, 30):
        found = builder.update(Bar("A", START + MINUTE, 2, 3, 2, 3, volume, final=False))
        assert found == [Bar("A", START, 1, 4, 1, 3, 100 + volume, final=False)]
    assert builder.update(Bar("A", START, 1, 2, 1, 2, 50)) == [Bar("A", START, 1, 3, 1, 3, 80, final=False)]


def test_symbols_do_not_mix(builder: BarBuilder) -> None:
    assert builder.update(Tick("B", START, 1.0)) == [Bar("B", START, 1, 1, 1, 1, 0, final=False)]
    assert len(builder.update(Tick("A", START + 2 * MINUTE + 2000, 1.0))) == 1


def test_ticks_and_bars_of_a_symbol_do_not_mix(builder: BarBuilder) -> None:
    with pytest.raises(RejectedError, match="among its ticks"):
        builder.update(Bar("A", START + 2 * MINUTE, 1, 1, 1, 1, 1))
    of_bars = BarBuilder(Grid(MINUTE))
    of_bars.update(Bar("A", START, 1, 1, 1, 1, 1))
    with pytest.raises(RejectedError, match="among its bars"):
        of_bars.update(Tick("A", START, 1.0))


def test_memory_per_symbol_does_not_grow() -> None:
    builder = BarBuilder(Grid(5 * MINUTE))
    sizes = set()
    for bar in random_bars(1, 1000):
        builder.update(bar)
        sizes.add(len(json.dumps(builder.snapshot())) // 400)
    assert max(sizes) <= 3
