"""Cut history into folds that only look back: train on the past, test on what came after, move on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tapeline.core.market import Flags, Floats, Ints
from tapeline.forecast.labels import decided
from tapeline.research import FOLDS
from tapeline.research.dataset import Dataset
from tapeline.research.fitting import FEWEST

_FEWEST_TESTED = 60  # times; of fewer, no interval says anything


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Hold the rows to train on and to test on (bool [n] each), and the first and last time of the test (epoch ms)."""

    train: Flags
    test: Flags
    start: int
    end: int


def walk_forward(data: Dataset, folds: int = FOLDS, embargo: int | None = None) -> Iterator[Fold]:
    """Yield `folds` folds, tests of equally many rows in the last folds/(folds+1) of them, each trained on all before.

    Where that leaves fewer than `FEWEST` training rows to the first fold, the tests begin later, as soon as there are
    as many: so a share's five years of daily bars are enough. Purged: a training label must have been decided before
    the test starts. Embargoed: and `embargo` bar times (None: the horizon) earlier still, so that features which
    overlap the test's carry nothing over. Training rows are those labelled UP or DOWN; test rows are all warm rows.
    Raises `ValueError` when folds < 1.
    """
    if folds < 1:
        raise ValueError(f"there must be at least 1 fold, not {folds}")
    timestamp = data.timestamp
    times = np.unique(timestamp)
    learnable = decided(data.direction)
    gap = data.horizon if embargo is None else embargo
    edges = _edges(timestamp, times, folds, _first_test(data, learnable, times, gap))
    for first, last in itertools.pairwise(edges):
        if last <= first:
            continue
        test = (timestamp >= times[first]) & (timestamp < (times[last] if last < len(times) else times[-1] + 1))
        train = learnable & (data.end < times[max(0, first - gap)])
        yield Fold(train, test, int(times[first]), int(times[last - 1]))


def _first_test(data: Dataset, learnable: Flags, times: Ints, gap: int) -> int:
    """Return the number of rows before the first time at which `FEWEST` training rows were decided.

    0 if that leaves too few times to test on: training then says what is missing.
    """
    ends = np.sort(data.end[learnable])
    if len(ends) <= FEWEST:
        return 0
    first = int(np.searchsorted(times, ends[FEWEST], side="right")) + gap
    return int((data.timestamp < times[first]).sum()) if first + _FEWEST_TESTED <= len(times) else 0


def _edges(timestamp: Ints, times: Ints, folds: int, start: int) -> Ints:
    """Return the indices into `times` that cut the rows from `start` on into tests of about equal size."""
    if not len(times):
        return np.zeros(0, np.int64)
    before = max(len(timestamp) / (folds + 1), start)
    cuts: Floats = before + np.arange(folds) / folds * (len(timestamp) - before)
    inner = np.searchsorted(times, timestamp[cuts.astype(np.int64)])
    return np.append(inner, len(times))
