"""Rules from text: a tokenizer and a recursive descent, small enough to read whole. docs/alerts.md states the grammar.

Nothing in a rule is ever evaluated as code; whatever is not in the grammar is a `RuleError` that names the column.
"""

from __future__ import annotations

import difflib
import math
import re
from typing import NoReturn

from tapeline.alerts.rules import (
    All,
    Any,
    Change,
    Comparison,
    Condition,
    Crossing,
    Predicted,
    Rule,
    Silence,
    Value,
)
from tapeline.indicators import Spec, SpecError, parse
from tapeline.market import Direction, symbol_fault

#: What a bar has beside indicators: name in a rule -> column. `probability` is that of UP.
FIELDS = {
    "price": "price", "close": "price", "open": "open", "high": "high", "low": "low", "volume": "volume",
    "probability": "probability",
}  # fmt: skip

LONGEST_RULE = 500
_DEEPEST = 16
_MOST_CONDITIONS = 16
_MOST_SYMBOLS = 100
_LONGEST_DURATION = 366 * 86_400_000

_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|(?P<word>[A-Za-z_][A-Za-z0-9_.]*)|(?P<sign><=|>=|[<>*(),]))"
)
_SYMBOL = re.compile(r"\s*([^\s,()]+)")
_ANY = re.compile(r"\s*(\S[^\s(),<>=*]*|$)")
_OPTIONS = ("for", "on", "quiet", "reset")
_UNITS = {
    "s": 1000, "sec": 1000, "second": 1000, "m": 60_000, "min": 60_000, "minute": 60_000, "h": 3_600_000,
    "hour": 3_600_000, "d": 86_400_000, "day": 86_400_000,
}  # fmt: skip


class RuleError(ValueError):
    """A text is no rule. `place` is the column it is about, from 0, `length` the characters it covers from there."""

    def __init__(self, message: str, place: int = 0, length: int = 1) -> None:
        super().__init__(f"column {place + 1}: {message}")
        self.message = message
        self.place = place
        self.length = max(length, 1)


def parse_rule(text: str) -> Rule:
    """The rule that the text means. Raises `RuleError`."""
    if len(text) > LONGEST_RULE:
        raise RuleError(f"a rule has at most {LONGEST_RULE} characters, not {len(text)}", LONGEST_RULE)
    rule = _Parser(text).rule()
    if len(rule.text) > LONGEST_RULE:  # which is what is kept and read again
        raise RuleError(f"with names written out the rule has more than {LONGEST_RULE} characters", 0, len(text))
    return rule


def output_of(word: str) -> tuple[Spec, str]:
    """The indicator that this names an output of, and the column's canonical name. Defaults may be left out (`rsi`).

    Raises `SpecError`.
    """
    words = word.lower().split("_")
    whole: SpecError | None = None
    for count in range(len(words), 0, -1):
        try:
            spec = parse("_".join(words[:count]))
        except SpecError as error:
            whole = whole or error
            continue
        column = "_".join([spec.text, *words[count:]])
        if column in spec.outputs:
            return spec, column
        if whole is not None and words[count][:1].isdigit():
            break  # it is the parameters that are wrong
        raise SpecError(f"there is no {column}: {spec.text} gives {', '.join(spec.outputs)}")
    raise whole or SpecError(f"there is no indicator {word!r}")


