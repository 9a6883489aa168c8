"""Define what every fuzz target is made of: a name, values to give, a check, and means to draw values that do harm."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tapeline.core.rejects import KEPT_ALIKE, RAW_BYTES
from tapeline.error_text import LONGEST_LINE
from tapeline.errors import TapelineError

_DAMAGES = ("flip", "cut", "end", "repeat", "insert", "number", "digit")
_NUMBERS = (-1, 0, 1, 2**31 - 1, 2**31, 2**63 - 1, -(2**63))

LONGEST = 5.0  # seconds for one value, on a machine that does other things as well


def damage(data: bytearray, rng: random.Random) -> None:
    """Change, cut out, repeat or put in a few bytes."""
    for _ in range(rng.randint(1, 4)):
        at, kind = rng.randint(0, max(len(data) - 1, 0)), rng.choice(_DAMAGES)
        if kind == "flip" and data:
            data[at] ^= 1 << rng.randint(0, 7)
        elif kind == "cut":
            del data[at : at + rng.randint(1, 40)]
        elif kind == "end":
            del data[at:]
        elif kind == "repeat":
            data[at:at] = data[at : at + rng.randint(1, 200)] * rng.randint(1, 20)
        elif kind == "number" and len(data) > at + 8:
            struct.pack_into("<q", data, at, rng.choice(_NUMBERS))
        elif kind == "digit":
            digits = [place for place in range(at, min(at + 200, len(data))) if 48 <= data[place] < 58]
            for place in digits[: rng.randint(1, 12)]:
                data[place] = rng.choice(b"0123456789-.e")
        else:
            data[at:at] = rng.randbytes(rng.randint(0, 20))


def varied(value: Any, rng: random.Random) -> Any:
    """Return the value with the bytes in it damaged; of a text, its own."""
    if isinstance(value, bytes):
        data = bytearray(value)
        damage(data, rng)
        return bytes(data)
    if isinstance(value, list | tuple):
        return type(value)(varied(each, rng) if not isinstance(each, str) else each for each in value)
    if isinstance(value, dict):
        return {key: varied(each, rng) if not isinstance(each, str) else each for key, each in value.items()}
    return varied(value.encode("utf-8", "replace"), rng).decode("utf-8", "replace") if isinstance(value, str) else value


@dataclass(frozen=True)
class Target:
    """Hold a parser's name, the values to give it, and the check of one, which raises what should not happen."""

    name: str
    values: st.SearchStrategy[Any]
    check: Callable[[Any], None]
    harmful: Callable[[], Iterable[Any]] = tuple  # values that did harm once, so that they are tried every time
    vary: Callable[[Any, random.Random], Any] = varied  # makes another value of one that was drawn
    weight: float = 1.0  # of a slow target, how many values it gets for each of another's

    def run(self, value: Any) -> None:
        """Check one value, and that it does not take long; the first time something may be compiled or started."""
        began = time.monotonic()
        self.check(value)
        if time.monotonic() - began > LONGEST:
            began = time.monotonic()
            self.check(value)
            assert time.monotonic() - began < LONGEST, "it took too long"


# -- bytes that were right once ----------------------------------------------------------------------------------------


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Draw bytes with a few of them changed, cut out, repeated or put in."""
    data = bytearray(draw(whole))
    if draw(st.integers(0, 5)):
        damage(data, draw(st.randoms(use_true_random=False)))
    return bytes(data)


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from((0, -1, 1, 2**31, 2**53, 2**63, 2**64, 10**30, 1e308, -1e308, 1e-308, "America", "../etc", "NaN")),
)  # fmt: skip
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8), inner, max_size=6),
    max_leaves=12,
)


def or_anything(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw what is usual most of the time."""
    return st.one_of(usual, usual, usual, usual, anything)


# -- what all have in common -------------------------------------------------------------------------------------------


def assert_line(error: TapelineError) -> None:
    text = str(error)
    assert text
    assert "\n" not in text
    assert len(text) <= LONGEST_LINE


def assert_rejects(rejects: Any) -> None:
    assert len(rejects) <= 3 * KEPT_ALIKE
    assert all(len(reject.raw) <= RAW_BYTES and "\n" not in reject.reason for reject in rejects)


def assert_probabilities(values: Any) -> None:
    known = values[values == values]
    assert ((known >= 0) & (known <= 1)).all()
