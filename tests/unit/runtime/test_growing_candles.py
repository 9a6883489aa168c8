"""Test that candles that are continued as bars come in, and corrected, are those of a build from the beginning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import MINUTE

from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.core.market import BAR_COLUMNS, Bar, Bars, Ints
from tapeline.core.messages import Commit
from tapeline.core.rows import Rows
from tapeline.core.sessions import calendar_of
from tapeline.core.times import DAY, MONTH, WEEK
from tapeline.runtime.indicator_view import IndicatorView
from tapeline.runtime.processor import Processor
from tapeline.runtime.resampled_rows import ResampledRows

STEP = 30 * MINUTE
SPECS = ("sma_3", "obv")

#: 2024-03-01 to 2024-04-20, in which the clocks of New York and London change and Good Friday is a holiday.
FROM, UNTIL = 1_709_251_200_000, 1_713_571_200_000


def regular(symbol: str) -> Ints:
    """Return bars of half an hour over the regular sessions."""
    opened = calendar_of(symbol).sessions(FROM, UNTIL)
    return np.concatenate([np.arange(one.open, one.close, STEP) for one in opened])


def extended(symbol: str) -> Ints:
    """Return bars of half an hour from the start of pre-market to the end of after hours."""
    opened = calendar_of(symbol).sessions(FROM, UNTIL)
    return np.unique(np.concatenate([np.arange(one.pre, one.post, STEP) for one in opened]))


def dates(symbol: str) -> Ints:
    """Return a daily bar for each session."""
    return calendar_of(symbol).trading(breaks=False).date[-3000:][:60]


SERIES = {
    "regular": ("AAPL", regular, STEP), "extended": ("AAPL", extended, STEP), "london": ("VOD.L", regular, STEP),
    "crypto": ("BTC-USD", lambda _: np.arange(FROM, UNTIL, STEP), STEP),
    "weekends": ("AAPL", lambda _: np.arange(FROM, UNTIL, STEP), STEP), "daily": ("AAPL", dates, DAY),
}  # fmt: skip


class Filled:
    """A store that is given some bars of one symbol at a time, with values that differ each time."""

    def __init__(self, path: Path, symbol: str) -> None:
        self.database = Database(path)
        self.store = SqliteStore(self.database)
        self._symbol = symbol
        self._processor = Processor(["sma_2"])
        self._puts = 0

    def put(self, times: Sequence[int], *, forming: bool = False) -> None:
        self._puts += 1
        values = [float(100 + (time // MINUTE + 7 * self._puts) % 23) for time in times]
        bars = Bars.of(
            Bar(self._symbol, time, v, v + 1, v - 1, v + 0.1 * (self._puts % 7), v / 3, not forming or time < times[-1])
            for time, v in zip(times, values, strict=True)
        )
        count = len(bars)
        rows = Rows(
            bars, (), np.empty((count, 0)), np.zeros(count, np.int8), np.full(count, np.nan), models=(),
            model=np.full(count, -1, np.int32),
        )  # fmt: skip
        self.store.commit(Commit(rows, {}, 0))


def assert_same(found: Rows, expected: Rows) -> None:
    for name in BAR_COLUMNS:
        np.testing.assert_array_equal(getattr(found.bars, name), getattr(expected.bars, name), err_msg=name)
    np.testing.assert_array_equal(found.indicator, expected.indicator)


_ACTS = st.lists(
    st.tuples(st.sampled_from(["append", "form", "correct", "late"]), st.integers(1, 90), st.floats(0, 1)),
    min_size=4,
    max_size=14,
)


@pytest.mark.parametrize(
    ("series", "interval"),
    [
        (series, interval)
        for series, (_, _, stored) in SERIES.items()
        for interval in (2 * 60 * MINUTE, DAY, WEEK, MONTH)
        if interval > stored
    ],
)
@settings(max_examples=8, deadline=None)
@given(acts=_ACTS)
def test_continued_candles_are_those_of_a_fresh_build(
    tmp_path_factory: pytest.TempPathFactory, series: str, interval: int, acts: list[tuple[str, int, float]]
) -> None:
    symbol, make, stored = SERIES[series]
    times = make(symbol).tolist()
    filled = Filled(tmp_path_factory.mktemp("grown") / "tapeline.db", symbol)
    continued = IndicatorView(ResampledRows(filled.store, stored, interval))
    at, left_out = 0, []
    for act, count, where in acts:
        if act == "append" or not at:
            some = times[at : at + count]
            if not some:
                continue
            missing = int(where * (len(some) - 1))  # comes later, if at all
            left_out += [some[missing]] if missing > 0 else []
            filled.put([time for k, time in enumerate(some) if k != missing or missing == 0])
            at += len(some)
        elif act == "form" and at < len(times):
            filled.put([times[at]], forming=True)
        elif act == "correct":
            first = int(where * (at - 1))
            filled.put(times[first : min(first + 3, at)])
        elif act == "late" and left_out:
            filled.put([left_out.pop()])
        fresh = IndicatorView(ResampledRows(filled.store, stored, interval)).rows(symbol, SPECS)
        assert_same(continued.rows(symbol, SPECS), fresh)
        assert_same(continued.rows(symbol, SPECS, limit=3), fresh[-3:])
    filled.database.close()


@pytest.mark.parametrize(
    ("series", "interval", "over"),
    [
        ("regular", WEEK, True),  # the half hour to 16:00 on Friday is there
        ("regular", MONTH, False),
        ("daily", WEEK, True),
    ],
)
def test_a_week_is_final_with_its_last_bar(tmp_path: Path, series: str, interval: int, over: bool) -> None:
    symbol, make, stored = SERIES[series]
    every = make(symbol)
    fridays = every[(every // DAY + 3) % 7 == 4]
    second = np.unique(fridays // DAY)[1]
    upto = every[every <= fridays[fridays // DAY == second][-1]]
    for cut, final in ((0, over), (1, False)):
        filled = Filled(tmp_path / f"{cut}.db", symbol)
        filled.put(upto[: len(upto) - cut].tolist())
        rows = ResampledRows(filled.store, stored, interval).rows(symbol)
        assert rows.bars.final.tolist()[-1] is final
        filled.database.close()


def test_after_hours_do_not_end_a_week(tmp_path: Path) -> None:
    every = extended("AAPL")
    session = calendar_of("AAPL").sessions(int(every[0]), UNTIL)[1]  # a Monday
    filled = Filled(tmp_path / "tapeline.db", "AAPL")
    filled.put(every[every < session.post].tolist())
    for interval, final in ((DAY, True), (WEEK, False)):
        rows = ResampledRows(filled.store, STEP, interval).rows("AAPL")
        assert rows.bars.final.tolist()[-1] is final
    after = filled.store.rows("AAPL").bars
    assert ResampledRows(filled.store, STEP, DAY).rows("AAPL").bars.volume.sum() < after.volume.sum()
    filled.database.close()
