"""Read what rules say of a bar beside earlier ones: moves over a length of time, and bands that were forecast before.

`change(1 day)` is the move, in percent, from the close of the newest bar that had opened a day before. `was_low_95_5`
is the lower end of the 95% band that was forecast 5 bars earlier, for this bar.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import numpy as np

from tapeline.alerts.range_terms import range_values
from tapeline.alerts.rules import duration
from tapeline.core.market import Floats, Ints
from tapeline.core.rows import Rows
from tapeline.core.times import DAY, HOUR, MINUTE, SECOND
from tapeline.forecast.price_bands import COVERAGES
from tapeline.forecast.range_layout import HORIZONS
from tapeline.forecast.range_model import RangeModel

_CHANGE = re.compile(r"change\((\d+) (day|hour|minute|second)s?\)")
_WAS = re.compile(rf"was_((?:low|high)_(?:{'|'.join(map(str, COVERAGES))}))_({'|'.join(map(str, HORIZONS))})")
_UNITS = {"day": DAY, "hour": HOUR, "minute": MINUTE, "second": SECOND}


class RowsReader(Protocol):
    """Read rows of a series as `Store.rows` does."""

    def __call__(
        self, symbol: str, start: int | None = None, end: int | None = None, limit: int | None = None
    ) -> Rows: ...


def change_column(span: int) -> str:
    """Return the name of the column of moves over this many ms; in a rule it is written the same way."""
    return f"change({duration(span)})"


def is_window_term(column: str) -> bool:
    """Return whether the column looks back at earlier bars."""
    return _CHANGE.fullmatch(column) is not None or _WAS.fullmatch(column) is not None


def window_values(
    read: RowsReader, symbol: str, times: Ints, columns: Iterable[str],
    models: Callable[[], Mapping[str, RangeModel]],
) -> dict[str, Floats]:  # fmt: skip
    """Return those of these columns that look back, at the bars of a series with these open times, float64 [n] each.

    A value is NaN where there is no bar so early, or nothing was forecast.
    """
    spans = {name: int(found[1]) * _UNITS[found[2]] for name in columns if (found := _CHANGE.fullmatch(name))}
    bands = {name: (found[1], int(found[2])) for name in columns if (found := _WAS.fullmatch(name))}
    if not len(times) or not (spans or bands):
        return {name: np.zeros(0) for name in (*spans, *bands)}
    first = int(times[0]) - max(spans.values(), default=0)
    rows = read(symbol, first, int(times[-1]) + 1)
    before = read(symbol, end=first, limit=max([1, *(horizon for _, horizon in bands.values())]))
    whole = Rows.concat([before, rows]) if len(before) else rows
    opened, close = whole.bars.timestamp, whole.bars.close
    here = np.searchsorted(opened, times)
    found_values: dict[str, Floats] = {}
    for name, span in spans.items():
        then = np.searchsorted(opened, times - span, "right") - 1
        found_values[name] = np.where(then >= 0, 100.0 * (close[here] / close[np.maximum(then, 0)] - 1.0), np.nan)
    said = range_values(whole, {f"{end}_{horizon}" for end, horizon in bands.values()}, models()) if bands else {}
    for name, (end, horizon) in bands.items():
        then = here - horizon
        found_values[name] = np.where(then >= 0, said[f"{end}_{horizon}"][np.maximum(then, 0)], np.nan)
    return found_values
