"""Apply batches of stream records, as a Lambda function is given them: each whole, however often it comes.

The batch's bars go through the same processor as on one machine. A symbol's state carries the position of the last
record that went into it: what was applied is passed over, so that a retry, a repetition or a bisected batch changes
nothing. Rows are written before states, so that a crash in between repeats the step with the same result; a correction,
whose rows could tell a repeated step that there is nothing left to do, leaves a mark in the state first.

A large batch is committed in chunks, and what there is no time for is given back: a function that is stopped has kept
all but its last chunk, and comes nearer to the end with every call.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from tapeline.core.market import Bars, Ints, Reject
from tapeline.core.messages import Commit, SymbolState
from tapeline.core.ports import Store
from tapeline.core.rejects import count_of
from tapeline.error_text import one_line
from tapeline.errors import ConflictError, DecodeError, StorageError
from tapeline.forecast.range_model import RangeModel
from tapeline.runtime.batch_records import Outcome, Record, bars_of_records
from tapeline.runtime.corrections import (
    NO_ROWS,
    recomputed,
    replay_late_bars,
    with_pending_correction,
    without_pending_correction,
)
from tapeline.runtime.processor import Processor, Step

#: How often a symbol that another process moved on is loaded and stepped again before its records are given back.
ATTEMPTS = 3

#: Bars of the first chunk and of the largest. A chunk that took less than `_QUICK` seconds is followed by one of twice
#: its bars, one that took more than `_SLOW` by half of them: a new table may take only a few hundred rows a second.
FIRST_BARS, MOST_BARS = 512, 4096
_QUICK, _SLOW = 1.0, 4.0

#: Seconds that must be left for another chunk to begin; twice what the slowest so far took, where that is more.
_LEFT = 5.0


class Batches:
    """Applies batches through the ports. `apply` may be called again after it raised; it then starts from the store.

    `processor` makes an empty one. `refuse` keeps rejects before the records they came from are passed over, so what it
    was given once may be given again, and nothing is left out. `clock` says the time, UTC epoch ms. `range_model`
    returns the range model in use, None as long as there is none; a symbol whose state knows nothing of ranges begins
    with it.
    """

    def __init__(
        self,
        store: Store,
        processor: Callable[[], Processor],
        *,
        clock: Callable[[], int],
        refuse: Callable[[Sequence[Reject]], None] = lambda _: None,
        range_model: Callable[[], RangeModel | None] = lambda: None,
    ) -> None:
        self._store = store
        self._make = processor
        self._clock = clock
        self._refuse = refuse
        self._current_range = range_model
        self._range_model: RangeModel | None = None
        self._processor: Processor | None = None
        self._held: dict[str, bytes] = {}  # the states as they stand in the processor
        self._chunk = FIRST_BARS

    def apply(self, records: Sequence[Record], left: Callable[[], float] = lambda: float("inf")) -> Outcome:
        """Apply the records, in the order of their positions. `left` says how many seconds there are.

        Raises what the store or a callable raises, but not a `StorageError` after a part of them was applied: then the
        rest is given back.
        """
        outcome = Outcome()
        self._take_range_model(self._current_range())
        bars, source, rejects = bars_of_records(records, self._clock())
        if rejects:
            self._refuse(rejects)
        outcome.bars, outcome.rejects = len(bars), count_of(rejects)
        positions = list(accumulate((record.position for record in records), max))
        failed: set[int] = set()
        troubled: set[str] = set()
        start, slowest = 0, 0.0
        while start < len(bars):
            began = left()
            if start and began < max(_LEFT, 2 * slowest):
                outcome.stopped = "no time was left"
                break
            stop = self._end_of_chunk(source, start)
            try:
                self._apply_chunk(bars[start:stop], source[start:stop], positions, outcome, failed, troubled)
            except StorageError as error:
                if not start:
                    raise
                outcome.stopped = one_line(error)
                break
            took = began - left() if began != float("inf") else 0.0
            slowest = max(slowest, took)
            self._chunk = min(MOST_BARS, 2 * self._chunk) if took < _QUICK else self._chunk
            self._chunk = max(FIRST_BARS, self._chunk // 2) if took > _SLOW else self._chunk
            start = stop
        if start < len(bars):
            failed.add(int(source[start]))
        outcome.failed = tuple(records[index].place for index in sorted(failed))
        return outcome

    def _end_of_chunk(self, source: Ints, start: int) -> int:
        """Return where the chunk ends that begins at this bar: a record is never cut, for a state knows no half one."""
        last = min(start + self._chunk, len(source)) - 1
        return int(np.searchsorted(source, source[last], "right"))

    def _apply_chunk(
        self, bars: Bars, source: Ints, positions: Sequence[int], outcome: Outcome, failed: set[int],
        troubled: set[str],
    ) -> None:  # fmt: skip
        """Apply a part of the batch. Adds to `troubled` the symbols that failed, and to `failed` their first records.

        A symbol in trouble is left out from there on: a later record must not be applied before an earlier one.
        """
        if troubled:
            good = ~np.isin(bars.code, [code for code, symbol in enumerate(bars.symbols) if symbol in troubled])
            bars, source = bars[good], source[good]
        for _ in range(ATTEMPTS):
            if not len(bars):
                return
            try:
                self._step(bars, source, positions, outcome)
            except ConflictError as error:
                self._reset()
                left = np.isin(bars.code, [bars.symbols.index(s) for s in error.symbols if s in bars.symbols])
                bars, source = bars[left], source[left]
            except BaseException:
                self._reset()
                raise
            else:
                return
        for code in np.unique(bars.code).tolist():
            failed.add(int(source[bars.code == code][0]))
            troubled.add(bars.symbols[code])

    def _take_range_model(self, model: RangeModel | None) -> None:
        if model is not None and model is not self._range_model:
            self._range_model = model
            if self._processor is not None:
                self._processor.replace_range_model(model)

    def _reset(self) -> None:
        """Forget what is in memory: it may be ahead of the store."""
        self._processor = None
        self._held = {}

    # -- bars to rows ------------------------------------------------------------------------------------------------

    def _step(self, bars: Bars, source: Ints, positions: Sequence[int], outcome: Outcome) -> None:
        symbols = [bars.symbols[code] for code in np.unique(bars.code).tolist()]
        states, _ = self._store.load(symbols)
        begun, processor = self._restored(states, outcome)
        applied = {s: states[s].position if s in states else 0 for s in bars.symbols}
        since = np.array([bisect_right(positions, applied[symbol]) for symbol in bars.symbols])
        fresh = source >= since[bars.code]
        outcome.repeated += int(len(bars) - fresh.sum())
        bars, source = bars[fresh], source[fresh]
        if not len(bars) and not begun:
            return
        underway = [state.forming for state in states.values() if state.forming]
        reached = {bars.symbols[c]: positions[source[bars.code == c][-1]] for c in np.unique(bars.code).tolist()}
        step = processor.step(Bars.concat((Bars.of(underway), bars)) if underway else bars)
        outcome.repeated += step.repeated
        late = {step.late.symbols[code] for code in np.unique(step.late.code).tolist()} | begun.keys()
        self._commit(step, {s: applied[s] if s in late else p for s, p in reached.items()}, states, outcome)
        standing = {s: without_pending_correction(state)[0] for s, state in states.items()} | dict(step.states)
        for found in replay_late_bars(self._store, processor, step.late, 0, begun) if late else ():
            outcome.repeated += found.repeated
            outcome.corrected += found.changed
            if found.rejects:
                self._refuse(found.rejects)
                outcome.rejects += count_of(found.rejects)
            symbol = found.symbol
            before = applied.get(symbol, 0)
            position = reached.get(symbol, before) if found.last else before
            commit = found.commit
            if commit is None:
                commit = Commit(NO_ROWS, {symbol: processor.state(symbol)} if found.last else {}, 0)
            for first in commit.rewound.values():
                # rows and state in one would do where a store writes them at once; where it does not, the mark heals
                note = replace(with_pending_correction(standing[symbol], first), position=before)
                self._store.commit(Commit(NO_ROWS, {symbol: note}, 0))
            self._write(commit, {symbol: position}, outcome)
            standing |= commit.states

    def _restored(self, states: Mapping[str, SymbolState], outcome: Outcome) -> tuple[dict[str, int], Processor]:
        """Return the symbols whose correction was interrupted, with its start, and the processor at these states."""
        if self._processor is None:
            self._processor = self._make()
            if self._range_model is not None:
                self._processor.replace_range_model(self._range_model)
            self._held = {}
        begun: dict[str, int] = {}
        for symbol, stored in states.items():
            state, since = without_pending_correction(stored)
            if since is not None:
                begun[symbol] = since
            if self._held.get(symbol) == stored.data:
                continue
            try:
                self._processor.restore({symbol: state}, begin_ranges=True)
                self._held[symbol] = stored.data
            except DecodeError as error:  # damaged, or made for other indicators or by another version
                outcome.renewed.append(one_line(error))
                found = recomputed(self._store, self._processor, symbol, 0)
                if found is not None and found.commit is not None:
                    self._write(found.commit, {symbol: stored.position}, Outcome())
        return begun, self._processor

    def _commit(
        self, step: Step, reached: Mapping[str, int], known: Mapping[str, SymbolState], outcome: Outcome
    ) -> None:
        """Commit the step's rows, and the states of the symbols for which a bar was committed.

        A state has kilobytes, and a forming bar comes every second: the store answers with that bar itself. The last
        record applied to it may then be applied again, which is no more than writing the same forming bar again.
        """
        committed = step.rows.bars.final
        moved = {step.rows.bars.symbols[code] for code in np.unique(step.rows.bars.code[committed]).tolist()}
        states = {
            symbol: state
            for symbol, state in step.states.items()
            if symbol in reached and (symbol in moved or symbol not in known)
        }
        if len(step.rows) or states:
            self._write(Commit(step.rows, states, 0, step.checkpoints), reached, outcome)

    def _write(self, commit: Commit, reached: Mapping[str, int], outcome: Outcome) -> None:
        states = {symbol: replace(state, position=reached[symbol]) for symbol, state in commit.states.items()}
        self._store.commit(replace(commit, states=states))
        self._held |= {symbol: state.data for symbol, state in states.items()}
        outcome.rows += len(commit.rows)
