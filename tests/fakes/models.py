"""A model whose answers can be checked by hand."""

from __future__ import annotations

import numpy as np

from tapeline.core.market import Floats


class FakeModel:
    """A `Predictor` that answers `answer`, or without one the fraction of 100 times the first feature.

    `trained_until` is before every bar unless given, so that every warm bar is predicted.
    """

    features: tuple[str, ...] = ()

    def __init__(
        self, version: str = "fake-1", *, trained_until: int = 0, hold_margin: float = 0.1,
        answer: float | None = None, interval: int = 0,
    ) -> None:  # fmt: skip
        self.version = version
        self.trained_until = trained_until
        self.hold_margin = hold_margin
        self.interval = interval
        self._answer = answer

    def predict(self, features: Floats) -> Floats:
        if self._answer is not None:
            return np.full(len(features), self._answer)
        return np.abs(features[:, 0]) * 100 % 1.0
