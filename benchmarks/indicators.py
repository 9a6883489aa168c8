"""Measure microseconds per bar of a 20-indicator set: this engine, TA-Lib, talipp and nautilus-trader, in one run.

Every contender gets the same bars, interleaved round by round; the medians of the rounds are printed. Batch 1 and the
streaming peers: one symbol, bar by bar. Batch 100: one bar of each of 100 symbols. Values go into an array made once,
except for TA-Lib's batch functions, which make their own. A peer that lacks an indicator has a note in its row.

usage: indicators.py [--rounds 7] [--quick]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import talib
from talib import stream

from tapeline.indicators import DEFAULT, Engine

SET = (
    "sma_5", "sma_10", "sma_20", "sma_50", "sma_200", "ema_12", "ema_26", "macd_12_26_9", "rsi_14", "bbands_20_2",
    "stoch_14_3_3", "atr_14", "adx_14", "obv", "cci_14", "willr_14", "mfi_14", "roc_10", "mom_10", "stddev_20",
)  # fmt: skip
WINDOW = 250

#: The same 20 as TA-Lib calls: function, columns, parameters.
TALIB: list[tuple[str, str, tuple[Any, ...]]] = [
    *(("SMA", "c", (n,)) for n in (5, 10, 20, 50, 200)), ("EMA", "c", (12,)), ("EMA", "c", (26,)),
    ("MACD", "c", (12, 26, 9)), ("RSI", "c", (14,)), ("BBANDS", "c", (20, 2.0, 2.0)),
    ("STOCH", "hlc", (14, 3, 0, 3, 0)), ("ATR", "hlc", (14,)), ("ADX", "hlc", (14,)), ("OBV", "cv", ()),
    ("CCI", "hlc", (14,)), ("WILLR", "hlc", (14,)), ("MFI", "hlcv", (14,)), ("ROC", "c", (10,)), ("MOM", "c", (10,)),
    ("STDDEV", "c", (20,)),
]  # fmt: skip

Timed = Callable[[], float]


def walk(count: int) -> dict[str, np.ndarray]:
    """Return a random walk with a tick of 0.01."""
    rng = np.random.default_rng(0)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.0008, count))), 2)
    open_ = np.r_[close[0], close[:-1]]
    high = np.maximum(open_, close) + np.round(rng.exponential(0.05, count), 2)
    low = np.minimum(open_, close) - np.round(rng.exponential(0.05, count), 2)
    return {"o": open_, "h": high, "l": low, "c": close, "v": rng.integers(1, 100_000, count).astype(float)}


def engine(bars: dict[str, np.ndarray], batch: int, symbols: int, order: Literal["C", "F"] = "C") -> Timed:
    """Time the engine, its output array made once. Bars of several symbols take turns."""
    made = Engine(SET)
    slots = made.slots(tuple(f"S{i}" for i in range(symbols)))
    count = len(bars["c"])
    slot = np.resize(slots, count)
    session = np.zeros(count, np.int64)
    columns = [bars[name] for name in "ohlcv"]
    out = np.zeros((batch, len(made.outputs)), order=order)

    def batches() -> float:
        parts = [[column[a : a + batch] for column in (slot, session, *columns)] for a in range(0, count, batch)]
        started = time.perf_counter()
        for part in parts:
            made.update_columns(*part, out)
        return (time.perf_counter() - started) / count

    def singles() -> float:
        place, one = int(slots[0]), out[0]
        o, h, low, c, v = (column.tolist() for column in columns)
        started = time.perf_counter()
        for i in range(count):
            made.update_one(one, place, 0, o[i], h[i], low[i], c[i], v[i])
        return (time.perf_counter() - started) / count

    return singles if batch == 1 else batches


def engine_fresh(bars: dict[str, np.ndarray]) -> Timed:
    """Time the whole history into a new array every time, as TA-Lib's functions do."""
    made = Engine(SET)
    count = len(bars["c"])
    slot, session = np.repeat(made.slots(("S",)), count), np.zeros(count, np.int64)
    columns = [bars[name] for name in "ohlcv"]

    def run() -> float:
        started = time.perf_counter()
        made.update_columns(slot, session, *columns, np.empty((count, len(made.outputs)), order="F"))
        return (time.perf_counter() - started) / count

    return run


