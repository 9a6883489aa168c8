"""What an alert rule says, as values. `grammar` makes them from text, `evaluation` judges them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from tapeline.core.market import Direction
from tapeline.core.times import DAY, HOUR, MINUTE

#: After firing for a symbol, a rule keeps quiet about it for so long (ms), where it does not say otherwise.
DEFAULT_QUIET = 15 * MINUTE

_UNITS = (("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", 1000))


@dataclass(frozen=True, slots=True)
class Value:
    """`factor` times the column `name`, or the number `factor` where `name` is ''."""

    name: str
    factor: float = 1.0

    def of(self, values: Mapping[str, float]) -> float:
        """The number it stands for, NaN where it is not known."""
        return self.factor * values.get(self.name, math.nan) if self.name else self.factor

    def __str__(self) -> str:
        if not self.name:
            return number(self.factor)
        return self.name if self.factor == 1.0 else f"{number(self.factor)} * {self.name}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left` lies above (or below) `right`, or, with `equal`, at it. Holds for as long as it is so."""

    left: Value
    above: bool
    equal: bool
    right: Value

    def __str__(self) -> str:
        return f"{self.left} {'>' if self.above else '<'}{'=' if self.equal else ''} {self.right}"


@dataclass(frozen=True, slots=True)
class Crossing:
    """`left` was not above (or below) `right` one bar ago and is now. True on that bar alone."""

    left: Value
    above: bool
    right: Value

    def __str__(self) -> str:
        return f"{self.left} crosses {'above' if self.above else 'below'} {self.right}"


@dataclass(frozen=True, slots=True)
class Predicted:
    """The prediction is this one. Holds for as long as it is so."""

    direction: Direction

    def __str__(self) -> str:
        return f"prediction is {self.direction.name}"


@dataclass(frozen=True, slots=True)
class Change:
    """The prediction has become this one, with a probability of that direction above `probability` (None: any)."""

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
    """Every part holds."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, AnyOf) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part or more holds."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


@dataclass(frozen=True, slots=True)
class Silence:
    """No bar has come for `duration` (ms) while the market is open."""

    duration: int

    def __str__(self) -> str:
        return f"no bar for {duration(self.duration)} in an open session"


Leaf = Comparison | Crossing | Predicted | Change
Condition = Leaf | AllOf | AnyOf


@dataclass(frozen=True)
class Rule:
    """A rule: the condition, and for which symbols (upper case; none: all), on which bars, how often.

    `quiet` is ms, None for the default. `reset` is where the one comparison or crossing with a number is over.
    """

    condition: Condition | Silence
    symbols: tuple[str, ...] = ()
    forming: bool = False
    quiet: int | None = None
    reset: float | None = None

    @cached_property
    def text(self) -> str:
        """The rule in its canonical spelling; parsed, it is the same rule again."""
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
        """The same for the same rule, whenever and wherever it is read."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """The comparisons, crossings and predictions in it, from left to right; none for `Silence`."""
        return () if isinstance(self.condition, Silence) else tuple(_leaves(self.condition))

    @cached_property
    def events(self) -> tuple[Crossing | Change, ...]:
        """The leaves that are about what was one bar ago."""
        return tuple(leaf for leaf in self.leaves if isinstance(leaf, Crossing | Change))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads, each once."""
        names: dict[str, None] = {}
        for leaf in self.leaves:
            if isinstance(leaf, Comparison | Crossing):
                names |= dict.fromkeys(value.name for value in (leaf.left, leaf.right) if value.name)
            elif isinstance(leaf, Change) and leaf.probability is not None:
                names["probability"] = None
        return tuple(names)

    @property
    def predictions(self) -> bool:
        """Whether it is about what a model says."""
        return "probability" in self.columns or any(isinstance(leaf, Predicted | Change) for leaf in self.leaves)

    def applies(self, symbol: str) -> bool:
        """Whether it is about this symbol, in whatever case that is written."""
        return not self.symbols or symbol.upper() in self.symbols


def _leaves(condition: Condition) -> Iterator[Leaf]:
    if isinstance(condition, AllOf | AnyOf):
        for part in condition.parts:
            yield from _leaves(part)
    else:
        yield condition


def number(value: float) -> str:
    """The shortest text that is this number again."""
    return repr(float(value)).removesuffix(".0")


def duration(milliseconds: int) -> str:
    """Such as `30 minutes`: the largest unit that says it exactly."""
    for name, size in _UNITS:
        if milliseconds >= size and milliseconds % size == 0:
            count = milliseconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{milliseconds // 1000} seconds"
