"""Parse the phrases of rules that stand for comparisons: moves in percent, a mean of its own, leaving a band.

Each is written out in the rule's canonical text: `price falls 5% in 5 bars` is `roc_5 <= -5`.
"""

from __future__ import annotations

from tapeline.alerts.rules import AnyOf, Comparison, Condition, Value, duration, number
from tapeline.alerts.tokens import TOKEN, Cursor
from tapeline.alerts.window_terms import change_column
from tapeline.core.times import DAY, HOUR, MINUTE, SECOND
from tapeline.forecast.price_bands import COVERAGES
from tapeline.forecast.range_layout import HORIZONS

LONGEST_DURATION = 366 * DAY
_MOST_BARS = 1_000

_UNITS = {
    "s": SECOND, "sec": SECOND, "second": SECOND, "m": MINUTE, "min": MINUTE, "minute": MINUTE, "h": HOUR,
    "hour": HOUR, "d": DAY, "day": DAY,
}  # fmt: skip


class Phrases(Cursor):
    """Parse what may follow a value in place of a sign; each method leaves `at` after what it has read."""

    def duration(self, least: int) -> int:
        """Parse a length of time and return it in ms."""
        place = self.start()
        count = self.number()
        unit = self.peek()
        size = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
        if size is None:
            self.fail("a time is a number and seconds, minutes, hours or days")
        self.accept(unit)
        if not least <= count * size <= LONGEST_DURATION or count * size % SECOND:
            low = duration(least) if least else "0 seconds"
            self.fail(f"a time is from {low} to 366 days, in whole seconds", place)
        return int(count * size)

    def phrase(self, left: Value, place: int) -> Condition | None:
        """Return what a phrase after `left`, which began at `place`, stands for; None where there is none."""
        if self.peek() in {"falls", "rises"}:
            return self._move(left, place)
        if self.accept("leaves"):
            return self._band(left, place)
        return None

    def own_mean(self, left: Value, place: int) -> tuple[Value, Value] | None:
        """Return both sides of a comparison with `3 * its mean of 20`; None where something else stands there."""
        start, factor = self.at, 1.0
        match = TOKEN.match(self.text, self.at)
        if match is not None and match["number"]:
            factor = self.number()
            if not (self.accept("*") or self.accept("×")):
                self.at = start
                return None
        if not self.accept("its"):
            self.at = start
            return None
        self.expect("mean", "after `its` comes `mean of` and a number of bars")
        self.expect("of", "after `mean` comes `of` and a number of bars")
        bars = self._count_of_bars()
        if left == Value("volume"):
            return Value(f"relative_volume_{bars}"), Value("", factor)
        if left != Value("price"):
            self.fail("`its mean` is that of the price or of the volume", place, 0)
        return left, Value(f"sma_{bars}", factor)

    def _move(self, left: Value, place: int) -> Condition:
        """Parse `falls 5% in 1 day` or `in 5 bars`."""
        falls = self.one_of("falls", "rises", after="the price") == "falls"
        if left != Value("price"):
            self.fail("only the price falls or rises by percent", place, 0)
        at = self.start()
        size = self.number()
        if size <= 0:
            self.fail(f"a move is above 0%, not {number(size)}%", at)
        self.expect("%", "after the number comes `%`")
        self.expect("in", "after the percent comes `in` and a time or a number of bars, as in `in 1 day`")
        start = self.at
        self.number()
        if self.peek() in {"bar", "bars"}:
            self.at = start
            bars = self._count_of_bars()
            self.one_of("bars", "bar", after=str(bars))
            name = f"roc_{bars}"
        else:
            self.at = start
            name = change_column(self.duration(least=MINUTE))
        return Comparison(Value(name), not falls, True, Value("", -size if falls else size))

    def _band(self, left: Value, place: int) -> Condition:
        """Parse `leaves the 95% band`, and `of 5 bars` after it."""
        if left != Value("price"):
            self.fail("only the price leaves a band", place, 0)
        self.expect("the", "after `leaves` comes `the 95% band`")
        at = self.start()
        coverage = self.number()
        if coverage not in COVERAGES:
            self.fail(f"there are bands of {', '.join(map(str, COVERAGES))}%, not {number(coverage)}%", at)
        self.expect("%", "after the number comes `%`")
        self.expect("band", "after the percent comes `band`")
        horizon = HORIZONS[0]
        if self.accept("of"):
            at = self.start()
            bars = self.number()
            if bars not in HORIZONS:
                self.fail(f"bands are of {', '.join(map(str, HORIZONS))} bars, not {number(bars)}", at)
            horizon = int(bars)
            self.one_of("bars", "bar", after=str(horizon))
        high, low = (Value(f"was_{end}_{int(coverage)}_{horizon}") for end in ("high", "low"))
        return AnyOf((Comparison(left, True, False, high), Comparison(left, False, False, low)))

    def _count_of_bars(self) -> int:
        place = self.start()
        count = self.number()
        if count not in range(1, _MOST_BARS + 1):
            self.fail(f"a number of bars is from 1 to {_MOST_BARS:,}, not {number(count)}", place)
        return int(count)