def talib_handles(bars: dict[str, np.ndarray]) -> Timed:
    """Time TA-Lib's streaming handles, fed bar by bar after a warm history."""

    def run() -> float:
        warm = 300

        def updates(wanted: str) -> list[Callable[..., Any]]:
            return [
                getattr(stream, name)(*(bars[k][:warm] for k in keys), *parameters).update
                for name, keys, parameters in TALIB
                if keys == wanted
            ]

        of_close, of_hlc, of_cv, of_hlcv = (updates(keys) for keys in ("c", "hlc", "cv", "hlcv"))
        high, low, close, volume = (bars[k][warm:].tolist() for k in "hlcv")
        count = len(close)
        started = time.perf_counter()
        for i in range(count):
            h, lo, c, v = high[i], low[i], close[i], volume[i]
            for update in of_close:
                update(c)
            for update in of_hlc:
                update(h, lo, c)
            for update in of_cv:
                update(c, v)
            for update in of_hlcv:
                update(h, lo, c, v)
        return (time.perf_counter() - started) / count

    return run


def talib_window(bars: dict[str, np.ndarray]) -> Timed:
    """Time TA-Lib's batch functions over the last 250 bars, again for every bar."""
    calls = [(getattr(talib, name), keys, parameters) for name, keys, parameters in TALIB]

    def run() -> float:
        count = 1000
        started = time.perf_counter()
        for i in range(WINDOW, WINDOW + count):
            part = {name: column[i - WINDOW : i] for name, column in bars.items()}
            for function, keys, parameters in calls:
                function(*(part[k] for k in keys), *parameters)
        return (time.perf_counter() - started) / count

    return run


def talib_batch(bars: dict[str, np.ndarray]) -> Timed:
    """Time TA-Lib's C functions over the whole history, their results kept until all are there."""
    calls = [(getattr(talib, name), keys, parameters) for name, keys, parameters in TALIB]

    def run() -> float:
        started = time.perf_counter()
        found = [function(*(bars[k] for k in keys), *parameters) for function, keys, parameters in calls]
        taken = time.perf_counter() - started
        del found
        return taken / len(bars["c"])

    return run


def talipp_streams(bars: dict[str, np.ndarray]) -> tuple[Timed, str]:
    """Time talipp's incremental indicators, fed bar by bar."""
    from talipp import indicators as t
    from talipp.ohlcv import OHLCV

    def run() -> float:
        plain = [*(t.SMA(n) for n in (5, 10, 20, 50, 200)), t.EMA(12), t.EMA(26), t.MACD(12, 26, 9), t.RSI(14),
                 t.BB(20, 2.0), t.ROC(10), t.StdDev(20)]  # fmt: skip
        whole = [t.Stoch(14, 3), t.ATR(14), t.ADX(14, 14), t.OBV(), t.CCI(14), t.Williams(14)]
        count = 3000
        rows = [OHLCV(*(float(bars[k][i]) for k in "ohlcv")) for i in range(count)]
        started = time.perf_counter()
        for row in rows:
            for each in plain:
                each.add(row.close)
            for each in whole:
                each.add(row)
        return (time.perf_counter() - started) / count

    return run, "lacks mfi and mom: 18 of the 20 are timed"


