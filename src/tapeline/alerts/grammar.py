"""Parse rules from text by recursive descent. docs/alerts.md states the grammar.

Nothing in a rule is ever run as code; whatever is not in the grammar is a `RuleError` that names the column.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from tapeline.alerts.names import column_of
from tapeline.alerts.phrases import Phrases
from tapeline.alerts.range_terms import MOST_BARS_AHEAD, ODDS, is_range_term, odds_column
from tapeline.alerts.rules import (
    AllOf,
    AnyOf,
    Change,
    Comparison,
    Condition,
    Crossing,
    Predicted,
    Rule,
    Silence,
    Value,
    number,
)
from tapeline.alerts.tokens import TOKEN
from tapeline.alerts.window_terms import change_column, is_window_term
from tapeline.core.rows import Direction
from tapeline.core.symbol_forms import canonical_symbol, symbol_fault
from tapeline.core.times import MINUTE, SECOND
from tapeline.errors import RuleError, SpecError

LONGEST_RULE = 500
_DEEPEST = 16
_MOST_CONDITIONS = 16
_MOST_SYMBOLS = 100
_LARGEST_PRICE = 1e15

_SYMBOL = re.compile(r"\s*([^\s,()]+)")
_OPTIONS = ("for", "on", "quiet", "reset")


def parse_rule(text: str) -> Rule:
    """Return the rule that the text means. Raises `RuleError`."""
    if len(text) > LONGEST_RULE:
        raise RuleError(f"a rule has at most {LONGEST_RULE} characters, not {len(text)}", LONGEST_RULE)
    rule = _Parser(text).rule()
    if len(rule.text) > LONGEST_RULE:  # the canonical text is what is kept and parsed again
        raise RuleError(f"with names written out the rule has more than {LONGEST_RULE} characters", 0, len(text))
    return rule


def parse_column(text: str, others: Sequence[str] = ()) -> str:
    """Return the column that a name stands for, as in a rule: `p_touched(240,5)` is `p_touched(240, 5)`.

    Raises `RuleError` for what stands in brackets, `SpecError` for an unknown name; `others` may be meant as well.
    """
    word = text.strip().lower()
    if word.partition("(")[0].strip() in (*ODDS, "change"):
        return _Parser(word).column()
    return word if is_range_term(word) or is_window_term(word) else column_of(word, others)


class _Parser(Phrases):
    """Parse with one method for each rule of the grammar; each leaves `at` after what it has read."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._conditions = 0

    # -- the grammar, from the whole to the parts --------------------------------------------------------------------

    def rule(self) -> Rule:
        """Parse the whole text."""
        if not self.text.strip():
            self.fail("the rule is empty; write a condition such as `rsi_14 < 30`", 0)
        condition = self._silence() if self.accept("no") else self._either(0)
        symbols: tuple[str, ...] = ()
        forming = False
        quiet: int | None = None
        reset: float | None = None
        given: set[str] = set()
        while not self.ended():
            place, option = self.start(), self.peek()
            if option not in _OPTIONS:
                more = "" if given or isinstance(condition, Silence) else "`and`, `or`, "
                self.fail(f"expected {more}`for SYMBOLS`, `on forming bars`, `quiet TIME`, `reset NUMBER` or the end")
            if option in given:
                self.fail(f"`{option}` is there twice", place)
            given.add(option)
            self.accept(option)
            if option == "for":
                symbols = self._symbols()
            elif option == "on":
                forming = self._bars(condition)
            elif option == "quiet":
                quiet = self.duration(least=0)
            else:
                reset = self._reset(condition, place)
        return Rule(condition, symbols, forming, quiet, reset)

    def column(self) -> str:
        """Parse the whole text as a name."""
        value = self._factor()
        if not self.ended():
            self.fail(f"after {value} comes the end")
        return value.name

    def _either(self, depth: int) -> Condition:
        parts = [self._both(depth)]
        while self.accept("or"):
            parts.append(self._both(depth))
        flat = tuple(each for part in parts for each in (part.parts if isinstance(part, AnyOf) else (part,)))
        return flat[0] if len(flat) == 1 else AnyOf(flat)

    def _both(self, depth: int) -> Condition:
        parts = [self._one(depth)]
        while self.accept("and"):
            parts.append(self._one(depth))
        flat = tuple(each for part in parts for each in (part.parts if isinstance(part, AllOf) else (part,)))
        return flat[0] if len(flat) == 1 else AllOf(flat)

    def _one(self, depth: int) -> Condition:
        if depth > _DEEPEST:
            self.fail(f"brackets go at most {_DEEPEST} deep", self.start())
        if self.accept("("):
            inner = self._either(depth + 1)
            self.expect(")", "the bracket is closed by )")
            return inner
        self._conditions += 1
        if self._conditions > _MOST_CONDITIONS:
            self.fail(f"a rule has at most {_MOST_CONDITIONS} conditions", self.start())
        if self.peek() == "no":
            self.fail("`no bar for ...` is a rule of its own: it cannot be joined by `and` or `or`", self.start())
        if self.accept("prediction"):
            return self._prediction()
        return self._comparison()

    def _comparison(self) -> Condition:
        place = self.start()
        left = self._value()
        found = self.phrase(left, place)
        if found is not None:
            return found
        if self.accept("crosses"):
            above = self.one_of("above", "below", after="`crosses`") == "above"
            right = self._value()
            if not left.name:
                self.fail(
                    "a number crosses nothing: write what crosses it first, as in `price crosses above 100`", place
                )
            return Crossing(left, above, right)
        sign = self.peek()
        if sign not in {"<", "<=", ">", ">="}:
            self.fail(f"after {left} comes <, <=, >, >=, `crosses above` or `crosses below`")
        self.accept(sign)
        sides = self.own_mean(left, place)
        left, right = (left, self._value()) if sides is None else sides
        above, equal = sign[0] == ">", len(sign) == 2
        if not left.name:
            if not right.name:
                self.fail("both sides are numbers; one must be a price, the volume or an indicator", place)
            left, above, right = right, not above, left
        return Comparison(left, above, equal, right)

    def _prediction(self) -> Condition:
        verb = self.one_of("changes", "is", after="`prediction`")
        if verb == "changes":
            self.expect("to", "after `changes` comes `to`")
        place = self.start()
        direction = Direction[self.one_of("up", "down", "hold", after=f"`{verb}`").upper()]
        if verb == "is":
            return Predicted(direction)
        if not self.accept("with"):
            return Change(direction)
        self.expect("probability", "after `with` comes `probability`")
        if direction == Direction.HOLD:
            self.fail("a model gives no probability of HOLD; only UP and DOWN have one", place, 4)
        sign = self.one_of(">", ">=", after="`probability`")
        place = self.start()
        least = self.number()
        if not 0 <= least < 1:
            self.fail(f"a probability lies between 0 and 1, not at {number(least)}", place)
        return Change(direction, least, sign == ">=")

    def _silence(self) -> Silence:
        self.expect("bar", "after `no` comes `bar`")
        self.expect("for", "after `bar` comes `for` and a time")
        length = self.duration(least=SECOND)
        for word in ("in", "an", "open", "session"):
            self.expect(word, f"after {length // SECOND:,} seconds comes `in an open session`")
        return Silence(length)

    # -- options -----------------------------------------------------------------------------------------------------

    def _symbols(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        while True:
            place = self.start()
            match = _SYMBOL.match(self.text, self.at)
            if match is None:
                self.fail("expected a symbol, such as TSLA")
            symbol = canonical_symbol(match[1])
            if fault := symbol_fault(symbol):
                self.fail(fault, place, len(match[1]))
            found[symbol] = None
            if len(found) > _MOST_SYMBOLS:
                self.fail(f"a rule names at most {_MOST_SYMBOLS} symbols; without `for` it is about all", place)
            self.at = match.end()
            if not self.accept(","):
                return tuple(found)

    def _bars(self, condition: Condition | Silence) -> bool:
        place = self.start()
        kind = self.one_of("forming", "final", after="`on`")
        self.expect("bars", f"after `on {kind}` comes `bars`")
        if isinstance(condition, Silence):
            self.fail("`no bar for ...` is about time, not about bars of one kind: leave `on ...` out", place)
        return kind == "forming"

    def _reset(self, condition: Condition | Silence, option: int) -> float:
        place = self.start()
        value = self.number()
        if not isinstance(condition, Comparison | Crossing) or condition.right.name:
            self.fail("`reset` needs a rule with one comparison with a number, such as `rsi_14 < 30`", option, 5)
        threshold = condition.right.factor
        if (value > threshold) if condition.above else (value < threshold):
            side = "at or below" if condition.above else "at or above"
            self.fail(f"{number(value)} is on the wrong side: `{condition}` resets {side} {condition.right}", place)
        return value

    # -- parts -------------------------------------------------------------------------------------------------------

    def _value(self) -> Value:
        """Parse a number, a name, or one times the other."""
        place = self.start()
        first = self._factor()
        if not (self.accept("*") or self.accept("×")):
            return first
        second = self._factor()
        if bool(first.name) == bool(second.name):
            self.fail("a product is of a number and a name, as in `2 * sma_20`", place)
        name, factor = first.name or second.name, first.factor * second.factor
        if factor == 0 or not math.isfinite(factor):
            self.fail("the factor must not be 0", place)
        return Value(name, factor)

    def _factor(self) -> Value:
        match = TOKEN.match(self.text, self.at)
        if match is not None and match["number"]:
            return Value("", self.number())
        if match is None or not match["word"]:
            self.fail("expected a number, price, open, high, low, volume, probability, prediction or an indicator")
        place = match.start("word")
        word = match["word"].lower()
        if word == "change":
            self.at = match.end()
            self.expect("(", "after `change` comes a time in brackets, as in `change(1 day)`")
            column = change_column(self.duration(least=MINUTE))
            self.expect(")", "the bracket is closed by )")
            return Value(column)
        if word in ODDS:
            self.at = match.end()
            return self._odds(word)
        if word == "prediction":
            self.fail("`prediction` is no number: write `prediction is UP` or `prediction changes to UP`", place)
        try:
            column = word if is_range_term(word) or is_window_term(word) else column_of(word)
        except SpecError as error:
            self.fail(str(error), place, len(word))
        self.at = match.end()
        return Value(column)

    def _odds(self, kind: str) -> Value:
        """Parse the price and the bars ahead of `p_touched(240, 5)`."""
        self.expect("(", f"after `{kind}` comes a price and how many bars ahead, as in `{kind}(240, 5)`")
        place = self.start()
        price = self.number()
        if not 0 < price < _LARGEST_PRICE:
            self.fail(f"a price is above 0, not {number(price)}", place)
        self.expect(",", f"after the price comes how many bars ahead, as in `{kind}({number(price)}, 5)`")
        place = self.start()
        within = self.number()
        if within not in range(1, MOST_BARS_AHEAD + 1):
            self.fail(f"the range forecast looks 1 to {MOST_BARS_AHEAD} bars ahead, not {number(within)}", place)
        self.expect(")", "the bracket is closed by )")
        return Value(odds_column(kind, price, int(within)))