class _Parser:
    """Walks over the text; `_at` is where it has come to, in front of blanks."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._conditions = 0

    # -- the grammar, from the whole to the parts --------------------------------------------------------------------

    def rule(self) -> Rule:
        if not self._text.strip():
            self._fail("the rule is empty; write a condition such as `rsi_14 < 30`", 0)
        condition = self._silence() if self._accept("no") else self._either(0)
        symbols: tuple[str, ...] = ()
        forming = False
        quiet: int | None = None
        reset: float | None = None
        given: set[str] = set()
        while not self._ended():
            place, option = self._start(), self._peek()
            if option not in _OPTIONS:
                more = "" if given or isinstance(condition, Silence) else "`and`, `or`, "
                self._fail(f"expected {more}`for SYMBOLS`, `on forming bars`, `quiet TIME`, `reset NUMBER` or the end")
            if option in given:
                self._fail(f"`{option}` is said twice", place)
            given.add(option)
            self._accept(option)
            if option == "for":
                symbols = self._symbols()
            elif option == "on":
                forming = self._bars(condition)
            elif option == "quiet":
                quiet = self._duration(least=0)
            else:
                reset = self._reset(condition, place)
        return Rule(condition, symbols, forming, quiet, reset)

    def _either(self, depth: int) -> Condition:
        parts = [self._both(depth)]
        while self._accept("or"):
            parts.append(self._both(depth))
        flat = tuple(each for part in parts for each in (part.parts if isinstance(part, Any) else (part,)))
        return flat[0] if len(flat) == 1 else Any(flat)

    def _both(self, depth: int) -> Condition:
        parts = [self._one(depth)]
        while self._accept("and"):
            parts.append(self._one(depth))
        flat = tuple(each for part in parts for each in (part.parts if isinstance(part, All) else (part,)))
        return flat[0] if len(flat) == 1 else All(flat)

    def _one(self, depth: int) -> Condition:
        if depth > _DEEPEST:
            self._fail(f"brackets go at most {_DEEPEST} deep", self._start())
        if self._accept("("):
            inner = self._either(depth + 1)
            self._expect(")", "the bracket is closed by )")
            return inner
        self._conditions += 1
        if self._conditions > _MOST_CONDITIONS:
            self._fail(f"a rule has at most {_MOST_CONDITIONS} conditions", self._start())
        if self._peek() == "no":
            self._fail("`no bar for ...` is a rule of its own: it cannot be joined by `and` or `or`", self._start())
        if self._accept("prediction"):
            return self._prediction()
        return self._comparison()

    def _comparison(self) -> Condition:
        place = self._start()
        left = self._value()
        if self._accept("crosses"):
            above = self._one_of("above", "below", after="`crosses`") == "above"
            right = self._value()
            if not left.name:
                self._fail(
                    "a number crosses nothing: write what crosses it first, as in `price crosses above 100`", place
                )
            return Crossing(left, above, right)
        sign = self._peek()
        if sign not in {"<", "<=", ">", ">="}:
            self._fail(f"after {left} comes <, <=, >, >=, `crosses above` or `crosses below`")
        self._accept(sign)
        right = self._value()
        above, equal = sign[0] == ">", len(sign) == 2
        if not left.name:
            if not right.name:
                self._fail("both sides are numbers; one must be a price, the volume or an indicator", place)
            left, above, right = right, not above, left
        return Comparison(left, above, equal, right)

    def _prediction(self) -> Condition:
        verb = self._one_of("changes", "is", after="`prediction`")
        if verb == "changes":
            self._expect("to", "after `changes` comes `to`")
        place = self._start()
        direction = Direction[self._one_of("up", "down", "hold", after=f"`{verb}`").upper()]
        if verb == "is":
            return Predicted(direction)
        if not self._accept("with"):
            return Change(direction)
        self._expect("probability", "after `with` comes `probability`")
        if direction == Direction.HOLD:
            self._fail("a model gives no probability of HOLD; only UP and DOWN have one", place, 4)
        sign = self._one_of(">", ">=", after="`probability`")
        place = self._start()
        least = self._number()
        if not 0 <= least < 1:
            self._fail(f"a probability lies between 0 and 1, not at {_brief(least)}", place)
        return Change(direction, least, sign == ">=")

    def _silence(self) -> Silence:
        self._expect("bar", "after `no` comes `bar`")
        self._expect("for", "after `bar` comes `for` and a time")
        length = self._duration(least=1000)
        for word in ("in", "an", "open", "session"):
            self._expect(word, f"after {length // 1000:,} seconds comes `in an open session`")
        return Silence(length)

    # -- options -----------------------------------------------------------------------------------------------------

    def _symbols(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        while True:
            place = self._start()
            match = _SYMBOL.match(self._text, self._at)
            if match is None:
                self._fail("expected a symbol, such as TSLA")
            symbol = match[1].upper()
            if fault := symbol_fault(symbol):
                self._fail(fault, place, len(match[1]))
            found[symbol] = None
            if len(found) > _MOST_SYMBOLS:
                self._fail(f"a rule names at most {_MOST_SYMBOLS} symbols; without `for` it is about all", place)
            self._at = match.end()
            if not self._accept(","):
                return tuple(found)

    def _bars(self, condition: Condition | Silence) -> bool:
        place = self._start()
        kind = self._one_of("forming", "final", after="`on`")
        self._expect("bars", f"after `on {kind}` comes `bars`")
        if isinstance(condition, Silence):
            self._fail("`no bar for ...` is about time, not about bars of one kind: leave `on ...` out", place)
        return kind == "forming"

    def _reset(self, condition: Condition | Silence, option: int) -> float:
        place = self._start()
        value = self._number()
        if not isinstance(condition, Comparison | Crossing) or condition.right.name:
            self._fail("`reset` needs a rule with one comparison with a number, such as `rsi_14 < 30`", option, 5)
        threshold = condition.right.factor
        if (value > threshold) if condition.above else (value < threshold):
            side = "at or below" if condition.above else "at or above"
            self._fail(f"{_brief(value)} is on the wrong side: `{condition}` resets {side} {condition.right}", place)
        return value

    def _duration(self, least: int) -> int:
        place = self._start()
        count = self._number()
        unit = self._peek()
        size = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
        if size is None:
            self._fail("a time is a number and seconds, minutes, hours or days")
        self._accept(unit)
        if not least <= count * size <= _LONGEST_DURATION or count * size % 1000:
            low = "0 seconds" if least == 0 else "1 second"
            self._fail(f"a time is from {low} to 366 days, in whole seconds", place)
        return int(count * size)

    # -- parts -------------------------------------------------------------------------------------------------------

    def _value(self) -> Value:
        """A number, a name, or one times the other."""
        place = self._start()
        first = self._factor()
        if not self._accept("*"):
            return first
        second = self._factor()
        if bool(first.name) == bool(second.name):
            self._fail("a product is of a number and a name, as in `2 * sma_20`", place)
        name, factor = first.name or second.name, first.factor * second.factor
        if factor == 0 or not math.isfinite(factor):
            self._fail("the factor must not be 0", place)
        return Value(name, factor)

    def _factor(self) -> Value:
        match = _TOKEN.match(self._text, self._at)
        if match is not None and match["number"]:
            return Value("", self._number())
        if match is None or not match["word"]:
            self._fail("expected a number, price, open, high, low, volume, probability, prediction or an indicator")
        place = match.start("word")
        word = match["word"].lower()
        if word == "prediction":
            self._fail("`prediction` is no number: write `prediction is UP` or `prediction changes to UP`", place)
        column = FIELDS.get(word)
        if column is None:
            try:
                column = output_of(word)[1]
            except SpecError as error:
                near = difflib.get_close_matches(word, FIELDS, n=1)
                hint = (
                    f"; did you mean {near[0]}?"
                    if near
                    else "; nor is it price, open, high, low, volume or probability"
                )
                self._fail(f"{error}{hint if 'there is no indicator' in str(error) else ''}", place, len(word))
        self._at = match.end()
        return Value(column)

    def _number(self) -> float:
        match = _TOKEN.match(self._text, self._at)
        if match is None or not match["number"]:
            self._fail("expected a number")
        value = float(match["number"])
        if not math.isfinite(value):
            self._fail("the number is too large", match.start("number"), len(match["number"]))
        self._at = match.end()
        return value

    # -- tokens ------------------------------------------------------------------------------------------------------

    def _peek(self) -> str:
        """The next word or sign in lower case, '' where there is neither."""
        match = _TOKEN.match(self._text, self._at)
        return "" if match is None or match["number"] else (match["word"] or match["sign"]).lower()

    def _accept(self, wanted: str) -> bool:
        """Steps over this word or sign, if it is the next one."""
        match = _TOKEN.match(self._text, self._at)
        if match is None or self._peek() != wanted:
            return False
        self._at = match.end()
        return True

    def _expect(self, wanted: str, message: str) -> None:
        if not self._accept(wanted):
            self._fail(message)

    def _one_of(self, *wanted: str, after: str) -> str:
        found = next((word for word in wanted if self._accept(word)), None)
        if found is None:
            shown = [word.upper() if word in {"up", "down", "hold"} else word for word in wanted]
            self._fail(f"after {after} comes {', '.join(shown[:-1])} or {shown[-1]}")
        return found

    def _start(self) -> int:
        """Where the next token begins."""
        return len(self._text) - len(self._text[self._at :].lstrip())

    def _ended(self) -> bool:
        return not self._text[self._at :].strip()

    def _fail(self, message: str, place: int | None = None, length: int | None = None) -> NoReturn:
        """Refuses the token at `place` (None: the next one, which is shown)."""
        start = self._start() if place is None else place
        found = _ANY.match(self._text, start)
        token = found[1] if found else ""
        if place is None:
            message += f", not {token[:40]!r}" if token else "; the text ends too early"
        raise RuleError(message, start, len(token) if length is None else length)


def _brief(value: float) -> str:
    return f"{value:.10g}"
