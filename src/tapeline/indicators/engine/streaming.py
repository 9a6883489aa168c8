"""Run indicators over bars of many symbols, with one row of state per symbol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tapeline.core.market import Bars, Codes, Floats, Ints
from tapeline.core.times import DAY
from tapeline.indicators import DEFAULT
from tapeline.indicators.engine import alone
from tapeline.indicators.engine.arrays import engine_columns, state_rows, strided
from tapeline.indicators.engine.program import SLACK, Program
from tapeline.indicators.engine.snapshots import pack, unpack
from tapeline.indicators.spec import parse_all

#: Commits one bar, the fast way, without any checks: `out` (float64 [outputs]), slot, session, open, high, low, close,
#: volume. Take it from the engine again for every bar: it changes whenever `slots` has to make room.
UpdateOne = Callable[[Floats, int, int, float, float, float, float, float], None]


class Engine:
    """Compute indicators over any number of symbols, bar by bar or in batches, with the same values to the last bit.

    `specs` are the canonical texts, `outputs` the names of the value columns, `warm_up` the bars before each output's
    first value, `layout` the id of what a snapshot holds. Raises `SpecError` for specs that cannot be computed.

    Values are float64 [bars, len(outputs)], NaN where an indicator is not warm. Bars must have been validated (finite,
    prices above zero, high >= low, volume >= 0) and, per symbol, be in the order of time. One thread at a time.

    `live` says that bars come one by one, or of many symbols at once. Without it an engine gives the same values, but
    is ready in 0.05 s instead of 0.7 where its machine code is kept: it computes one symbol after the other.
    """

    def __init__(self, specs: Sequence[str] = DEFAULT, *, live: bool = True) -> None:
        parsed = parse_all(specs)
        self.specs = tuple(spec.text for spec in parsed)
        self.outputs = tuple(name for spec in parsed for name in spec.outputs)
        self._needs_sessions = any("session" in spec.indicator.inputs for spec in parsed)
        self.warm_up = tuple(bars for spec in parsed for bars in spec.warm_up)
        program = Program(parsed)
        addresses, entry_points = (None if live else alone.entry_points(program.kernels)) or _compiled(program)
        program.place_kernels(addresses)
        self.layout = program.layout
        self._compiled_one, self._compiled_update, self._compiled_peek, self._compiled_alone = entry_points
        self._code = program.code
        self._kept, self._numbers = program.kept, program.numbers
        self._state: Floats = state_rows(0, program.width)
        self._counts = np.zeros(0, np.int64)
        self._work = np.zeros(program.work)
        self._place()
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._table: tuple[tuple[str, ...], Codes] = ((), np.zeros(0, np.int32))

    # -- symbols -----------------------------------------------------------------------------------------------------

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the symbols that have a state."""
        return tuple(self._slots)

    @property
    def bytes_per_symbol(self) -> int:
        """Return the size of one symbol's state, which does not grow with its bars."""
        return int(self._state.shape[1]) * 8

    def slots(self, symbols: Sequence[str]) -> Codes:
        """Return the row of each symbol's state, int32 [len(symbols)]; a new symbol gets one. Valid until `forget`."""
        if symbols is self._table[0]:
            return self._table[1]
        known = self._slots
        found = np.empty(len(symbols), np.int32)
        for i, symbol in enumerate(symbols):
            slot = known.get(symbol)
            if slot is None:
                slot = known[symbol] = self._free.pop() if self._free else len(known)
                if slot >= len(self._state):
                    self._grow(slot + 1)
            found[i] = slot
        if isinstance(symbols, tuple):
            self._table = symbols, found
        return found

    def _grow(self, least: int) -> None:
        room = max(least, 2 * len(self._state), 16)
        state = state_rows(room, self._state.shape[1])
        state[: len(self._state)] = self._state
        self._state = state
        self._counts = np.zeros(room, np.int64)
        self._place()

    def _place(self) -> None:
        """Give the compiled functions the addresses of state, program and work space."""
        self._places = (self._state.ctypes.data, self._code.ctypes.data, self._work.ctypes.data)
        bound: Any = partial(self._compiled_one, *self._places)
        bound.keeps = self._state, self._code, self._work  # whoever holds on to it must not write to freed memory
        self.update_one: UpdateOne = bound

    def restart(self) -> None:
        """Forget all bars: the next bar of every symbol is its first. Symbols keep their slots."""
        self._state[self._state[:, 0] > 0] = 0.0

    def forget(self, symbol: str) -> None:
        """Drop the symbol's state; its next bar is its first. Unknown symbols are ignored."""
        slot = self._slots.pop(symbol, None)
        if slot is not None:
            self._state[slot] = 0.0
            self._free.append(slot)
            self._table = ((), np.zeros(0, np.int32))

    def count(self, symbol: str) -> int:
        """Return how many bars were committed for this symbol."""
        slot = self._slots.get(symbol)
        return 0 if slot is None else int(self._state[slot, 0])

    # -- bars --------------------------------------------------------------------------------------------------------

    def sessions(self, bars: Bars) -> Ints | None:
        """Return what `update` and `peek` want as `session`: the id of each bar's trading session at its exchange.

        It is None where no indicator asks for sessions, so that calendars are not loaded for nothing.
        """
        if not self._needs_sessions or not len(bars):
            return None
        from tapeline.core.sessions.session_ids import session_ids

        return session_ids(bars)

    def update(self, bars: Bars, out: Floats | None = None, session: Ints | None = None) -> Floats:
        """Commit the bars in order and return their values.

        `out`, where given, is float64 [len(bars), len(outputs)] and is filled and returned: in C order, or of
        contiguous columns, which is faster for the history of one symbol. `session` is the id of each bar's trading
        session, int64; without it, the UTC day of its timestamp.
        """
        slots = self.slots(bars.symbols)[bars.code]
        session = bars.timestamp // DAY if session is None else session
        return self.update_columns(slots, session, bars.open, bars.high, bars.low, bars.close, bars.volume, out)

    def peek(self, bars: Bars, out: Floats | None = None, session: Ints | None = None) -> Floats:
        """Return the values each bar would have if it were its symbol's next one. The state stays as it is."""
        slots = self.slots(bars.symbols)[bars.code]
        session = bars.timestamp // DAY if session is None else session
        return self.peek_columns(slots, session, bars.open, bars.high, bars.low, bars.close, bars.volume, out)

    def update_columns(
        self, slots: Codes, session: Ints,
        open: Floats, high: Floats, low: Floats, close: Floats, volume: Floats,  # noqa: A002
        out: Floats | None = None,
    ) -> Floats:  # fmt: skip
        """Do `update` for plain columns of one length: `slots` from `slots()`, `session` int64, the others float64."""
        out = self._out(out, len(slots))
        columns = engine_columns(slots, session, open, high, low, close, volume)
        order = np.empty(len(slots), np.int64)
        self._compiled_update(*self._places, *strided(out), *columns, self._counts, order)
        return out

    def update_in_turn(
        self, ends: Ints, session: Ints,
        open: Floats, high: Floats, low: Floats, close: Floats, volume: Floats,  # noqa: A002
        out: Floats | None = None,
    ) -> Floats:  # fmt: skip
        """Do `update_columns` for an engine of one symbol, which stands for several one after the other.

        `ends` are the indices after the bars of each, int64. The first one goes on where the engine is; before each
        other one its state is emptied. So the histories of many need the room of one, which stays in the cache.
        """
        if not len(self._state):
            self._grow(1)
        out = self._out(out, len(session))
        slots = np.zeros(len(session), np.int32)
        _, *columns = engine_columns(slots, session, open, high, low, close, volume)
        alone.update_in_turn(self._compiled_alone, *self._places, *strided(out), _checked(ends, len(slots)), *columns)
        return out

    def peek_columns(
        self, slots: Codes, session: Ints,
        open: Floats, high: Floats, low: Floats, close: Floats, volume: Floats,  # noqa: A002
        out: Floats | None = None,
    ) -> Floats:  # fmt: skip
        """Do `peek` for plain columns of one length."""
        out = self._out(out, len(slots))
        columns = engine_columns(slots, session, open, high, low, close, volume)
        if len(slots) and not 0 <= slots.min() <= slots.max() < len(self._state):
            raise ValueError("a slot is not from this engine's slots()")
        self._compiled_peek(*self._places, *strided(out), *columns)
        return out

    def _out(self, out: Floats | None, count: int) -> Floats:
        shape = (count, len(self.outputs))
        if out is None:
            return np.empty(shape)
        fits = out.shape == shape and out.dtype == np.float64 and out.flags.behaved
        if not fits or not (out.flags.c_contiguous or (out.strides[0] == 8 and out.strides[1] >= 8 * count)):
            raise ValueError(f"out must be writable, float64, in C order or of contiguous columns, of shape {shape}")
        return out

    # -- state -------------------------------------------------------------------------------------------------------

    def snapshot(self, symbol: str) -> bytes:
        """Return the symbol's state as bytes, for `restore` on an engine with the same specs. A new symbol has one."""
        slot = self.slots([symbol])[0]  # may move the matrix
        return pack(self.layout, self._state[slot, self._indexes(int(self._state[slot, 0]))])

    def restore(self, symbol: str, data: bytes) -> None:
        """Take on the state in a snapshot. Raises `DecodeError` when it is damaged or of another layout."""
        kept = unpack(self.layout, data, len(self._kept))
        slot = self.slots([symbol])[0]
        self._state[slot] = 0.0
        self._state[slot, self._indexes(int(kept[0]))] = kept

    def _indexes(self, count: int) -> Ints:
        """Return where in a row the numbers of a snapshot are, for a symbol with this many bars."""
        indexes = self._kept.copy()
        indexes[self._numbers :] += count % SLACK
        return indexes


def _compiled(program: Program) -> tuple[list[int], tuple[Any, Any, Any, int]]:
    from tapeline.indicators.engine import compiling, driver

    return compiling.addresses(program.kernels), driver.entry_points()


def _checked(ends: Ints, count: int) -> Ints:
    if not len(ends) or ends[0] < 0 or ends[-1] != count or (ends[1:] < ends[:-1]).any():
        raise ValueError("ends must rise, up to the number of bars")
    return np.ascontiguousarray(ends, np.int64)
