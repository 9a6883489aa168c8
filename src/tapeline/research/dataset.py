"""Make a training set of history: label the bars and run them through the engine that runs live."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeline.core.market import BAR_COLUMNS, Bars, Floats, Ints
from tapeline.errors import InputError
from tapeline.forecast import HORIZON, NO_TRADE_BAND
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet, feature_matrix
from tapeline.forecast.labels import Labels, decided, label, mixed_intervals

#: Called with how much is done, 0 to 1, and what is being done.
Progress = Callable[[float, str], None]


def silent(done: float, what: str) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Hold rows ready for training, in the order of time.

    Row i is bar `index[i]` of `bars`, with the features `X[i]` (float64, never NaN) and the label
    `labels.direction[index[i]]`. `bars` are all the bars, also those that are not warm or have no label.
    """

    bars: Bars
    labels: Labels
    index: NDArray[np.intp]
    X: Floats
    features: FeatureSet
    horizon: int
    no_trade_band: float

    @property
    def timestamp(self) -> Ints:
        """Return the open time of each row's bar, UTC epoch ms."""
        return self.bars.timestamp[self.index]

    @property
    def end(self) -> Ints:
        """Return when each row's label was decided, UTC epoch ms; 0 where it has none."""
        return self.labels.end[self.index]

    @property
    def direction(self) -> NDArray[np.int8]:
        """Return each row's label, int8 (`Direction`)."""
        return self.labels.direction[self.index]

    def select(self, rows: NDArray[Any]) -> Dataset:
        """Return the same dataset with these rows only (an index array or a mask)."""
        return replace(self, index=self.index[rows], X=self.X[rows])


def build(
    bars: Bars,
    *,
    features: FeatureSet = DEFAULT_FEATURES,
    horizon: int = HORIZON,
    no_trade_band: float = NO_TRADE_BAND,
    max_rows: int | None = None,
    only_decided: bool = True,
    progress: Progress = silent,
) -> Dataset:
    """Return the rows that are warm and labelled UP or DOWN, or with `only_decided=False` every warm row.

    `bars` are sorted and without repeats (`sort_and_dedupe`). With `max_rows`, rows are left out at even distances
    before features are computed, so memory stays bounded. Raises `InputError` for intraday bars beside longer ones: a
    model belongs to one interval, and a day's bar would know the close of its minutes.
    """
    if fault := mixed_intervals(bars):
        raise InputError(f"{fault}: give bars of one interval")
    labels = label(bars, horizon, no_trade_band)
    wanted = decided(labels.direction) if only_decided else np.ones(len(bars), np.bool_)
    if max_rows is not None and int(wanted.sum()) > max_rows:
        found = np.flatnonzero(wanted)
        wanted = np.zeros(len(bars), np.bool_)
        wanted[found[np.linspace(0, len(found) - 1, max_rows).astype(np.intp)]] = True
    matrix = feature_matrix(bars, features, wanted, lambda done: progress(done, "features"))
    warm = ~np.isnan(matrix).any(axis=1)
    return Dataset(bars, labels, np.flatnonzero(wanted)[warm], matrix[warm], features, horizon, no_trade_band)


def fingerprint(bars: Bars) -> str:
    """Return a hash of the bars' content, 16 hex digits; the same sorted bars have the same."""
    digest = hashlib.sha256("\n".join(bars.symbols).encode())
    for name in ("code", *BAR_COLUMNS[:-1]):
        digest.update(np.ascontiguousarray(getattr(bars, name)).tobytes())
    return digest.hexdigest()[:16]
