"""Measure charts and a correction of one symbol with ten years of minutes, beside a symbol that must not wait for it.

A cold answer is the first one of a new server whose database is not in the page cache; a warm one is the median of five
after it. The correction revises a bar of two years ago in a live pipeline: the time is that of the processor and the
store, from the late record to the last commit. The file is dropped from the page cache before it, too.

usage: long_history.py [--bars 1000000] [--runs 3]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import page
from page import Server, fetch, forget
from tapeline.app import config
from tapeline.app.data_directory import processing_alone
from tapeline.core.times import DAY
from tapeline.indicators import DEFAULT
from tapeline.runtime.corrections import replay_late_bars
from tapeline.runtime.processor import Processor

_SYMBOL = "SYM000"
_ASKED = {
    "1d of all history, sma_200 obv rsi_14": "interval=1d&limit=5000&indicators=sma_200,obv,rsi_14",
    "newest 500 candles of 1m": "limit=500",
    "newest 500 candles of 1m, sma_200 obv rsi_14": "limit=500&indicators=sma_200,obv,rsi_14",
}


def charts(folder: Path, runs: int) -> None:
    """Print the seconds of each chart, cold and warm."""
    print(f"{'chart':<48}{'cold':>9}{'warm':>9}")
    for name, query in _ASKED.items():
        cold, warm = [], []
        for _ in range(runs):
            with Server(folder) as server:
                url = f"{server.url}/symbols/{_SYMBOL}/bars?{query}"
                forget(folder)
                cold.append(fetch(url))
                warm.append(statistics.median(fetch(url) for _ in range(5)))
        print(f"{name:<48}{statistics.median(cold):>7.3f} s{statistics.median(warm):>7.3f} s")


def correction(folder: Path, number: int) -> float:
    """Return the seconds that a revision of a bar of two years ago takes."""
    with processing_alone(config.load(data_dir=folder)) as home:
        states, position = home.store.load()
        processor = Processor(DEFAULT)
        processor.restore(states)
        newest = processor.last_timestamp(_SYMBOL)
        bar = home.store.rows(_SYMBOL, newest - 2 * 365 * DAY).bars[number : number + 1]
        late = replace(bar, close=bar.close * 1.0001, high=np.maximum(bar.high, bar.close * 1.0001))
        forget(folder)
        began = time.perf_counter()
        step = processor.step(late, remember=False)
        assert len(step.late) == 1
        for found in replay_late_bars(home.store, processor, step.late, position):
            assert found.changed == 1
            for commit in found.commits():
                home.store.commit(commit)
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bars", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page.BLOCK = 256
        page.build(folder, options.bars, 1)
        size = (folder / "tapeline.db").stat().st_size
        print(f"{options.bars:,} bars of one symbol, {size / options.bars:.1f} bytes a bar\n")
        charts(folder, options.runs)
        seconds = statistics.median(correction(folder, number) for number in range(options.runs))
        print(f"\nrevision of a bar of two years ago               {seconds:7.3f} s")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"memory of this process, peak                     {peak:5.0f} MB")


if __name__ == "__main__":
    main()
