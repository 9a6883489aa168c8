"""Say what rows expect over each horizon: the move, bands that hold the close, odds of a big move, and the volume.

A store keeps a few codes of each bar; the rest follows from these, the bar's close and the model's quantiles, bit for
bit as it was said. The close is the one that was known then. A forming bar has the forecast of the last closed one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tapeline.core.market import Floats
from tapeline.core.rows import Rows
from tapeline.forecast import HORIZON, price_bands, said_codes
from tapeline.forecast.price_bands import COVERAGES, Odds
from tapeline.forecast.range_layout import HORIZONS
from tapeline.forecast.range_model import RangeModel

#: What is said over each horizon. Prices are in the instrument's currency; `expected_volume` is a mean a bar.
FIELDS = (
    "expected_move", *(f"{end}_{coverage}" for coverage in COVERAGES for end in ("low", "high")), "p_big_move",
    "expected_volume",
)  # fmt: skip

#: The names of all columns, such as `low_80_5`: the lower end of the 80% band 5 bars ahead.
COLUMNS = tuple(f"{name}_{horizon}" for horizon in HORIZONS for name in FIELDS)

_USUAL = len(HORIZONS)


@dataclass(frozen=True, slots=True)
class SaidRange:
    """Hold what was said of one closed bar, with what it takes to answer any question about it.

    `is_newest` says whether it is the last closed bar: of one whose horizon leaves the session nothing is said.
    """

    symbol: str
    timestamp: int
    close: float
    sigmas: tuple[float, ...]
    horizons: Mapping[str, Mapping[str, float]]
    model: RangeModel
    is_newest: bool = True

    def odds(self, price: float, within: int) -> Odds:
        """Return the chances that the close `within` bars later is beyond the price, and that it is touched by then.

        Raises `ValueError` where the forecast does not look that far ahead.
        """
        known = [each for each in self.sigmas if not np.isnan(each)]
        if len(known) < len(HORIZONS) and within > HORIZONS[len(known) - 1]:
            raise ValueError(
                f"the forecast looks {HORIZONS[len(known) - 1]} bars ahead, not {within}: the session ends"
            )
        return price_bands.odds(self.model, within, self.close, (*known, *known[-1:] * 3)[: len(HORIZONS)], price)


def horizon_columns(rows: Rows, models: Mapping[str, RangeModel]) -> dict[str, Floats]:
    """Return `COLUMNS` of these rows, float64 [n] each, NaN where nothing was said or the model is not known."""
    found = {name: np.full(len(rows), np.nan) for name in COLUMNS}
    ranges, by = rows.said_ranges
    close = rows.as_known().bars.close
    for index in np.flatnonzero(np.bincount(by[by >= 0])).tolist():
        model = models.get(rows.models[index])
        if model is None:
            continue
        where = np.flatnonzero(by == index)
        said = said_codes.decoded(ranges[where])
        for k, horizon in enumerate(HORIZONS):
            for name, column in _over(model, k, close[where], said).items():
                found[f"{name}_{horizon}"][where] = column
    return found


def _over(model: RangeModel, k: int, close: Floats, said: Floats) -> dict[str, Floats]:
    horizon, sigma = HORIZONS[k], np.ascontiguousarray(said[:, k])
    found = {"expected_move": close * sigma}
    for coverage in COVERAGES:
        found[f"low_{coverage}"], found[f"high_{coverage}"] = price_bands.band(model, horizon, close, sigma, coverage)
    found["p_big_move"] = price_bands.big_move(model, horizon, sigma, said[:, _USUAL])
    found["expected_volume"] = said[:, _USUAL + 1 + k]
    return found


def horizons_of(rows: Rows, models: Mapping[str, RangeModel]) -> list[dict[str, dict[str, float]] | None]:
    """Return what each row expects, by horizon, such as `{"5": {"low_80": ...}}`; None where nothing was said.

    A horizon that leaves the session is not there.
    """
    columns = horizon_columns(rows, models)
    texts = {name: column.tolist() for name, column in columns.items()}
    found: list[dict[str, dict[str, float]] | None] = []
    for i in range(len(rows)):
        if not rows.bars.final[i]:
            same = i > 0 and rows.bars.code[i - 1] == rows.bars.code[i]
            found.append(found[i - 1] if same else None)
            continue
        said = {}
        for horizon in HORIZONS:
            values = {name: texts[f"{name}_{horizon}"][i] for name in FIELDS}
            if values["expected_move"] == values["expected_move"]:
                said[str(horizon)] = {name: value for name, value in values.items() if value == value}  # noqa: PLR0124
        found.append(said or None)
    return found


def newest_range(rows: Rows, models: Mapping[str, RangeModel], within: int = 1) -> SaidRange | None:
    """Return what was said last of one symbol's closed bars about this many bars ahead; None where nothing was.

    In the last minutes of a session it was said of an earlier bar than the last one.
    """
    ranges, by = rows.said_ranges
    horizon = next((k for k, each in enumerate(HORIZONS) if each >= within), len(HORIZONS) - 1)
    known = np.array([*(version in models for version in rows.models), False], np.bool_)
    closed = np.flatnonzero(rows.bars.final)
    said = closed[known[by[closed]] & (ranges[closed, horizon] > 0)]
    if not len(said):
        return None
    last = rows[said[-1:]]
    ranges, by = last.said_ranges
    sigmas = said_codes.decoded(ranges)[0, : len(HORIZONS)].tolist()
    bars = last.as_known().bars
    return SaidRange(
        bars.symbols[bars.code[0]], int(bars.timestamp[0]), float(bars.close[0]), tuple(sigmas),
        horizons_of(last, models)[0] or {}, models[last.models[by[0]]], bool(said[-1] == closed[-1]),
    )  # fmt: skip


def last_said(rows: Rows, models: Mapping[str, RangeModel], within: int = 1) -> SaidRange | None:
    """Return what was said last, as `newest_range`; after the end of a session that of a bar which looked 5 ahead."""
    found = newest_range(rows, models, within)
    if found is not None and not found.is_newest:
        found = newest_range(rows, models, max(within, HORIZON)) or found
    return found


def expected_move(rows: Rows) -> float | None:
    """Return the sigma of the log return over `HORIZON` bars after the last closed bar of these rows of one symbol.

    It needs no model: it is what is stored. None where nothing was said.
    """
    ranges, by = rows.said_ranges
    closed = np.flatnonzero(rows.bars.final)
    if not len(closed) or by[closed[-1]] < 0:
        return None
    sigma = float(said_codes.decoded(ranges[closed[-1:]])[0, HORIZONS.index(HORIZON)])
    return None if np.isnan(sigma) else sigma


def odds_columns(rows: Rows, models: Mapping[str, RangeModel], price: float, within: int) -> tuple[Floats, Floats]:
    """Return the chance at each row that the close `within` bars later is beyond the price, and that it is touched.

    They are float64 [n] each, NaN where nothing was said that far ahead.
    """
    ranges, by = rows.said_ranges
    beyond, touched = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    close, said = rows.as_known().bars.close.tolist(), said_codes.decoded(ranges)
    last = next((k for k, each in enumerate(HORIZONS) if each >= within), len(HORIZONS) - 1)
    for i in np.flatnonzero((by >= 0) & (ranges[:, last] > 0)).tolist():
        model = models.get(rows.models[by[i]])
        if model is not None:
            known = [each for each in said[i, : len(HORIZONS)].tolist() if not np.isnan(each)]
            sigmas = (*known, *known[-1:] * 3)[: len(HORIZONS)]
            found = price_bands.odds(model, within, close[i], sigmas, price)
            beyond[i], touched[i] = found.beyond, found.touched
    return beyond, touched


def with_horizons(
    items: Sequence[dict[str, Any]], rows: Rows, models: Mapping[str, RangeModel]
) -> list[dict[str, Any]]:
    """Return items of rows, as `Row.as_item` makes them, with `horizons` and `range_model` where something was said."""
    _, by = rows.said_ranges
    found = []
    for item, horizons, index in zip(items, horizons_of(rows, models), by.tolist(), strict=True):
        said = {} if horizons is None else {"horizons": horizons}
        if index >= 0:
            said["range_model"] = rows.models[index]
        found.append(item | said)
    return found
