"""Evaluate boosted trees from LightGBM's text format, without LightGBM.

The additions are LightGBM's in the same order, so the score is the same to the last bit, at a tenth of its cost for one
row and less than two thirds of it for a batch (benchmarks/inference.py). A Lambda function needs no LightGBM, SciPy or
libgomp for it. Only what tapeline trains is read: one binary objective, numerical splits, no missing values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeline.core.jit import jit
from tapeline.core.market import Codes, Floats
from tapeline.errors import ModelError
from tapeline.forecast.leaf_masks import LeafMasks, leaf_masks, scores

_BATCH = 32  # rows; of fewer, each walks through the trees by itself


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Hold all trees, flattened. A child >= 0 is a node, otherwise ~child is a leaf; `root` follows the same rule."""

    root: Codes
    feature: Codes
    threshold: Floats
    child: Codes  # [nodes, 2]: where to go when value <= threshold, and when not
    value: Floats  # [leaves]
    masks: LeafMasks | None = None  # of the same trees, for batches

    def score(self, features: Floats) -> Floats:
        """Return the sum of the leaves each row ends in (log odds), float64 [n]; NaN for a row with a NaN in it."""
        return self._run(features, 1.0, 0.0, False)

    def probability(self, features: Floats, slope: float = 1.0, intercept: float = 0.0) -> Floats:
        """Return sigmoid(slope * score + intercept) of each row, float64 [n]; NaN for a row with a NaN in it."""
        return self._run(features, slope, intercept, True)

    def _run(self, features: Floats, slope: float, intercept: float, sigmoid: bool) -> Floats:
        features = np.ascontiguousarray(features, np.float64)
        if self.masks is not None and len(features) >= _BATCH:
            return scores(features, self.masks, slope, intercept, sigmoid)
        result: Floats = _walk(
            features,
            self.root, self.feature, self.threshold, self.child, self.value, slope, intercept, sigmoid,
        )  # fmt: skip
        return result


@jit
def _walk(
    features: Floats, root: Codes, feature: Codes, threshold: Floats, child: Codes, value: Floats, slope: float,
    intercept: float, sigmoid: bool,
) -> Floats:  # fmt: skip
    count, width = features.shape
    out = np.empty(count)
    for i in range(count):
        total = 0.0
        for j in range(width):
            if np.isnan(features[i, j]):
                total = np.nan
        if not np.isnan(total):
            for node in root:
                k = node
                while k >= 0:
                    k = child[k, 0] if features[i, feature[k]] <= threshold[k] else child[k, 1]
                total += value[~k]
        out[i] = 1.0 / (1.0 + np.exp(-(slope * total + intercept))) if sigmoid else total
    return out


def parse(text: str, width: int) -> Trees:
    """Return the trees in a LightGBM model text for `width` features. Raises `ModelError` for anything else."""
    head, *blocks = text.split("\nTree=")
    fields = _fields(head)
    if not head.startswith("tree\n") or fields.get("version") != "v4":
        raise ModelError("the model file is not a LightGBM text of version v4: train again with this version")
    if fields.get("objective") != "binary sigmoid:1" or fields.get("num_tree_per_iteration") != "1":
        raise ModelError(f"the model's objective is {fields.get('objective')!r}, expected binary up-or-down")
    if fields.get("max_feature_idx") != str(width - 1):
        raise ModelError(f"the model has {fields.get('max_feature_idx')}+1 features, expected {width}")
    if not blocks or "\nend of trees" not in text or len(fields.get("tree_sizes", "").split()) != len(blocks):
        raise ModelError("the model file is cut short")
    root: list[int] = []
    parts: list[tuple[NDArray[np.int32], Floats, NDArray[np.int32], Floats]] = []
    nodes = leaves = 0
    for block in blocks:
        tree = _tree(_fields(block.partition("\nend of trees")[0]), width)
        feature, _, child, value = tree
        child[child >= 0] += nodes
        child[child < 0] -= leaves
        root.append(nodes if len(feature) else ~leaves)
        parts.append(tree)
        nodes += len(feature)
        leaves += len(value)
    columns: list[Any] = [np.concatenate(column) for column in zip(*parts, strict=True)]
    feature, threshold, child, value = columns
    roots = np.array(root, np.int32)
    masks = leaf_masks(roots, feature, threshold, child, value)
    return Trees(roots, feature, threshold, child, value, masks)


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _tree(fields: dict[str, str], width: int) -> tuple[NDArray[np.int32], Floats, NDArray[np.int32], Floats]:
    def column(name: str, kind: type) -> NDArray[Any]:
        return np.array(fields.get(name, "").split(), kind)

    try:
        feature = column("split_feature", np.int32)
        threshold = column("threshold", np.float64)
        decision = column("decision_type", np.int32)
        child = np.stack((column("left_child", np.int32), column("right_child", np.int32)), axis=1)
        value = column("leaf_value", np.float64)
    except (ValueError, OverflowError) as error:
        raise ModelError(f"the model file is damaged: {error}") from None
    sizes = {len(feature), len(threshold), len(decision), len(child), len(value) - 1}
    if sizes != {len(feature)} or fields.get("num_leaves") != str(len(value)):
        raise ModelError("the model file is damaged: a tree's columns have different lengths")
    if np.isnan(threshold).any() or not np.isfinite(value).all():
        raise ModelError("the model file is damaged: a threshold or a leaf is not a number")
    if (decision & 0b1101).any():  # categorical, or missing values of their own
        raise ModelError("the model has categorical or missing-value splits, which tapeline does not train")
    inside = (child < len(feature)) & (child >= -len(value))
    later = child > np.arange(len(feature))[:, None]  # LightGBM numbers children after their parent: no loops
    if not (inside & (later | (child < 0))).all() or not ((feature >= 0) & (feature < width)).all():
        raise ModelError("the model file is damaged: a split points nowhere")
    return feature, threshold, child, value


def warm_up() -> None:
    """Make what is compiled ready: load it from the cache, or compile it, which takes two seconds."""
    none, numbers = np.zeros(0, np.int32), np.zeros(0)
    trees = none, none, numbers, np.zeros((0, 2), np.int32), numbers
    for rows in (1, _BATCH):
        Trees(*trees, leaf_masks(*trees)).score(np.zeros((rows, 1)))
