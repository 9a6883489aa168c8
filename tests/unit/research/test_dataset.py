from __future__ import annotations

import dataclasses

import numpy as np
from tests.daily import DAY, daily_bars

from tapeline.core.bars import sort_and_dedupe
from tapeline.core.market import Bar, Bars
from tapeline.core.rows import Direction
from tapeline.forecast.features import DEFAULT_FEATURES
from tapeline.forecast.labels import label
from tapeline.research.dataset import build, fingerprint


def same(one: Bars, other: Bars) -> bool:
    return list(one) == list(other)


def test_sorting_does_not_depend_on_cuts_or_on_how_symbols_are_interleaved():
    bars = daily_bars(symbols=4, count=50)
    want = sort_and_dedupe([bars])
    rng = np.random.default_rng(0)
    by_symbol = [bars[bars.code == code] for code in (2, 0, 3, 1)]
    cuts = np.sort(rng.integers(0, len(bars), 7))
    pieces = [bars[a:b] for a, b in zip([0, *cuts], [*cuts, len(bars)], strict=True)]
    assert same(sort_and_dedupe(by_symbol), want)
    assert same(sort_and_dedupe(pieces), want)
    assert fingerprint(sort_and_dedupe(by_symbol)) == fingerprint(want)
    assert (np.diff(want.timestamp) >= 0).all()
    assert want.symbols == ("S00", "S01", "S02", "S03")


def test_sorting_keeps_the_last_of_equal_keys_drops_forming_bars_and_ends_at_until():
    def bar(symbol, day, close, final=True):
        return Bar(symbol, day * DAY, 1, 9, 1, close, 0, final)

    bars = Bars.of(
        [bar("B", 1, 2), bar("A", 2, 3), bar("A", 1, 4), bar("B", 1, 5), bar("A", 3, 6), bar("B", 2, 7, False)]
    )
    got = [(b.symbol, b.timestamp // DAY, b.close) for b in sort_and_dedupe([bars], until=2 * DAY)]
    assert got == [("A", 1, 4), ("B", 1, 5), ("A", 2, 3)]
    assert len(sort_and_dedupe([])) == 0


def test_rows_are_warm_labelled_and_in_the_order_of_time():
    bars = sort_and_dedupe([daily_bars(symbols=3, count=120)])
    data = build(bars)
    assert not np.isnan(data.X).any()
    assert (np.diff(data.timestamp) >= 0).all()
    assert set(data.direction.tolist()) == {Direction.UP, Direction.DOWN}
    assert (data.end > data.timestamp).all()
    np.testing.assert_array_equal(data.direction, label(bars).direction[data.index])
    everything = build(bars, only_decided=False)
    assert len(everything.index) == (120 - 60) * 3


def test_fewer_rows_are_the_same_rows_thinned_out_evenly():
    bars = sort_and_dedupe([daily_bars(symbols=3, count=300)])
    whole, thin = build(bars), build(bars, max_rows=200)
    assert len(thin.index) <= 200
    assert len(thin.index) > 100
    where = np.searchsorted(whole.index, thin.index)
    np.testing.assert_array_equal(whole.X[where], thin.X)
    assert np.diff(np.searchsorted(whole.index, thin.index)).max() < 10


def test_no_bars_make_an_empty_set():
    data = build(sort_and_dedupe([]))
    assert data.X.shape == (0, len(DEFAULT_FEATURES.names))


def test_the_fingerprint_covers_the_content():
    bars = sort_and_dedupe([daily_bars(symbols=2, count=30)])
    changed = bars.close.copy()
    changed[7] *= 1.0001
    other = dataclasses.replace(bars, close=changed)
    renamed = dataclasses.replace(bars, symbols=("S00", "S99"))
    assert len({fingerprint(b) for b in (bars, other, renamed)}) == 3
