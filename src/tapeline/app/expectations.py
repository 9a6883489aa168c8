"""Say what is expected of a stored symbol: `tapeline.forecast("TSLA")` and `tapeline.odds("TSLA", 240)`."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import SupportsFloat

import numpy as np

from tapeline.app.data_directory import open_data_directory, settings_for_reading
from tapeline.app.loading import warn
from tapeline.app.stored_forecasts import said_about
from tapeline.core.series import symbol_of
from tapeline.core.times import interval_name
from tapeline.errors import InputError
from tapeline.forecast.horizons import SaidRange
from tapeline.forecast.range_words import sentence
from tapeline.runtime.clock import now_ms


@dataclass(frozen=True, slots=True)
class Forecast:
    """Hold what is expected after a closed bar. As text it is one sentence.

    `timestamp` is when that bar opened and `close` its price. `horizons` is by how many bars ahead: `expected_move`
    (one sigma, in the currency), `low_80`, `high_80` and so on, `p_big_move`, `expected_volume`. After the end of a
    session `is_newest` is False: the forecast is that of the last bar that looked 5 bars ahead.
    """

    symbol: str
    interval: str
    timestamp: datetime
    close: float
    horizons: Mapping[int, Mapping[str, float]]
    words: str
    model: str
    is_newest: bool

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class PriceOdds:
    """Hold the chances, from 0 to 1, that `price` is touched `within` some bars, and that the close then is beyond it.

    `timestamp` is when the bar opened that the forecast was made on, `close` its price. Near the end of a session it is
    an older bar than the last closed one for a longer `within`; `is_newest` is False then.
    """

    symbol: str
    timestamp: datetime
    close: float
    price: float
    within: int
    touched: float
    beyond: float
    model: str
    is_newest: bool


def forecast(symbol: str, *, interval: str | None = None, data_dir: str | Path | None = None) -> Forecast:
    """Return the expected move after the last closed bar of a stored symbol.

        print(tapeline.forecast("TSLA"))
        tapeline.forecast("TSLA").horizons[5]["low_80"]

    `interval` names one of the symbol's stored series, None the shortest that has not ended. `data_dir` is a folder, by
    default that of the settings. Raises `NotFoundError` for a symbol without bars, or without a forecast: `tapeline
    train` makes the model, and the bars after that have one.
    """
    with open_data_directory(settings_for_reading(data_dir), create=False, notify=warn) as directory:
        said, length, places = said_about(directory, symbol, interval)
    return Forecast(
        symbol_of(said.symbol), interval_name(length), _time(said), said.close,
        {int(horizon): dict(fields) for horizon, fields in said.horizons.items()},
        sentence(said, length, places, now_ms()), said.model.version, said.is_newest,
    )  # fmt: skip


def odds(
    symbol: str, price: float, *, within: int = 5, interval: str | None = None, data_dir: str | Path | None = None
) -> PriceOdds:
    """Return the chance that a price is touched, or passed, in the next bars of a stored symbol.

        tapeline.odds("TSLA", 240, within=5).touched

    `within` is from 1 to 20 bars; `interval` and `data_dir` are as in `forecast`. Raises `InputError` for a price or a
    number of bars that is none, and `NotFoundError` where no forecast looks so far.
    """
    price = _as_price(price)
    with open_data_directory(settings_for_reading(data_dir), create=False, notify=warn) as directory:
        said, _, _ = said_about(directory, symbol, interval, within)
    try:
        found = said.odds(price, within)
    except ValueError as error:
        raise InputError(str(error)) from None
    return PriceOdds(
        symbol_of(said.symbol), _time(said), said.close, price, within, found.touched, found.beyond, said.model.version,
        said.is_newest,
    )  # fmt: skip


def _as_price(price: object) -> float:
    """Return a real number of any kind, such as a Decimal; a truth value is none, though Python takes it for one."""
    number = math.nan
    if isinstance(price, SupportsFloat) and not isinstance(price, (bool, np.bool_)):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            number = float(price)
    if not number > 0:
        raise InputError(f"a price is a number above 0, not {price!r}")
    return number


def _time(said: SaidRange) -> datetime:
    return datetime.fromtimestamp(said.timestamp / 1000, UTC)
