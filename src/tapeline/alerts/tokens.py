"""Read the words, signs and numbers of a rule's text one after the other, and name the column of a fault."""

from __future__ import annotations

import math
import re
from typing import NoReturn

from tapeline.errors import RuleError

TOKEN = re.compile(
    r"\s*(?:(?P<number>-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|(?P<word>[A-Za-z_][A-Za-z0-9_.]*)|(?P<sign><=|>=|[<>*×%(),]))"
)
_ANY = re.compile(r"\s*(\S[^\s(),<>=*×%]*|$)")


class Cursor:
    """Walk over a text. `at` is the index of the next character. Methods raise `RuleError` for what is wrong."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def number(self) -> float:
        """Read a finite number."""
        match = TOKEN.match(self.text, self.at)
        if match is None or not match["number"]:
            self.fail("expected a number")
        value = float(match["number"])
        if not math.isfinite(value):
            self.fail("the number is too large", match.start("number"), len(match["number"]))
        self.at = match.end()
        return value

    def peek(self) -> str:
        """Return the next word or sign in lower case, '' where there is neither."""
        match = TOKEN.match(self.text, self.at)
        return "" if match is None or match["number"] else (match["word"] or match["sign"]).lower()

    def accept(self, wanted: str) -> bool:
        """Step over this word or sign and return True, if it is the next one."""
        match = TOKEN.match(self.text, self.at)
        if match is None or self.peek() != wanted:
            return False
        self.at = match.end()
        return True

    def expect(self, wanted: str, message: str) -> None:
        """Step over this word or sign, which must come next."""
        if not self.accept(wanted):
            self.fail(message)

    def one_of(self, *wanted: str, after: str) -> str:
        """Step over one of these words, which must come `after` what was read, and return it."""
        found = next((word for word in wanted if self.accept(word)), None)
        if found is None:
            shown = [word.upper() if word in {"up", "down", "hold"} else word for word in wanted]
            self.fail(f"after {after} comes {', '.join(shown[:-1])} or {shown[-1]}")
        return found

    def start(self) -> int:
        """Return the index at which the next token begins."""
        return len(self.text) - len(self.text[self.at :].lstrip())

    def ended(self) -> bool:
        """Return whether only blanks are left."""
        return not self.text[self.at :].strip()

    def fail(self, message: str, place: int | None = None, length: int | None = None) -> NoReturn:
        """Refuse the token at index `place` (None: the next one, which the message then shows)."""
        start = self.start() if place is None else place
        found = _ANY.match(self.text, start)
        token = found[1] if found else ""
        if place is None:
            message += f", not {token[:40]!r}" if token else "; the text ends too early"
        raise RuleError(message, start, len(token) if length is None else length)
