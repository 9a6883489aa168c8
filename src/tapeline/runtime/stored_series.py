"""Know which series a store has of a symbol: where bars of some length are read, and where they are to be kept.

`core.series` says how series are named. Here is decided which one is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tapeline.core.bars import may_have_interval
from tapeline.core.candle_intervals import INTERVALS, choices, chosen, stored_interval
from tapeline.core.market import Ints
from tapeline.core.series import series_name, split_series, symbol_of
from tapeline.core.times import MINUTE, interval_ms, interval_name
from tapeline.errors import NotFoundError, NotPossibleError
from tapeline.runtime.indicator_view import RowReader

#: The newest rows of a series, which tell how long its bars are.
TELLING_ROWS = 500

#: How many of them are enough to remember what they tell.
_ENOUGH = 100

_NEVER = -(1 << 62)


class StoredSeries:
    """Look up the series of a store, for any number of threads.

    `names` returns the names of a symbol's series that have rows, as `Store.series` does, and is always asked: a series
    may come at any time. How long the bars of one are is remembered once there are enough of them to tell.
    """

    def __init__(self, reader: RowReader, names: Callable[[str], Sequence[str]]) -> None:
        self._reader = reader
        self._names = names
        self._known: dict[str, int] = {}

    def lengths(self, symbol: str) -> dict[str, int]:
        """Return the symbol's series with the lengths of their bars (ms), the shortest first."""
        found = {name: self.length(name) for name in self._names(symbol)}
        return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))

    def length(self, name: str) -> int:
        """Return the length of a series' bars (ms): as its name says, or as its newest bars tell."""
        found = split_series(name)[1] or self._known.get(name)
        if found is None:
            times = self._times(name)
            found = stored_interval(times)
            if len(times) >= _ENOUGH:
                self._known[name] = found
        return found

    def source(self, symbol: str, interval: str | None = None) -> str:
        """Return the series that `find` finds, without a look at bars where the symbol has only one."""
        names = self._names(symbol_of(symbol))
        return names[0] if len(names) == 1 else self.find(symbol, interval)[0]

    def find(self, symbol: str, interval: str | None = None) -> tuple[str, int, int]:
        """Return the series to read, the length of its bars, and that of the candles asked for (ms).

        Without an interval that is the series that is shown (`shown_of`). A stored series of the interval is taken as
        it is; otherwise candles are made of the longest bars that divide them. The name of a series asks for its symbol
        at its interval, or for that series where it is stored and candles of another interval are wanted. A symbol
        without rows is found as if it had bars of a minute. Raises `NotPossibleError` for an interval that no series
        can be shown at.
        """
        base, own = split_series(symbol)
        series = self.lengths(base)
        if own is not None:
            if interval is None:
                interval = interval_name(own)
            elif own in series.values():
                series = {name: length for name, length in series.items() if length == own}
        if not series:
            return base, MINUTE, chosen(interval, MINUTE)
        if interval is None:
            name = self._shown(series)
            return name, series[name], series[name]
        same = {name: length for name, length in series.items() if interval_name(length) == interval}
        able = same or {name: length for name, length in series.items() if interval in choices(length)}
        if not able:
            possible = ", ".join(dict.fromkeys(each for length in series.values() for each in choices(length)))
            stored_names = " and ".join(map(interval_name, series.values()))
            raise NotPossibleError(f"the bars are {stored_names} long; intervals to choose from: {possible}")
        name, stored = list(able.items())[-1]
        return name, stored, chosen(interval, stored)

    def stored(self, symbol: str, interval: str | None = None) -> str:
        """Return the stored series of a symbol at an interval (None: the one that is shown), never candles.

        A symbol without rows is its own. Raises `NotFoundError` where it is not stored at the interval.
        """
        base, own = split_series(symbol)
        series = self.lengths(base)
        wanted = interval or (None if own is None else interval_name(own))
        if wanted is None:
            return self._shown(series) if series else base
        for name, length in series.items():
            if interval_name(length) == wanted:
                return name
        if base in series and may_have_interval(self._times(base), interval_ms(wanted) or 0):  # a thin share's
            return base
        lengths = " and ".join(map(interval_name, series.values())) or "nothing"
        made = any(wanted in choices(length) for length in series.values())
        hint = f"; `tapeline export {base} --interval {wanted}` and the chart make candles of them" if made else ""
        raise NotFoundError(f"no {wanted} bars of {base} are stored; there is {lengths}{hint}")

    def intervals(self, symbol: str) -> list[str]:
        """Return the names of the intervals that the symbol can be shown at, the shortest first."""
        series = self.lengths(symbol_of(symbol))
        names = dict.fromkeys(name for length in series.values() for name in choices(length))
        first = list(map(interval_name, series.values()))[:1]
        return [*first, *(name for name in INTERVALS if name in names and name not in first)]

    def home(self, symbol: str, interval: int, times: Ints | None = None) -> str:
        """Return the name of the series that bars of this length (ms) belong to, stored or not.

        It is the symbol's first series while that has no bars, or bars of this length; `times` are some of the new
        bars' open times, in order, which may tell that they are a thin share's.
        """
        named = series_name(symbol, interval)
        known = self._names(symbol)
        if named in known or symbol not in known:
            return named if named in known else symbol
        stored = self._times(symbol)
        if may_have_interval(stored, interval):
            return symbol
        if times is not None and may_have_interval(times, stored_interval(stored)):
            return symbol
        return named

    def _shown(self, lengths: Mapping[str, int]) -> str:
        if len(lengths) == 1:
            return next(iter(lengths))
        newest = {name: self._reader.rows(name, limit=1).bars.timestamp for name in lengths}
        return shown_of(lengths, {name: int(times[-1]) if len(times) else _NEVER for name, times in newest.items()})

    def _times(self, name: str) -> Ints:
        return self._reader.rows(name, limit=TELLING_ROWS).bars.timestamp


def shown_of(lengths: Mapping[str, int], newest: Mapping[str, int]) -> str:
    """Return which of a symbol's series is shown where no interval is asked for.

    It is the one with the shortest bars, unless these have ended: a bar of another series has opened a whole length of
    its own after the newest of them. `lengths` are those of the bars, `newest` the newest open times (ms).
    """
    for name in sorted(lengths, key=lambda name: (lengths[name], name)):
        if all(newest[other] - newest[name] < length for other, length in lengths.items()):
            return name
    raise ValueError("there is no series")


class ShownSeries:
    """Choose the series that is shown of each symbol, as `shown_of` does."""

    def __init__(self, series: StoredSeries) -> None:
        self._series = series
        self._lengths: dict[str, int] = {}

    def of(self, newest: Mapping[str, int]) -> dict[str, str]:
        """Return the series that is shown of each symbol. `newest` are the newest open times (ms) of all series."""
        several: dict[str, list[str]] = {}
        for name in newest:
            several.setdefault(symbol_of(name), []).append(name)
        return {symbol: own[0] if len(own) == 1 else self._shown(own, newest) for symbol, own in several.items()}

    def _shown(self, names: Sequence[str], newest: Mapping[str, int]) -> str:
        for name in names:
            if name not in self._lengths:
                self._lengths[name] = self._series.length(name)
        return shown_of({name: self._lengths[name] for name in names}, newest)
