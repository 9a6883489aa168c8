"""The indicator engine: bars in, values out, one row of state a symbol."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tapeline.indicators import compiling
from tapeline.indicators.catalogue import DEFAULT
from tapeline.indicators.kernels.types import BLOCK, ROOM
from tapeline.indicators.program import Program
from tapeline.indicators.snapshots import pack, unpack
from tapeline.indicators.spec import parse_all
from tapeline.market import Bars, Codes, Floats, Ints

_DAY = 86_400_000


class InsufficientHistory(ValueError):  # noqa: N818  the name users know from TA-Lib
    """A value was asked for that is not warm: too few bars have been seen."""


class Engine:
    """Indicators over any number of symbols, bar by bar or in batches, with the same values to the last bit.

    `specs` are the canonical texts, `outputs` the names of the value columns, `warm_up` the bars before each output's
    first value, `layout` the id of what a snapshot holds. Raises `SpecError` for specs that cannot be computed.

    Values are float64 [bars, len(outputs)], NaN where an indicator is not warm. Bars must have been validated (finite,
    prices above zero, high >= low, volume >= 0) and, per symbol, be in the order of time. One thread at a time.
    """

    def __init__(self, specs: Sequence[str] = DEFAULT) -> None:
        from tapeline.indicators import driver

        parsed = parse_all(specs)
        self.specs = tuple(spec.text for spec in parsed)
        self.outputs = tuple(name for spec in parsed for name in spec.outputs)
        self.warm_up = tuple(bars for spec in parsed for bars in spec.warm_up)
        program = Program(parsed)
        program.place_kernels(compiling.addresses(spec.indicator.kernel for spec in parsed))
        self.layout = program.layout
        self._driver = driver
        self._code = program.code
        self._state = np.zeros((0, program.width))
        self._first = np.zeros(0, np.int32)
        self._work = np.zeros(ROOM + max(BLOCK * program.outputs, program.numbers_end))
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._table: tuple[tuple[str, ...], Codes] = ((), np.zeros(0, np.int32))

    # -- symbols -----------------------------------------------------------------------------------------------------

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that have a state."""
        return tuple(self._slots)

    @property
    def bytes_per_symbol(self) -> int:
        """The size of one symbol's state."""
        return self._state.shape[1] * 8

    def slots(self, symbols: Sequence[str]) -> Codes:
        """The row of each symbol's state, int32 [len(symbols)]; a new symbol is given one. Valid until `forget`."""
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
        state = np.zeros((room, self._state.shape[1]))
        state[: len(self._state)] = self._state
        self._state = state
        self._first = np.full(room, -1, np.int32)

    def forget(self, symbol: str) -> None:
        """Drops the symbol's state; its next bar is its first. Unknown symbols are ignored."""
        slot = self._slots.pop(symbol, None)
        if slot is not None:
            self._state[slot] = 0.0
            self._free.append(slot)
            self._table = ((), np.zeros(0, np.int32))

    def count(self, symbol: str) -> int:
        """The bars committed for this symbol."""
        slot = self._slots.get(symbol)
        return 0 if slot is None else int(self._state[slot, 0])

    # -- bars --------------------------------------------------------------------------------------------------------

    def update(self, bars: Bars, out: Floats | None = None, session: Ints | None = None) -> Floats:
        """Commits the bars in order and gives their values; into `out` (float64 [n, len(outputs)], C order) if given.

        `session` is the id of each bar's trading session, int64; without it, the UTC day of its timestamp.
        """
        slots = self.slots(bars.symbols)[bars.code]
        session = bars.timestamp // _DAY if session is None else session
        return self.update_columns(slots, session, bars.open, bars.high, bars.low, bars.close, bars.volume, out)

    def peek(self, bars: Bars, out: Floats | None = None, session: Ints | None = None) -> Floats:
        """The values each bar would have if it were its symbol's next one. The state stays as it is."""
        slots = self.slots(bars.symbols)[bars.code]
        session = bars.timestamp // _DAY if session is None else session
        return self.peek_columns(slots, session, bars.open, bars.high, bars.low, bars.close, bars.volume, out)

    def update_columns(
        self, slots: Codes, session: Ints,
        open: Floats, high: Floats, low: Floats, close: Floats, volume: Floats,  # noqa: A002
        out: Floats | None = None,
    ) -> Floats:  # fmt: skip
        """`update` for plain columns of one length: `slots` from `slots()`, `session` int64, the others float64."""
        out = self._out(out, len(slots))
        slots, session = _column(slots, np.int32), _column(session, np.int64)
        columns = [_column(column, np.float64) for column in (open, high, low, close, volume)]
        following = np.empty(len(slots), np.int32)
        self._check(slots, session, *columns)
        self._driver.update(
            self._state, self._code, self._work, out, slots, session, *columns, self._first, following
        )  # fmt: skip
        return out

    def peek_columns(
        self, slots: Codes, session: Ints,
        open: Floats, high: Floats, low: Floats, close: Floats, volume: Floats,  # noqa: A002
        out: Floats | None = None,
    ) -> Floats:  # fmt: skip
        """`peek` for plain columns of one length."""
        out = self._out(out, len(slots))
        slots, session = _column(slots, np.int32), _column(session, np.int64)
        columns = [_column(column, np.float64) for column in (open, high, low, close, volume)]
        self._check(slots, session, *columns)
        self._driver.peek(self._state, self._code, self._work, out, slots, session, *columns)
        return out

    def update_one(
        self, slot: int, session: int,
        open: float, high: float, low: float, close: float, volume: float,  # noqa: A002
        out: Floats,
    ) -> None:  # fmt: skip
        """Commits one bar, the fast way: no checks. `out` is float64 [len(outputs)]."""
        self._driver.update_one(self._state, self._code, self._work, out, slot, session, open, high, low, close, volume)

    def _out(self, out: Floats | None, count: int) -> Floats:
        shape = (count, len(self.outputs))
        if out is None:
            return np.empty(shape)
        if out.shape != shape or out.dtype != np.float64 or not out.flags.carray:
            raise ValueError(f"out must be a writable float64 array of shape {shape} in C order")
        return out

    def _check(self, slots: Codes, *columns: Floats | Ints) -> None:
        if any(len(column) != len(slots) for column in columns):
            raise ValueError("all columns must have one length")
        if len(slots) and not 0 <= slots.min() <= slots.max() < len(self._state):
            raise ValueError("a slot is not from this engine's slots()")

    # -- state -------------------------------------------------------------------------------------------------------

    def snapshot(self, symbol: str) -> bytes:
        """The symbol's state as bytes, for `restore` on an engine with the same specs. A new symbol has one, too."""
        slot = self.slots([symbol])[0]  # may move the matrix
        return pack(self.layout, self._state[slot])

    def restore(self, symbol: str, data: bytes) -> None:
        """Takes on the state in a snapshot. Raises `SnapshotError` when it is damaged or of another layout."""
        row = unpack(self.layout, data, self._state.shape[1])
        slot = self.slots([symbol])[0]  # may move the matrix
        self._state[slot] = row

    def correct(
        self, symbol: str, checkpoint: bytes | None, bars: Bars,
        out: Floats | None = None, session: Ints | None = None,
    ) -> Floats:  # fmt: skip
        """Replays a symbol from a snapshot taken before the corrected bar (None: from nothing) with all bars since.

        Gives the values of these bars. The state is that of an engine which had seen the corrected bars at once.
        Raises `SnapshotError`, and `ValueError` for bars of another symbol; the state is then as it was.
        """
        used = {bars.symbols[code] for code in np.unique(bars.code)}
        if used - {symbol}:
            raise ValueError(f"bars of {', '.join(sorted(used - {symbol}))} cannot correct {symbol}")
        slot = self.slots([symbol])[0]
        self._state[slot] = 0.0 if checkpoint is None else unpack(self.layout, checkpoint, self._state.shape[1])
        return self.update(bars, out, session)

    def warm_value(self, values: Floats, output: str) -> float:
        """One output's value from one row of values. Raises `InsufficientHistory` where it is not warm."""
        if output not in self.outputs:
            raise KeyError(f"{output!r} is not computed here; there are {', '.join(self.outputs)}")
        place = self.outputs.index(output)
        value = float(values[place])
        if value != value:  # noqa: PLR0124  NaN
            raise InsufficientHistory(f"{output} has no value yet: it needs {self.warm_up[place] + 1} bars")
        return value


def _column(values: Floats | Ints | Codes, dtype: type) -> np.ndarray:
    if values.dtype == dtype and values.flags.carray:
        return values
    return np.array(values, dtype)  # read-only, unaligned or strided: the kernels are compiled for plain arrays
