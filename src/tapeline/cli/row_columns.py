"""Lay stored rows out as a table of one line a bar: which columns, how they are written, and how many fit."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tapeline.cli.console import notice, print_table, utc_text

if TYPE_CHECKING:
    from tapeline.core.rows import Rows
    from tapeline.forecast.range_model import RangeModel

#: Columns of a bar that can be named, beside outputs of indicators and what was expected, such as `low_80_5`. `price`,
#: as rules and stored rows call it, is the close.
BAR_COLUMNS = ("open", "high", "low", "close", "price", "volume", "prediction", "probability", "model")

#: What is shown where nothing is named, before the indicators.
USUAL = ("open", "high", "low", "close", "volume", "prediction", "probability", "80% in 5 bars")

_BAND = "80% in 5 bars"
_BETWEEN = 2  # blanks between two columns on a terminal


def named_columns(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns in this text, and the specs of the indicators that they need.

    Raises `SpecError`, and `RuleError` for what stands in brackets.
    """
    from tapeline.alerts.grammar import parse_column
    from tapeline.alerts.range_terms import is_range_term
    from tapeline.indicators.spec import spec_of_output
    from tapeline.indicators.spelling import separated

    found: dict[str, None] = {}
    specs: dict[str, None] = {}
    for part in separated(text):
        word = part.lower()
        known = word in BAR_COLUMNS
        name = word if known else parse_column(word)
        found[name] = None
        if not known and not is_range_term(name):
            specs[spec_of_output(name)[0].text] = None
    return tuple(found), tuple(specs)


def print_rows(rows: Rows, models: Mapping[str, RangeModel], columns: Sequence[str], *, chosen: bool) -> None:
    """Print one line a bar. On a terminal, columns that nobody chose are left out where they do not fit."""
    cells = {"time (UTC)": _times(rows)} | {name: _cells(rows, models, name) for name in columns}
    shown = list(cells)
    if sys.stdout.isatty() and not chosen:
        cells = {name: column for name, column in cells.items() if set(column) != {"-"}}
        shown = fitting(cells, shutil.get_terminal_size().columns)
    print_table(shown, zip(*(cells[name] for name in shown), strict=True))
    if len(shown) < len(cells):
        notice(f"{len(cells) - len(shown)} more columns do not fit; --columns close,{list(cells)[-1]} chooses")


def fitting(cells: Mapping[str, Sequence[str]], width: int) -> list[str]:
    """Return as many of the columns, from the first on, as a terminal of this width has room for; at least two."""
    found: list[str] = []
    for name, column in cells.items():
        width -= max(len(name), *map(len, column), 0) + _BETWEEN
        if width < -_BETWEEN and len(found) >= 2:
            break
        found.append(name)
    return found


def _times(rows: Rows) -> list[str]:
    times = zip(rows.bars.timestamp.tolist(), rows.bars.final.tolist(), strict=True)
    return [utc_text(time) + ("" if final else " (forming)") for time, final in times]


def _cells(rows: Rows, models: Mapping[str, RangeModel], name: str) -> list[str]:
    """Return a column as text, `-` for what is not known."""
    if name == _BAND:
        from tapeline.forecast.horizons import horizon_columns

        said = horizon_columns(rows, models)
        low, high = said["low_80_5"].tolist(), said["high_80_5"].tolist()
        return [f"{a:.6g} to {b:.6g}" if a == a else "-" for a, b in zip(low, high, strict=True)]  # noqa: PLR0124
    if name == "prediction":
        from tapeline.core.rows import Direction

        return [Direction(code).name if code else "-" for code in rows.prediction.tolist()]
    if name == "model":
        return [rows.models[index] if index >= 0 else "-" for index in rows.model.tolist()]
    if name == "probability":
        answers = zip(rows.probability.tolist(), rows.prediction.tolist(), strict=True)
        return [f"{value:.3f}" if code and not math.isnan(value) else "-" for value, code in answers]
    if name in BAR_COLUMNS:
        return [f"{value:.10g}" for value in getattr(rows.bars, "close" if name == "price" else name).tolist()]
    if name in rows.names:
        values = rows.indicator[:, rows.names.index(name)]
    else:
        from tapeline.alerts.range_terms import range_values

        values = range_values(rows, [name], models)[name]
    return ["-" if math.isnan(value) else f"{value:.6g}" for value in values.tolist()]
