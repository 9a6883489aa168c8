"""Series for tests of archives."""

from __future__ import annotations

from tapeline.core.market import Bar, Bars
from tapeline.core.messages import Action, Series
from tapeline.core.times import DAY, MINUTE

START = 1_790_000_000_000 // DAY * DAY


def series(symbol: str = "TSLA", days: int = 3, close: float = 10.0, interval: str = "1m") -> Series:
    """Return five minute bars of each day (or one daily bar a day), with a split and a dividend."""
    step = {"1m": MINUTE, "1d": DAY}[interval]
    bars = Bars.of(
        Bar(symbol, START + day * DAY + minute * step, 9.0, 12.0, 8.0, close + day + minute / 7, 100.0)
        for day in range(days)
        for minute in range(5 if interval == "1m" else 1)
    )
    actions = (Action(START, "dividend", 0.5, "USD"), Action(START + DAY, "split", 2.0))
    return Series(symbol, interval, bars, actions, "USD", START, START + days * DAY)


def same(one: Series | None, other: Series) -> bool:
    """Return whether the two are equal in every value."""
    facts = ("symbol", "interval", "actions", "currency", "start", "covered")
    return one is not None and list(one.bars) == list(other.bars) and all(
        getattr(one, name) == getattr(other, name) for name in facts
    )  # fmt: skip
