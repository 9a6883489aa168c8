"""The pure step: (state, batch of bars) -> (state', rows). Live, replay, Lambda and training all run this one.

For every symbol the processor keeps the last committed bar, the forming bar if there is one, and the indicator engine's
committed state. A forming bar is evaluated on a copy of that state; it is committed when a record with a later time, or
the same bar as final, arrives. What comes for a bar that is already committed is either the same again (nothing to do)
or comes too late: that record and all later ones of its symbol are handed back, for the caller has the history to
replay the symbol from (`rebuild`), and hands in the rest afterwards.

Rows do not depend on how records are cut into batches: each bar is evaluated on what was known when its record arrived,
and forming bars that a later record of the same batch replaces would have been overwritten in the store anyway.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tapeline.core.market import OHLCV, Bars, Codes, Floats, Ints
from tapeline.core.messages import SymbolState
from tapeline.core.ports import Predictor
from tapeline.core.rows import Rows
from tapeline.errors import DecodeError
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet
from tapeline.forecast.range_model import RangeModel
from tapeline.indicators import Engine, parse
from tapeline.runtime.asked_models import AskedModels
from tapeline.runtime.latest_bars import NEVER, LatestBars, classify_records
from tapeline.runtime.symbol_states import Remembered, packed, unpacked

#: Bars of one symbol between two checkpoints, where nothing else is said.
CHECKPOINT_BARS = 256
_MOST_CHECKPOINTS = 64  # of one rebuild


@dataclass(frozen=True, slots=True)
class Step:
    """What one batch led to: rows to store, new states, checkpoints to keep, and records that have to wait.

    `late` holds, of each symbol with a record that came too late, that record and all after it, in order. `repeated`
    counts records that changed nothing: duplicates, and forming updates of a bar already committed. `symbols` are those
    with a record in the batch, `due` those whose state is to be kept as a checkpoint.
    """

    rows: Rows
    states: Mapping[str, SymbolState]
    checkpoints: Mapping[str, SymbolState]
    late: Bars
    repeated: int
    symbols: tuple[str, ...] = ()
    due: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What replaying one symbol led to: the rows of the replayed bars, its state, and checkpoints on the way there."""

    rows: Rows
    state: SymbolState
    checkpoints: tuple[SymbolState, ...]


