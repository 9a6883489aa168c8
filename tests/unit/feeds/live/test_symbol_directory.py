"""A symbol is looked up at the venue before it is collected, and a mistyped one is answered with what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapeline.core.listed_symbols import ListedSymbol
from tapeline.errors import FeedError, InputError, NotFoundError, ServerError, UnreachableError
from tapeline.feeds.live.symbol_directory import SPACING, SymbolDirectory, checked_symbols

LISTED = [
    ListedSymbol("TSLA", "Tesla, Inc.", "NASDAQ", "equity"),
    ListedSymbol("TSM", "Taiwan Semiconductor", "NYSE", "equity"),
    ListedSymbol("AAPL", "Apple Inc.", "NASDAQ", "equity"),
]


class FakeSearch:
    """A venue that finds what begins with the text, has charts of some more, and may be down."""

    venue = "Venue"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False

    def find(self, text: str) -> list[ListedSymbol]:
        self.asked.append(text)
        if self.down:
            raise ServerError("Venue is down")
        return [each for each in LISTED if each.symbol.startswith(text)]

    def lists(self, symbol: str) -> bool:
        return symbol == "ODD=X"


@pytest.fixture
def search() -> FakeSearch:
    return FakeSearch()


@pytest.fixture
def directory(search: FakeSearch, tmp_path: Path) -> SymbolDirectory:
    return SymbolDirectory(search, tmp_path / "data" / "listings.json", sleep=lambda _: None)


def test_a_listed_symbol_passes_and_its_name_is_kept(directory: SymbolDirectory, tmp_path: Path) -> None:
    assert directory.check("TSLA") == LISTED[0]
    assert directory.check("ODD=X") == ListedSymbol("ODD=X")
    assert SymbolDirectory(FakeSearch(), tmp_path / "data" / "listings.json").names()["TSLA"] == LISTED[0]
    (tmp_path / "data" / "listings.json").write_text("[1]")
    assert directory.names() == {}


@pytest.mark.parametrize(
    ("typed", "guess"),
    [("TSLAA", r"did you mean TSLA \(Tesla, Inc\.\)"), ("TLSA", r"did you mean TSLA"), ("ZZZZ", "lists no ZZZZ$")],
)
def test_a_mistyped_symbol_is_answered_with_the_nearest(directory: SymbolDirectory, typed: str, guess: str) -> None:
    with pytest.raises(NotFoundError, match=guess):
        directory.check(typed)


def test_what_is_no_symbol_is_not_asked_for(directory: SymbolDirectory, search: FakeSearch) -> None:
    with pytest.raises(InputError, match="has a blank"):
        directory.check("A B")
    assert search.asked == []


def test_answers_are_remembered_and_questions_are_spaced(search: FakeSearch, tmp_path: Path) -> None:
    slept: list[float] = []
    now = iter([10.0, 10.0, 10.1, 10.1])
    directory = SymbolDirectory(search, tmp_path / "l.json", slept.append, lambda: next(now))
    for text in ("ts", "TS ", "aapl"):
        directory.find(text)
    assert search.asked == ["TS", "AAPL"]
    assert slept == [0.0, pytest.approx(SPACING - 0.1)]


def test_a_venue_that_is_down_keeps_nobody_from_adding(directory: SymbolDirectory, search: FakeSearch) -> None:
    search.down = True
    told: list[str] = []
    assert checked_symbols(directory, ["TSLA"], told.append) == ["TSLA"]
    assert told == ["TSLA was added unchecked (Venue is down)"]
    assert (
        UnreachableError("https://venue.example/search?q=TSLA", "no answer").brief == "venue.example cannot be reached"
    )
    with pytest.raises(FeedError):
        directory.check("TSLA")
