"""Compute indicators for people with a data frame: `tapeline.analyse(frame, ["sma_20", "rsi_14"])`.

This is the engine that runs live, so a value computed from history is the value that was seen on the day.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tapeline.app.frame_columns import Frame, open_frame
from tapeline.app.frame_symbols import FrameSymbols
from tapeline.app.frame_values import Plan, compute
from tapeline.core.market import FAULTS, OHLCV, Bars, Ints, faults
from tapeline.errors import InputError
from tapeline.indicators import DEFAULT

#: Names of the columns of times and of symbols, in lower case; the first that a frame has is meant.
TIME_COLUMNS = ("timestamp", "datetime", "date", "time")
SYMBOL_COLUMNS = ("symbol", "ticker", "stock_symbol")


def analyse(frame: Any, specs: Sequence[str] = DEFAULT) -> Any:
    """Return the frame with a float64 column for every output of the indicators; rows, order and index stay.

    `frame` is a pandas or Polars frame (the result is of the same kind), or anything with the Arrow or the dataframe
    interchange protocol (the result is a `pyarrow.Table`). Columns, in upper or lower case: `close`; `open high low
    volume` where an indicator needs them; `symbol` for several symbols in one frame; `timestamp` (or `date`, or a
    pandas time index), which must not go back within a symbol. A naive time is UTC.

    A value that is not warm is absent: NaN in pandas, null elsewhere. An impossible bar (NaN, a negative price, high
    below low) has no values and does not touch the state; `why_absent` lists them. A large frame is computed on as many
    cores as `pyarrow.cpu_count()` says; it is fastest where each symbol's rows are together. Raises `InputError` for
    the frame, `SpecError` for the specs.
    """
    opened = open_frame(frame)
    plan = Plan.of(tuple(specs))
    bars, symbols = frame_bars(opened, plan.inputs)
    return opened.joined(plan.outputs, compute(plan, bars, symbols.starts, faults(bars) == 0))


def why_absent(frame: Any) -> list[tuple[int, str]]:
    """Return the rows without values because their bar is impossible: the index, from 0, and the reason."""
    found = faults(frame_bars(open_frame(frame), frozenset())[0])
    return [(int(row), FAULTS[found[row]]) for row in np.flatnonzero(found)]


def frame_bars(frame: Frame, inputs: frozenset[str]) -> tuple[Bars, FrameSymbols]:
    """Return the frame's bars, and where its symbols are."""
    columns = {str(name).strip().lower(): index for index, name in reversed(list(enumerate(frame.names)))}
    missing = [name for name in ("close", *sorted(inputs.intersection(OHLCV))) if name not in columns]
    if missing:
        raise InputError(f"no column {missing[0]}; the frame has: {', '.join(map(str, frame.names))}")
    close = frame.numbers(columns["close"])
    count = len(close)
    open_, high, low = (frame.numbers(columns[name]) if name in columns else close for name in OHLCV[:3])
    volume = frame.numbers(columns["volume"]) if "volume" in inputs else np.zeros(count)
    name = next((name for name in SYMBOL_COLUMNS if name in columns), None)
    symbols = FrameSymbols.single(count) if name is None else frame.symbols(columns[name])
    name = next((name for name in TIME_COLUMNS if name in columns), None)
    timestamp = frame.index_times() if name is None else frame.times(columns[name])
    if timestamp is not None:
        _check_order(timestamp, symbols)
    elif "session" in inputs:
        raise InputError(
            f"an indicator needs the trading session of each row: add a column of times ({TIME_COLUMNS[0]})"
        )
    else:
        timestamp = np.arange(count, dtype=np.int64)
    final = np.ones(count, np.bool_)
    return Bars(symbols.names, symbols.code, timestamp, open_, high, low, close, volume, final), symbols


def _check_order(timestamp: Ints, symbols: FrameSymbols) -> None:
    """Raise `InputError` where a symbol's time goes back."""
    back = np.flatnonzero(timestamp[1:] < timestamp[:-1]) + 1
    if symbols.starts is not None:
        back = np.setdiff1d(back, symbols.starts, assume_unique=True)
    elif len(back):
        order = np.argsort(symbols.code, kind="stable")
        sorted_times, sorted_codes = timestamp[order], symbols.code[order]
        back = order[1:][(sorted_times[1:] < sorted_times[:-1]) & (sorted_codes[1:] == sorted_codes[:-1])]
    if len(back):
        row = int(back[0])
        raise InputError(f"row {row} is earlier than the row before it of the same symbol: sort the frame by time")
