"""`/api/v1/search`, and that a symbol is looked up before it is collected."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.conftest import random_bars
from tests.fakes.lookups import TeslaLookup
from tests.fakes.stores import MemoryStore
from tests.fakes.watchlists import MemoryWatchlist
from tests.rows import random_rows
from tests.web_site import Client, client_of

from tapeline.core.messages import Commit
from tapeline.web import FeedPulse, PageData


@pytest.fixture
def lookup() -> TeslaLookup:
    return TeslaLookup()


@pytest.fixture
def client(lookup: TeslaLookup) -> Iterator[Client]:
    store = MemoryStore()
    store.commit(Commit(random_rows(random_bars(2, 3, 5), ()), {}, 0))
    with client_of(PageData(store, watchlist=MemoryWatchlist("S00"), lookup=lookup)) as found:
        found.take_csrf()
        yield found


def test_stored_and_listed_symbols_are_found(client: Client, lookup: TeslaLookup) -> None:
    found = client.document("/search?q=s")["symbols"]
    assert [(each["symbol"], each["stored"], each["collected"]) for each in found] == [
        ("S00", True, True), ("S01", True, False), ("TSLA", False, False),
    ]  # fmt: skip
    assert found[2]["name"] == "Tesla, Inc."
    lookup.down = True
    answer = client.document("/search?q=S01")
    assert ([each["symbol"] for each in answer["symbols"]], answer["trouble"]) == (["S01"], "Venue is down")
    client.document("/search?q=%20", 422)


def test_a_mistyped_symbol_is_not_added(client: Client, lookup: TeslaLookup) -> None:
    def add(**wish: object) -> tuple[int, dict[str, object]]:
        answer = client.request("POST", "/symbols", json=wish)
        return answer.status_code, answer.json()

    assert add(symbol="TSLAA") == (404, {"detail": "Venue lists no TSLAA; did you mean TSLA?"})
    assert add(symbol="TSLA") == (200, {"collected": ["S00", "TSLA"]})
    assert add(symbol="OTHER", check=False) == (200, {"collected": ["S00", "TSLA", "OTHER"]})
    lookup.down = True
    assert add(symbol="MORE")[1]["note"] == "MORE was added unchecked (Venue is down); `tapeline run` collects it"
    page = PageData(
        MemoryStore(), watchlist=MemoryWatchlist(), lookup=lookup, feed=lambda: FeedPulse("polling", None, {})
    )
    with client_of(page) as collecting:
        collecting.take_csrf()
        note = collecting.request("POST", "/symbols", json={"symbol": "MORE"}).json()["note"]
    assert note == "MORE was added unchecked (Venue is down)", "it is collected from now on"
    assert client.document("/symbols")["names"]["TSLA"]["exchange"] == "NASDAQ"


def test_the_venue_is_not_searched_without_end_for_whoever_looks(client: Client, lookup: TeslaLookup) -> None:
    for number in range(60):
        assert client.document(f"/search?q=s{number}")["trouble"] is None
    answer = client.document("/search?q=s")
    assert answer["trouble"] == "Venue was searched often; it is asked again in a few seconds"
    assert [each["symbol"] for each in answer["symbols"]] == ["S00", "S01"], "what is stored is found all the same"
