"""Yahoo's search: what is taken from an answer, and that nothing but a `FeedError` comes of a bad one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.local_yahoo.market import Market
from tests.local_yahoo.server import HOSTILE, LocalYahoo
from typer.testing import CliRunner

from tapeline.cli.main import app
from tapeline.core.listed_symbols import ListedSymbol
from tapeline.errors import FeedError, RateLimitedError, ServerError, UnusableAnswerError
from tapeline.feeds.live.watchlist import Watchlist
from tapeline.feeds.yahoo import YahooSearch, YFinanceTransport
from tapeline.feeds.yahoo.symbol_search import decode_search

OPEN = 1_549_895_400_000


def quotes(*entries: object) -> str:
    return json.dumps({"quotes": list(entries)})


def test_only_what_can_be_collected_is_taken() -> None:
    text = quotes(
        {"symbol": "TSLA", "longname": "Tesla,\n Inc.", "shortname": "x", "exchDisp": "NASDAQ", "typeDisp": "Equity"},
        {"symbol": "TSLA", "longname": "twice"},
        {"symbol": "a b"}, {"symbol": 5}, {"symbol": "X" * 99}, "no quote", {"name": "a private company"},
        {"symbol": "BTC-USD", "shortname": "Bitcoin\x1b[2J", "exchange": "CCC", "quoteType": "CRYPTOCURRENCY"},
    )  # fmt: skip
    assert decode_search(text) == (
        ListedSymbol("TSLA", "Tesla, Inc.", "NASDAQ", "equity"),
        ListedSymbol("BTC-USD", "Bitcoin\\x1b[2J", "CCC", "cryptocurrency"),
    )


@pytest.mark.parametrize("text", [*HOSTILE.values(), "", "[]", '{"quotes": 1}', '{"quotes": ' + "[" * 99])
def test_a_hostile_answer_is_an_error(text: str) -> None:
    with pytest.raises(UnusableAnswerError, match=r"^Yahoo's search: "):
        decode_search(text)


def test_a_symbol_is_checked_at_the_stand_in_before_it_is_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = Market([(OPEN, OPEN + 3_600_000)], ["TSLA", "AAPL"])
    with LocalYahoo(market, lambda: OPEN) as yahoo:
        search = YahooSearch(YFinanceTransport(yahoo.url))
        assert search.find("tesla") == (ListedSymbol("TSLA", "Tesla, Inc.", "NASDAQ", "equity"),)
        assert (search.lists("AAPL"), search.lists("NOPE")) == (True, False)
        for fault, kind in (("429", RateLimitedError), ("500", ServerError), ("html", FeedError)):
            yahoo.search_faults.append(fault)
            with pytest.raises(kind):
                search.find("tesla")

        monkeypatch.setenv("TAPELINE_YAHOO__URL", yahoo.url)

        def add(*words: str) -> str:
            return str(CliRunner().invoke(app, ["symbols", "add", *words, "--data-dir", str(tmp_path)]).exception or "")

        assert add("tsla") == ""
        assert "did you mean AAPL (Apple Inc.)?" in add("AAPLE")
        assert "has a blank" in add("A B")
        assert add("NOPE", "--no-check") == ""
    assert Watchlist(tmp_path / "symbols.txt").load() == ["TSLA", "NOPE"]
