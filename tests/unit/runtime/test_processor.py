"""The pure step: the same rows however records are cut into batches, from any state, and nothing from the future."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import MINUTE, START, random_bars
from tests.fakes.models import FakeModel

from tapeline.core.market import Bar, Bars
from tapeline.core.messages import SymbolState
from tapeline.core.rows import Row
from tapeline.errors import DecodeError
from tapeline.runtime.processor import (
    CHECKPOINT_BARS,
    Processor,
)

SPECS = ("sma_3", "ema_5", "rsi_4")
RECORDS = 120


def bar(minute: int, close: float, *, final: bool = True, symbol: str = "A") -> Bar:
    return Bar(symbol, START + minute * MINUTE, close, close + 1, close - 1, close, 10.0, final)


def stored(processor: Processor, batches: list[Bars]) -> dict[tuple[str, int], Row]:
    """What a store holds afterwards: the last row of each bar."""
    rows: dict[tuple[str, int], Row] = {}
    for batch in batches:
        rows |= {(row.stock_symbol, row.timestamp): row for row in processor.step(batch).rows}
    return rows


records = st.lists(
    st.tuples(st.sampled_from("ABC"), st.integers(0, 3), st.integers(10, 20), st.booleans()), max_size=RECORDS
)


def unfolded(steps: list[tuple[str, int, int, bool]]) -> Bars:
    """Records whose times never go back within a symbol: each step moves its symbol's time on by 0 to 3 minutes."""
    minute = dict.fromkeys("ABC", 0)
    bars = []
    for symbol, move, close, final in steps:
        minute[symbol] += move
        bars.append(bar(minute[symbol], float(close), final=final, symbol=symbol))
    return Bars.of(bars)


@settings(max_examples=60, deadline=None)
@given(steps=records, cuts=st.lists(st.integers(0, RECORDS), max_size=8))
def test_rows_do_not_depend_on_how_records_are_cut_into_batches(
    steps: list[tuple[str, int, int, bool]], cuts: list[int]
) -> None:
    bars = unfolded(steps)
    ends = [0, *sorted(cuts), len(bars)]
    pieces = [bars[a:b] for a, b in itertools.pairwise(ends) if a < b]
    singles = [bars[i : i + 1] for i in range(len(bars))]
    expected = stored(Processor(SPECS), singles)
    assert stored(Processor(SPECS), [bars]) == expected
    assert stored(Processor(SPECS), pieces) == expected


@settings(max_examples=40, deadline=None)
@given(steps=records, at=st.integers(0, RECORDS))
def test_a_restored_processor_goes_on_as_if_it_had_never_stopped(
    steps: list[tuple[str, int, int, bool]], at: int
) -> None:
    bars = unfolded(steps)
    first = Processor(SPECS)
    step = first.step(bars[:at])
    states = dict(step.states)
    for symbol in step.late.symbols:  # what waits there is the caller's to hand in again, to either of them
        first.settle(symbol)
    second = Processor(SPECS)
    second.restore(states)
    there, here = first.step(bars[at:]), second.step(bars[at:])
    assert {(row.stock_symbol, row.timestamp): row for row in here.rows} == {
        (row.stock_symbol, row.timestamp): row for row in there.rows
    }
    assert here.states == there.states


def test_a_forming_bar_is_replaced_and_committed_by_the_next_bar() -> None:
    processor = Processor(("sma_2",))
    rows = [list(processor.step(Bars.of([record])).rows) for record in (
        bar(0, 10), bar(1, 50, final=False), bar(1, 20, final=False), bar(2, 30, final=False),
    )]  # fmt: skip
    assert [[(row.price, row.final) for row in some] for some in rows] == [
        [(10, True)], [(50, False)], [(20, False)], [(20, True), (30, False)],
    ]  # fmt: skip
    assert [some[-1].indicator.get("sma_2") for some in rows] == [None, 30, 15, 25]


