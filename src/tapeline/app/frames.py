"""Compute indicators for people with a data frame: `tapeline.analyse(frame, ["sma_20", "rsi_14"])`.

This is the engine that runs live, so a value computed from history is the value that was seen on the day.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tapeline.app.frame_calendars import calendars_of_frame
from tapeline.app.frame_columns import open_frame
from tapeline.app.frame_rows import FrameBars, FrameOptions, frame_bars, last_of_repeated, ordered, rising
from tapeline.app.frame_values import Plan, compute
from tapeline.core.bar_faults import FAULTS, faults
from tapeline.core.market import Floats
from tapeline.errors import InputError
from tapeline.feeds.files.column_roles import plain
from tapeline.indicators import DEFAULT
from tapeline.indicators.spelling import separated

#: Why a row has no values though its bar is sound.
REPEATED = "the symbol and time come again later, and the last complete row is used"


def analyse(
    frame: Any,
    specs: str | Sequence[str] = DEFAULT,
    *,
    symbol: str | None = None,
    calendar: str | None = None,
    zone: str | None = None,
    columns: Mapping[str, str] | None = None,
    date_format: str | None = None,
) -> Any:
    """Return the frame with a float64 column for every output of the indicators; rows, order and index stay.

        tapeline.analyse(frame, ["sma_20", "rsi_14"])

    `frame` is a pandas or Polars frame (the result is of the same kind), or anything with the Arrow or the dataframe
    interchange protocol (the result is a `pyarrow.Table`); a pandas or Polars series is a close. Columns, under the
    names that files may have them: `close`; `open high low volume` where an indicator needs them; `symbol` for several
    symbols in one frame; `timestamp` (or `date`, ...). Levels of a pandas index count as such columns, and columns of
    two levels as yfinance gives them as one frame a ticker. Rows may be in any order.

    `specs` are one spec or several, also as others write them (`SMA(20)`, `ta.rsi(close, 14)`). `symbol` is whose bars
    these are where no column says it, `calendar` the exchange's (`XNYS`, `XLON`, `UTC`, ...), `zone` that of times
    without one, `date_format` as for `strptime`, and `columns` maps a meaning (`close`) to a column's name.

    A value that is not warm is absent: NaN in pandas, null elsewhere. An impossible bar (NaN, a negative price, high
    below low) has no values and does not touch the state, nor does a row whose symbol and time come again later;
    `why_absent` lists them. Without volumes the indicators that need them have no values. A large frame is computed on
    as many cores as `pyarrow.cpu_count()` says; it is fastest where each symbol's rows are together. Raises
    `InputError` for the frame and for what it leaves open, `SpecError` for the specs.
    """
    texts = tuple(separated(specs) if isinstance(specs, str) else specs)
    options = FrameOptions(symbol, _calendar(calendar), zone, columns, date_format)
    frame = _as_frame(frame)
    if _of_two_levels(frame):
        return _analysed_by_ticker(frame, texts, options)
    opened = open_frame(frame)
    plan = Plan.of(texts)
    found = frame_bars(opened, plan.inputs, options)
    sessions = "session" in plan.inputs
    if sessions and not found.timed:
        raise InputError("an indicator needs the trading session of each row: add a column of times (timestamp)")
    calendars = calendars_of_frame(found, options) if sessions else {}
    return opened.joined(plan.outputs, _in_time_order(plan, found, calendars))


def why_absent(frame: Any) -> list[tuple[int, str]]:
    """Return the rows without values because their bar is impossible or comes again: the index, from 0, and why."""
    found = frame_bars(open_frame(frame), frozenset(), FrameOptions())
    fault = faults(found.bars)
    repeated = (fault == 0) & ~last_of_repeated(found, fault == 0)
    return sorted(
        [(int(row), FAULTS[fault[row]]) for row in np.flatnonzero(fault)]
        + [(int(row), REPEATED) for row in np.flatnonzero(repeated)]
    )


def _in_time_order(plan: Plan, found: FrameBars, calendars: Mapping[str, str]) -> Floats:
    """Return the values of all outputs in the frame's order, computed in that of time."""
    bars, symbols = found.bars, found.symbols
    good = faults(bars) == 0
    if rising(bars.timestamp, symbols):
        return compute(plan, bars, symbols.starts, good, calendars)
    good &= last_of_repeated(found, good)
    if ordered(bars.timestamp, symbols):
        return compute(plan, bars, symbols.starts, good, calendars)
    order = np.lexsort((bars.timestamp, symbols.code))
    code = symbols.code[order]
    starts = np.flatnonzero(np.append(True, code[1:] != code[:-1]))
    values = compute(plan, bars[order], starts, good[order], calendars)
    back = np.empty_like(values)
    back[order] = values
    return back


def _calendar(name: str | None) -> str | None:
    if name is None:
        return None
    from tapeline.app.resampling import calendar_named

    return calendar_named(name)


# -- series, and columns of two levels ---------------------------------------------------------------------------------


def _as_frame(frame: Any) -> Any:
    """Return a pandas or Polars series as a frame whose only column is the close."""
    pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
    if pandas is not None and isinstance(frame, pandas.Series):
        return frame.to_frame("close")
    if polars is not None and isinstance(frame, polars.Series):
        return frame.alias("close").to_frame()
    return frame


def _of_two_levels(frame: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(frame, pandas.DataFrame) and frame.columns.nlevels == 2


def _analysed_by_ticker(frame: Any, texts: tuple[str, ...], options: FrameOptions) -> Any:
    """Return a frame whose columns have two levels, prices and tickers, with the outputs of each ticker."""
    pandas = sys.modules["pandas"]
    columns = frame.columns
    meanings = {plain(str(name)) for name in columns.get_level_values(0)}
    level = 1 if "close" in meanings else 0  # of the tickers
    parts = [frame]
    outputs = Plan.of(texts).outputs
    for ticker in columns.get_level_values(level).unique():
        own = frame.xs(ticker, axis=1, level=level)
        if "close" not in {plain(str(name)) for name in own.columns}:
            continue
        one = replace(options, symbol=options.symbol or str(ticker))
        opened = open_frame(own)
        plan = Plan.of(texts)
        found = frame_bars(opened, plan.inputs, one)
        values = _in_time_order(plan, found, calendars_of_frame(found, one) if "session" in plan.inputs else {})
        pairs = [(name, ticker) if level else (ticker, name) for name in outputs]
        made = pandas.MultiIndex.from_tuples(pairs, names=columns.names)
        parts.append(pandas.DataFrame(values, index=frame.index, columns=made))
    if len(parts) == 1:
        raise InputError(f"no column close; the frame has: {', '.join(map(str, columns))}")
    return pandas.concat(parts, axis=1)
