"""Ask the models about bars: the direction of each, and the range of prices after each final one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np

from tapeline.core.market import Bars, Codes, Flags, Floats, Ints, Shorts
from tapeline.core.ports import Predictor
from tapeline.core.rows import RANGE_CODES
from tapeline.core.series import has_interval, say_intervals
from tapeline.forecast import said_codes
from tapeline.forecast.features import FeatureSet
from tapeline.forecast.labels import direction
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_state import RangeStates


class AskedModels:
    """Hold the models in use, and what the range forecast remembers of each symbol (`ranges`).

    Models are asked about series that can have their interval by their names, and about none of `unforecast`.
    """

    def __init__(
        self, predictor: Predictor | None, features: FeatureSet, range_model: RangeModel | None,
        unforecast: Collection[str],
    ) -> None:  # fmt: skip
        self.range_model = range_model
        self.ranges = RangeStates()
        self._predictor = predictor
        self._features = features
        self._unforecast = frozenset(unforecast)
        self._former: Predictor | None = None
        self._former_until = np.zeros(0, np.int64)

    def replace_predictor(self, predictor: Predictor, until: Ints) -> None:
        """Let another model predict the bars after these times (UTC epoch ms), one for each slot."""
        self._former, self._former_until, self._predictor = self._predictor, until, predictor

    def speak_of_ranges(self, symbol: str) -> bool:
        """Return whether there is a range model, and for bars as this symbol may have them."""
        return self.range_model is not None and self._is_for(symbol, self.range_model.interval)

    def range_state(self, symbol: str) -> bytes:
        """Return what the range forecast remembers of a symbol, nothing where no range is forecast."""
        return b"" if self.range_model is None else self.ranges.snapshot(symbol)

    def said(
        self, bars: Bars, committed: int, outputs: Sequence[str], values: Floats,
        slots: Callable[[Sequence[str]], Codes], *, predict: bool,
    ) -> dict[str, Any]:  # fmt: skip
        """Return the forecast's columns of rows, by their names in `Rows`; the first `committed` bars are final.

        `values` are those of the indicators called `outputs`, float64 [bars, outputs]. `slots` gives the slot of each
        symbol. Without `predict` nothing is said, but what the range forecast remembers moves on all the same.
        """
        probability = np.full(len(bars), np.nan)
        prediction = np.zeros(len(bars), np.int8)
        model = np.full(len(bars), -1, np.int32)
        versions: list[str] = []
        for predictor, own in self._bars_by_predictor(bars, slots) if predict else ():
            later, fits = own & (bars.timestamp > predictor.trained_until), self._may_be(bars, predictor.interval)
            asked = np.flatnonzero(later if fits is None else later & fits)
            if len(asked):
                every = len(asked) == len(bars)
                where = slice(None) if every else asked
                some = bars if every else bars[asked]
                odds = predictor.predict(self._features.compute(some, outputs, values[where]))
                answer = direction(odds, predictor.hold_margin)
                probability[where], prediction[where] = odds, answer
                model[where] = np.where(answer != 0, len(versions), -1)
            versions.append(predictor.version)
        ranges, range_model = self._said_ranges(bars[:committed], len(bars), len(versions), predict=predict)
        if range_model is not None and self.range_model is not None:
            versions.append(self.range_model.version)
        return {
            "prediction": prediction, "probability": probability, "models": tuple(versions), "model": model,
            "ranges": ranges, "range_model": range_model,
        }  # fmt: skip

    def _said_ranges(
        self, committed: Bars, rows: int, version: int, *, predict: bool
    ) -> tuple[Shorts | None, Codes | None]:
        """Move the range forecast on by the committed bars, and return what it says of `rows` rows that begin with
        them.

        Forming bars have none: theirs is that of the bar before. `version` is the index of the model's version.
        """
        model = self.range_model
        if model is None or not len(committed):
            return None, None
        fits = self._may_be(committed, model.interval)
        said = self.ranges.update(committed if fits is None else committed[fits], model)
        if not predict:
            return None, None
        ranges = said_codes.codes(said)
        if fits is not None:
            ranges, some = np.zeros((len(committed), len(RANGE_CODES)), np.uint16), ranges
            ranges[fits] = some
        ranges[committed.timestamp <= model.trained_until] = 0
        if rows > len(ranges):
            ranges = np.concatenate((ranges, np.zeros((rows - len(ranges), len(RANGE_CODES)), np.uint16)))
        return ranges, np.where(ranges.any(axis=1), np.int32(version), np.int32(-1))

    def _may_be(self, bars: Bars, interval: int) -> Flags | None:
        """Return which bars a model of this interval (ms; 0: any) may be asked about; None for all."""
        if not self._unforecast and not say_intervals(bars.symbols):
            return None
        fits = [self._is_for(symbol, interval) for symbol in bars.symbols]
        return None if all(fits) else np.array(fits, np.bool_)[bars.code]

    def _is_for(self, symbol: str, interval: int) -> bool:
        return symbol not in self._unforecast and has_interval(symbol, interval)

    def _bars_by_predictor(
        self, bars: Bars, slots: Callable[[Sequence[str]], Codes]
    ) -> Iterator[tuple[Predictor, Flags]]:
        """Yield each predictor with the bars that belong to it, bool [len(bars)]."""
        if self._predictor is None:
            return
        newer = np.ones(len(bars), np.bool_)
        if self._former is not None:
            slot = slots(bars.symbols)[bars.code]
            known = slot < len(self._former_until)
            newer[known] = bars.timestamp[known] > self._former_until[slot[known]]
            if not newer.all():
                yield self._former, ~newer
        yield self._predictor, newer
