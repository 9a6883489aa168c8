"""Tell whether today's features still look like those a model was trained on: the population stability index (PSI).

PSI = sum over ten bins of (share now - share then) * ln(share now / share then), the bins being deciles of training.
Usual reading: below 0.1 stable, 0.1 to 0.25 worth watching, above 0.25 another distribution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tapeline.core.market import Floats, Ints
from tapeline.forecast.features import DEFAULT_FEATURES
from tapeline.forecast.model import Metadata

#: PSI above this is a warning.
WARNING = 0.25

_BINS = 10
_MOST_SYMBOLS = 0.8  # of those trained on, which must be there
_FEWEST = 200  # rows; with fewer, chance alone gives a PSI of 0.05 and more
_EMPTY = 1e-4  # an empty bin's share, so that the logarithm exists


@dataclass(frozen=True, slots=True)
class Drift:
    """Hold one feature's PSI and whether it is above `WARNING`."""

    feature: str
    psi: float
    warning: bool


def reference(names: Sequence[str], X: Floats) -> dict[str, dict[str, list[float]]]:
    """Return the bin edges and shares of each column of X, as JSON types, to keep with the model.

    X is float64 [n, len(names)] without NaN.
    """
    kept = {}
    for name, column in zip(names, X.T, strict=True):
        edges = np.unique(np.quantile(column, np.arange(1, _BINS) / _BINS))
        kept[name] = {"edges": edges.tolist(), "shares": _shares(column, edges).tolist()}
    return kept


def drift(then: Mapping[str, Mapping[str, Sequence[float]]], names: Sequence[str], X: Floats) -> list[Drift]:
    """Return the PSI of each feature of X against a `reference`, the largest first.

    X is float64 [n, len(names)] without NaN. Raises `ValueError` for fewer than 200 rows, and for a feature that the
    reference does not know.
    """
    if len(X) < _FEWEST:
        raise ValueError(f"{len(X)} rows are too few to measure drift: at least {_FEWEST} are needed")
    found = []
    for name, column in zip(names, X.T, strict=True):
        if name not in then:
            raise ValueError(f"the model has no reference for the feature {name}")
        before = np.maximum(np.array(then[name]["shares"]), _EMPTY)
        now = np.maximum(_shares(column, np.array(then[name]["edges"])), _EMPTY)
        psi = float(((now - before) * np.log(now / before)).sum())
        found.append(Drift(name, psi, psi > WARNING))
    return sorted(found, key=lambda one: -one.psi)


def drift_by_model(
    models: Mapping[str, Metadata], versions: Sequence[str], timestamp: Ints, X: Floats, *,
    symbols: Sequence[str] | None = None, interval: int | None = None,
) -> dict[str, tuple[Drift, ...]]:  # fmt: skip
    """Return the drift of the bars after each model's training, for those of `versions` that keep a reference.

    `X` holds the features of bars at these open times (int64 [n]), float64 [n, features], NaN where not warm. Like is
    compared with like: a model is left out that is for other features or bars of another length than `interval` (ms),
    that has too few bars since its training, or most of whose symbols are not among `symbols`, those of these rows: one
    symbol differs from a pool without anything having changed. Nor do features of the calendar drift: they only say
    which days these bars happen to be.
    """
    features = DEFAULT_FEATURES
    found: dict[str, tuple[Drift, ...]] = {}
    warm = ~np.isnan(X).any(axis=1)
    for version in versions:
        metadata = models.get(version)
        if metadata is None or not metadata.reference or metadata.feature_hash != features.hash:
            continue
        if _is_like(metadata, symbols, interval):
            rows = X[warm & (timestamp > metadata.trained_until)]
            if len(rows) >= _FEWEST:
                kept = [k for k, name in enumerate(features.names) if name not in features.calendar]
                found[version] = tuple(drift(metadata.reference, [features.names[k] for k in kept], rows[:, kept]))
    return found


def _is_like(metadata: Metadata, symbols: Sequence[str] | None, interval: int | None) -> bool:
    """Return whether rows of these symbols and bars of this length are such as the model was trained on."""
    if interval is not None and interval != metadata.interval:
        return False
    if symbols is None:
        return True
    there = len(set(symbols) & set(metadata.symbols))
    return there >= _MOST_SYMBOLS * len(metadata.symbols)


def _shares(column: Floats, edges: Floats) -> Floats:
    return np.bincount(np.searchsorted(edges, column), minlength=len(edges) + 1) / len(column)
