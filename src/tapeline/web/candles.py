"""What a chart shows of a symbol: candles of any interval, indicators, predictions and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeline.core.bars import resample
from tapeline.core.market import Bar, Bars, Flags, Rows
from tapeline.core.ports import Store
from tapeline.core.sessions.session_ids import session_ids
from tapeline.core.times import DAY, MINUTE
from tapeline.forecast.grading import Grades, grade_rows
from tapeline.forecast.labels import HORIZON, label
from tapeline.forecast.model import Metadata
from tapeline.indicators import DEFAULT, Engine, parse
from tapeline.indicators.spec import Spec
from tapeline.web.candle_intervals import chosen, grid, stored_interval
from tapeline.web.quote_table import decimals

#: Rows read for one answer, at the most. One-day candles of one-minute bars take 390 each.
MOST_ROWS = 60_000

#: Indicators asked for at once, at the most.
MOST_INDICATORS = 30

_PRICED = 500  # rows whose closes say how many decimals there are
_WARM = 15  # times its warm-up: a recursive indicator started that far back has forgotten where (below 1e-6)
_SESSION_ROWS = 1_500  # at least so many rows before: session-anchored indicators need the session's start
_GRADED_ROWS = 40  # rows before, for the scale of the no-trade band
_PAUSE = 45 * MINUTE  # a longer pause within a day, ms, leaves a prediction undecided

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class ChartRequest:
    """What is asked for: `interval` by name, None for the stored one; `indicators` as specs, None for the stored ones.

    Specs must have been parsed before (`parse`).
    """

    symbol: str
    interval: str | None = None
    indicators: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Candles in the order of time, as columns of one length.

    `columns` are `t` (open time, UTC epoch ms), `o h l c v`, `f` (1 final, 0 still forming); where they are the stored
    bars `s` (`Direction` predicted, 0 none), `p` (probability of UP) and `y` (outcome: `Direction`, 0 not decided); and
    one for each of `names`, the outputs of the indicators. `interval` and `stored` are ms. `whole` is True when there
    is nothing older in the store; otherwise the first candles may be left out because they were cut. `decimals` is how
    many the stored bars' prices are shown with, whatever the interval.
    """

    columns: Columns
    names: tuple[str, ...]
    interval: int
    stored: int
    whole: bool
    grades: Grades | None = None
    decimals: int = 2

    def __len__(self) -> int:
        return len(self.columns["t"])

    def __getitem__(self, where: slice | NDArray[Any]) -> Candles:
        columns = {name: column[where] for name, column in self.columns.items()}
        return Candles(columns, self.names, self.interval, self.stored, self.whole, self.grades, self.decimals)


def read(
    store: Store, choice: ChartRequest, models: Mapping[str, Metadata], end: int | None = None, limit: int = 500,
    start: int | None = None,
) -> tuple[Candles, int | None]:  # fmt: skip
    """The newest `limit` candles with start <= t < end, and the `end` to ask for older ones with, None at the oldest.

    Fewer come where `MOST_ROWS` are not enough for all of them. Raises `InputError`.
    """
    probe = store.rows(choice.symbol, end=end, limit=64)
    stored = stored_interval(probe.bars.timestamp)
    interval = chosen(choice.interval, stored)
    most, raw_end = rows_needed(choice, probe.names, stored, interval, limit), end
    if end is not None:  # what is not wanted is cut off below
        behind = _behind(stored, models) if interval == stored else DAY  # a session's date may lie behind its open
        raw_end, most = end + behind, most + behind // stored
    rows = store.rows(choice.symbol, end=raw_end, limit=most)
    made = build(rows, choice, models, whole=len(rows) < most)
    times = made.columns["t"]
    inside = np.ones(len(times), np.bool_) if end is None else times < end
    older = bool(len(times)) and not made.whole
    if start is not None:
        older = older and bool((times[inside] >= start).all())
        inside &= times >= start
    place = np.flatnonzero(inside)
    if len(place) > limit:
        place, older = place[-limit:], True
    made = made[place]
    return made, int(made.columns["t"][0]) if older and len(made) else None


def _behind(stored: int, models: Mapping[str, Metadata]) -> int:
    """How far behind the last bar (ms) its outcome is decided, for any of these models."""
    horizon = max((model.horizon for model in models.values()), default=HORIZON)
    pause = 5 * DAY if stored == DAY else max(stored, _PAUSE)
    return horizon * pause


