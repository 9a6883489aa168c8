"""Compute the indicators of a whole history on every core, into the columns of the result.

A symbol's bars must be computed one after the other, but symbols do not depend on each other, nor do indicators. So
cores share out the symbols or, where that is not even, the indicators.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from tapeline.core.market import Bars, Flags, Floats, Ints
from tapeline.core.sessions.session_ids import session_ids
from tapeline.indicators import Engine
from tapeline.indicators.spec import Spec, parse_all

#: Fewer values than this take less time than starting a thread for them.
_WORTH_A_THREAD = 300_000

#: Bars that are computed at once, so that they and the states of their symbols stay in the cache of a core.
_BATCH = 32_768

#: Rows that are turned into columns at once.
_TILE = 512

#: Bytes of state up to which an engine is kept for the next frame, and the kinds of engines that are kept.
_KEPT_BYTES, _KEPT_KINDS = 2**22, 16

_idle: dict[tuple[str, ...], list[Engine]] = {}
_idle_lock = threading.Lock()

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold what is computed: `specs`, the names of the `inputs` they read, and of their `outputs`."""

    specs: tuple[Spec, ...]
    inputs: frozenset[str]
    outputs: tuple[str, ...]

    @staticmethod
    @lru_cache(64)
    def of(texts: tuple[str, ...]) -> Plan:
        """Return the plan for these specs. Reading 20 of them takes as long as computing them for 2,000 bars."""
        specs = parse_all(texts)
        inputs = frozenset(name for spec in specs for name in spec.indicator.inputs)
        return Plan(specs, inputs, tuple(name for spec in specs for name in spec.outputs))

    def split(self, parts: int) -> list[tuple[tuple[str, ...], slice]]:
        """Return the specs as at most `parts` parts of about the same cost, each with the outputs it has."""
        if parts < 2:
            return [(tuple(spec.text for spec in self.specs), slice(0, len(self.outputs)))]
        costs = [len(spec.outputs) + 2 * len(spec.indicator.storage(*spec.parameters).shared) for spec in self.specs]
        ends = np.cumsum(costs)
        cuts = [np.abs(ends - ends[-1] * part / parts).argmin() + 1 for part in range(1, parts)]
        first = np.cumsum([0, *(len(spec.outputs) for spec in self.specs)]).tolist()
        return [
            (tuple(spec.text for spec in self.specs[a:b]), slice(first[a], first[b]))
            for a, b in pairwise(np.unique((0, *cuts, len(self.specs))).tolist())
        ]


def compute(
    plan: Plan, bars: Bars, starts: Ints | None, good: Flags, calendars: Mapping[str, str] | None = None
) -> Floats:
    """Return the values of all outputs, float64 [bars, outputs] in Fortran order.

    `starts` are the first rows of the symbols; None where the rows of a symbol are not together. Only `good` bars are
    used, the others have no values. `calendars` are as for `session_ids`.
    """
    count = len(bars)
    values = _memory(count, len(plan.outputs))
    inputs = _inputs(plan, bars, good, calendars)
    large = values.size >= _WORTH_A_THREAD
    together = starts is not None and 1000 * (count - np.count_nonzero(good)) <= count
    batches = _batches(starts, count) if starts is not None and together and large else [(0, count)]
    even = max(end - start for start, end in batches) * pa.cpu_count() <= count
    parts = plan.split(pa.cpu_count() if large and not even else 1)

    def run(task: tuple[tuple[tuple[str, ...], slice], tuple[int, int]]) -> None:
        (texts, outputs), (start, end) = task
        if not texts or start == end:
            return
        columns, part = [column[start:end] for column in inputs], values[start:end, outputs]
        if starts is not None and together:
            own = starts[np.searchsorted(starts, start) : np.searchsorted(starts, end)] - start
            with _engine(texts, 1) as engine:
                _by_columns(engine, own, columns[1:], good[start:end], part)
        else:
            with _engine(texts, int(columns[0].max()) + 1) as engine:
                _by_rows(engine, columns, good[start:end], part)

    on_all_cores(run, product(parts, batches), values.size)
    return values


def on_all_cores(function: Callable[[_Task], _Result], tasks: Iterable[_Task], size: int) -> list[_Result]:
    """Return what the function makes of each task, at the same time where `size` values are worth it.

    Raises what it raises, for the first task that does.
    """
    if size < _WORTH_A_THREAD or pa.cpu_count() < 2:
        return list(map(function, tasks))
    with ThreadPoolExecutor(pa.cpu_count()) as pool:
        return list(pool.map(function, tasks))


