"""A state whose checksum is right but whose numbers are forged leads to nothing outside the symbol's own row."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import tapeline.indicators
from tapeline.core.market import Bar, Bars
from tapeline.errors import DecodeError
from tapeline.indicators import CATALOGUE, Engine
from tapeline.indicators.engine.snapshots import pack
from tapeline.indicators.kernels.window_steps import age_of_highest, age_of_lowest

FORGED = [float("nan"), float("inf"), -float("inf"), -1.0, -2.0, -1e9, 1e9, 1e300, 2.0**63, -(2.0**63), 0.5]


#: What makes a whole number of a float in compiled code.
WHOLE = {"int", "round", "np.int64", "np.int32", "math.floor", "math.ceil", "math.trunc", "floor", "ceil", "trunc"}


@cache
def bars(first: int, count: int, symbol: str = "A") -> Bars:
    rng = np.random.default_rng(first)
    price = 100 + rng.normal(0, 1, count)
    return Bars.of(
        Bar(symbol, 60_000 * (first + i), p, p + 1, p - 1, p, 10.0) for i, p in enumerate(price.tolist())
    )  # fmt: skip


@pytest.mark.parametrize("age", [-(2**63), -(2**31), -5, -2, -1, 14, 15, 10**9, 2**62, 2**63 - 1])
def test_an_age_that_was_never_given_is_found_anew(age: int) -> None:
    values = np.sin(np.arange(40.0))
    window = values[16:31]
    assert age_of_highest(values, 30, 15, 39, age) == 14 - int(np.argmax(window))
    assert age_of_lowest(values, 30, 15, 39, age) == 14 - int(np.argmin(window))


@pytest.mark.parametrize("number", FORGED)
@pytest.mark.parametrize("spec", ["aroon_14", "aroonosc_14"])
def test_aroon_with_forged_numbers_is_right_after_one_window(spec: str, number: float) -> None:
    honest, forged = Engine((spec,)), Engine((spec,))
    honest.update(bars(0, 50))
    row = honest._state[honest.slots(["A"])[0], honest._indexes(50)].copy()
    row[1:3] = number
    forged.restore("A", pack(honest.layout, row))
    found, right = forged.update(bars(50, 40)), honest.update(bars(50, 40))
    assert np.array_equal(found[15:], right[15:])


@pytest.mark.parametrize("count", [*FORGED, 1e17])
def test_a_forged_count_of_bars_is_refused(count: float) -> None:
    engine = Engine(("sma_5", "aroon_14", "stddev_20"))
    engine.update(bars(0, 50))
    row = engine._state[engine.slots(["A"])[0], engine._indexes(50)].copy()
    row[0] = count
    before = engine.snapshot("A")
    if count == 1e9:  # which is one
        return
    with pytest.raises(DecodeError, match="bars were seen"):
        engine.restore("A", pack(engine.layout, row))
    assert engine.snapshot("A") == before


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_any_numbers_in_a_state_lead_to_values_and_no_crash(name: str) -> None:
    engine = Engine((name,))
    engine.update(bars(0, 300))
    whole = engine._state[engine.slots(["A"])[0], engine._indexes(300)].copy()
    rng = np.random.default_rng(1)
    for _ in range(30):
        row = whole.copy()
        forged = rng.random(len(row)) < 0.3
        row[forged] = rng.choice([*FORGED, 0.0, 1.0, 100.0], forged.sum())
        row[0] = rng.choice([0.0, 1.0, 300.0, 301.0, 2.0**52])
        engine.restore("A", pack(engine.layout, row))
        engine.update(bars(400, 70))
        engine.update(bars(500, 1))


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_a_forged_state_changes_nothing_of_other_symbols(name: str) -> None:
    """What an indicator writes outside its own row would be found in its neighbours' rows, or in their next values."""
    engine, right = Engine((name,)), Engine((name,))
    for each in (engine, right):
        for symbol in ("B", "A", "C"):
            each.update(bars(0, 120, symbol))
    whole = engine._state[engine.slots(["A"])[0], engine._indexes(120)].copy()
    rng = np.random.default_rng(len(name))
    for count in (0.0, 1.0, 7.0, 120.0, 2.0**52):
        row = whole.copy()
        row[rng.random(len(row)) < 0.5] = rng.choice(FORGED)
        row[0] = count
        engine.restore("A", pack(engine.layout, row))
        assert engine.update(bars(400, 9)).shape == (9, len(engine.outputs))
    for symbol in ("B", "C"):
        assert engine.snapshot(symbol) == right.snapshot(symbol)
        after = bars(120, 9, symbol)
        assert np.array_equal(engine.update(after), right.update(after), equal_nan=True)


def test_no_kernel_finds_its_way_by_a_number_that_it_does_not_check() -> None:
    """An index is a whole number, and what is stored is not: so one of these functions stands between the two."""
    found = []
    folder = Path(tapeline.indicators.__file__).parent
    for path in sorted([*folder.glob("*.py"), *folder.glob("kernels/*.py")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in WHOLE:
                stored = {part.value.id for part in ast.walk(node) if isinstance(part, ast.Subscript)
                          and isinstance(part.value, ast.Name)}  # fmt: skip
                if stored & {"state", "columns", "values", "scratch", "out"}:
                    found.append(f"{path.name}: {ast.unparse(node)}")
    assert found == 2 * [
        "oscillators.py: int(state[0])",
        "oscillators.py: int(state[1])",
    ]  # ages
