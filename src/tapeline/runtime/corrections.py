"""Late and corrected bars: the symbol is computed again from the last checkpoint before the first bar that changed.

What comes late is mostly a repetition (a collector that was restarted fetches its history again) and costs one read of
the stored rows. Rows that were predicted by another model keep what that one said.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tapeline.core.market import Bars, Rows
from tapeline.core.ports import Commit, Store, SymbolState
from tapeline.runtime.processor import Processor

NO_ROWS = Rows(
    Bars.of(()), (), np.empty((0, 0)), np.empty(0, np.int8), np.empty(0), (), np.empty(0, np.int32)
)  # fmt: skip

_MARK = struct.Struct("<4sq")
_MAGIC = b"\xffREW"  # no state begins like this: a state's first byte is its version


@dataclass(frozen=True, slots=True)
class Correction:
    """What the late bars of one symbol came to: `repeated` of them say what is stored, `changed` do not.

    `commit` rewrites the rows from the first changed bar on (`since`, UTC epoch ms); None when there is none.
    """

    symbol: str
    repeated: int
    changed: int
    since: int = 0
    commit: Commit | None = None


def replay_late_bars(
    store: Store, processor: Processor, late: Bars, position: int, begun: Mapping[str, int] | None = None
) -> Iterator[Correction]:
    """Replays every symbol whose late bars differ from the stored ones. The store must hold every row made so far.

    `begun` names symbols whose correction was interrupted, with the first bar it was about: they are replayed from
    there in any case, because their stored bars may be ahead of their state. `position` is that of the commits.
    """
    begun = dict(begun or {})
    own = {symbol: late[late.code == code] for code, symbol in enumerate(late.symbols)}
    for symbol in dict.fromkeys([*begun, *(symbol for symbol, bars in own.items() if len(bars))]):
        bars = own.get(symbol, late[:0])
        changed = bars
        if len(bars):
            first, last = int(bars.timestamp.min()), int(bars.timestamp.max())
            changed = _changes(bars, _committed(store.rows(symbol, first, last + 1)))
        starts = [*changed.timestamp.tolist(), *([begun[symbol]] if symbol in begun else [])]
        if not starts:
            yield Correction(symbol, len(bars), 0)
            continue
        since = min(starts)
        checkpoint = store.checkpoint(symbol, since)
        stored = store.rows(symbol, None if checkpoint is None else checkpoint.timestamp + 1)
        commit = _replayed(processor, symbol, checkpoint, _merged(_committed(stored), changed), stored, since, position)
        yield Correction(symbol, len(bars) - len(changed), len(changed), since, commit)


def recomputed(store: Store, processor: Processor, symbol: str, position: int) -> Commit | None:
    """All rows of a symbol computed anew from its stored bars, as for another set of indicators; None without bars."""
    stored = store.rows(symbol)
    bars = _committed(stored)
    if not len(bars):
        return None
    return _replayed(processor, symbol, None, bars, stored, int(bars.timestamp[0]), position)


def with_pending_correction(state: SymbolState, since: int) -> SymbolState:
    """The state with a note that its rows are being rewritten from `since` on.

    For stores that write rows before states: whoever loads the note knows that the rows may be ahead of the state.
    """
    return replace(state, data=_MARK.pack(_MAGIC, since) + state.data)


def without_pending_correction(state: SymbolState) -> tuple[SymbolState, int | None]:
    """The state without the note, and what it said (None: there was none)."""
    if state.data[:4] != _MAGIC:
        return state, None
    _, since = _MARK.unpack_from(state.data)
    return replace(state, data=state.data[_MARK.size :]), since


def _replayed(
    processor: Processor,
    symbol: str,
    checkpoint: SymbolState | None,
    bars: Bars,
    stored: Rows,
    since: int,
    position: int,
) -> Commit:
    """The symbol's rows from `since` on, computed anew; what other models said of those bars stands."""
    step = processor.rebuild(symbol, checkpoint, bars)
    rows = _with_earlier_predictions(step.rows[step.rows.bars.timestamp >= since], stored)
    return Commit(rows, step.states, position, rewound={symbol: since})


def _committed(rows: Rows) -> Bars:
    return rows.bars[rows.bars.final]


def _with_earlier_predictions(rows: Rows, stored: Rows) -> Rows:
    """One symbol's rows, with what another model had predicted for the same bar in place of today's opinion.

    A bar is predicted by one model only, so that grading it afterwards says what that model was worth. Where no model
    answers today (an endpoint is down), what was said stands as well.
    """
    _, here, there = np.intersect1d(rows.bars.timestamp, stored.bars.timestamp, return_indices=True)
    others = [place for place, version in enumerate(stored.models) if version not in rows.models]
    kept = np.isin(stored.model[there], others) | ((rows.model[here] < 0) & (stored.model[there] >= 0))
    here, there = here[kept], there[kept]
    if not len(here):
        return rows
    prediction, probability, model = rows.prediction.copy(), rows.probability.copy(), rows.model.copy()
    prediction[here] = stored.prediction[there]
    probability[here] = stored.probability[there]
    model[here] = stored.model[there] + len(rows.models)
    return Rows(rows.bars, rows.names, rows.indicator, prediction, probability, rows.models + stored.models, model)


def _changes(late: Bars, stored: Bars) -> Bars:
    """Those of one symbol's late bars that differ from what is stored; of several for the same time, the last."""
    times, place = np.unique(late.timestamp[::-1], return_index=True)
    late = late[len(late) - 1 - place]
    at = np.searchsorted(stored.timestamp, times)
    known = np.zeros(len(times), np.bool_)
    known[at < len(stored)] = stored.timestamp[at[at < len(stored)]] == times[at < len(stored)]
    same = known.copy()
    for column in ("open", "high", "low", "close", "volume"):
        same[known] &= getattr(late, column)[known] == getattr(stored, column)[at[known]]
    return late[~same]


def _merged(stored: Bars, changed: Bars) -> Bars:
    """One symbol's bars in the order of time, the changed ones in the place of the stored."""
    both = Bars.concat((changed, stored))
    _, first = np.unique(both.timestamp, return_index=True)
    return both[first]
