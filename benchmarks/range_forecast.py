"""Test the range forecast walk-forward beside EWMA and GARCH(1,1), frozen on other bars, and measure its cost a row.

usage: range_forecast.py [FILE ...] [--frozen FILE ...] [--train-share 0] [--folds 5] [--no-garch] [--markdown FILE]

FILE are bars of one interval (default: the packaged minutes). With --frozen a model of all of FILE is tested as it is
on other bars. A CSV with the columns AdjOpen ... is read adjusted. GARCH(1,1) is fitted to each symbol's returns before
every test by maximum likelihood (SciPy), and forecasts the mean variance over each horizon.
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

import numba
import numpy as np
from scipy.optimize import minimize

from tapeline.core.bars import sort_and_dedupe, usual_interval
from tapeline.core.market import Bar, Bars
from tapeline.data import sample_path
from tapeline.feeds.files import FileSource
from tapeline.forecast.labels import INTRADAY
from tapeline.forecast.range_layout import HORIZONS
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_state import RangeStates
from tapeline.research.range_evaluation import RangeReport, evaluate_frozen, evaluate_ranges
from tapeline.research.range_tables import range_tables
from tapeline.research.range_training import fit_sorted


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*", type=Path, default=[sample_path("1m")])
    parser.add_argument("--frozen", nargs="*", type=Path, default=[])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--no-garch", action="store_true")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    history = read(options.files)
    interval = usual_interval(history.timestamp, history.code)
    assert interval is not None
    baselines = {} if options.no_garch or interval < INTRADAY else {"GARCH(1,1)": garch}
    out = [show("Walk-forward", evaluate_ranges([history], folds=options.folds, baselines=baselines))]
    model = fit_sorted(history, interval)
    if options.frozen:
        out.append(show("Frozen", evaluate_frozen(model, [read(options.frozen)], baselines=baselines)))
    out.append(f"Cost of the step with its state, CPU time: {cost(history, model):.2f} µs a row, all horizons.\n")
    text = "\n".join(out)
    print(text)
    if options.markdown:
        options.markdown.write_text(text)


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


def garch(bars: Bars, first: int, returns: np.ndarray) -> np.ndarray:
    """Return GARCH(1,1)'s mean variance over each horizon, float64 [bars, horizons]."""
    out = np.full((len(bars), len(HORIZONS)), np.nan)
    for code in range(len(bars.symbols)):
        mine = np.flatnonzero(bars.code == code)
        known = returns[mine][bars.timestamp[mine] < first]
        if len(known) < 100:  # of another model's bars: nothing is known before, so the first half is
            known = returns[mine][: len(mine) // 2]
        omega, alpha, beta = fitted(known)
        variance = filtered(returns[mine], omega, alpha, beta, float(known.var()))
        level = omega / (1 - alpha - beta)
        for k, horizon in enumerate(HORIZONS):
            fade = np.mean([(alpha + beta) ** step for step in range(horizon)])
            out[mine, k] = level + (variance - level) * fade
    return out


def fitted(returns: np.ndarray) -> tuple[float, float, float]:
    """Return the parameters of greatest normal likelihood; returns are scaled, as optimisers want them."""
    scaled = returns / returns.std()
    found = []
    for alpha, beta in ((0.05, 0.9), (0.1, 0.8), (0.2, 0.5)):
        start = np.log([max(1 - alpha - beta, 0.01), alpha / (1 - alpha - beta), beta / (1 - alpha - beta)])
        found.append(minimize(lambda p: loss(p, scaled), start, method="Nelder-Mead", options={"maxiter": 800}))
    omega, alpha, beta = parameters(min(found, key=lambda each: each.fun).x)
    return omega * returns.var(), alpha, beta


def parameters(p: np.ndarray) -> tuple[float, float, float]:
    """Return positive omega, alpha and beta with alpha + beta < 1."""
    a, b = np.exp(np.clip(p[1:], -20, 20))
    return float(np.exp(np.clip(p[0], -20, 5))), float(a / (1 + a + b)), float(b / (1 + a + b))


def loss(p: np.ndarray, returns: np.ndarray) -> float:
    omega, alpha, beta = parameters(p)
    variance = np.append(1.0, filtered(returns, omega, alpha, beta, 1.0)[:-1])
    return float((np.log(variance) + returns**2 / variance).mean())


@numba.njit(cache=False)
def filtered(returns: np.ndarray, omega: float, alpha: float, beta: float, start: float) -> np.ndarray:
    """Return the variance of the next bar after each."""
    out = np.empty(len(returns))
    variance = start
    for i in range(len(returns)):
        variance = omega + alpha * returns[i] ** 2 + beta * variance
        out[i] = variance
    return out


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
