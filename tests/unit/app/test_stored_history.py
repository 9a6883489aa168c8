"""Test that stored history is the same however it is cut, and that what is not there is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import MINUTE, START
from tests.rows import random_rows
from tests.stored import fill, opened, session_bars

from tapeline.app import stored_history
from tapeline.app.data_directory import DataDirectory
from tapeline.app.stored_history import Selection, StoredHistory
from tapeline.core.market import BAR_COLUMNS, Bars
from tapeline.core.rows import Rows
from tapeline.core.times import DAY
from tapeline.errors import NotFoundError, NotPossibleError, SpecError
from tapeline.indicators import Engine
from tapeline.runtime.indicator_view import IndicatorView
from tapeline.runtime.resampled_rows import ResampledRows

STEP = 15 * MINUTE
SPECS = ("sma_20", "obv", "vwap")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bars = session_bars(("AAPL", "BTC-USD", "VOD.L"), START // DAY * DAY, START // DAY * DAY + 70 * DAY, STEP)
    return fill(tmp_path_factory.mktemp("history"), bars[:3000], bars[3000:])


@pytest.fixture
def directory(path: Path) -> Iterator[DataDirectory]:
    with opened(path) as directory:
        yield directory


def whole(pages: Iterator[Rows]) -> Rows:
    return Rows.concat(list(pages))


def assert_same(found: Rows, expected: Rows) -> None:
    for name in BAR_COLUMNS:
        np.testing.assert_array_equal(getattr(found.bars, name), getattr(expected.bars, name), err_msg=name)
    np.testing.assert_array_equal(found.indicator, expected.indicator)
    np.testing.assert_array_equal(found.prediction, expected.prediction)


@pytest.mark.parametrize("interval", [None, "1h", "1d", "1w", "1mo"])
@pytest.mark.parametrize("symbol", ["AAPL", "BTC-USD", "VOD.L"])
def test_pages_together_are_the_view(
    directory: DataDirectory, symbol: str, interval: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = {None: STEP, "1h": 4 * STEP, "1d": DAY, "1w": 7 * DAY, "1mo": 2_629_800_000}
    reader = directory.store if interval is None else ResampledRows(directory.store, STEP, lengths[interval])
    expected = IndicatorView(reader).rows(symbol, SPECS)
    for bars in (1, 7, 100, 1 << 20):
        monkeypatch.setattr(stored_history, "PAGE_BARS", bars if interval in {"1w", "1mo"} else max(bars, 90))
        found = list(StoredHistory(directory, interval).pages(symbol, Selection((symbol,), SPECS)))
        assert max(map(len, found)) <= stored_history.PAGE_BARS
        assert_same(whole(iter(found)), expected)


@pytest.mark.parametrize("interval", [None, "1d"])
def test_values_do_not_depend_on_the_span(directory: DataDirectory, interval: str | None) -> None:
    history = StoredHistory(directory, interval)
    every = whole(history.pages("AAPL", Selection(("AAPL",), SPECS)))
    times = every.bars.timestamp
    start, end = int(times[25]), int(times[41])
    some = whole(history.pages("AAPL", Selection(("AAPL",), SPECS, start, end)))
    assert_same(some, every[25:41])
    assert list(history.pages("AAPL", Selection(("AAPL",), (), int(times[-1]) + 100 * DAY))) == []


def test_what_was_known_gives_the_indicators_of_what_was_known(tmp_path: Path) -> None:
    bars = session_bars(("AAPL",), START - START % DAY, START + DAY, STEP)
    rows = random_rows(bars, ())
    known = np.full((len(bars), 5), np.nan)
    known[4] = [1.0, 2.0, 0.5, 1.5, 10.0]
    path = fill(tmp_path, replace(rows, known=known))
    first = rows.bars
    close = first.close.copy()
    close[4] = 1.5
    expected = Engine(["sma_3"]).update(replace(first, close=close))
    selection = Selection(("AAPL",), ("sma_3",))
    with opened(path) as directory:
        now = whole(StoredHistory(directory).pages("AAPL", selection))
        then = whole(StoredHistory(directory, as_known=True).pages("AAPL", selection))
        day = whole(StoredHistory(directory, "1d", as_known=True).pages("AAPL", selection))
    np.testing.assert_array_equal(then.indicator, expected)
    assert (then.bars.close[4], then.bars.volume[4]) == (1.5, 10.0)
    assert (now.bars.close == first.close).all()
    assert (now.indicator[4:7] != then.indicator[4:7]).all()
    assert day.bars.low[0] == 0.5


def test_an_unknown_symbol_is_reported_with_the_nearest(directory: DataDirectory) -> None:
    history = StoredHistory(directory)
    assert history.chosen([]) == history.symbols == ("AAPL", "BTC-USD", "VOD.L")
    assert history.chosen(["VOD.L", "AAPL", "VOD.L"]) == ("VOD.L", "AAPL")
    with pytest.raises(
        NotFoundError, match=r"no rows of BTCUSD in .*; did you mean BTC-USD\? symbols there: AAPL, BTC"
    ):
        history.chosen(["AAPL", "BTCUSD"])
    with pytest.raises(NotFoundError, match=r"no rows of QQQQ in .*[^?] symbols there"):
        history.chosen(["QQQQ"])


def test_an_interval_that_bars_do_not_make_is_refused_with_the_possible_ones(directory: DataDirectory) -> None:
    with pytest.raises(NotPossibleError, match="AAPL at 5m: the bars are 15m long; intervals to choose from: 15m, 30m"):
        next(StoredHistory(directory, "5m").pages("AAPL", Selection(("AAPL",))))
    with pytest.raises(SpecError, match="there is no indicator"):
        next(StoredHistory(directory).pages("AAPL", Selection(("AAPL",), ("nonsense",))))


def test_every_symbol_with_a_bar_has_an_extent(tmp_path: Path) -> None:
    bars = session_bars(("AAPL",), START - START % DAY, START + DAY, STEP)
    forming = Bars.of([replace(bar, symbol="NEW", final=False) for bar in bars[:1]])
    path = fill(tmp_path, bars, replace(random_rows(forming, ()), prediction=np.zeros(1, np.int8)))
    with opened(path) as directory:
        times = bars.timestamp.tolist()
        assert directory.store.extents() == {
            "AAPL": (times[0], times[-1], len(times)), "NEW": (times[0], times[0], 0)
        }  # fmt: skip
        assert [len(page) for page in StoredHistory(directory).pages("NEW", Selection(("NEW",)))] == [1]
