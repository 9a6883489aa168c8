from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from tests.conftest import MINUTE, START, random_bars
from tests.daily import DAY, daily_bars

from tapeline.core.market import Bar, Bars
from tapeline.core.rows import Direction
from tapeline.forecast.labels import LABEL_LOOKBACK, decided, direction, intervals, label, label_reach, longest_step


def test_labels_equal_a_plain_loop_over_each_symbol():
    bars = daily_bars(symbols=3, count=120)
    horizon, no_trade_band = 5, 0.25
    got = label(bars, horizon, no_trade_band)
    for code in range(3):
        places = np.flatnonzero(bars.code == code)
        close, time = bars.close[places], bars.timestamp[places]
        returns = np.abs(np.diff(np.log(close)))
        for i, place in enumerate(places):
            if i < 20 or i + horizon >= len(places):
                assert got.direction[place] == Direction.NONE
                assert math.isnan(got.move[place])
                assert got.end[place] == 0
                continue
            move = math.log(close[i + horizon] / close[i])
            limit = no_trade_band * returns[i - 20 : i].mean() * math.sqrt(math.pi / 2) * math.sqrt(horizon)
            want = Direction.HOLD if abs(move) <= limit else Direction.UP if move > 0 else Direction.DOWN
            assert got.direction[place] == want
            assert got.move[place] == pytest.approx(move, rel=1e-12)
            assert got.end[place] == time[i + horizon]


def test_a_future_bar_changes_no_label_that_was_decided_before_it():
    bars = random_bars(count=200)
    whole = label(bars)
    for cut in (150, 301, 599):
        part = label(bars[:cut])
        known = part.end > 0
        assert known.any()
        assert (part.direction[known] == whole.direction[:cut][known]).all()
        assert (whole.end[:cut][~known] == 0).sum() + (whole.end[:cut][~known] >= bars.timestamp[cut - 1]).sum() == (
            ~known
        ).sum()


def sessions(days: int = 3, per_day: int = 60) -> Bars:
    rng = np.random.default_rng(1)
    price = 100.0
    bars = []
    for day in range(days):
        for minute in range(per_day):
            price *= math.exp(rng.normal(0, 0.001))
            bars.append(Bar("A", START + day * DAY + minute * MINUTE, price, price, price, price, 1.0))
    return Bars.of(bars)


def test_intraday_labels_do_not_reach_over_a_session_gap():
    labels = label(sessions(), 5)
    for day in range(3):
        last = slice(day * 60 + 55, day * 60 + 60)
        assert (labels.direction[last] == Direction.NONE).all()
    assert (labels.direction[60:115] != Direction.NONE).all()


def test_a_holiday_is_no_gap_between_daily_bars_and_a_suspension_is():
    bars = daily_bars(symbols=1, count=100)
    for days, gap in ((11, False), (33, True)):
        paused = bars.timestamp + (days - 1) * DAY * (np.arange(100) >= 60)
        labels = label(dataclasses.replace(bars, timestamp=paused), 5)
        assert (labels.direction[55:60] == Direction.NONE).all() == gap
        assert (labels.direction[20:55] != Direction.NONE).all()
        assert (labels.direction[60:95] != Direction.NONE).all()


def thin_series(interval: int, count: int = 400, seed: int = 0) -> Bars:
    """Return bars of which some are missing, so that many steps are longer than the interval."""
    rng = np.random.default_rng(seed)
    steps = interval * rng.choice([1] * 10 + [2, 2, 3, 40], count)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, count)))
    return Bars.of(
        [Bar("A", START + int(time), *[price] * 4, 1.0) for time, price in zip(np.cumsum(steps), close, strict=True)]
    )


@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize("interval", [MINUTE, 30 * MINUTE, 60 * MINUTE, DAY, 7 * DAY])
def test_no_label_is_decided_later_than_its_reach(interval, horizon):
    bars = thin_series(interval)
    labels = label(bars, horizon)
    decided_at = labels.end > 0
    assert decided_at.sum() > 40
    assert (labels.end - bars.timestamp)[decided_at].max() <= label_reach(interval, horizon)


@pytest.mark.parametrize("interval", [MINUTE, 30 * MINUTE, DAY])
def test_a_page_read_as_far_as_its_labels_reach_has_the_labels_of_the_whole(interval):
    """Read a thin series page by page: once a bar was undecided on its page and DOWN in the whole."""
    bars = thin_series(interval)
    whole = label(bars)
    for end in range(100, 400, 50):
        until = int(bars.timestamp[end - 1]) + 1 + label_reach(interval, 5)
        first, last = end - 50, int(np.searchsorted(bars.timestamp, until))
        page = label(bars[max(0, first - LABEL_LOOKBACK) : last])
        shown = slice(min(first, LABEL_LOOKBACK), min(first, LABEL_LOOKBACK) + 50)
        np.testing.assert_array_equal(page.direction[shown], whole.direction[first:end])


def test_a_step_of_exactly_the_longest_is_no_gap():
    for extra, labelled in ((0, True), (1, False)):
        bars = sessions(days=1, per_day=40)
        pause = (longest_step(MINUTE) - MINUTE + extra) * (np.arange(40) >= 30)
        paused = dataclasses.replace(bars, timestamp=bars.timestamp + pause)
        assert (label(paused, 5).direction[25:30] != Direction.NONE).all() == labelled


def test_a_weekend_is_no_gap_between_daily_bars():
    bars = daily_bars(symbols=1, count=100)
    weekend = bars.timestamp + 2 * DAY * (np.arange(100) // 5)
    bars = dataclasses.replace(bars, timestamp=weekend)
    assert (label(bars, 5).direction[20:95] != Direction.NONE).all()


def test_a_flat_price_is_hold_and_a_band_of_zero_still_decides():
    bars = Bars.of([Bar("A", i * DAY, 5, 5, 5, 5, 0) for i in range(40)])
    assert (label(bars, 3).direction[20:37] == Direction.HOLD).all()
    moving = label(daily_bars(symbols=1, count=60), 3, 0.0)
    assert Direction.HOLD not in moving.direction


def test_too_few_bars_give_no_label():
    for count in (0, 1, 5, 24):
        assert not label(daily_bars(symbols=2, count=count)).end.any()
    assert label(daily_bars(symbols=2, count=26)).end.any()


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="at least 1 bar"):
        label(daily_bars(1, 10), 0)
    with pytest.raises(ValueError, match="negative"):
        label(daily_bars(1, 10), 1, -0.1)


def test_intervals_are_the_usual_ones_of_each_symbol():
    minutes, days = sessions(), daily_bars(symbols=1, count=9)
    assert intervals(Bars.concat((minutes, days))).tolist() == [MINUTE, DAY]
    assert intervals(minutes[:1]).tolist() == [DAY]


def test_a_probability_becomes_an_answer():
    probability = np.array([np.nan, 0.5, 0.56, 0.44, 0.55, 1.0, 0.0])
    names = [Direction(code).name for code in direction(probability, 0.05)]
    assert names == ["NONE", "HOLD", "UP", "DOWN", "HOLD", "UP", "DOWN"]
    assert direction(np.empty(0), 0.1).dtype == np.int8


def test_decided_are_up_and_down():
    assert decided(np.array([0, 1, 2, 3], np.int8)).tolist() == [False, True, True, False]
