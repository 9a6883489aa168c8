"""Define what an alert rule says, as values. `grammar` parses them from text, `rule_state` judges them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from tapeline.core.rows import Direction
from tapeline.core.series import symbol_of
from tapeline.core.symbol_forms import canonical_symbol
from tapeline.core.times import DAY, HOUR, MINUTE, SECOND

#: How long (ms) a rule is quiet about a symbol after it fired for it, where the rule does not say.
DEFAULT_QUIET = 15 * MINUTE

_UNITS = (("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", SECOND))


@dataclass(frozen=True, slots=True)
class Value:
    """Stand for `factor` times the column `name`, or for the number `factor` where `name` is ''."""

    name: str
    factor: float = 1.0

    def of(self, values: Mapping[str, float]) -> float:
        """Return the number it stands for on a bar with these values, NaN where it is not known."""
        return self.factor * values.get(self.name, math.nan) if self.name else self.factor

    def __str__(self) -> str:
        if not self.name:
            return number(self.factor)
        return self.name if self.factor == 1.0 else f"{number(self.factor)} * {self.name}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Hold while `left` is above (or below) `right`, or, with `equal`, at it."""

    left: Value
    above: bool
    equal: bool
    right: Value

    def __str__(self) -> str:
        return f"{self.left} {'>' if self.above else '<'}{'=' if self.equal else ''} {self.right}"


@dataclass(frozen=True, slots=True)
class Crossing:
    """Hold on the one bar where `left` is above (or below) `right` and was not on the bar before."""

    left: Value
    above: bool
    right: Value

    def __str__(self) -> str:
        return f"{self.left} crosses {'above' if self.above else 'below'} {self.right}"


@dataclass(frozen=True, slots=True)
class Predicted:
    """Hold while the prediction is this one."""

    direction: Direction

    def __str__(self) -> str:
        return f"prediction is {self.direction.name}"


@dataclass(frozen=True, slots=True)
class Change:
    """Hold on the one bar whose prediction has become this one, with more than `probability` of it (None: any)."""

    direction: Direction
    probability: float | None = None
    equal: bool = False

    def __str__(self) -> str:
        text = f"prediction changes to {self.direction.name}"
        if self.probability is None:
            return text
        return f"{text} with probability >{'=' if self.equal else ''} {number(self.probability)}"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Hold while every part holds."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, AnyOf) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Hold while at least one part holds."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


@dataclass(frozen=True, slots=True)
class Silence:
    """Hold while no bar has come for `duration` (ms) and the market is open."""

    duration: int

    def __str__(self) -> str:
        return f"no bar for {duration(self.duration)} in an open session"


Leaf = Comparison | Crossing | Predicted | Change
Condition = Leaf | AllOf | AnyOf


@dataclass(frozen=True)
class Rule:
    """Hold a rule: its condition, for which symbols or series (as they are kept; none: all), on which bars, how often.

    `forming` is whether forming bars are judged too. `quiet` is ms, None for the default. `reset` is the level at which
    the one comparison or crossing with a number is over.
    """

    condition: Condition | Silence
    symbols: tuple[str, ...] = ()
    forming: bool = False
    quiet: int | None = None
    reset: float | None = None

    @cached_property
    def text(self) -> str:
        """Return the rule in its canonical spelling; parsed, it is the same rule again."""
        parts = [str(self.condition)]
        if self.symbols:
            parts.append(f"for {', '.join(self.symbols)}")
        if self.forming:
            parts.append("on forming bars")
        if self.reset is not None:
            parts.append(f"reset {number(self.reset)}")
        if self.quiet is not None:
            parts.append(f"quiet {duration(self.quiet)}")
        return " ".join(parts)

    @cached_property
    def id(self) -> str:
        """Return what identifies the rule: the same for the same rule, whenever and wherever it is read."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """Return the comparisons, crossings and predictions in it, from left to right; none for `Silence`."""
        return () if isinstance(self.condition, Silence) else tuple(_leaves(self.condition))

    @cached_property
    def events(self) -> tuple[Crossing | Change, ...]:
        """Return the leaves that depend on the bar before."""
        return tuple(leaf for leaf in self.leaves if isinstance(leaf, Crossing | Change))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Return the columns it reads, each once."""
        names: dict[str, None] = {}
        for leaf in self.leaves:
            if isinstance(leaf, Comparison | Crossing):
                names |= dict.fromkeys(value.name for value in (leaf.left, leaf.right) if value.name)
            elif isinstance(leaf, Change) and leaf.probability is not None:
                names["probability"] = None
        return tuple(names)

    @property
    def level(self) -> Crossing | None:
        """Return the crossing of a rule about nothing but the price and a number, which a chart shows as a line."""
        own = self.condition
        if not isinstance(own, Crossing) or (own.left.name, own.left.factor) != ("price", 1.0) or own.right.name:
            return None
        return own

    @property
    def predictions(self) -> bool:
        """Return whether it is about what a model predicts."""
        return "probability" in self.columns or any(isinstance(leaf, Predicted | Change) for leaf in self.leaves)

    def applies(self, symbol: str) -> bool:
        """Return whether it is about this symbol, however that is spelt and at whichever interval."""
        return not self.symbols or canonical_symbol(symbol_of(symbol)) in map(symbol_of, self.symbols)


def _leaves(condition: Condition) -> Iterator[Leaf]:
    if isinstance(condition, AllOf | AnyOf):
        for part in condition.parts:
            yield from _leaves(part)
    else:
        yield condition


def number(value: float) -> str:
    """Return the shortest text that is read as this number again."""
    return repr(float(value)).removesuffix(".0")


def duration(milliseconds: int) -> str:
    """Return a length of time as text, in the largest unit that divides it: `30 minutes`."""
    for name, size in _UNITS:
        if milliseconds >= size and milliseconds % size == 0:
            count = milliseconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{milliseconds // SECOND} seconds"
