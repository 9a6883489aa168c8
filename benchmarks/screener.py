"""Measure how long a screener takes over thousands of stored series, beside a look at each series by itself.

usage: screener.py [--series 5000] [--bars 250] [--runs 5]

`first` is the first question of a process, `again` the same question when nothing has changed, `one bar more` when
every series has a new bar. The baseline is `IndicatorView`, which the chart and `tapeline show` read: the same values,
one series after the other, on the first `--looked-up` series and scaled up. CPU is that of the process, which a shared
machine changes less than the time by the clock. `tests/unit/alerts/test_screening.py` has the bounded version: values
equal to the baseline's, and nothing read again that has not changed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tapeline.alerts.screening import Screener, question
from tapeline.app.config import Settings
from tapeline.app.data_directory import DataDirectory, open_data_directory
from tapeline.core.market import Bars
from tapeline.core.messages import Commit
from tapeline.core.rows import Rows
from tapeline.core.times import DAY
from tapeline.runtime.indicator_view import IndicatorView

RULE = "rsi_14 < 30 and price > sma_200"
SPECS = ("rsi_14", "sma_200")
START = 18_000 * DAY


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--series", type=int, default=5_000)
    parser.add_argument("--bars", type=int, default=250)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--looked-up", type=int, default=500)
    options = parser.parse_args()
    closes = 100 * np.exp(
        np.cumsum(np.random.default_rng(0).normal(0, 0.02, (options.series, options.bars + 1)), axis=1)
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        open_data_directory(Settings(data_dir=Path(folder)), create=True) as directory,
    ):
        commit(directory, closes[:, :-1], 0)
        asked = question(RULE)
        screener = Screener(directory.store)
        times = {"first": [measure(lambda: screener.answer(asked))]}
        times["again"] = [measure(lambda: screener.answer(asked)) for _ in range(options.runs)]
        commit(directory, closes[:, -1:], options.bars)
        times["one bar more"] = [measure(lambda: screener.answer(asked))]
        view, names = IndicatorView(directory.store), symbols(options.looked_up)
        scale = options.series / options.looked_up
        alone = measure(lambda: [view.rows(name, SPECS, limit=2) for name in names])
        times["one series after the other"] = [(alone[0] * scale, alone[1] * scale)]
        found = screener.answer(asked)
    print(f"{RULE}: {len(found.matches)} of {found.looked_at:,} series of {options.bars} bars")
    print(f"{'question':<28} {'CPU s':>7} {'clock s':>8}")
    for name, measured in times.items():
        cpu, clock = (statistics.median(each) for each in zip(*measured, strict=True))
        print(f"{name:<28} {cpu:>7.3f} {clock:>8.3f}")


def symbols(count: int) -> tuple[str, ...]:
    return tuple(f"S{number:04d}" for number in range(count))


def commit(directory: DataDirectory, closes: np.ndarray, first: int) -> None:
    """Store daily bars with these closes, one row a series, the first of them this many days after the start."""
    count, days = closes.shape
    close = closes.ravel()
    bars = Bars(
        symbols(count), np.repeat(np.arange(count, dtype=np.int32), days),
        np.tile(START + DAY * (first + np.arange(days)), count), close, close * 1.01, close * 0.99, close,
        np.full(close.size, 1000.0), np.ones(close.size, bool),
    )  # fmt: skip
    none = np.full(close.size, -1, np.int32)
    rows = Rows(
        bars, (), np.empty((close.size, 0)), np.zeros(close.size, np.int8), np.full(close.size, np.nan), (), none
    )
    directory.store.commit(Commit(rows, {}, first + 1))


def measure(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds of CPU and by the clock."""
    cpu, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - clock


if __name__ == "__main__":
    main()