def test_a_late_record_and_all_after_it_are_handed_back() -> None:
    processor = Processor(SPECS)
    processor.step(Bars.of([bar(0, 10), bar(2, 12), bar(3, 13, final=False)]))
    step = processor.step(
        Bars.of([bar(2, 12), bar(2, 12.5), bar(1, 11), bar(0, 9, final=False), bar(3, 13.5, final=False)])
    )
    assert [(late.timestamp - START) // MINUTE for late in step.late] == [2, 1, 0, 3]
    assert step.repeated == 1
    assert [(row.price, row.final) for row in step.rows] == [(13, False)]
    processor.settle("A")
    assert [row.price for row in processor.step(step.late[3:]).rows] == [13.5]


def test_a_rebuild_from_a_checkpoint_is_a_rebuild_from_nothing() -> None:
    bars = random_bars(1, 2 * CHECKPOINT_BARS + 100)
    processor = Processor(SPECS)
    kept: list[SymbolState] = []
    for at in range(0, len(bars), 50):
        kept += processor.step(bars[at : at + 50]).checkpoints.values()
    assert len(kept) == 2
    whole = list(Processor(SPECS).step(bars).rows)
    for checkpoint in kept:
        behind = bars[bars.timestamp > checkpoint.timestamp]
        assert list(processor.rebuild("S00", checkpoint, [behind]).rows) == whole[-len(behind) :]
    assert list(processor.rebuild("S00", None, [bars]).rows) == whole


def test_a_state_of_another_version_is_refused() -> None:
    processor = Processor(SPECS)
    state = processor.step(Bars.of([bar(0, 10)])).states["A"]
    with pytest.raises(DecodeError, match="version 9"):
        Processor(SPECS).restore({"A": SymbolState(state.timestamp, b"\x09" + state.data[1:])})


def test_the_model_is_asked_only_behind_its_training_span() -> None:
    bars = random_bars(2, 120)

    trained_until = int(bars.timestamp[2 * 90])
    rows = list(Processor(SPECS, FakeModel("m", trained_until=trained_until, answer=0.75)).step(bars).rows)
    predicted = [row for row in rows if row.prediction]
    assert [row.timestamp for row in predicted] == bars.timestamp[2 * 91 :].tolist()
    assert {(row.prediction, row.probability, row.model) for row in predicted} == {("UP", 0.75, "m")}


def test_many_symbols_join_at_any_time() -> None:
    processor = Processor(SPECS)
    for number in range(40):
        bars = Bars.of([bar(number, 10 + k, symbol=f"N{number}-{k}") for k in range(5)])
        assert [row.stock_symbol for row in processor.step(bars).rows] == list(bars.symbols)


def test_no_bar_is_predicted_by_two_models() -> None:
    bars = random_bars(2, 120)
    processor = Processor(SPECS, FakeModel("old", answer=0.75))
    processor.step(bars[:200])
    forming = Bars.of([Bar(*(getattr(b, n) for n in Bar.__slots__[:-1]), final=False) for b in bars[200:201]])
    assert [row.model for row in processor.step(forming).rows] == ["old"]
    processor.replace_predictor(FakeModel("new", answer=0.75))
    rows = list(processor.step(bars[200:]).rows)
    assert [row.model for row in rows] == ["old"] + ["new"] * (len(rows) - 1)
    assert {row.prediction for row in rows} == {"UP"}


def test_a_model_predicts_the_series_of_its_interval_only() -> None:
    bars = Bars.of([bar(at, 10.0 + at, symbol=name) for at in range(30) for name in ("A", "A@1m", "A@1d")])
    for interval, predicted in ((MINUTE, {"A", "A@1m"}), (0, {"A", "A@1m", "A@1d"})):
        processor = Processor((), FakeModel(answer=0.9, interval=interval))
        rows = [row for part in (bars[:45], bars[45:]) for row in processor.step(part).rows]
        assert {row.stock_symbol for row in rows if row.prediction} == predicted


def test_no_model_is_asked_about_series_that_are_left_out() -> None:
    bars = Bars.of([bar(at, 10.0 + at, symbol=name) for at in range(30) for name in ("A", "B")])
    processor = Processor((), FakeModel(answer=0.9, interval=MINUTE), unforecast=["B"])
    assert {row.stock_symbol for row in processor.step(bars).rows if row.prediction} == {"A"}
