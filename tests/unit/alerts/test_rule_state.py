"""When rules fire: on real bars against plain formulas, and the edges, hysteresis and quiet time one by one."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator

import numpy as np
import pyarrow.parquet as pq
import pytest
import talib

from tapeline.alerts.grammar import parse_rule
from tapeline.alerts.rehearsal import Rehearsal
from tapeline.alerts.rule_state import BarValues, State, step
from tapeline.core.market import Bar, Bars
from tapeline.core.rows import Direction, Rows
from tapeline.data import sample_path
from tapeline.runtime.processor import Processor

MINUTE = 60_000
SYMBOLS = ["AAPL", "SPY", "UGA"]


@pytest.fixture(scope="module")
def rows() -> Rows:
    """A real week of minutes of two busy symbols and a sleepy one, with indicators."""
    table = pq.read_table(sample_path("1m"))
    table = table.filter(np.isin(table["symbol"].to_numpy(), SYMBOLS))
    bars = Bars.of(Bar(**record) for record in table.to_pylist())
    return Processor(("rsi_14", "sma_50", "sma_200")).step(bars).rows


def own(rows: Rows, symbol: str) -> Rows:
    return rows[rows.bars.code == rows.bars.symbols.index(symbol)]


def fired(text: str, rows: Rows) -> list[tuple[str, int]]:
    return [(each["symbol"], each["timestamp"]) for each in Rehearsal(parse_rule(text)).judge(rows)]


def spaced(times: Iterator[int] | list[int], quiet: int) -> list[int]:
    """Those of these times that are at least `quiet` behind the last one taken."""
    taken: list[int] = []
    for time in times:
        if not taken or time - taken[-1] >= quiet:
            taken.append(time)
    return taken


# -- on real bars ----------------------------------------------------------------------------------------------------


def test_a_threshold_fires_where_the_formula_falls_below_it_and_again_after_the_reset(rows: Rows) -> None:
    mine = own(rows, "AAPL")
    rsi = talib.RSI(mine.bars.close, 14)
    expected, armed = [], True
    for time, value in zip(mine.bars.timestamp.tolist(), rsi.tolist(), strict=True):
        if armed and value < 30:
            expected.append(time)
            armed = False
        elif value >= 40:
            armed = True
    assert len(expected) > 10
    assert fired("rsi_14 < 30 for AAPL reset 40 quiet 0s", rows) == [("AAPL", time) for time in expected]
    quieter = spaced(expected, 3 * 3_600_000)
    assert len(quieter) < len(expected)
    assert fired("rsi_14 < 30 for AAPL reset 40 quiet 3h", rows) == [("AAPL", time) for time in quieter]


@pytest.mark.parametrize(
    "text", ["price crosses above sma_50", "sma_50 crosses below sma_200", "price crosses above 171"]
)
def test_a_crossing_fires_on_every_bar_that_crosses(rows: Rows, text: str) -> None:
    mine = own(rows, "AAPL")
    columns = {
        "price": mine.bars.close, "sma_50": talib.SMA(mine.bars.close, 50), "sma_200": talib.SMA(mine.bars.close, 200),
        "171": np.full(len(mine), 171.0),
    }  # fmt: skip
    words = text.split()
    a, b = columns[words[0]], columns[words[3]]
    if words[2] == "below":
        a, b = -a, -b
    crossed = (a[1:] > b[1:]) & (a[:-1] <= b[:-1])
    expected = mine.bars.timestamp[1:][crossed].tolist()
    assert expected
    assert fired(f"{text} for AAPL quiet 0s", rows) == [("AAPL", time) for time in expected]
    assert fired(f"{text} for aapl", rows) == [("AAPL", time) for time in spaced(expected, 15 * MINUTE)]


def test_every_symbol_is_judged_separately(rows: Rows) -> None:
    together = fired("price crosses above sma_50", rows)
    alone = [pair for symbol in SYMBOLS for pair in fired(f"price crosses above sma_50 for {symbol}", rows)]
    assert sorted(together) == sorted(alone)
    assert {symbol for symbol, _ in together} == set(SYMBOLS)
    assert [time for _, time in together] == sorted(time for _, time in together)


def test_and_needs_both_and_or_either(rows: Rows) -> None:
    both = set(fired("rsi_14 < 30 and price < 0.999 * sma_50 quiet 0s", rows))
    low = {(s, t) for s in SYMBOLS for t in own(rows, s).bars.timestamp[_below(own(rows, s))].tolist()}
    assert both
    assert both <= low
    assert fired("rsi_14 < 30 or rsi_14 < 30", rows) == fired("rsi_14 < 30", rows)


def _below(mine: Rows) -> np.ndarray:
    rsi, sma = talib.RSI(mine.bars.close, 14), talib.SMA(mine.bars.close, 50)
    return (rsi < 30) & (mine.bars.close < 0.999 * sma)


def test_a_prediction_fires_where_it_changes_and_the_model_is_sure(rows: Rows) -> None:
    mine = own(rows, "SPY")
    rng = np.random.default_rng(4)
    up = np.clip(np.cumsum(rng.normal(0, 0.05, len(mine))) % 1.0, 0.01, 0.99)
    said = np.where(up > 0.55, Direction.UP, np.where(up < 0.45, Direction.DOWN, Direction.HOLD)).astype(np.int8)
    said[:100], said[500:510] = Direction.NONE, Direction.NONE
    mine = dataclasses.replace(mine, prediction=said, probability=np.where(said == 0, np.nan, up))
    times = mine.bars.timestamp
    known = np.flatnonzero(said)
    before, after = said[known[:-1]], said[known[1:]]
    for text, mask in {
        "prediction changes to UP": (after == 1) & (before != 1),
        "prediction changes to HOLD": (after == 3) & (before != 3),
        "prediction changes to UP with probability > 0.6": (after == 1) & (before != 1) & (up[known[1:]] > 0.6),
        "prediction changes to DOWN with probability > 0.6": (after == 2) & (before != 2) & (1 - up[known[1:]] > 0.6),
    }.items():
        expected = times[known[1:]][mask].tolist()
        assert expected
        assert [time for _, time in fired(f"{text} quiet 0s", mine)] == expected, text
    found = Rehearsal(parse_rule("prediction changes to UP with probability > 0.6")).judge(mine)
    assert found[0]["text"].startswith("prediction UP, probability 0.")


def test_silence_fires_in_open_sessions_only(rows: Rows) -> None:
    times = own(rows, "UGA").bars.timestamp
    opens = [day * 86_400_000 + 52_200_000 for day in np.unique(times // 86_400_000).tolist()]  # 14:30 UTC
    expected = []
    for start in opens:
        end = start + 23_400_000
        inside = times[(times >= start) & (times < end)].tolist()
        for last, following in zip([start - MINUTE, *inside], [*inside, end], strict=True):
            if following - (last + MINUTE) > 180_000:
                expected.append(last + MINUTE)
    assert len(expected) > 100
    found = fired("no bar for 3 minutes in an open session for UGA quiet 0s", rows)
    assert found == [("UGA", time) for time in expected]
    assert fired("no bar for 3 minutes in an open session for SPY", rows) == []


def test_daily_bars_are_never_silent() -> None:
    table = pq.read_table(sample_path("1d")).slice(0, 500)
    bars = Bars.of(Bar(**record) for record in table.to_pylist())
    assert fired("no bar for 3 minutes in an open session", Processor(()).step(bars).rows) == []


def test_batches_make_no_difference(rows: Rows) -> None:
    for text in ("price crosses above sma_50", "no bar for 3 minutes in an open session", "rsi_14 > 70"):
        whole = Rehearsal(parse_rule(text)).judge(rows)
        parts, rehearsal = [], Rehearsal(parse_rule(text))
        cuts = [0, 3, 1200, 1201, 3000, len(rows)]
        times = np.unique(rows.bars.timestamp)
        edges = [times[0], *(rows.bars.timestamp[cut] for cut in cuts[1:-1]), times[-1] + 1]
        for low, high in itertools.pairwise(edges):
            inside = (rows.bars.timestamp >= low) & (rows.bars.timestamp < high)
            parts += rehearsal.judge(rows[np.flatnonzero(inside)])
        assert parts == whole


# -- one by one ------------------------------------------------------------------------------------------------------


def seen(minute: int, price: float, final: bool = True, prediction: int = 0, **values: float) -> BarValues:
    return BarValues(minute * MINUTE, final, {"price": price, **values}, prediction)


def judge(text: str, *bars: BarValues) -> list[int]:
    """The minutes that fired. The state goes through its kept form after every bar."""
    rule, state, found = parse_rule(text), State(), []
    for bar in bars:
        state, fires = step(rule, State.load(state.dump()), bar)
        if fires:
            found.append(bar.timestamp // MINUTE)
    return found


def prices(*values: float) -> list[BarValues]:
    return [seen(i, value) for i, value in enumerate(values)]


def test_a_condition_that_holds_at_first_fires_only_after_it_was_over() -> None:
    assert judge("price > 10 quiet 0s", *prices(11, 12, 9, 11)) == [3]
    assert judge("price crosses above 10 quiet 0s", *prices(11, 12, 9, 11)) == [3]
    assert judge("price crosses above 10 quiet 0s", *prices(9, 11)) == [1]


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("price > 100", [99, 101, 99.95, 101, 99.89, 101], [1, 5]),  # over at 99.9
        ("price >= 100", [99, 100, 99.95, 100, 99.9, 100, 99.89, 100], [1, 7]),
        ("price < 30", [31, 29, 30.02, 29, 30.03, 29], [1, 5]),
        ("price < 30 reset 35", [36, 29, 34, 29, 35, 29], [1, 5]),
        ("price > -100", [-101, -99, -100.05, -99, -100.2, -99], [1, 5]),
        ("price > 0", [-1, 1, 0, 1], [1, 3]),
        ("price crosses above 100", [99, 101, 99.95, 101], [1, 3]),
        ("price crosses above 100 reset 98", [99, 101, 99, 101, 98, 101], [1, 5]),
        ("price crosses above 100", [100, 101], [1]),  # from at it to above it
        ("price crosses above 100", [99, 100, 100, 101, 102], [3]),
        ("price > 100 or price < 50", [60, 101, 60, 49, 101], [1, 3]),
    ],
)
def test_a_comparison_is_over_only_beyond_its_margin(text: str, values: list[float], expected: list[int]) -> None:
    assert judge(f"{text} quiet 0s", *prices(*values)) == expected


def test_nothing_fires_within_the_quiet_time() -> None:
    bars = prices(*[9, 11] * 20)
    assert judge("price > 10 quiet 5 minutes", *bars) == [1, 7, 13, 19, 25, 31, 37]
    assert judge("price > 10", *bars) == [1, 17, 33]  # 15 minutes where nothing is said
    stays = prices(9, 11, 9, *[11] * 30)
    assert judge("price > 10 quiet 5 minutes", *stays) == [1]  # swallowed, not saved up


def test_unknown_values_change_nothing() -> None:
    nan = math.nan
    assert judge("price > 10 quiet 0s", *prices(nan, nan, 11, nan, 9, nan, nan, 11)) == [7]
    assert judge("price crosses above 10 quiet 0s", *prices(nan, 9, nan, nan, 11, nan, 12)) == [4]
    warm = [seen(0, 9), seen(1, 11), seen(2, 9, x=nan), seen(3, 11)]
    assert judge("price > 10 and rsi_14 < 30 quiet 0s", *warm) == []
    either = [seen(0, 9), seen(1, 9, rsi_14=50.0), seen(2, 11), seen(3, 9, rsi_14=50.0), seen(4, 11)]
    assert judge("price > 10 or rsi_14 < 30 quiet 0s", *either) == [2, 4]
    assert judge("prediction changes to UP", seen(0, 1, prediction=2), seen(1, 1), seen(2, 1, prediction=1)) == [2]
    assert judge("prediction changes to UP", seen(0, 1), seen(1, 1, prediction=1)) == []
    assert judge("prediction is UP", seen(0, 1, prediction=2), seen(1, 1), seen(2, 1, prediction=1)) == [2]


def test_a_bar_that_comes_again_does_not_fire_again() -> None:
    bars = prices(9, 11, 9, 11)
    assert judge("price > 10 quiet 0s", *bars, *bars, *bars[1:]) == [1, 3]
    corrected = [seen(0, 9), seen(1, 9), seen(1, 11), seen(2, 9), seen(0, 11), seen(3, 9)]
    assert judge("price > 10 quiet 0s", *corrected) == []


def test_forming_bars_fire_once_and_only_if_the_rule_says_so() -> None:
    bars = [
        seen(0, 9),
        *(seen(1, price, final=False) for price in (9, 11, 9, 11)),
        seen(1, 9),
        seen(2, 11, final=False),
    ]
    assert judge("price > 10 quiet 0s", *bars) == []
    assert judge("price > 10 quiet 0s on forming bars", *bars) == [1, 2]
    assert judge("price crosses above 10 quiet 0s on forming bars", *bars) == [1, 2]
    falls_back = [seen(0, 9), seen(1, 11, final=False), seen(1, 9), seen(1, 11), seen(2, 12)]
    assert judge("price crosses above 10 quiet 0s", *falls_back) == [2]  # bar 1 closed below


def test_a_state_survives_dump_and_load() -> None:
    rule = parse_rule("price crosses above sma_50 or prediction changes to UP")
    state, _ = step(rule, State(), seen(1, 9.0, sma_50=10.0, prediction=2))
    state, _ = step(rule, state, seen(2, 9.5, sma_50=10.0, prediction=3))
    assert State.load(state.dump()) == state
    assert state.before == (-1, 2)
    assert state.now == (-1, 3)