class Processor:
    """Turns bars into rows. `specs` are the indicators to store; the model's own inputs are computed beside them.

    Models are asked about series that can have their interval by their names, and about none of `unforecast`.

    Deterministic; does no I/O and reads no clock. The state lives in here between steps: after a failed commit, build a
    new processor and `restore` what the store holds.
    """

    def __init__(
        self, specs: Sequence[str], predictor: Predictor | None = None, features: FeatureSet = DEFAULT_FEATURES,
        *, checkpoint_bars: int = CHECKPOINT_BARS, range_model: RangeModel | None = None,
        unforecast: Collection[str] = (),
    ) -> None:  # fmt: skip
        self._checkpoint_bars = checkpoint_bars
        self._models = AskedModels(predictor, features, range_model, unforecast)
        shown = [parse(spec) for spec in specs]
        needed = [parse(spec) for spec in features.specs]
        self._engine = Engine(tuple(dict.fromkeys(spec.text for spec in [*shown, *needed])))
        self._names = tuple(dict.fromkeys(name for spec in shown for name in spec.outputs))
        self._shown = np.array([self._engine.outputs.index(name) for name in self._names], np.intp)
        self._slots: dict[str, int] = {}
        self._symbols: list[str] = []
        self._last = LatestBars(0)
        self._forming = LatestBars(0)
        self._count = np.zeros(0, np.int64)
        self._unsettled = np.zeros(0, np.bool_)  # a record came too late: the symbol waits to be replayed

    def replace_predictor(self, predictor: Predictor) -> None:
        """Let another model predict the bars after those seen so far, symbol by symbol.

        A bar that is forming now stays with the model that has spoken about it: no bar is predicted by two.
        """
        self._models.replace_predictor(predictor, np.maximum(self._last.timestamp, self._forming.timestamp))

    def replace_range_model(self, model: RangeModel) -> None:
        """Let another range model speak about the bars from here on.

        What is remembered of each symbol goes on, its scales too: they are about the symbol. Without a model before,
        the forecasts begin when the longest window is full.
        """
        self._models.range_model = model

    # -- state -------------------------------------------------------------------------------------------------------

    def restore(self, states: Mapping[str, SymbolState], *, begin_ranges: bool = False) -> None:
        """Goes on from these states. Raises `DecodeError` when one of them does not fit this processor.

        One that knows nothing of ranges does not fit a processor with a range model, unless ranges may begin there:
        then they are spoken about once the longest window is full.
        """
        for symbol, state in states.items():
            known = self._restore(symbol, state)
            if not begin_ranges and known.ranges is None and known.committed and self._models.speak_of_ranges(symbol):
                raise DecodeError(f"the stored state of {symbol} was made without a range model")

    def _restore(self, symbol: str, state: SymbolState) -> Remembered:
        known = unpacked(symbol, state.data)
        slot = self._slot([symbol])[0]
        self._models.ranges.forget(symbol)
        if known.ranges is not None:
            self._models.ranges.restore(symbol, known.ranges)
        self._engine.restore(symbol, known.engine)
        self._count[slot] = known.committed
        self._last.put(slot, known.last_time, known.last)
        self._forming.put(slot, known.forming_time, known.forming)
        return known

    def state(self, symbol: str) -> SymbolState:
        """Return what is remembered of this symbol now."""
        slot = self._slots[symbol]
        last, forming = self._last, self._forming
        data = packed(
            Remembered(
                int(self._count[slot]), int(last.timestamp[slot]), last.values[slot], int(forming.timestamp[slot]),
                forming.values[slot], self._models.range_state(symbol), self._engine.snapshot(symbol),
            )
        )  # fmt: skip
        return SymbolState(int(last.timestamp[slot]), data)

    def _slot(self, symbols: Sequence[str]) -> Codes:
        """Return the index of each symbol in this processor's arrays; new symbols are given one."""
        for symbol in symbols:
            if symbol not in self._slots:
                self._slots[symbol] = len(self._symbols)
                self._symbols.append(symbol)
        missing = len(self._symbols) - len(self._count)
        if missing > 0:
            room = max(missing, len(self._count), 16)
            self._count = np.concatenate((self._count, np.zeros(room, np.int64)))
            self._unsettled = np.concatenate((self._unsettled, np.zeros(room, np.bool_)))
            self._last.grow(room)
            self._forming.grow(room)
        return np.fromiter((self._slots[symbol] for symbol in symbols), np.int32, len(symbols))

    # -- stepping ----------------------------------------------------------------------------------------------------

    def step(self, bars: Bars, *, remember: bool = True) -> Step:
        """Apply the records in order. The rows are those of all bars that were committed or are forming now.

        Without `remember`, states and checkpoints are left for the caller to take (`state`) once after several steps.
        """
        slot = self._slot(bars.symbols)[bars.code]
        values = np.stack((bars.open, bars.high, bars.low, bars.close, bars.volume), axis=1)
        plan = classify_records(
            slot, bars.timestamp, values, bars.final,
            self._last.timestamp, self._last.values, self._forming.timestamp, self._forming.values, self._unsettled,
        )  # fmt: skip
        made_slot, made_time, made_values, late, repeated = plan
        touched, symbols = self._local(slot)
        committed = _bars(symbols, touched[made_slot], made_time, made_values, final=True)
        forming_slot = np.flatnonzero((touched >= 0) & (self._forming.timestamp[: len(touched)] != NEVER))
        forming = _bars(
            symbols, touched[forming_slot],
            self._forming.timestamp[forming_slot], self._forming.values[forming_slot], final=False,
        )  # fmt: skip
        before = self._count[: len(touched)] // self._checkpoint_bars
        self._count[: len(touched)] += np.bincount(made_slot, minlength=len(touched))
        due = self._count[: len(touched)] // self._checkpoint_bars > before
        rows = self._evaluate(committed, forming)
        names = tuple(self._symbols[s] for s in np.flatnonzero(due))
        states = {symbol: self.state(symbol) for symbol in symbols} if remember else {}
        checkpoints = {symbol: states[symbol] for symbol in names} if remember else {}
        return Step(rows, states, checkpoints, bars[late], repeated, symbols, names)

    def settle(self, symbol: str) -> None:
        """Take records of this symbol again, after those that came too late have been dealt with."""
        self._unsettled[self._slot([symbol])[0]] = False

    def last_timestamp(self, symbol: str) -> int:
        """Return the open time of the last committed bar (UTC epoch ms), before all bars where there is none."""
        return int(self._last.timestamp[self._slot([symbol])[0]])

    def rebuild(
        self, symbol: str, checkpoint: SymbolState | None, batches: Iterable[Bars], wanted: Ints | None = None
    ) -> Rebuilt:
        """Replay one symbol from a checkpoint (None: from nothing) with the bars after it, in the order of time.

        Final bars are not predicted: what was said about them stands, and what was not said in time is not said. The
        forming bar, if there is one, is evaluated anew on the new state. `wanted` are the open times of the final bars
        whose rows are returned, None for all. There are at most `_MOST_CHECKPOINTS`, as far apart as that takes.
        """
        slot = self._slot([symbol])[0]
        forming = self._forming.timestamp[slot], self._forming.values[slot].copy()
        self._engine.forget(symbol)
        self._models.ranges.forget(symbol)
        self._count[slot] = 0
        self._last.put(slot, NEVER, np.zeros(5))
        if checkpoint is not None:
            self._restore(symbol, checkpoint)
        self._forming.put(slot, NEVER, np.zeros(5))
        parts: list[Rows] = []
        checkpoints: dict[int, SymbolState] = {}
        apart = self._checkpoint_bars
        for bars in batches:
            start = 0
            while start < len(bars):
                stop = start + apart - int(self._count[slot]) % apart
                part = bars[start:stop]
                rows = self._evaluate(part, part[:0], predict=False)
                parts.append(rows if wanted is None else rows[np.isin(part.timestamp, wanted)])
                self._count[slot] += len(part)
                self._last.put(slot, int(part.timestamp[-1]), [float(getattr(part, name)[-1]) for name in OHLCV])
                if self._count[slot] % apart == 0:
                    checkpoints[int(self._count[slot])] = self.state(symbol)
                if len(checkpoints) > _MOST_CHECKPOINTS:
                    apart *= 2
                    checkpoints = {count: state for count, state in checkpoints.items() if count % apart == 0}
                start = stop
        if forming[0] > self._last.timestamp[slot]:
            self._forming.put(slot, *forming)
            tail = _bars((symbol,), np.zeros(1, np.int32), np.array([forming[0]]), forming[1][None], final=False)
            parts.append(self._evaluate(tail[:0], tail))
        self._unsettled[slot] = False
        return Rebuilt(Rows.concat(parts), self.state(symbol), tuple(checkpoints.values()))

    def _local(self, slot: Codes) -> tuple[Codes, tuple[str, ...]]:
        """Return a batch's own symbol table: slot -> index in it (-1 for slots not in the batch), and the symbols."""
        places = np.full(len(self._symbols), -1, np.int32)
        places[slot] = 0
        used = np.flatnonzero(places == 0)
        places[used] = np.arange(len(used), dtype=np.int32)
        return places, tuple(self._symbols[s] for s in used)

    def _evaluate(self, committed: Bars, forming: Bars, *, predict: bool = True) -> Rows:
        values = self._engine.update(committed, session=self._engine.sessions(committed))
        bars = committed
        if len(forming):
            values = np.concatenate((values, self._engine.peek(forming, session=self._engine.sessions(forming))))
            bars = Bars.concat((committed, forming))
        said = self._models.said(bars, len(committed), self._engine.outputs, values, self._slot, predict=predict)
        return Rows(bars, self._names, values[:, self._shown], **said)


def _bars(symbols: tuple[str, ...], code: Codes, timestamp: Ints, values: Floats, *, final: bool) -> Bars:
    columns = [np.ascontiguousarray(values[:, i]) for i in range(5)]
    return Bars(
        symbols, code, timestamp, columns[0], columns[1], columns[2], columns[3], columns[4],
        np.full(len(code), final, np.bool_),
    )  # fmt: skip
