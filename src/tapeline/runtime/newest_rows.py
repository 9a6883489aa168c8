"""Give the newest rows of thousands of series with indicators, quickly enough to be asked again every second.

Every value is what `IndicatorView` gives, bit for bit: the same engine has seen the series from its first bar on. The
view answers about one series and then forgets it; here one engine keeps the states of all, and a series is read again
only when a final bar of it was written.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tapeline.core.market import Floats
from tapeline.core.ports import IndicatorStates, SeriesStamps, Store
from tapeline.core.rows import Rows
from tapeline.errors import DecodeError, StorageError
from tapeline.indicators import Engine
from tapeline.runtime.indicator_view import KEPT_BARS, IndicatorView, advance
from tapeline.runtime.process_memory import garbage_left
from tapeline.runtime.series_tails import TAIL, SeriesTails, in_order, newest_of_each

_MOST_STATE_BYTES = 64 * 1024 * 1024
_MOST_QUESTIONS = 16
_FIRST, _LATER = -(1 << 62), 1 << 62
_BARS_AT_ONCE = 100_000  # enough that what a read costs by itself does not count, in some 20 MB


class NewestRows:
    """Read the newest rows of many series of a store, for any number of threads; one of them computes at a time.

    A store that tells which series have changed (`SeriesStamps`) is answered for from what is kept; any other, and
    every question about a time of the past, by the view, series after series.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._view = IndicatorView(store)
        self._states = store if isinstance(store, IndicatorStates) else None
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, ...], SeriesTails] = OrderedDict()

    def read(
        self, names: Collection[str], specs: Sequence[str], before: int | None = None, *, forming: bool = False
    ) -> Rows | None:
        """Return the newest `TAIL` rows of each series, series after series, each in the order of time; None for none.

        `before` asks for the newest rows that open before this time (UTC epoch ms). Rows are final, unless `forming`
        lets a forming bar be a series' newest. Raises `SpecError` for specs that cannot be computed.
        """
        stamped = self._store if isinstance(self._store, SeriesStamps) else None
        if stamped is None or before is not None or self._store.keeps_indicators:
            parts = [self._looked_up(name, specs, before, forming=forming) for name in names]
            found = [part for part in parts if len(part)]
            return Rows.concat(found) if found else None
        latest = self._store.latest() if forming else None
        with self._lock:
            kept = self._for(tuple(specs))
            stamps = stamped.stamps()
            moved = [name for name in names if name in stamps and kept.stamps.get(name) != stamps[name]]
            if moved:
                try:
                    with garbage_left():
                        kept.put(list(self._moved(kept, stamped, {name: stamps[name][0] for name in moved})))
                except BaseException:
                    del self._kept[tuple(specs)]  # some engine states are ahead of the tails now: begin anew
                    raise
                kept.stamps |= {name: stamps[name] for name in moved}
                self._make_room()
            known = [name for name in names if name in kept.places]
            closed = None
            if known:
                closed = kept.whole if len(known) == len(kept.places) else kept.at(known)
            return closed if latest is None else _with_forming(kept, closed, latest, names)

    def _looked_up(self, name: str, specs: Sequence[str], before: int | None, *, forming: bool) -> Rows:
        rows = self._view.rows(name, specs, end=before, limit=TAIL + 1)
        return (rows if forming else rows[np.flatnonzero(rows.bars.final)])[-TAIL:]

    def _for(self, specs: tuple[str, ...]) -> SeriesTails:
        if specs not in self._kept:
            self._kept[specs] = SeriesTails(Engine(specs, live=False) if specs else None)
        self._kept.move_to_end(specs)
        return self._kept[specs]

    def _make_room(self) -> None:
        while len(self._kept) > 1 and (
            len(self._kept) > _MOST_QUESTIONS or sum(each.size for each in self._kept.values()) > _MOST_STATE_BYTES
        ):
            self._kept.popitem(last=False)

    def _moved(
        self, kept: SeriesTails, store: SeriesStamps, bars: Mapping[str, int]
    ) -> Iterator[tuple[Sequence[str], Rows]]:
        """Yield the tails of series as they are now, with their names; the engine goes on, or begins anew.

        `bars` is how many final ones each series has. Short ones are read many at once; of long ones states are kept.
        """
        rest = {name for name in bars if bars[name] >= KEPT_BARS}
        for starts in _together(kept, {name: count for name, count in bars.items() if name not in rest}):
            rows = store.final_rows(starts)
            rest |= set(starts) - set(rows.bars.symbols)
            if not len(rows):
                continue
            engine = kept.engine
            found = rows.bars.symbols
            values: Floats = np.empty((len(rows), 0))
            if engine is not None:
                for name in found:
                    if starts[name] == _FIRST:
                        engine.forget(name)
                values = engine.update(rows.bars, session=engine.sessions(rows.bars))
            rows = newest_of_each(replace(rows, names=() if engine is None else engine.outputs, indicator=values))
            before = [name for name in found if name in kept.places]
            if before:
                rows = newest_of_each(in_order(Rows.concat([rows, kept.at(before)])))
            kept.revisions |= dict.fromkeys(found, ())
            yield found, rows
        for name in bars:
            if name in rest:
                yield (name,), self._moved_alone(kept, name, bars[name])

    def _moved_alone(self, kept: SeriesTails, name: str, bars: int) -> Rows:
        """Return the tail of a series as it is now; the engine goes on from where it was, or from the start."""
        tail = kept.tail(name)
        if tail is not None:
            rows = self._final(name, int(tail.bars.timestamp[-1]) + 1)
            if rows.revisions is not None and rows.revisions == kept.revisions.get(name):
                if not len(rows):
                    return tail
                new = self._valued(kept.engine, name, rows, [])
                return Rows.concat([tail, new])[-TAIL:] if len(new) < TAIL else new
        made: list[tuple[int, bytes]] = []
        rows = self._from_start(kept.engine, name, bars)
        kept.revisions[name] = rows.revisions
        found = self._valued(kept.engine, name, rows, made)
        if made and kept.engine is not None and self._states is not None and rows.revisions is not None:
            with contextlib.suppress(StorageError):  # a full or read-only disk makes the next start slower, no more
                self._states.keep_indicator_states(name, kept.engine.layout, made, rows.revisions)
        return found

    def _from_start(self, engine: Engine | None, name: str, bars: int) -> Rows:
        """Return the rows to compute from, and put the engine before the first of them: at a stored state, or nothing.

        `bars` is how many final ones the series has; states are stored of long series only.
        """
        if engine is None:
            rows = self._store.rows(name, limit=TAIL + 1)
            return rows[np.flatnonzero(rows.bars.final)]
        engine.forget(name)
        before = _LATER
        while bars > KEPT_BARS and self._states is not None:
            found = self._states.indicator_state(name, engine.layout, before)
            if found is None:
                break
            before = found[0]
            rows = self._final(name, before + 1)
            if len(rows) >= TAIL:
                with contextlib.suppress(DecodeError):  # damaged on the disk: there are older ones, or the bars
                    engine.restore(name, found[1])
                    return rows
        return self._final(name)

    def _final(self, name: str, start: int | None = None) -> Rows:
        rows = self._store.rows(name, start)
        return rows[: int(np.count_nonzero(rows.bars.final))]

    def _valued(self, engine: Engine | None, name: str, rows: Rows, made: list[tuple[int, bytes]]) -> Rows:
        """Return the newest `TAIL` of the rows with their values, as copies that do not hold on to all of them."""
        values: Floats = np.empty((len(rows), 0)) if engine is None else advance(engine, name, rows, made)
        newest = np.arange(max(len(rows) - TAIL, 0), len(rows))
        return replace(rows[newest], names=() if engine is None else engine.outputs, indicator=values[newest])


