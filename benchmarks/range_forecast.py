"""Test the range forecast walk-forward beside EWMA and GARCH(1,1), frozen on other bars, and measure its cost a row.

usage: range_forecast.py [FILE ...] [--frozen FILE ...] [--folds 5] [--first 5] [--symbols A,B] [--markdown FILE]

FILE are bars of one interval (default: the packaged minutes). With --frozen a model of all of FILE is tested as it is
on other bars. A CSV with the columns AdjOpen ... is read adjusted. --first 2 tests the first two folds only, on which
every choice was made.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tapeline.core.bars import sort_and_dedupe, usual_interval
from tapeline.core.market import Bar, Bars, Flags
from tapeline.data import sample_path
from tapeline.feeds.files import FileSource
from tapeline.forecast.range_layout import HORIZONS
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_state import RangeStates
from tapeline.research.range_evaluation import evaluate_frozen, evaluate_ranges
from tapeline.research.range_report import RangeReport
from tapeline.research.range_tables import range_tables
from tapeline.research.range_training import fit_sorted


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*", type=Path, default=[sample_path("1m")])
    parser.add_argument("--frozen", nargs="*", type=Path, default=[])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--first", type=int)
    parser.add_argument("--symbols", help="only these, with commas between")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    history = read(options.files)
    if options.symbols:
        history = history[np.isin(np.array(history.symbols)[history.code], options.symbols.split(","))]
    folds = options.folds if options.first is None else options.first
    times = np.unique(history.timestamp)
    history = history[history.timestamp <= times[len(times) * (folds + 1) // (options.folds + 1) - 1]]
    interval = usual_interval(history.timestamp, history.code)
    assert interval is not None
    out = [show("Walk-forward", evaluate_ranges([history], folds=folds))]
    model = fit_sorted(history, interval)
    if options.frozen:
        out.append(show("Frozen", evaluate_frozen(model, [read(options.frozen)])))
    out.append(f"Cost of the step with its state, CPU time: {cost(history, model):.2f} µs a row, all horizons.\n")
    text = "\n".join(out)
    print(text)
    if options.markdown:
        options.markdown.write_text(text)


def walk_forward(history: Bars, folds: int) -> Iterator[tuple[Flags, Flags]]:
    """Yield which bars each fold may learn from, and which it tests, as `evaluate_ranges` cuts them."""
    times = np.unique(history.timestamp)
    edges = [len(times) * k // (folds + 1) for k in range(1, folds + 2)]
    for k in range(folds):
        test = (history.timestamp >= times[edges[k]]) & (history.timestamp <= times[edges[k + 1] - 1])
        yield history.timestamp < times[max(0, edges[k] - HORIZONS[-1])], test


def read(paths: list[Path]) -> Bars:
    adjusted = [path for path in paths if is_adjusted(path)]
    bars = [Bars.of(adjusted_bars(path)) for path in adjusted]
    others = [path for path in paths if path not in adjusted]
    if others:
        bars += [delivery.bars for delivery in FileSource(others).deliveries("")]
    return sort_and_dedupe(bars)


def lines(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        yield from csv.DictReader(file)


def is_adjusted(path: Path) -> bool:
    return ".csv" in path.suffixes and "AdjOpen" in next(lines(path), {})


def adjusted_bars(path: Path) -> Iterator[Bar]:
    for line in lines(path):
        moment = datetime.fromisoformat(line["date"]).astimezone(UTC)
        texts = [
            line[f"Adj{name}"] or line[f"Adj{name.lower()}"] for name in ("Open", "High", "Low", "Close", "Volume")
        ]
        if all(texts):
            open_, high, low, close, volume = map(float, texts)
            high, low = max(high, open_, close), min(low, open_, close)  # adjusting rounds
            yield Bar(line["symbol"], int(moment.timestamp() * 1000), open_, high, low, close, volume)


def cost(history: Bars, model: RangeModel) -> float:
    RangeStates().update(history, model)
    seconds = []
    for _ in range(9):
        states = RangeStates()
        start = time.process_time()
        states.update(history, model)
        seconds.append(time.process_time() - start)
    return 1e6 * statistics.median(seconds) / len(history)


def show(title: str, report: RangeReport) -> str:
    days = [f"{datetime.fromtimestamp(each / 1000, UTC):%Y-%m-%d}" for each in (report.first, report.last)]
    out = [
        f"### {title}\n",
        f"**{report.headline}**\n",
        f"{report.symbols} symbols, {report.bars:,} bars, {days[0]} to {days[1]} UTC.\n",
    ]
    for name, (heads, rows) in range_tables(report).items():
        out += [f"#### {name}\n", "| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
        out += ["| " + " | ".join(row) + " |" for row in rows] + [""]
    return "\n".join(out)


if __name__ == "__main__":
    main()
