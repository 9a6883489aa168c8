"""Measure `tapeline.analyse` on pandas, Polars and Arrow frames beside TA-Lib's C functions on NumPy arrays.

All compute the same 20 indicators of the same bars, in one run and interleaved round by round. TA-Lib's functions are
called one after the other, without any frame; `analyse` reads a frame with times and returns one with 27 more columns.
The medians of the rounds are printed: of wall time, and of the processor time of all threads, which other work on the
machine disturbs less. With `--cores 1` both are of one core.

usage: frames.py [--rounds 15] [--quick] [--bars 200000] [--cores N]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from indicators import SET, TALIB, walk

import tapeline

START = 1_549_895_400_000
SHORT, SYMBOLS = 300, 1000

Call = Callable[[], Any]


def talib_calls(bars: dict[str, np.ndarray]) -> Call:
    """Return a call of TA-Lib's functions, one after the other, that returns their arrays."""
    import talib

    calls = [(getattr(talib, name), keys, parameters) for name, keys, parameters in TALIB]
    return lambda: [function(*(bars[key] for key in keys), *parameters) for function, keys, parameters in calls]


def frames(bars: dict[str, np.ndarray], symbols: np.ndarray | None, row: np.ndarray) -> dict[str, Any]:
    """Return the bars as a frame of each kind; `row` is the number of each bar within its symbol."""
    columns: dict[str, Any] = {} if symbols is None else {"symbol": [f"SYM{symbol}" for symbol in symbols]}
    columns["timestamp"] = (START + 60_000 * row).astype("datetime64[ms]")
    columns |= {name: bars[name[0]] for name in ("open", "high", "low", "close", "volume")}
    polars = pl.DataFrame(columns)
    return {"pandas": pd.DataFrame(columns), "polars": polars, "arrow": polars.to_arrow()}


def contenders(count: int) -> dict[str, tuple[int, Call]]:
    """Return what is timed: the number of bars, and what computes them."""
    bars = walk(count)
    few = {name: column[:SHORT] for name, column in bars.items()}
    length = count // SYMBOLS
    shapes = {
        "one symbol": (bars, None, np.arange(count)),
        f"{SYMBOLS:,} symbols, one after the other": (
            bars, np.repeat(np.arange(SYMBOLS), length), np.tile(np.arange(length), SYMBOLS),
        ),
        f"{SYMBOLS:,} symbols in turn": (
            bars, np.tile(np.arange(SYMBOLS), length), np.repeat(np.arange(length), SYMBOLS),
        ),
        f"one symbol of {SHORT} bars": (few, None, np.arange(SHORT)),
    }  # fmt: skip
    found: dict[str, tuple[int, Call]] = {}
    for shape, (own, symbols, row) in shapes.items():
        size = len(own["c"])
        if symbols is None:
            found[f"TA-Lib, {shape}"] = size, talib_calls(own)
        for kind, frame in frames(own, symbols, row).items():
            found[f"{kind}, {shape}"] = size, lambda frame=frame: tapeline.analyse(frame, SET)
    return found


def timed(call: Call, size: int) -> tuple[float, float]:
    """Return microseconds a bar of wall time and of processor time; short calls are repeated."""
    repeats = max(1, 3000 // size)
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        found = call()
    taken = time.perf_counter() - wall, time.process_time() - processor
    del found
    return taken[0] / repeats / size * 1e6, taken[1] / repeats / size * 1e6


def arguments(description: str) -> argparse.Namespace:
    """Return the command's options, and let Arrow and `analyse` use as many cores as they say."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="three rounds")
    parser.add_argument("--bars", type=int, default=200_000)
    parser.add_argument("--cores", type=int, default=pa.cpu_count())
    parser.add_argument("--processor", action="store_true", help="limits: processor time instead of wall time")
    found = parser.parse_args()
    pa.set_cpu_count(found.cores)
    return found


def medians(calls: dict[str, tuple[int, Call]], options: argparse.Namespace) -> dict[str, list[float]]:
    """Return the medians of what `timed` finds, by the name of the call."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for round_ in range((3 if options.quick else options.rounds) + 1):
        for name, (size, call) in calls.items():
            taken = timed(call, size)
            if round_:  # the first one is the warm-up
                times[name].append(taken)
    return {name: [statistics.median(column) for column in zip(*taken, strict=True)] for name, taken in times.items()}


def main() -> None:
    """Print a table, and how many times as fast as TA-Lib each is."""
    options = arguments(__doc__ or "")
    found = medians(contenders(options.bars), options)
    print(f"pandas {pd.__version__}, Polars {pl.__version__}, Arrow {pa.__version__}, {options.cores} cores")
    print(f"{'microseconds a bar':<46}{'wall':>9}{'processor':>11}{'wall: TA-Lib/this':>19}{'processor':>11}")
    for name, (wall, processor) in found.items():
        peer = found[f"TA-Lib, one symbol of {SHORT} bars" if str(SHORT) in name else "TA-Lib, one symbol"]
        print(f"{name:<46}{wall:>9.3f}{processor:>11.3f}{peer[0] / wall:>18.2f}x{peer[1] / processor:>10.2f}x")


if __name__ == "__main__":
    main()
