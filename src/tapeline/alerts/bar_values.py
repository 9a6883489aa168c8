"""The store's rows as rules see them: new ones only, with the indicators that are not stored computed beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tapeline.alerts.names import FIELDS
from tapeline.alerts.rule_state import BarValues
from tapeline.core.bars import shortest_interval
from tapeline.core.market import Floats, Rows
from tapeline.core.ports import Store
from tapeline.core.sessions.session_ids import session_ids
from tapeline.core.times import MINUTE
from tapeline.indicators import Engine
from tapeline.indicators.spec import Spec, spec_of_output

#: Bars of one symbol that are read at once, at the most: the newest ones.
MOST_BARS = 5_000

_WARM = 15  # times its warm-up: a recursive indicator started that far back has forgotten where
_SESSION_BARS = 1_500  # at least so many before: session-anchored indicators need the session's start
_MOST_WARM_BARS = 60_000
_ANEW = 500  # bars after which what is computed here is begun anew, for corrections further back


class NewBarsReader:
    """Follows the symbols of a store for rules that read these columns.

    Each symbol's bars are handed out once as final ones, after any number of times as the forming one.
    """

    def __init__(self, store: Store, columns: Iterable[str]) -> None:
        self._store = store
        fields = set(FIELDS.values())
        self._columns = tuple(dict.fromkeys(name for name in columns if name not in fields))
        self._engine: Engine | None = None
        self._sessions = False
        self._upto: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._lengths: dict[str, int] = {}

    def length(self, symbol: str) -> int:
        """The length of the symbol's bars (ms), a minute while nothing tells."""
        if symbol not in self._lengths:
            found = shortest_interval(self._store.rows(symbol, limit=64).bars.timestamp)
            if found is None:
                return MINUTE
            self._lengths[symbol] = found
        return self._lengths[symbol]

    def read(self, symbol: str, start: int | None) -> list[BarValues]:
        """The bars that are new, oldest first. At a symbol's first time those from `start` on, or the newest few."""
        upto = self._upto.get(symbol)
        limit = 3 if upto is None and start is None else MOST_BARS
        rows = self._store.rows(symbol, start=start if upto is None else upto + 1, limit=limit)
        if not len(rows):
            return []
        missing = [spec for spec in self._specs() if not set(spec.outputs) & set(self._columns) <= set(rows.names)]
        if missing and not self._computes(missing):
            return self.read(symbol, start if upto is None else upto)
        begin = upto is None or len(rows) == limit  # otherwise they continue what the engine has seen
        values = self._computed(symbol, rows, begin=begin) if missing else None
        final = rows.bars.timestamp[rows.bars.final]
        if len(final):
            self._upto[symbol] = int(final[-1])
            self._counts[symbol] = self._counts.get(symbol, 0) + len(final)
        if values is not None and self._counts.get(symbol, 0) > _ANEW:
            del self._upto[symbol], self._counts[symbol]
        return list(seen_in(rows, self._columns, self._engine.outputs if self._engine else (), values))

    def _specs(self) -> list[Spec]:
        return list({spec.text: spec for spec, _ in map(spec_of_output, self._columns)}.values())

    def _computes(self, specs: Sequence[Spec]) -> bool:
        """Whether these are computed already; otherwise from now on they are, and every symbol begins anew."""
        texts = {spec.text for spec in specs}
        if self._engine is not None and texts <= set(self._engine.specs):
            return True
        self._engine = Engine(sorted(texts | set(self._engine.specs if self._engine else ())))
        self._sessions = any("session" in spec.indicator.inputs for spec in self._specs())
        self._upto.clear()
        self._counts.clear()
        return False

    def _computed(self, symbol: str, rows: Rows, *, begin: bool) -> Floats:
        """The engine's values for these rows; the last one may be forming. `begin`: from the rows before, again."""
        assert self._engine is not None  # noqa: S101 - `_computes` made it
        engine, bars = self._engine, rows.bars
        if begin:
            engine.forget(symbol)
            most = _WARM * max(engine.warm_up) + (_SESSION_BARS if self._sessions else 0)
            older = self._store.rows(symbol, end=int(bars.timestamp[0]), limit=min(most, _MOST_WARM_BARS)).bars
            if len(older):
                engine.update(older, session=session_ids(older) if self._sessions else None)
        session = session_ids(bars) if self._sessions else None
        count = len(bars) if bars.final[-1] else len(bars) - 1
        values = engine.update(bars[:count], session=None if session is None else session[:count])
        if count == len(bars):
            return values
        tail = engine.peek(bars[count:], session=None if session is None else session[count:])
        return np.concatenate((values, tail))


def seen_in(
    rows: Rows, columns: Sequence[str], computed: Sequence[str] = (), values: Floats | None = None
) -> Iterator[BarValues]:
    """The rows as rules see them, with those of `columns` that are stored, or in `values` under `computed`."""
    found = {"price": rows.bars.close, "probability": rows.probability}
    found |= {name: getattr(rows.bars, name) for name in ("open", "high", "low", "volume")}
    for name in columns:
        if name in rows.names:
            found[name] = rows.indicator[:, rows.names.index(name)]
        elif values is not None and name in computed:
            found[name] = values[:, computed.index(name)]
    names = tuple(found)
    lists = zip(*(column.tolist() for column in found.values()), strict=True)
    bars = rows.bars
    facts = zip(bars.timestamp.tolist(), bars.final.tolist(), rows.prediction.tolist(), lists, strict=True)
    for timestamp, final, prediction, own in facts:
        yield BarValues(timestamp, final, dict(zip(names, own, strict=True)), prediction)
