"""Find what was said last about a stored symbol's next bars, and how often what was said before held."""

from __future__ import annotations

from tapeline.app.data_directory import DataDirectory
from tapeline.app.stored_history import stored_series
from tapeline.core.bars import usual_interval
from tapeline.core.times import DAY
from tapeline.error_text import counted
from tapeline.errors import NotFoundError
from tapeline.forecast import HORIZON
from tapeline.forecast.horizons import SaidRange, last_said, newest_range
from tapeline.forecast.price_bands import COVERAGES
from tapeline.runtime.stored_ranges import grade_stored_ranges
from tapeline.runtime.stored_series import TELLING_ROWS
from tapeline.web.quote_table import decimals

#: The newest rows whose ranges are graded, as the page's view of a symbol does.
GRADED_ROWS = 20_000


def said_about(
    directory: DataDirectory, symbol: str, interval: str | None, within: int | None = None
) -> tuple[SaidRange, int, int]:
    """Return what was said last of a symbol, the length of its bars (ms), and the decimals of its prices.

    `within` asks for a forecast that looks that many bars ahead. Raises `NotFoundError` without one.
    """
    [name] = stored_series(directory, [symbol], interval)
    rows = directory.store.rows(name, limit=TELLING_ROWS)
    models = directory.ranges.models()[0]
    said = last_said(rows, models) if within is None else newest_range(rows, models, within)
    if said is None:
        raise no_forecast(name, within or 1)
    return said, usual_interval(rows.bars.timestamp) or DAY, decimals(rows.bars.close)


def held_ranges(directory: DataDirectory, series: str) -> tuple[int, dict[str, float]]:
    """Return how many of a series' newest ranges over 5 bars are decided, and which share each band held.

    The bands are by their coverage in percent; there is none where nothing is decided.
    """
    models = directory.ranges.models()[0]
    grades = grade_stored_ranges(directory.store, [series], models, GRADED_ROWS, [HORIZON]).get(HORIZON)
    decided = 0 if grades is None else int(grades.known.sum())
    if grades is None or not decided:
        return 0, {}
    shares = grades.held[grades.known].mean(axis=0).tolist()
    return decided, {str(coverage): share for coverage, share in zip(COVERAGES, shares, strict=True)}


def no_forecast(name: str, within: int = 1) -> NotFoundError:
    """Return the error that nothing is said of a series so far ahead."""
    return NotFoundError(
        f"no bar of {name} has a range forecast {counted(within, 'bar')} ahead: "
        "tapeline train makes a model, and the next bars have one"
    )
