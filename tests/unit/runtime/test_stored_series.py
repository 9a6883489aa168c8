"""Which series of a symbol is read, and where new bars belong."""

from __future__ import annotations

import numpy as np
import pytest
from tests.fakes.stores import MemoryStore
from tests.rows import row

from tapeline.core.times import DAY, HOUR, MINUTE
from tapeline.errors import NotFoundError, NotPossibleError
from tapeline.runtime.stored_series import ShownSeries, StoredSeries

MONDAY = 20_000 * DAY + 4 * DAY  # 2024-10-07
OPEN = MONDAY + 13 * HOUR + 30 * MINUTE
PAST = MONDAY - 5 * DAY  # the last of six days from here on is Monday


def stored(**series: tuple[int, int]) -> tuple[MemoryStore, StoredSeries]:
    """Return a store with a series of each name (`_` for `@`): the time of its first bar, and its interval."""
    store = MemoryStore()
    for name, (first, interval) in series.items():
        store.put(*(row(name.replace("_", "@"), first + at * interval, 10.0) for at in range(6)))
    return store, StoredSeries(store, store.series)


def test_a_stored_series_is_read_as_it_is_and_others_are_made_of_the_longest_that_divide_them() -> None:
    _, series = stored(TSLA=(OPEN, MINUTE), TSLA_1d=(PAST, DAY), TSLAX=(OPEN, 5 * MINUTE))
    assert series.find("TSLA") == ("TSLA", MINUTE, MINUTE)
    assert series.find("TSLA", "1d") == series.find("TSLA@1d") == ("TSLA@1d", DAY, DAY)
    assert series.find("TSLA", "1w") == series.find("TSLA@1d", "1w") == ("TSLA@1d", DAY, 7 * DAY)
    assert series.find("TSLA", "5m") == series.find("TSLA@5m") == ("TSLA", MINUTE, 5 * MINUTE)
    assert series.find("NONE", "1d") == ("NONE", MINUTE, DAY)
    assert series.intervals("TSLA")[:2] == ["1m", "2m"]
    with pytest.raises(NotPossibleError, match="the bars are 1d long; intervals to choose from: 1d, 1w, 1mo"):
        series.find("TSLA@1d", "5m")
    with pytest.raises(NotPossibleError, match="the bars are 1m and 1d long; intervals to choose from: 1m, 2m"):
        series.find("TSLA", "30s")


def test_only_stored_bars_are_found_where_candles_are_no_answer() -> None:
    _, series = stored(TSLA=(PAST, DAY), TSLA_1m=(OPEN, MINUTE))
    assert series.stored("TSLA") == series.stored("TSLA", "1m") == "TSLA@1m"
    assert series.stored("TSLA", "1d") == series.stored("TSLA@1d") == "TSLA"
    assert series.stored("NONE") == "NONE"
    with pytest.raises(NotFoundError, match="no 5m bars of TSLA are stored; there is 1m and 1d; `tapeline export"):
        series.stored("TSLA", "5m")
    with pytest.raises(NotFoundError, match=r"there is 1m and 1d$"):
        series.stored("TSLA", "7m")


def test_new_bars_go_to_the_series_of_their_length() -> None:
    _, series = stored(TSLA=(OPEN, MINUTE), OLD=(MONDAY, DAY), OLD_1m=(OPEN, MINUTE))
    assert series.home("TSLA", MINUTE) == "TSLA"
    assert series.home("TSLA", DAY) == "TSLA@1d"
    assert series.home("TSLA", 5 * MINUTE) == "TSLA@5m"
    assert (series.home("OLD", DAY), series.home("OLD", MINUTE)) == ("OLD", "OLD@1m")
    assert series.home("NEW", DAY) == "NEW"


def test_thin_bars_stay_in_the_series_they_belong_to() -> None:
    store = MemoryStore()
    thin = OPEN + MINUTE * np.array([0, 2, 5, 9, 11, 18], np.int64)
    store.put(*(row("THIN", int(time), 10.0) for time in thin))
    series = StoredSeries(store, store.series)
    assert series.home("THIN", MINUTE) == series.stored("THIN", "1m") == series.stored("THIN", "2m") == "THIN"
    with pytest.raises(NotFoundError, match="no 5m bars of THIN"):
        series.stored("THIN", "5m")
    _, series = stored(FULL=(OPEN, MINUTE))
    assert series.home("FULL", 2 * MINUTE, thin) == "FULL"
    assert series.home("FULL", 2 * MINUTE, OPEN + 2 * MINUTE * np.arange(6)) == "FULL@2m"


def test_of_a_symbol_the_series_with_the_shortest_bars_is_shown_unless_it_has_ended() -> None:
    store, series = stored(A=(MONDAY, DAY), A_1m=(OPEN + 4 * DAY, MINUTE), B=(OPEN, MINUTE), B_1d=(MONDAY, DAY))
    newest = {bar.symbol: bar.timestamp for bar in store.latest().bars}
    shown = ShownSeries(series)
    assert shown.of(newest) == {"A": "A@1m", "B": "B@1d"}
    assert [series.stored(symbol) for symbol in "AB"] == ["A@1m", "B@1d"]
    assert [series.find(symbol)[0] for symbol in "AB"] == ["A@1m", "B@1d"]
    reads = store.reads
    assert shown.of(newest | {"B": newest["B@1d"] + HOUR}) == {"A": "A@1m", "B": "B"}
    assert store.reads == reads