def _after(kept: SeriesTails, name: str) -> int:
    """Return the time from which on the bars of a series are new: after its tail, or from its first bar on.

    A series that was revised begins anew: the store does not give it together with others.
    """
    tail = kept.tail(name) if kept.revisions.get(name) == () else None
    return _FIRST if tail is None else int(tail.bars.timestamp[-1]) + 1


def _together(kept: SeriesTails, bars: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Yield the series to read at once, with the times from which on they are new; those that begin anew come first."""
    starts = {name: _after(kept, name) for name in bars}
    several: dict[str, int] = {}
    room = _BARS_AT_ONCE
    for name in sorted(bars, key=starts.__getitem__):
        room -= bars[name]
        if several and room < 0:
            yield several
            several, room = {}, _BARS_AT_ONCE - bars[name]
        several[name] = starts[name]
    if several:
        yield several


def _with_forming(kept: SeriesTails, closed: Rows | None, latest: Rows, names: Collection[str]) -> Rows | None:
    """Return the final rows with the forming bars after them, the newest `TAIL` of each series."""
    wanted = set(names)
    bars = latest.bars
    index = []
    for at in np.flatnonzero(~bars.final).tolist():
        name = bars.symbols[bars.code[at]]
        tail = kept.tail(name)
        if name in wanted and (tail is None or bars.timestamp[at] > tail.bars.timestamp[-1]):
            index.append(at)
    if not index:
        return closed
    forming = latest[np.array(index)]
    engine = kept.engine
    values: Floats = np.empty((len(forming), 0))
    if engine is not None:
        values = engine.peek(forming.bars, session=engine.sessions(forming.bars))
    forming = replace(forming, names=() if engine is None else engine.outputs, indicator=values)
    joined = forming if closed is None else Rows.concat([closed, forming])
    return newest_of_each(in_order(joined))
