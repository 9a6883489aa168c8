"""Keep the newest rows of many series, with the engine that computed their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tapeline.core.market import Revisions
from tapeline.core.rows import Rows
from tapeline.indicators import Engine

#: The newest rows that are given of each series: two, because a crossing is about the bar before as well.
TAIL = 2


@dataclass(slots=True)
class SeriesTails:
    """Keep what is known for one choice of indicators: the engine (None without any), and the tail of each series.

    `whole` has the newest rows of all series; `places` says which are whose.
    """

    engine: Engine | None
    stamps: dict[str, tuple[int, ...]] = field(default_factory=dict)
    revisions: dict[str, Revisions | None] = field(default_factory=dict)
    whole: Rows | None = None
    places: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Return how many bytes the engine's states take."""
        return 0 if self.engine is None else self.engine.bytes_per_symbol * len(self.places)

    def put(self, moved: Sequence[tuple[Sequence[str], Rows]]) -> None:
        """Replace the tails of series: each part has names and their rows, series after series in this order."""
        new = {name for names, _ in moved for name in names}
        stay = [name for name in self.places if name not in new]
        parts = ([self.at(stay)] if stay else []) + [rows for _, rows in moved]
        counts = [self.places[name][1] - self.places[name][0] for name in stay]
        for names, rows in moved:
            counts += [len(rows)] if len(names) == 1 else np.bincount(rows.bars.code, minlength=len(names)).tolist()
        ends = np.cumsum(counts).tolist()
        order = (*stay, *(name for names, _ in moved for name in names))
        self.whole = Rows.concat(parts)
        self.places = dict(zip(order, zip([0, *ends[:-1]], ends, strict=True), strict=True))

    def at(self, names: Sequence[str]) -> Rows:
        """Return the tails of these series."""
        assert self.whole is not None  # noqa: S101 - there are tails
        return self.whole[np.concatenate([np.arange(*self.places[name]) for name in names])]

    def tail(self, name: str) -> Rows | None:
        """Return the tail of one series, None where it has none."""
        start, stop = self.places.get(name, (0, 0))
        return None if self.whole is None or start == stop else self.whole[start:stop]


def in_order(rows: Rows) -> Rows:
    """Return the rows series after series, each in the order of time."""
    return rows[np.lexsort((rows.bars.timestamp, rows.bars.code))]


def newest_of_each(rows: Rows) -> Rows:
    """Return the newest `TAIL` of the rows of each series, which are in this order."""
    code = rows.bars.code
    ahead = np.concatenate((code[TAIL:], np.full(min(TAIL, len(code)), -1, np.int32)))
    return rows[np.flatnonzero(code != ahead)]