def warm_up() -> None:
    """Loads what is compiled, which takes most of a second, before somebody waits for it."""
    bars = Bars.of([Bar("A", 0, 1.0, 1.0, 1.0, 1.0, 1.0)])
    Engine(DEFAULT).update(bars)
    label(bars)


def rows_needed(choice: ChartRequest, stored_names: Sequence[str], stored: int, interval: int, candles: int) -> int:
    """How many rows it takes for so many candles with their indicators warm."""
    rows = candles + 1
    computed = to_compute(choice, stored_names, same=interval == stored)
    if computed:
        rows += max(_WARM * max(max(spec.warm_up) for spec in computed), _SESSION_ROWS * stored // interval)
    if interval == stored:
        return min(rows + _GRADED_ROWS, MOST_ROWS)
    per_day = 1_440 if interval < DAY else 960  # minutes that trade at the most
    ratio = interval // stored if interval < DAY else max(per_day * MINUTE // stored, 1)
    return min(rows * ratio, MOST_ROWS)


def to_compute(choice: ChartRequest, stored_names: Sequence[str], *, same: bool) -> list[Spec]:
    """The indicators that are not in the stored rows; all of them where the interval is another one."""
    if choice.indicators is None:
        return [] if same else _specs(stored_names)
    wanted = [parse(text) for text in choice.indicators]
    return [spec for spec in wanted if not same or not set(spec.outputs) <= set(stored_names)]


def build(rows: Rows, choice: ChartRequest, models: Mapping[str, Metadata], *, whole: bool) -> Candles:
    """The candles of these rows of one symbol; `whole` when the store has no older ones. Raises `InputError`."""
    bars = rows.bars
    stored = stored_interval(bars.timestamp[-64:])
    interval = chosen(choice.interval, stored)
    same = interval == stored
    grades = None
    if same:
        shown, names = bars, rows.names
        grades = grade_rows(rows, models)
        outcome = np.zeros(len(rows), np.int8)
        outcome[np.searchsorted(bars.timestamp, grades.timestamp)] = grades.outcome
        more: Columns = {"s": rows.prediction, "p": rows.probability, "y": outcome}
        kept = {name: rows.indicator[:, place] for place, name in enumerate(rows.names)}
    else:
        shown, names, more, kept = _resampled(bars, choice.symbol, interval, stored, whole=whole), (), {}, {}
    computed = to_compute(choice, rows.names, same=same)
    if computed and len(shown):
        engine = Engine([spec.text for spec in computed])
        values = engine.update(shown, session=session_ids(shown))
        kept |= {name: values[:, place] for place, name in enumerate(engine.outputs)}
    if choice.indicators is not None:
        names = tuple(name for text in choice.indicators for name in parse(text).outputs)
    elif computed:
        names = tuple(name for spec in computed for name in spec.outputs)
    columns: Columns = {
        "t": shown.timestamp, "o": shown.open, "h": shown.high, "l": shown.low, "c": shown.close, "v": shown.volume,
        "f": shown.final.astype(np.int8), **more,
    }  # fmt: skip
    columns |= {name: kept.get(name, np.zeros(0)) for name in names}
    return Candles(columns, names, interval, stored, whole, grades, decimals(bars.close[-_PRICED:]))


def _resampled(bars: Bars, symbol: str, interval: int, stored: int, *, whole: bool) -> Bars:
    """Candles of these bars. The first is left out where rows before it may be missing."""
    if not len(bars):
        return bars
    cells = grid(symbol, interval, bars.timestamp)
    made = resample(bars, cells)
    if not len(made):
        return made
    ends = cells.spans(bars.timestamp[-1:])
    final: Flags = made.final.copy()
    final[-1] = bool(bars.final[-1]) and (not ends[2][0] or int(bars.timestamp[-1]) + stored >= int(ends[1][0]))
    made = Bars(made.symbols, made.code, made.timestamp, made.open, made.high, made.low, made.close, made.volume, final)
    return made if whole else made[1:]


def _specs(names: Sequence[str]) -> list[Spec]:
    """The specs whose outputs these columns are; columns of no known spec are left out."""
    found: dict[str, Spec] = {}
    for name in names:
        words = name.split("_")
        for count in range(len(words), 0, -1):
            try:
                spec = parse("_".join(words[:count]))
            except ValueError:
                continue
            if name in spec.outputs:
                found.setdefault(spec.text, spec)
                break
    return list(found.values())
