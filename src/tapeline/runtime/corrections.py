"""Replay late and corrected bars from the last checkpoint before the first one that changed.

What comes late is mostly a repetition (a collector that was restarted fetches its history again) and costs one read of
the stored rows. A forecast is never rewritten: what was said about a bar stands, whatever is learnt about the bars
before it later. Otherwise hindsight would be graded as foresight.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tapeline.core.bars import usual_interval
from tapeline.core.market import OHLCV, Bars, Reject
from tapeline.core.messages import Commit, SymbolState
from tapeline.core.ports import Store
from tapeline.core.rejects import KEPT_ALIKE, repeated
from tapeline.core.rows import Rows
from tapeline.errors import StorageError, line_with_kind
from tapeline.runtime.carried_forecasts import committed, merged, with_what_was_said
from tapeline.runtime.processor import Processor
from tapeline.runtime.stored_series import TELLING_ROWS

NO_ROWS = Rows.of(())

#: How often a correction is tried before its records are set aside.
ATTEMPTS = 3

_PART_BARS = 65_536
_MOST_PARTS = 1_000

_MARK = struct.Struct("<4sq")
_MAGIC = b"\xffREW"  # no state begins like this: a state's first byte is its version


@dataclass(frozen=True, slots=True)
class Correction:
    """Hold what some waiting records of one symbol came to.

    `repeated` of them changed nothing, `changed` revised a bar. `commit` stores what they changed; where bars were
    revised it is `rewound`, and holds all rows that depend on them. `checkpoints` may be stored after it, to shorten a
    later replay. `last` is True for the symbol's last records. `rejects` are records that could not be dealt with,
    whatever was tried: they are kept, and the symbol goes on.
    """

    symbol: str
    repeated: int
    changed: int
    commit: Commit | None = None
    checkpoints: tuple[SymbolState, ...] = ()
    last: bool = True
    rejects: Sequence[Reject] = ()

    def commits(self) -> Iterator[Commit]:
        """Yield what to commit, in this order; a process that dies in between loses checkpoints only."""
        if self.commit is not None:
            yield self.commit
            for state in self.checkpoints:
                yield Commit(NO_ROWS, {}, self.commit.position, {self.symbol: state})


def replay_late_bars(
    store: Store, processor: Processor, late: Bars, position: int, begun: Mapping[str, int] | None = None
) -> Iterator[Correction]:
    """Deal with records that came too late, and those that had to wait for them, symbol by symbol, in their order.

    The store must hold every row made so far: what is yielded is committed before the next one is asked for. `begun`
    names symbols whose correction was interrupted, with the first bar it was about: they are replayed from there in any
    case, because their stored bars may be ahead of their state. `position` is that of the commits.
    """
    begun = dict(begun or {})
    own = {symbol: late[late.code == code] for code, symbol in enumerate(late.symbols)}
    for symbol in dict.fromkeys([*begun, *(symbol for symbol, bars in own.items() if len(bars))]):
        records = own.get(symbol, late[:0])
        since = begun.get(symbol)
        while True:
            waiting = records.timestamp > processor.last_timestamp(symbol)
            run = int(waiting.argmax()) if waiting.any() else len(records)
            found = _attempted(store, processor, symbol, records[:run], position, since)
            processor.settle(symbol)
            rest, since = records[run:], None
            if not len(rest):
                yield found
                break
            yield replace(found, last=False)
            step = processor.step(rest)
            commit = Commit(step.rows, step.states, position, step.checkpoints)
            records = step.late
            yield Correction(symbol, step.repeated, 0, commit, last=not len(records))
            if not len(records):
                break


def _attempted(
    store: Store, processor: Processor, symbol: str, late: Bars, position: int, begun: int | None
) -> Correction:
    """Do `_replayed`; where that fails again and again, for want of memory or by a defect, set the records aside.

    They would end every later start otherwise, and are kept as lines of CSV, which can be replayed later. What the
    store cannot read now it may another time, and what was interrupted has to be finished: then the error is raised.
    """
    before = processor.state(symbol)
    reason = ""
    for _ in range(ATTEMPTS):
        try:
            return _replayed(store, processor, symbol, late, position, begun)
        except StorageError:
            raise
        except Exception as error:
            if begun is not None:
                raise
            reason = f"set aside, as its correction failed {ATTEMPTS} times: {line_with_kind(error)}"
            processor.restore({symbol: before}, begin_ranges=True)
    rejects = []
    columns = [getattr(late, name)[:KEPT_ALIKE].tolist() for name in ("timestamp", *OHLCV)]
    for time, *values in zip(*columns, strict=True):
        line = ",".join(map(str, (symbol, time, *values)))
        rejects.append(Reject("late", f"{symbol} {time}", reason, line.encode()))
    if len(late) > KEPT_ALIKE:
        rejects.append(repeated("late", reason, len(late) - KEPT_ALIKE))
    return Correction(symbol, 0, 0, rejects=rejects)


def _replayed(
    store: Store, processor: Processor, symbol: str, late: Bars, position: int, begun: int | None
) -> Correction:
    """Put records of committed bars of one symbol into its history, and the processor where that history leads to.

    Rows after the processor's last bar are not history yet: a commit that was interrupted left them, and their records
    come again. Where the store keeps no indicators, the rows between hold nothing that depends on the changed bars.
    """
    final = late[late.final]
    changed, first, touched = final, final, NO_ROWS
    if len(final):
        touched = store.rows(symbol, int(final.timestamp.min()), int(final.timestamp.max()) + 1)
        changed, first = _changes(final, committed(touched))
    starts = [*changed.timestamp.tolist(), *(() if begun is None else (begun,))]
    if not starts:
        return Correction(symbol, len(late), 0)
    since = min(starts)
    checkpoint = store.checkpoint(symbol, since)
    start = None if checkpoint is None else checkpoint.timestamp + 1
    end = processor.last_timestamp(symbol) + 1
    if store.keeps_indicators:
        touched = store.rows(symbol, start, end)
        rebuilt = processor.rebuild(symbol, checkpoint, [merged(committed(touched), changed)])
    else:
        history = _history(store, symbol, start, since, end, changed)
        rebuilt = processor.rebuild(symbol, checkpoint, history, changed.timestamp)
    rows = with_what_was_said(rebuilt.rows[rebuilt.rows.bars.timestamp >= since], touched, first)
    commit = Commit(rows, {symbol: rebuilt.state}, position, rewound={symbol: since})
    checkpoints = tuple(state for state in rebuilt.checkpoints if state.timestamp >= since)
    return Correction(symbol, len(late) - len(changed), len(changed), commit, checkpoints)


def _history(store: Store, symbol: str, start: int | None, since: int, end: int, changed: Bars) -> Iterator[Bars]:
    """Yield the symbol's final bars with start <= t < end, changed, in the order of time and in parts of bounded size.

    A start of None is the first bar; all before `since` come as one part.
    """
    step = usual_interval(store.rows(symbol, limit=TELLING_ROWS).bars.timestamp)
    span = max(_PART_BARS * (step or 0), (end - (since if start is None else start)) // _MOST_PARTS + 1)
    while start is None or start < end:
        stop = since if start is None else min(end, start + span)
        inside = changed[(changed.timestamp < stop) & (changed.timestamp >= (since if start is None else start))]
        bars = committed(store.rows(symbol, start, stop))
        yield merged(bars, inside) if len(inside) else bars
        start = stop


def recomputed(store: Store, processor: Processor, symbol: str, position: int) -> Correction | None:
    """Compute a symbol anew from its stored bars, as for another set of indicators; None without bars.

    The bar that is forming goes on: it is committed when the next one begins, as if nothing had happened.
    """
    stored = store.rows(symbol)
    if not len(stored):
        return None
    bars, forming = committed(stored), stored.bars[~stored.bars.final]
    parts: list[Rows] = []
    checkpoints: tuple[SymbolState, ...] = ()
    if len(bars):
        rebuilt = processor.rebuild(symbol, None, [bars])
        checkpoints = rebuilt.checkpoints
        parts.append(with_what_was_said(rebuilt.rows, stored, bars[:0]))
    if len(forming):
        parts.append(processor.step(forming).rows)
    rows = Rows.concat(parts)
    if not store.keeps_indicators:
        rows = rows[~rows.bars.final]
    since = int(stored.bars.timestamp[0])
    commit = Commit(rows, {symbol: processor.state(symbol)}, position, rewound={symbol: since})
    return Correction(symbol, 0, 0, commit, checkpoints)


def with_pending_correction(state: SymbolState, since: int) -> SymbolState:
    """Return the state with a note that its rows are being rewritten from `since` on.

    For stores that write rows before states: whoever loads the note knows that the rows may be ahead of the state.
    """
    return replace(state, data=_MARK.pack(_MAGIC, since) + state.data)


def without_pending_correction(state: SymbolState) -> tuple[SymbolState, int | None]:
    """Return the state without the note, and what it said (None: there was none)."""
    if state.data[:4] != _MAGIC or len(state.data) < _MARK.size:
        return state, None
    _, since = _MARK.unpack_from(state.data)
    return replace(state, data=state.data[_MARK.size :]), since


def _changes(late: Bars, stored: Bars) -> tuple[Bars, Bars]:
    """Return the last of one symbol's late bars for each time, where it differs from what is stored.

    Beside them, the first late bar of each time.
    """
    _, first = np.unique(late.timestamp, return_index=True)
    times, from_end = np.unique(late.timestamp[::-1], return_index=True)
    last = late[len(late) - 1 - from_end]
    at = np.searchsorted(stored.timestamp, times)
    known = np.zeros(len(times), np.bool_)
    known[at < len(stored)] = stored.timestamp[at[at < len(stored)]] == times[at < len(stored)]
    same = known.copy()
    for column in OHLCV:
        same[known] &= getattr(last, column)[known] == getattr(stored, column)[at[known]]
    return last[~same], late[first]
