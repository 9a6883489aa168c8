"""Put one history of a symbol over another, such as a file over the archive, or an archive over that on S3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tapeline.core.adjustment import in_todays_shares, shift
from tapeline.core.market import OHLCV, Bars
from tapeline.core.messages import Action, Series
from tapeline.core.ports import Archive
from tapeline.errors import StorageError


@dataclass(slots=True)
class Moved:
    """Count the bars or rows of one symbol: not there before, different from before, and there already."""

    new: int = 0
    changed: int = 0
    same: int = 0

    @property
    def total(self) -> int:
        """Return how many there are."""
        return self.new + self.changed + self.same


def move_series(given: Series, archive: Archive, *, from_file: bool = False) -> Moved:
    """Save the series over what the archive has of it. Raises `StorageError`.

    A file does not name splits, so its prices are taken to be in the shares that the archive's are in.
    """
    held = archive.load(given.symbol, given.interval)
    if from_file and held is not None:
        given = replace(given, actions=held.actions)
    united = merge_series(held, given)
    moved = Moved()
    if held is None:
        moved.new = len(united.bars)
    else:
        _, here, there = np.intersect1d(united.bars.timestamp, held.bars.timestamp, return_indices=True)
        equal = np.ones(len(here), np.bool_)
        for name in OHLCV:
            equal &= getattr(united.bars, name)[here] == getattr(held.bars, name)[there]
        own = np.isin(united.bars.timestamp[here], given.bars.timestamp)
        moved = Moved(len(united.bars) - len(here), int((~equal).sum()), int((equal & own).sum()))
    if held is None or moved.new or moved.changed or _facts(united) != _facts(held):
        archive.save(united)
    return moved


def merge_series(held: Series | None, given: Series) -> Series:
    """Return `held` with `given` over it: where both have a bar, the given one counts.

    Bars from before a split that only the other series knows of are put into today's shares. The span that counts as
    complete is both together where they touch, otherwise the later one. Raises `StorageError` when currency or prices
    of the two do not fit together.
    """
    if held is None:
        return given
    if held.currency and given.currency and held.currency != given.currency:
        raise StorageError(
            f"{given.symbol}: is in {given.currency}, what is there in {held.currency}; one of them is another "
            "instrument: delete it, or name it differently"
        )
    before, after = _unknown_splits(held, given), _unknown_splits(given, held)
    ratio = shift(held.bars, given.bars)
    if not before and not after and ratio not in {None, 1.0}:
        raise StorageError(
            f"{given.symbol}: what is there has prices {ratio:.4g} times these at the same times; has one of them not "
            "been adjusted for a split? Adjust it, or delete what is there"
        )
    old = in_todays_shares(held.bars, before, shift(_before(held.bars, before), given.bars)) if before else held.bars
    new = in_todays_shares(given.bars, after, shift(_before(given.bars, after), held.bars)) if after else given.bars
    bars = Bars.concat((new, old))
    _, first = np.unique(bars.timestamp, return_index=True)
    actions = {(a.timestamp, a.kind): a for a in (*held.actions, *given.actions)}
    start, covered = given.start, given.covered
    if held.start <= covered and start <= held.covered:
        start, covered = min(start, held.start), max(covered, held.covered)
    elif held.start > start:
        start, covered = held.start, held.covered
    return Series(
        given.symbol, given.interval, bars[first], tuple(actions[key] for key in sorted(actions)),
        given.currency or held.currency, start, covered,
    )  # fmt: skip


def _unknown_splits(one: Series, other: Series) -> list[Action]:
    """Return the splits that only the other series knows of and that come after the first bar of this one."""
    known = {action.timestamp for action in one.actions if action.kind == "split"}
    first = int(one.bars.timestamp[0]) if len(one.bars) else 0
    return [a for a in other.actions if a.kind == "split" and a.timestamp not in known and first < a.timestamp]


def _before(bars: Bars, splits: Sequence[Action]) -> Bars:
    return bars[bars.timestamp < min(split.timestamp for split in splits)]


def _facts(series: Series) -> tuple[object, ...]:
    return series.actions, series.currency, series.start, series.covered
