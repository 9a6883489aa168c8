"""Predict with whichever version of a model is promoted in the registry, for a process that is never told about it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tapeline.core.market import LATEST_TIMESTAMP, Floats
from tapeline.core.times import MINUTE
from tapeline.error_text import one_line
from tapeline.errors import ModelError
from tapeline.forecast.features import DEFAULT_FEATURES
from tapeline.forecast.model import LightGBMModel
from tapeline.forecast.promotion_watcher import PromotionWatcher
from tapeline.forecast.registry import Registry

#: How often the registry is asked which version is in use, ms: one small read.
POLL = MINUTE


class PromotedModel:
    """Implement `Predictor` with the promoted version of the model `name`, in this process.

    `clock` returns ms that have passed, however the machine's clock is set. `warn` gets one line when there is no model
    or the new one cannot be used; the one before it goes on then. Until there is one, `trained_until` is the end of
    time, so it is asked for nothing. `missed` counts rows that were asked about in vain: none, since a model that is
    here answers; it is what a caller counts of a predictor that is elsewhere. `interval` returns the length of the bars
    (ms; None: not known yet): a model for others is refused.
    """

    def __init__(
        self,
        registry: Registry,
        name: str,
        *,
        clock: Callable[[], int],
        warn: Callable[[str], None] = lambda _: None,
        interval: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.version = ""
        self.features = DEFAULT_FEATURES.names
        self.trained_until = LATEST_TIMESTAMP
        self.hold_margin = 0.0
        self.interval = 0
        self.missed = 0
        self._watcher = PromotionWatcher(registry, name, None)
        self._name = name
        self._clock = clock
        self._warn = warn
        self._interval = interval
        self._model: LightGBMModel | None = None
        self._due: int | None = None
        self._warned = False

    def prepare(self) -> bool:
        """Take up another version when one was promoted. Return False as long as there is no model."""
        now = self._clock()
        if self._due is None or now >= self._due:
            self._due = now + POLL
            self._poll()
            self._refuse_for_other_bars()
        return self._model is not None

    def wake(self) -> None:
        """Load the model before the first bars come."""
        self.prepare()

    def predict(self, features: Floats) -> Floats:
        """Return the probability of UP for each row of float64 [n, len(features)], float64 [n]; NaN: cannot tell."""
        return np.full(len(features), np.nan) if self._model is None else self._model.predict(features)

    def _refuse_for_other_bars(self) -> None:
        """Forget a model of bars of another length: one of days has seen the close of the day that minutes are in."""
        try:
            if self._model is not None:
                self._model.check_interval(self._interval())
        except ModelError as error:
            self._warn(f"{one_line(error)}; rows are stored without predictions")
            self._model, self.version, self.trained_until = None, "", LATEST_TIMESTAMP

    def _poll(self) -> None:
        try:
            model = self._watcher.poll()
        except ModelError as error:
            self._warn(f"{one_line(error)}; rows are stored with the predictions of the model before, if there is one")
            return
        if model is not None:
            self._model = model
            self.version, self.hold_margin, self.trained_until = model.version, model.hold_margin, model.trained_until
            self.interval = model.interval
        elif self._model is None and not self._warned:
            self._warned = True
            self._warn(f"no version of model {self._name} is promoted; rows are stored without predictions")
