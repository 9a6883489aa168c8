"""Answer `/symbols/{symbol}/forecast` and `odds`: how far a price is expected to move."""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
from fastapi import Query, Response
from pydantic import BaseModel

from tapeline.core.candle_intervals import stored_interval
from tapeline.core.iso_text import iso_times
from tapeline.core.times import interval_name
from tapeline.error_text import counted
from tapeline.errors import InputError, NotFoundError
from tapeline.forecast import HORIZON
from tapeline.forecast.horizons import SaidRange, last_said, newest_range
from tapeline.forecast.price_bands import COVERAGES
from tapeline.forecast.range_grading import RangeGrades, grade_ranges
from tapeline.forecast.range_layout import HORIZONS
from tapeline.forecast.range_words import over_at, sentence
from tapeline.runtime.stored_series import TELLING_ROWS
from tapeline.web.api.formats import json_answer
from tapeline.web.api.parameters import (
    CurrentPage,
    StoredInterval,
    Symbol,
    require_known,
)
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router
from tapeline.web.page import Page
from tapeline.web.quote_table import decimals

#: Rows whose bands are graded with each answer.
_GRADED_ROWS = 1_000

routes = api_router("forecast")


class OddsAnswer(BaseModel):
    """Hold the chances that the close is beyond a price this many bars later, and that it is touched by then."""

    price: float
    within: int
    beyond: float
    touched: float


class BandAnswer(BaseModel):
    """Count how many of the `decided` closes among the newest rows each band held, by its coverage in percent.

    `waiting` bands are about bars to come; `undecidable` ones have a gap before the bar they are about.
    """

    horizon: int
    decided: int
    waiting: int
    undecidable: int
    held: dict[str, int]


class ForecastAnswer(BaseModel):
    """Hold what is expected after the last closed bar, by horizon in bars; null everywhere where nothing is.

    `timestamp`, `time` (the same as ISO text) and `close` are those of the bar, `words` says it in a sentence, `model`
    is the version. A horizon that leaves the session is not there; after the session `is_newest` is false, and the bar
    is the last one that looked 5 bars, or `within`, ahead. `bands` grades the newest 1,000 rows. `words_for` is how
    long (ms) the words stay as they are while no bar comes: then they say as of when. It is null where they do already.
    """

    symbol: str
    interval: str
    timestamp: int | None = None
    time: str | None = None
    close: float | None = None
    model: str | None = None
    words: str | None = None
    words_for: int | None = None
    is_newest: bool | None = None
    horizons: dict[str, dict[str, float]] | None = None
    odds: OddsAnswer | None = None
    bands: list[BandAnswer] | None = None


class PriceOddsAnswer(OddsAnswer):
    """Hold the odds of a price by the newest forecast that looks so far: of which bar, and by which model.

    `close` is that of the bar. After the end of a session `is_newest` is false: later bars have no forecast.
    """

    symbol: str
    timestamp: int
    time: str
    close: float
    model: str
    is_newest: bool


@routes.get(
    "/symbols/{symbol}/forecast", response_model=ForecastAnswer, responses=problems(404),
    summary="The expected move after the last closed bar, and the odds of a price",
)  # fmt: skip
async def forecast(
    page: CurrentPage,
    symbol: Symbol,
    price: Annotated[
        float | None, Query(gt=0, lt=1e15, allow_inf_nan=False, description="Give the odds of this price.")
    ] = None,
    within: Annotated[int, Query(ge=1, le=HORIZONS[-1], description="In at most this many bars.")] = 5,
    interval: StoredInterval = None,
) -> Response:
    """Answer with the forecast of the last closed bar, whatever is forming after it."""
    found, length, places, grades = await page.read(
        lambda: _newest(page, page.data.candles.series.stored(symbol, interval), within if price else 1)
    )
    if found is None:
        await require_known(page, symbol)
    document: dict[str, Any] = {"symbol": symbol, "interval": interval_name(length)}
    if found is not None:
        now = page.broadcast.now()
        left = over_at(found, length) - now
        document |= {
            "timestamp": found.timestamp, "time": iso_times([found.timestamp])[0], "close": found.close,
            "model": found.model.version,
            "words": sentence(found, length, places, now),
            "words_for": left + 1 if found.is_newest and left >= 0 else None, "horizons": found.horizons,
            "is_newest": found.is_newest,
            "bands": [_counts(each) for each in grades],
        }  # fmt: skip
        if price is not None and math.isfinite(price):
            try:
                odds = found.odds(price, within)
            except ValueError as error:
                raise InputError(str(error)) from None
            document["odds"] = {"price": price, "within": within, "beyond": odds.beyond, "touched": odds.touched}
    return json_answer(document)


@routes.get(
    "/symbols/{symbol}/odds", response_model=PriceOddsAnswer, responses=problems(404),
    summary="The odds that a price is touched, or passed, in the next bars",
)  # fmt: skip
async def price_odds(
    page: CurrentPage,
    symbol: Symbol,
    price: Annotated[float, Query(gt=0, lt=1e15, allow_inf_nan=False, description="A stop or a target.")],
    within: Annotated[int, Query(ge=1, le=HORIZONS[-1], description="In at most this many bars.")] = HORIZON,
    interval: StoredInterval = None,
) -> Response:
    """Answer for any price, as `tapeline odds` does."""

    def find() -> SaidRange | None:
        series = page.data.candles.series.stored(symbol, interval)
        return newest_range(page.data.store.rows(series, limit=TELLING_ROWS), page.range_models(), within)

    found = await page.read(find)
    if found is None:
        await require_known(page, symbol)
        raise NotFoundError(f"no bar of {symbol} has a range forecast {counted(within, 'bar')} ahead")
    odds = found.odds(price, within)
    return json_answer(
        {
            "symbol": symbol, "timestamp": found.timestamp, "time": iso_times([found.timestamp])[0],
            "close": found.close, "model": found.model.version,
            "is_newest": found.is_newest, "price": price, "within": within, "beyond": odds.beyond,
            "touched": odds.touched,
        }
    )  # fmt: skip


def _newest(page: Page, series: str, within: int) -> tuple[SaidRange | None, int, int, list[RangeGrades]]:
    """Return the newest forecast, the length of the bars (ms), how many decimals their prices have, and the grades."""
    rows = page.data.store.rows(series, limit=_GRADED_ROWS)
    interval = stored_interval(rows.bars.timestamp) if len(rows) else 60_000
    close = rows.bars.close if len(rows) else np.zeros(0)
    models = page.range_models()
    newest = max((row.timestamp for row in page.data.store.latest()), default=0)
    grades = [grade_ranges(rows, models, each, interval, newest) for each in HORIZONS] if len(rows) else []
    found = last_said(rows, models, within)
    return found, interval, decimals(close), grades


def _counts(grades: RangeGrades) -> dict[str, Any]:
    """Return what `BandAnswer` says of these rows."""
    return {
        "horizon": grades.horizon,
        "decided": int(grades.known.sum()),
        "waiting": int((~grades.known & ~grades.undecidable).sum()),
        "undecidable": int((grades.undecidable & ~grades.known).sum()),
        "held": {str(c): int(grades.held[grades.known, i].sum()) for i, c in enumerate(COVERAGES)},
    }
