"""Copy rows between the data directory and AWS. What is there already is not written again.

States are not copied. The rows' bars are, and what a processor would remember of them is computed here, at the target,
by the target's settings: its next record goes on from there. Until that is done the symbol has a state that no
processor takes, so that a processor that starts too early (or after a crash) computes the symbol anew from its stored
bars.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from tapeline.app.moving_series import Moved
from tapeline.core.market import Bars, Ints
from tapeline.core.messages import NO_STATE, Commit, SymbolState
from tapeline.core.ports import Store
from tapeline.core.rows import Row, Rows
from tapeline.core.series import series_name, split_series, symbol_of
from tapeline.errors import ConflictError, StorageError
from tapeline.runtime.corrections import NO_ROWS
from tapeline.runtime.indicator_view import IndicatorView
from tapeline.runtime.processor import Processor
from tapeline.runtime.stored_series import TELLING_ROWS, StoredSeries

#: Rows read and compared at once.
CHUNK = 2000

#: How often a commit is tried when a running processor keeps changing the symbol's state.
ATTEMPTS = 5


def places_of(names: Iterable[str], source: Store, target: Store) -> dict[str, str]:
    """Return, for each of these series of the source, its name in the target: there another may be the symbol's first.

    The shortest bars come first, so that they become the first series of a symbol that the target does not have.
    """
    here, there = StoredSeries(source, source.series), StoredSeries(target, target.series)
    lengths = {name: here.length(name) for name in names}
    places: dict[str, str] = {}
    for name in sorted(lengths, key=lambda name: (symbol_of(name), lengths[name])):
        symbol, own = split_series(name)
        times = source.rows(name, limit=TELLING_ROWS).bars.timestamp if own is None else None
        place = there.home(symbol, lengths[name], times)
        places[name] = series_name(symbol, lengths[name]) if place in places.values() else place
    return places


def move_rows(
    symbol: str, source: Store, target: Store, specs: Sequence[str], progress: Callable[[int], None] = lambda _: None,
    *, place: str = "",
) -> Moved:  # fmt: skip
    """Write the symbol's rows that the target lacks or has otherwise, then the state that its bars lead to.

    `place` is the name of the series in the target, where that is another.

    A row of a forming bar does not replace a final row of the same bar. Rows of bars that only the target has are
    computed again where bars came in before them. `specs` are the target's indicators: where only the target keeps
    values, they are computed from the source's bars. `progress` gets the number of rows compared since its last call.
    Raises what the stores raise, and `StorageError` when a running processor keeps changing the symbol's state.
    """
    read = _reader(source, target, specs)
    moved = Moved()
    earliest: int | None = None
    times = []
    name, symbol = symbol, place or symbol
    for found in _newest_first(read, name):
        rows = replace(found, bars=replace(found.bars, symbols=(symbol,)))
        times.append(rows.bars.timestamp)
        first, last = int(rows.bars.timestamp[0]), int(rows.bars.timestamp[-1])
        chosen = _differing(rows, target.rows(symbol, first, last + 1), moved)
        if len(chosen):
            _commit(target, symbol, chosen)
            earliest = int(chosen.bars.timestamp[0])
        progress(len(rows))
    if times and earliest is None:
        state = target.load([symbol])[0].get(symbol)
        if state is None or state.data == NO_STATE:  # a run before this one did not come to its end
            earliest = int(times[-1][0])
    if earliest is not None:
        _settle(target, symbol, Processor(specs), np.concatenate(times), earliest)
    return moved


def _reader(source: Store, target: Store, specs: Sequence[str]) -> Callable[..., Rows]:
    """Return what reads the source's rows as the target keeps them: with the values of `specs`, or without any."""
    if source.keeps_indicators == target.keeps_indicators:
        return source.rows
    if target.keeps_indicators:
        view = IndicatorView(source)
        return lambda symbol, **span: view.rows(symbol, specs, **span)

    def bare(symbol: str, **span: int | None) -> Rows:
        rows = source.rows(symbol, **span)
        return replace(rows, names=(), indicator=np.empty((len(rows), 0)))

    return bare


def _differing(rows: Rows, there: Rows, moved: Moved) -> Rows:
    """Return the rows that have to be written, and count all of them in `moved`."""
    known: dict[int, Row] = {row.timestamp: row for row in there}
    chosen = []
    for index, row in enumerate(rows):
        old = known.get(row.timestamp)
        if old == row or (old is not None and old.final and not row.final):
            moved.same += 1
            continue
        chosen.append(index)
        moved.new += old is None
        moved.changed += old is not None
    return rows[np.array(chosen, np.intp)]


def _commit(target: Store, symbol: str, rows: Rows) -> None:
    """Write the rows, with the state that no processor takes."""

    def commit(position: int, state: SymbolState | None) -> Commit:
        last = int(rows.bars.timestamp[-1])
        unfit = SymbolState(last, NO_STATE) if state is None else replace(state, data=NO_STATE)
        return Commit(rows, {symbol: unfit}, position, rewound={symbol: int(rows.bars.timestamp[0])})

    _committed(target, symbol, commit)


def _settle(target: Store, symbol: str, processor: Processor, times: Ints, earliest: int) -> None:
    """Commit the state that the target's bars lead to, and its own rows after the first that came in."""

    def commit(position: int, state: SymbolState | None) -> Commit | None:
        bars = Bars.concat([rows.bars for rows in _newest_first(target.rows, symbol)][::-1])
        final = bars[bars.final]
        if not len(final):
            return None
        rebuilt = processor.rebuild(symbol, None, [final])
        found = rebuilt.state if bars.final[-1] else processor.step(bars[-1:]).states[symbol]
        return Commit(
            _own(target, symbol, rebuilt.rows, times, earliest),
            {symbol: replace(found, position=state.position if state else 0)},
            position,
            # so that a late bar does not have the symbol computed from its beginning
            {symbol: rebuilt.checkpoints[-1]} if rebuilt.checkpoints else {},
            {symbol: int(final.timestamp[0])},
        )

    _committed(target, symbol, commit)


def _own(target: Store, symbol: str, computed: Rows, times: Ints, earliest: int) -> Rows:
    """Return the computed final rows after `earliest` and at none of `times`, with their stored predictions."""
    chosen = computed[
        computed.bars.final & (computed.bars.timestamp > earliest) & ~np.isin(computed.bars.timestamp, times)
    ]
    bars = chosen.bars
    if not len(bars) or not target.keeps_indicators:
        return NO_ROWS
    stored = target.rows(symbol, int(bars.timestamp[0]), int(bars.timestamp[-1]) + 1)
    stored = stored[np.isin(stored.bars.timestamp, bars.timestamp)]
    return replace(stored, names=chosen.names, indicator=chosen.indicator)


def _newest_first(read: Callable[..., Rows], symbol: str) -> Iterator[Rows]:
    """Yield the symbol's rows in chunks, the newest chunk first; each chunk is in the order of time."""
    end: int | None = None
    while len(rows := read(symbol, end=end, limit=CHUNK)):
        yield rows
        end = int(rows.bars.timestamp[0])


def _committed(target: Store, symbol: str, make: Callable[[int, SymbolState | None], Commit | None]) -> None:
    """Commit what `make` makes of the target's position and the symbol's state; again when these have changed."""
    for _ in range(ATTEMPTS):
        states, position = target.load([symbol])
        commit = make(position, states.get(symbol))
        if commit is None:
            return
        try:
            target.commit(commit)
        except ConflictError:
            continue
        return
    raise StorageError(f"{symbol}: a running processor keeps moving it on; stop the stream, or try again after hours")
