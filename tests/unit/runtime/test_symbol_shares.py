"""Test the split of symbols: every symbol has one owner, and few move when a process comes or goes."""

from __future__ import annotations

from collections import Counter

import pytest

from tapeline.runtime.symbol_shares import own_symbols

SYMBOLS = [f"S{number:04d}" for number in range(3000)]


def owners(members: list[str]) -> dict[str, str]:
    return {symbol: member for member in members for symbol in own_symbols(SYMBOLS, members, member)}


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_every_symbol_has_exactly_one_owner_and_all_have_about_as_many(count: int) -> None:
    members = [f"task{number}" for number in range(count)]
    shares = [own_symbols(SYMBOLS, members, member) for member in members]
    assert sorted(symbol for own in shares for symbol in own) == SYMBOLS
    assert all(own == sorted(own) for own in shares)
    assert max(map(len, shares)) < 1.3 * len(SYMBOLS) / count


def test_only_the_symbols_of_a_lost_process_move() -> None:
    before, after = owners(["a", "b", "c", "d"]), owners(["a", "b", "d"])
    moved = [symbol for symbol in SYMBOLS if before[symbol] != after[symbol]]
    assert {before[symbol] for symbol in moved} == {"c"}
    assert set(Counter(after[symbol] for symbol in moved)) == {"a", "b", "d"}


def test_a_process_that_nobody_else_sees_counts_itself() -> None:
    assert own_symbols(SYMBOLS, [], "a") == SYMBOLS
    assert own_symbols(SYMBOLS, ["b"], "a") == own_symbols(SYMBOLS, ["a", "b"], "a")
