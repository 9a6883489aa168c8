"""Measure what a model looks at, from the text that LightGBM writes of its trees."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tapeline.errors import ModelError

_SPLITS = re.compile(r"^split_feature=(.*)$", re.MULTILINE)
_GAINS = re.compile(r"^split_gain=(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FeatureImportance:
    """Say how often a feature splits a tree of the model, and its share of what all splits gained."""

    feature: str
    splits: int
    gain: float


def feature_importance(text: str, features: Sequence[str]) -> list[FeatureImportance]:
    """Return the importance of each feature, the greatest share of gain first.

    `text` is LightGBM's model text, whose trees name features by their index in `features`. Raises `ModelError` for a
    text without the gain of every split.
    """
    splits, gains = [0] * len(features), [0.0] * len(features)
    try:
        for indices, gained in zip(_SPLITS.findall(text), _GAINS.findall(text), strict=True):
            for index, gain in zip(map(int, indices.split()), map(float, gained.split()), strict=True):
                splits[index] += 1
                gains[index] += gain
    except (ValueError, IndexError) as error:
        raise ModelError(f"the model's text does not say what its splits gained: {error}") from None
    total = sum(gains) or 1.0
    found = [
        FeatureImportance(feature, count, gain / total)
        for feature, count, gain in zip(features, splits, gains, strict=True)
    ]
    return sorted(found, key=lambda one: -one.gain)