def nautilus_streams(bars: dict[str, np.ndarray]) -> tuple[Timed, str]:
    """Time nautilus-trader's indicators, fed bar by bar."""
    from nautilus_trader import indicators as n

    def run() -> float:
        plain = [*(n.SimpleMovingAverage(k) for k in (5, 10, 20, 50, 200)), n.ExponentialMovingAverage(12),
                 n.ExponentialMovingAverage(26), n.MovingAverageConvergenceDivergence(12, 26),
                 n.RelativeStrengthIndex(14), n.RateOfChange(10)]  # fmt: skip
        hlc = [n.BollingerBands(20, 2.0), n.Stochastics(14, 3), n.AverageTrueRange(14), n.CommodityChannelIndex(14)]
        hl = [n.DirectionalMovement(14)]
        obv = n.OnBalanceVolume()
        o, h, low, c, v = (bars[k].tolist() for k in "ohlcv")
        count = 5000
        started = time.perf_counter()
        for i in range(count):
            for each in plain:
                each.update_raw(c[i])
            for each in hlc:
                each.update_raw(h[i], low[i], c[i])
            for each in hl:
                each.update_raw(h[i], low[i])
            obv.update_raw(o[i], c[i], v[i])
        return (time.perf_counter() - started) / count

    return run, "lacks adx (its DI parts only), macd signal, mfi, mom, stddev, willr: 16 of the 20 are timed"


def contenders(bars: dict[str, np.ndarray]) -> tuple[dict[str, Timed], dict[str, str]]:
    """Return everything that is timed, and notes on what is not like for like or could not be loaded."""
    short = {name: column[:20_000] for name, column in bars.items()}
    found: dict[str, Timed] = {
        "tapeline, batch 1": engine(short, 1, 1),
        "tapeline, batch 100": engine(bars, 100, 100),
        "tapeline, batch 10,000": engine(bars, 10_000, 1, "F"),
        "  in rows, not columns": engine(bars, 10_000, 1),
        "  of 100 symbols in turn": engine(bars, 10_000, 100),
        "  of 10,000 symbols, a bar each": engine(bars, 10_000, 10_000),
        "TA-Lib stream handles": talib_handles(short),
        f"TA-Lib over {WINDOW} bars again": talib_window(short),
        "tapeline, whole history": engine(bars, len(bars["c"]), 1, "F"),
        "  into a new array each time": engine_fresh(bars),
        "TA-Lib C batch, whole history": talib_batch(bars),
    }
    notes = {}
    for name, make in (("talipp", talipp_streams), ("nautilus-trader", nautilus_streams)):
        try:
            found[name], notes[name] = make(short)
        except ImportError as error:
            notes[name] = f"not timed: {error}; `make bench` installs it"
    return found, notes


def starts() -> None:
    """Print what a new process pays, with an empty and with a filled cache of compiled kernels."""
    program = (
        "import time; a = time.perf_counter(); from tapeline.indicators import Engine, DEFAULT, warm_up; warm_up();"
        "Engine().update_columns; print(time.perf_counter() - a)"
    )
    import os
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for name in ("cold start (compiles)", "warm start (cached)"):
            environment = os.environ | {"NUMBA_CACHE_DIR": folder}
            done = subprocess.run(
                [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
            )
            print(f"{name:<34}{float(done.stdout):>9.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="three rounds")
    arguments = parser.parse_args()
    found, notes = contenders(walk(100_000))
    for run in found.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(3 if arguments.quick else arguments.rounds):
        for name, run in found.items():
            times[name].append(run() * 1e6)
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"{'20 indicators, microseconds a bar':<34}{'median':>9}{'min':>9}{'max':>9}")
    for name, values in times.items():
        print(f"{name:<34}{medians[name]:>9.3f}{min(values):>9.3f}{max(values):>9.3f}  {notes.pop(name, '')}")
    for name, note in notes.items():
        print(f"{name:<34}{note}")
    streaming = ("TA-Lib stream handles", f"TA-Lib over {WINDOW} bars again", "talipp", "nautilus-trader")
    best = min((name for name in streaming if name in medians), key=medians.__getitem__)
    print(f"\nbest streaming peer: {best}")
    for name in [name for name in medians if name.startswith(("tapeline, batch", "  of", "  in rows"))]:
        print(f"{name:<34}{medians[best] / medians[name]:>8.1f}x")
    for name in ("tapeline, whole history", "  into a new array each time"):
        print(f"{name:<34}{medians['TA-Lib C batch, whole history'] / medians[name]:>8.2f}x  TA-Lib's C batch")
    print()
    starts()
    print(f"{'state of one symbol, default set':<34}{Engine(DEFAULT).bytes_per_symbol:>9,} bytes")


if __name__ == "__main__":
    main()