def _by_columns(engine: Engine, starts: Ints, inputs: list[Any], good: Flags, values: Floats) -> None:
    """Compute bars that are in the order of symbols straight into the columns, from one faulty bar to the next.

    `starts` are the first rows of the symbols.
    """
    faulty = np.flatnonzero(~good)
    begun = 0
    for before, after in pairwise((-1, *faulty.tolist(), len(good))):
        for start in range(before + 1, after, 2 * _BATCH):
            rows = slice(start, min(start + 2 * _BATCH, after))
            stop = int(np.searchsorted(starts, rows.stop))
            ends = np.append(np.maximum(starts[begun:stop] - rows.start, 0), rows.stop - rows.start)
            session, open_, high, low, close, volume = (column[rows] for column in inputs)
            engine.update_in_turn(ends, session, open_, high, low, close, volume, values[rows])
            begun = stop
    values[faulty] = np.nan


def _by_rows(engine: Engine, inputs: list[Any], good: Flags, values: Floats) -> None:
    """Compute bars whose symbols take turns: their values in rows, and then the rows into columns.

    One symbol's values are far apart in the columns. Written there one by one, they would take twice as long.
    """
    found = np.empty((min(_BATCH, len(good)), values.shape[1]))
    for start in range(0, len(good), _BATCH):
        used = good[start : start + _BATCH]
        part, columns = found[: len(used)], [column[start : start + _BATCH] for column in inputs]
        if used.all():
            _update(engine, columns, part)
        else:
            part[used] = _update(engine, [column[used] for column in columns])
            part[~used] = np.nan
        for tile in range(0, len(used), _TILE):
            rows = part[tile : tile + _TILE]
            values[start + tile : start + tile + len(rows)] = rows


def _update(engine: Engine, inputs: list[Any], out: Floats | None = None) -> Floats:
    slots, session, open_, high, low, close, volume = inputs
    return engine.update_columns(slots, session, open_, high, low, close, volume, out)


def _inputs(plan: Plan, bars: Bars, good: Flags, calendars: Mapping[str, str] | None) -> list[Any]:
    """Return the engine's inputs, code and session first. One that no spec reads is any column of the right type."""
    session = bars.close
    if "session" in plan.inputs:
        session = np.zeros(len(bars))
        session[good] = session_ids(bars[good], calendars)
    prices = (getattr(bars, name) if name in plan.inputs else bars.close for name in ("open", "high", "low"))
    return [bars.code, session, *prices, bars.close, bars.volume if "volume" in plan.inputs else bars.close]


def _memory(count: int, outputs: int) -> Floats:
    """Return room for the values, in Fortran order, from Arrow's pool.

    The pool keeps what was freed for the next result. Memory that is new to the process has to be cleared by the
    system first, which takes half as long as computing what is written to it.
    """
    if not count * outputs:
        return np.empty((count, outputs), order="F")
    return np.frombuffer(pa.allocate_buffer(8 * count * outputs), np.float64).reshape((outputs, count)).T


def _batches(starts: Ints, count: int) -> list[tuple[int, int]]:
    """Return the rows, first and end, of batches of whole symbols: of many bars, two for each core."""
    edges, least = [0], max(_BATCH, count // (2 * pa.cpu_count()))
    for start in starts.tolist():
        if start - edges[-1] >= least:
            edges.append(start)
    return list(pairwise((*edges, count)))


@contextmanager
def _engine(texts: tuple[str, ...], symbols: int) -> Iterator[Engine]:
    """Lend an engine without any bars, whose slots for this many symbols count up from 0.

    Making an engine takes as long as computing 10,000 bars, so that engines are used again.
    """
    with _idle_lock:
        kept = _idle.get(texts)
        engine = kept.pop() if kept else Engine(texts)
    engine.slots([str(number) for number in range(symbols)])
    yield engine
    if engine.bytes_per_symbol * len(engine.symbols) <= _KEPT_BYTES:
        engine.restart()
        with _idle_lock:
            if len(_idle) >= _KEPT_KINDS and texts not in _idle:
                _idle.clear()
            _idle.setdefault(texts, []).append(engine)
