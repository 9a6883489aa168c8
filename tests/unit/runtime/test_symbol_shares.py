"""Test the split of symbols: every symbol has one owner, and few move when a process comes or goes."""

from __future__ import annotations

from collections import Counter

import pytest

from tapeline.runtime.symbol_shares import owners

SYMBOLS = [f"S{number:04d}" for number in range(3000)]


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_every_symbol_has_one_owner_and_all_have_about_as_many(count: int) -> None:
    found = owners(SYMBOLS, [f"task{number}" for number in range(count)])
    assert list(found) == SYMBOLS
    shares = Counter(found.values())
    assert len(shares) == count
    assert max(shares.values()) < 1.3 * len(SYMBOLS) / count


def test_only_the_symbols_of_a_lost_process_move() -> None:
    before, after = owners(SYMBOLS, ["a", "b", "c", "d"]), owners(SYMBOLS, ["d", "b", "a"])
    moved = [symbol for symbol in SYMBOLS if before[symbol] != after[symbol]]
    assert {before[symbol] for symbol in moved} == {"c"}
    assert set(Counter(after[symbol] for symbol in moved)) == {"a", "b", "d"}
