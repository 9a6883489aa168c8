"""History as a training set: bars brought into order, labelled, and run through the engine the live path runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeline.core.bars import _COLUMNS
from tapeline.core.market import Bars, Floats, Ints
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet, feature_matrix
from tapeline.forecast.labels import HORIZON, NO_TRADE_BAND, Labels, decided, label

#: Told how much is done, 0 to 1, and what is being done.
Progress = Callable[[float, str], None]


def silent(done: float, what: str) -> None:
    """A `Progress` that nobody watches."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Rows ready for training, in the order of time.

    Row i is bar `place[i]` of `bars`, with the features `X[i]` (float64, never NaN) and the label
    `labels.direction[place[i]]`. `bars` are all the bars, also those that are not warm or not labelled.
    """

    bars: Bars
    labels: Labels
    place: NDArray[np.intp]
    X: Floats
    features: FeatureSet
    horizon: int
    no_trade_band: float
    across_sessions: bool

    @property
    def timestamp(self) -> Ints:
        return self.bars.timestamp[self.place]

    @property
    def end(self) -> Ints:
        return self.labels.end[self.place]

    @property
    def direction(self) -> NDArray[np.int8]:
        return self.labels.direction[self.place]

    def only(self, rows: NDArray[Any]) -> Dataset:
        """The same dataset with these rows only (an index array or a mask)."""
        return replace(self, place=self.place[rows], X=self.X[rows])


def build(
    bars: Bars,
    *,
    features: FeatureSet = DEFAULT_FEATURES,
    horizon: int = HORIZON,
    no_trade_band: float = NO_TRADE_BAND,
    across_sessions: bool = False,
    max_rows: int | None = None,
    only_decided: bool = True,
    progress: Progress = silent,
) -> Dataset:
    """The rows of tidy `bars` that are warm and labelled UP or DOWN (with `only_decided=False`: every warm one).

    With `max_rows`, rows are left out at even distances before features are computed, so memory stays bounded.
    """
    labels = label(bars, horizon, no_trade_band, across_sessions=across_sessions)
    wanted = decided(labels.direction) if only_decided else np.ones(len(bars), np.bool_)
    if max_rows is not None and int(wanted.sum()) > max_rows:
        places = np.flatnonzero(wanted)
        wanted = np.zeros(len(bars), np.bool_)
        wanted[places[np.linspace(0, len(places) - 1, max_rows).astype(np.intp)]] = True
    matrix = feature_matrix(bars, features, wanted, lambda done: progress(done, "features"))
    warm = ~np.isnan(matrix).any(axis=1)
    return Dataset(
        bars, labels, np.flatnonzero(wanted)[warm], matrix[warm], features, horizon, no_trade_band, across_sessions
    )


def fingerprint(bars: Bars) -> str:
    """A hash of the bars' content: 16 hex digits, the same for the same tidy bars."""
    digest = hashlib.sha256("\n".join(bars.symbols).encode())
    for name in ("code", *_COLUMNS[:-1]):
        digest.update(np.ascontiguousarray(getattr(bars, name)).tobytes())
    return digest.hexdigest()[:16]
