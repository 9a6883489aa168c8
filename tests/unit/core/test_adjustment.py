"""Test history over splits and dividends: kept as traded, in today's shares, and adjusted when it is read."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from tests.fakes.archives import MemoryArchive
from tests.local_yahoo.clock import Standing

from tapeline.core.adjustment import adjusted, basis, in_todays_shares, shift
from tapeline.core.market import Bar, Bars
from tapeline.core.messages import Action, Series
from tapeline.feeds.live.bar_intervals import Interval
from tapeline.feeds.live.history import History, Update
from tapeline.feeds.live.venue import Chart
from tapeline.feeds.yahoo import INTERVALS, ChartClient

DAY = 86_400_000
D1 = INTERVALS["1d"]


def bars(closes: list[float], first: int = 0, volume: float = 10.0) -> Bars:
    """One a day from day `first` on."""
    return Bars.of(
        Bar("TSLA", (first + i) * DAY, close, close + 2, close - 2, close, volume) for i, close in enumerate(closes)
    )


def dividend(day: float, value: float, currency: str = "USD") -> Action:
    return Action(int(day * DAY), "dividend", value, currency)


def split(day: float, ratio: float) -> Action:
    return Action(int(day * DAY), "split", ratio)


def series(closes: list[float], *actions: Action, currency: str = "USD") -> Series:
    return Series("TSLA", "1d", bars(closes), actions, currency)


# -- adjustment on read ------------------------------------------------------------------------------------------------


def test_a_dividend_lowers_every_price_before_it_by_its_share_of_the_last_close() -> None:
    kept = series([80.0, 100.0, 99.0], dividend(2, 5.0))
    found, _ = adjusted(kept)
    assert found.close.tolist() == pytest.approx([76.0, 95.0, 99.0])
    assert found.open.tolist() == found.close.tolist()
    assert found.high.tolist() == pytest.approx([77.9, 96.9, 101.0])
    assert found.low.tolist() == pytest.approx([74.1, 93.1, 97.0])
    assert found.volume.tolist() == [10.0, 10.0, 10.0]
    assert kept.bars.close.tolist() == [80.0, 100.0, 99.0]  # what is archived is not touched


def test_several_dividends_multiply() -> None:
    found, _ = adjusted(series([100.0, 100.0, 100.0], dividend(1, 10.0), dividend(2, 20.0)))
    assert found.close.tolist() == pytest.approx([72.0, 80.0, 100.0])


def test_a_dividend_before_the_first_bar_or_as_high_as_the_price_changes_nothing() -> None:
    found, _ = adjusted(series([100.0, 100.0], dividend(0, 5.0), dividend(1, 100.0)))
    assert found.close.tolist() == [100.0, 100.0]
    assert len(adjusted(series([], dividend(0, 5.0)))[0]) == 0


def test_splits_already_in_archived_bars_are_not_applied_again() -> None:
    found, version = adjusted(series([25.0, 25.0], split(1, 4.0)))
    assert found.close.tolist() == [25.0, 25.0]
    assert found.volume.tolist() == [10.0, 10.0]
    assert version != "raw"


@pytest.mark.parametrize(
    ("quoted", "paid", "factor"),
    [
        ("GBp", "GBP", 0.95), ("ZAc", "ZAR", 0.95), ("ILA", "ILS", 0.95),
        ("ZAc", "ZAc", 0.9995), ("GBp", "USD", 0.9995), ("GBP", "GBP", 0.9995),
    ],
)  # fmt: skip
def test_a_dividend_in_pounds_counts_a_hundredfold_for_prices_in_pence(quoted: str, paid: str, factor: float) -> None:
    found, _ = adjusted(series([100.0, 100.0], dividend(1, 0.05, paid), currency=quoted))
    assert found.close.tolist() == pytest.approx([100.0 * factor, 100.0])


def test_the_name_of_an_adjustment_depends_on_its_actions_alone() -> None:
    one, two = (dividend(1, 5.0), split(2, 4.0)), (dividend(1, 5.5), split(2, 4.0))
    assert basis(()) == basis(one[:1]) == "raw"  # a dividend is nothing to prices that are not adjusted for it
    assert basis(one) == basis(two) == basis((split(2, 4.0),)) != basis((split(2, 3.0),))
    names = [basis(actions, dividends=True) for actions in (one, two, one[:1], one[1:], ())]
    assert len(set(names)) == 5
    assert basis(tuple(one), dividends=True) == names[0] == adjusted(series([1.0], *one))[1]


# -- other shares ------------------------------------------------------------------------------------------------------


def test_history_is_in_other_shares_when_twenty_bars_agree_on_a_ratio() -> None:
    assert shift(bars([400.0] * 20), bars([100.0] * 20)) == 4.0
    assert shift(bars([10.0] * 20), bars([100.0] * 20)) == 0.1  # a reverse split
    assert shift(bars([400.0] * 19), bars([100.0] * 19)) is None
    assert shift(bars([400.0] * 30), bars([100.0] * 30, first=15)) is None  # fifteen in common


def test_small_or_uneven_differences_are_no_split() -> None:
    assert shift(bars([109.0] * 30), bars([100.0] * 30)) == 1.0
    assert shift(bars([91.0] * 30), bars([100.0] * 30)) == 1.0
    assert shift(bars([400.0] * 15 + [100.0] * 15), bars([100.0] * 30)) == 1.0


def test_a_few_wrong_bars_do_not_hide_a_split() -> None:
    assert shift(bars([400.0] * 38 + [1.0, 9000.0]), bars([100.0] * 40)) == 4.0


def test_bars_before_each_split_are_divided_by_it_and_volumes_multiplied() -> None:
    found = in_todays_shares(bars([600.0, 300.0, 100.0]), [split(1, 2.0), split(2, 3.0)], None)
    assert found.close.tolist() == pytest.approx([100.0, 100.0, 100.0])
    assert found.volume.tolist() == [60.0, 30.0, 10.0]


def test_bars_that_are_already_adjusted_are_left_alone() -> None:
    assert in_todays_shares(bars([100.0]), [split(1, 2.0)], 1.0).close.tolist() == [100.0]


def test_without_an_announced_split_the_measured_ratio_is_used() -> None:
    found = in_todays_shares(bars([400.0, 200.0]), [], 4.0)
    assert (found.close.tolist(), found.volume.tolist()) == ([100.0, 50.0], [40.0, 40.0])


# -- updates over a split ----------------------------------------------------------------------------------------------


class Yahoo:
    """Has these bars, and tells of the actions in the period that is asked for."""

    name, parallel, per_second, ahead = "Yahoo", 4, 2.0, 0

    def __init__(self, bars: Bars, actions: tuple[Action, ...], now: int) -> None:
        self.bars, self.actions, self.now = bars, actions, now
        self.starts: list[int] = []

    async def chart(self, symbol: str, interval: Interval, start: int, end: int) -> Chart:
        self.starts.append(start)
        shown = self.bars[(self.bars.timestamp >= start) & (self.bars.timestamp < end)]
        told = tuple(action for action in self.actions if start <= action.timestamp < end)
        return Chart(shown, told, "USD", self.now)


FIRST = 19_000  # 2022-01-08
SPLIT = split(FIRST + 150, 4.0)


def updated(
    after: Bars, *actions: Action, before: float = 400.0, held: tuple[Action, ...] = (), first: int = FIRST
) -> tuple[Update, Yahoo]:
    """150 archived days at a price, then one update two days later."""
    now = (FIRST + 152) * DAY
    kept = Series("TSLA", "1d", bars([before] * 150, FIRST), held, "USD", first * DAY, (FIRST + 150) * DAY)
    archive = MemoryArchive(kept)
    yahoo = Yahoo(after, actions, now)
    found = asyncio.run(History(cast("ChartClient", yahoo), archive, Standing(now)).update("TSLA", D1, kept.start))
    assert archive.load("TSLA", "1d") is found.series
    return found, yahoo


ALL = bars([100.0] * 152, FIRST, 40.0)


def test_an_announced_split_refetches_everything_and_reports_it_as_changed() -> None:
    found, yahoo = updated(ALL, SPLIT)
    assert len(yahoo.starts) == 2
    assert yahoo.starts[1] <= FIRST * DAY < yahoo.starts[0]
    assert found.rebased
    assert list(found.series.bars) == list(found.changed) == list(ALL)
    assert found.series.actions == (SPLIT,)
    assert found.notices == ("TSLA: split 4:1; its 1d history was fetched and computed again",)


def test_a_split_is_applied_once() -> None:
    found, yahoo = updated(ALL, SPLIT, before=100.0, held=(SPLIT,))
    assert len(yahoo.starts) == 1
    assert not found.rebased
    assert found.notices == ()


def test_bars_that_yahoo_no_longer_has_are_converted_by_the_ratio() -> None:
    found, _ = updated(ALL[100:], SPLIT)
    assert found.series.bars.close.tolist() == [100.0] * 152
    assert found.series.bars.volume.tolist() == [40.0] * 152


def test_an_announced_split_already_in_the_archived_bars_changes_none() -> None:
    found, _ = updated(bars([100.0] * 152, FIRST), SPLIT, before=100.0, held=(dividend(FIRST + 5, 2.0),))
    assert not found.rebased
    assert len(found.changed) == 2
    assert found.series.actions == (dividend(FIRST + 5, 2.0), SPLIT)


@pytest.mark.parametrize("announced", [True, False])
def test_after_a_split_archived_dividends_are_per_share_of_today(*, announced: bool) -> None:
    """Yahoo tells only of those in the period it still has; a dividend of the day itself is in new shares."""
    paid = dividend(FIRST + 5, 2.0)
    found, _ = updated(ALL[100:], *((SPLIT,) if announced else ()), held=(paid,))
    assert found.rebased
    assert replace(paid, value=0.5) in found.series.actions
    share = adjusted(found.series)[0].close[0] / found.series.bars.close[0]
    assert share == pytest.approx(1 - 2.0 / 400.0)


def test_a_dividend_after_the_split_is_left_as_it_is() -> None:
    paid = dividend(FIRST + 151, 0.5)
    found, _ = updated(ALL, SPLIT, held=(paid,))
    assert paid in found.series.actions


def test_yahoos_value_of_a_dividend_overrides_the_archived_one() -> None:
    found, _ = updated(ALL, SPLIT, dividend(FIRST + 5, 0.51), held=(dividend(FIRST + 5, 2.0),))
    assert dividend(FIRST + 5, 0.51) in found.series.actions
    assert len(found.series.actions) == 2


def test_a_new_dividend_alone_changes_no_archived_price() -> None:
    found, yahoo = updated(bars([400.0] * 152, FIRST), dividend(FIRST + 150, 3.0))
    assert len(yahoo.starts) == 1
    assert not found.rebased
    assert len(found.changed) == 2
    assert np.unique(found.series.bars.close).tolist() == [400.0]
    assert adjusted(found.series)[0].close[0] == pytest.approx(397.0)
