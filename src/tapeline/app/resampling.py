"""Make longer candles of bars that are in memory: those of a file, or of a data frame."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from tapeline.app.frame_columns import Frame, PandasFrame, PolarsFrame, open_frame
from tapeline.app.frame_rows import FrameOptions, frame_bars, roles_of
from tapeline.core import bars as core_bars
from tapeline.core.bar_faults import faults
from tapeline.core.candle_intervals import CandleGrid, chosen, exchange_grid, stored_interval
from tapeline.core.market import OHLCV, Bars, Ints
from tapeline.core.sessions import exchange_of
from tapeline.core.sessions.schedule import calendar_names, knows_all_calendars
from tapeline.core.times import DAY, MINUTE
from tapeline.errors import InputError

#: The column that says whether a candle is complete.
FINAL = "final"

#: What people call the calendar of a market that never closes.
_ALWAYS = {"UTC": "24/7"}


def resample(frame: Any, interval: str, *, calendar: str | None = None) -> Any:
    """Return a frame of the candles that a frame's bars make.

        tapeline.resample(frame, "30m")
        tapeline.resample(frame, "1w", calendar="XLON")

    `frame` is what `analyse` takes, with `timestamp` (or `date`, or a pandas time index) and `close`; `open high low
    volume` where it has them, and `symbol` for several symbols. The result is of the same kind and has these columns
    under their names, in the order of time, then of the symbols. Other columns, and impossible bars, are left out.

    `interval` is a name such as `5m`, `1h`, `1d`, `1w` or `1mo`, and the candles are those of the page: within a day
    they begin at the session's open, a day is a session and stamped with midnight UTC of its date, a week with its
    Monday's, a month with that of its first. `calendar` is an exchange's name (`XNYS`, `XLON`, ...) or `UTC`; without
    it, each symbol has its own exchange's, and bars without a symbol must be daily. Times keep their type and zone;
    text becomes times, and dates are in UTC. `final` is a column beside them, as `load` has it: false for a last candle
    that ends after the last bar, which more bars may go into; `found[found["final"]]` are the others.

    Raises `InputError` for the frame, the calendar, or one that is needed, and `NotPossibleError` for an interval that
    the bars do not divide.
    """
    if getattr(getattr(frame, "index", None), "nlevels", 1) > 1:
        frame = frame.reset_index()
    opened = open_frame(frame)
    names = roles_of(opened.names)
    if "timestamp" not in names:
        raise InputError("candles need the time of each row: add a column timestamp")
    levels = opened.levels if isinstance(opened, PandasFrame) else {}
    own = len(opened.names) - len(levels)
    time = names["timestamp"] if names["timestamp"] < own else None
    symbol = names.get("symbol")
    bars = frame_bars(opened, frozenset({"volume"} & names.keys()), FrameOptions()).bars
    if "final" in names:
        bars = replace(bars, final=opened.numbers(names["final"]) != 0)
    bars = bars[faults(bars) == 0]
    if symbol is None and calendar is None:
        if (bars.timestamp % DAY).any():
            raise InputError('a frame without a column symbol needs a calendar: calendar="XNYS", "XLON", ... or "UTC"')
        calendar = "UTC"
    found = resampled(bars, interval, calendar)
    times = _times_as(_type_of_times(frame, opened, time), found.timestamp)
    columns: dict[int, pa.Array] = {} if time is None else {time: times}
    if symbol is not None:
        columns[symbol] = pa.array(found.symbols, pa.string()).take(pa.array(found.code))
    columns |= {names[name]: pa.array(getattr(found, name)) for name in OHLCV if name in names}
    order = sorted(columns)
    made = pa.table(
        [*(columns[index] for index in order), pa.array(found.final)],
        [*(str(opened.names[index]) for index in order), FINAL],
    )
    if isinstance(opened, PolarsFrame):
        return type(frame)(made)
    if not isinstance(opened, PandasFrame):
        return made
    return (
        made.to_pandas() if time is not None else made.to_pandas().set_index(times.to_pandas().rename(frame.index.name))
    )


def resampled(bars: Bars, interval: str, calendar: str | None = None) -> Bars:
    """Return the candles of this interval (a name such as `30m` or `1w`), in the order of time, then of the symbols.

    They are those that the page shows of such bars: within a day they begin at the session's open, a day is a session,
    a week or month is made of sessions. The last candle of a symbol is final where the bars reach its end. `calendar`
    is an exchange's (`XNYS`, `XLON`, `24/7` or `UTC`), None for the one that each symbol trades by. Raises `InputError`
    for a calendar that does not exist, and `NotPossibleError` for an interval that the bars do not divide.
    """
    exchange = None if calendar is None else calendar_named(calendar)
    length = chosen(interval, core_bars.usual_interval(bars.timestamp, bars.code) or MINUTE)
    order = np.argsort(bars.code, kind="stable")
    edges = np.searchsorted(bars.code[order], np.arange(len(bars.symbols) + 1)).tolist()
    made = []
    for symbol, first, last in zip(bars.symbols, edges[:-1], edges[1:], strict=True):
        own = bars[order[first:last]]
        cells = exchange_grid(exchange or exchange_of(symbol), length, own.timestamp)
        made.append(_with_end(core_bars.resample(own, cells), own, cells))
    found = Bars.concat(made)
    return found[np.lexsort((found.code, found.timestamp))]


def _with_end(candles: Bars, bars: Bars, cells: CandleGrid) -> Bars:
    """Return one symbol's candles, the last of them final where the bars that it is made of reach its end."""
    if not len(candles):
        return candles
    last = int(bars.timestamp.argmax())
    known = int(bars.timestamp[last]) + (stored_interval(np.sort(bars.timestamp)) if bars.final[last] else 0)
    final = candles.final.copy()
    final[-1] = cells.is_over(int(bars.timestamp[last]), known)
    return replace(candles, final=final)


def calendar_named(name: str) -> str:
    """Return exchange-calendars' name of a calendar. Raises `InputError` for one that does not exist."""
    exchange = _ALWAYS.get(name.upper(), name)
    names = calendar_names()
    if exchange not in names:
        near = difflib.get_close_matches(name.upper(), names, 1)
        guess = f"did you mean {near[0]}?" if near else "write XNYS, XLON, XETR, ... or UTC"
        if knows_all_calendars():
            raise InputError(f"there is no calendar {name!r}: {guess}")
        more = "to have more calendars: pip install 'tapeline[calendars]'"
        raise InputError(f"the calendar {name!r} does not come with the core: {guess} ({more})")
    return exchange


def _type_of_times(frame: Any, opened: Frame, index: int | None) -> pa.DataType:
    if isinstance(opened, PandasFrame):
        some = frame.index[:1] if index is None else frame.iloc[:1, index]
        return pa.array(some, from_pandas=True).type
    is_arrow = hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__arrow_c_array__")
    return pa.table(frame).schema.field(index).type if is_arrow else pa.timestamp("ms", "UTC")


def _times_as(kind: pa.DataType, timestamps: Ints) -> pa.Array:
    """Return times as the frame has them; text becomes times, and dates are in UTC, where they are midnights."""
    if pa.types.is_integer(kind):
        return pa.array(timestamps)
    dated = not (timestamps % DAY).any()
    if pa.types.is_date(kind) and dated:
        return pa.array(timestamps).cast(pa.timestamp("ms")).cast(kind)
    unit, zone = (kind.unit, kind.tz) if pa.types.is_timestamp(kind) else ("ms", "UTC")
    zone = "UTC" if zone and dated else zone
    return pa.array(timestamps).cast(pa.timestamp("ms", zone)).cast(pa.timestamp(unit, zone))
