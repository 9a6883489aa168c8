"""Measure what many symbols in one frame must cost `tapeline.analyse`, a bar, beside one symbol.

Whoever returns a column for each indicator has to find out which rows are of which symbol, and symbols that take turns
have their values far apart. Each such step is timed alone, in the run and on the bars of `frames.py`:

- names: Arrow compares each symbol with the one before, where a symbol's rows are together, and encodes them elsewhere;
- engine: 1,000 histories of 200 bars beside one of 200,000, into a new array;
- rows to columns: the values that the symbols of one time have are together in memory, and go to a column each.

"At least" is one symbol's time and what these add to it; "at most" is the rate of that, as a share of one symbol's.
The engine in turn is no such step: it shows where the rest of the time is. The last table has the first result, whose
memory is new to the process, beside later ones, which Arrow's pool gives the same memory again.

usage: frame_limits.py [--rounds 15] [--quick] [--bars 200000] [--cores N] [--processor]
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from frames import SYMBOLS, Call, arguments, contenders, medians
from indicators import SET, walk

from tapeline.app.frame_values import Plan, compute, on_all_cores
from tapeline.core.market import Bars

KINDS = ("pandas", "polars", "arrow")
ONE, TOGETHER, IN_TURN = "one symbol", f"{SYMBOLS:,} symbols, one after the other", f"{SYMBOLS:,} symbols in turn"
TILE = 512


def steps(count: int) -> dict[str, Call]:
    """Return what is timed alone, for this many bars."""
    plan, length = Plan.of(SET), count // SYMBOLS
    texts = pa.array([f"SYM{number}" for number in range(SYMBOLS)], pa.large_string())
    code = np.repeat(np.arange(SYMBOLS, dtype=np.int32), length)
    turns = np.tile(np.arange(SYMBOLS, dtype=np.int32), length)
    together, in_turn = texts.take(pa.array(code)), texts.take(pa.array(turns))
    columns, good = [walk(count)[name] for name in "ohlcv"], np.ones(count, np.bool_)
    one = Bars(("",), np.zeros(count, np.int32), np.arange(count), *columns, good)
    many = Bars(tuple(texts.to_pylist()), turns, np.repeat(np.arange(length), SYMBOLS), *columns, good)
    rows, values = np.ones((count, len(plan.outputs))), np.ones((count, len(plan.outputs)), order="F")

    def copy(start: int) -> None:
        values[start : start + TILE] = rows[start : start + TILE]

    return {
        "names, one after the other": lambda: pc.not_equal(together[1:], together[:-1]),
        "names, in turn": in_turn.dictionary_encode,
        "engine, one history": lambda: compute(plan, one, np.zeros(1, np.int64), good),
        "engine, one after the other": lambda: compute(plan, one, np.arange(0, count, length), good),
        "engine, in turn": lambda: compute(plan, many, None, good),
        "rows to columns": lambda: on_all_cores(copy, range(0, count, TILE), rows.size),
    }


def first(call: Call) -> Call:
    """Return the call with the pool emptied before."""

    def run() -> object:
        pa.default_memory_pool().release_unused()
        return call()

    return run


def main() -> None:
    """Print the limits, the steps they are made of, and what the first result costs."""
    options = arguments(__doc__ or "")
    found, alone = contenders(options.bars), steps(options.bars)
    calls = {f"{kind}, {shape}": found[f"{kind}, {shape}"][1] for kind in KINDS for shape in (ONE, TOGETHER, IN_TURN)}
    calls |= {f"{kind}, first": first(calls[f"{kind}, {ONE}"]) for kind in KINDS}
    calls |= alone | {"TA-Lib": found[f"TA-Lib, {ONE}"][1]}
    timed = medians({name: (options.bars, call) for name, call in calls.items()}, options)
    times = {name: both[options.processor] for name, both in timed.items()}
    longer = max(0.0, times["engine, one after the other"] - times["engine, one history"])
    extra = {
        TOGETHER: times["names, one after the other"] + longer,
        IN_TURN: times["names, in turn"] + times["rows to columns"],
    }
    print(f"{'microseconds a bar':<46}{'takes':>9}{'at least':>10}{'one symbol/this':>17}{'at most':>9}")
    for kind in KINDS:
        one = times[f"{kind}, {ONE}"]
        for shape, more in extra.items():
            taken, least = times[f"{kind}, {shape}"], one + more
            print(f"{f'{kind}, {shape}':<46}{taken:>9.3f}{least:>10.3f}{one / taken:>16.2f}x{one / least:>8.2f}x")
    print()
    for name in alone:
        print(f"{name:<46}{times[name]:>9.4f}")
    print(f"\n{'one symbol':<46}{'first':>9}{'later':>10}{'TA-Lib/first':>17}{'/later':>9}")
    for kind in KINDS:
        new, later = times[f"{kind}, first"], times[f"{kind}, {ONE}"]
        print(f"{kind:<46}{new:>9.3f}{later:>10.3f}{times['TA-Lib'] / new:>16.2f}x{times['TA-Lib'] / later:>8.2f}x")


if __name__ == "__main__":
    main()
