"""Read what rules say of the expected move: its fields, such as `p_big_move_5`, and the odds of a price.

`p_touched(240, 5)` is the chance that 240 is touched within 5 bars, `p_beyond(240, 5)` that the close 5 bars later is
beyond it. Both are those of the forecast of the bar that is judged, so they move with the price.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from tapeline.alerts.rules import number
from tapeline.core.market import Floats
from tapeline.core.rows import Rows
from tapeline.forecast.horizons import COLUMNS, horizon_columns, odds_columns
from tapeline.forecast.range_layout import HORIZONS
from tapeline.forecast.range_model import RangeModel

#: The odds of a price, as they are called in rules.
ODDS = ("p_touched", "p_beyond")

#: How many bars ahead a rule may look.
MOST_BARS_AHEAD = HORIZONS[-1]

_COLUMN = re.compile(r"(p_touched|p_beyond)\((.+), (\d+)\)")


def odds_column(kind: str, price: float, within: int) -> str:
    """Return the name of the column that holds these odds; in a rule it is written the same way."""
    return f"{kind}({number(price)}, {within})"


def is_range_term(column: str) -> bool:
    """Return whether the column is of the expected move."""
    return column in COLUMNS or _COLUMN.fullmatch(column) is not None


def range_values(rows: Rows, columns: Iterable[str], models: Mapping[str, RangeModel]) -> dict[str, Floats]:
    """Return those of these columns that are of the expected move, float64 [n] each, NaN where nothing was said."""
    wanted = [name for name in columns if is_range_term(name)]
    found = {}
    fields = horizon_columns(rows, models) if any(name in COLUMNS for name in wanted) else {}
    for name in wanted:
        match = _COLUMN.fullmatch(name)
        if match is None:
            found[name] = fields[name]
            continue
        beyond, touched = odds_columns(rows, models, float(match[2]), int(match[3]))
        found[name] = touched if match[1] == "p_touched" else beyond
    return found
