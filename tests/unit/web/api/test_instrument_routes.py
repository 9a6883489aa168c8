"""`/api/v1/symbols/{symbol}/instrument`: what there is to know beside the bars."""

from __future__ import annotations

from tests.conftest import START
from tests.fakes.lookups import TeslaLookup
from tests.fakes.stores import MemoryStore
from tests.rows import row
from tests.web_site import client_of

from tapeline.core.market import Reject
from tapeline.core.messages import Action
from tapeline.web import PageData, ReplayProgress


def test_an_instrument_has_a_name_a_next_session_actions_and_refused_records() -> None:
    store = MemoryStore()
    store.put(row("TSLA", START, 10.0), row("BTC-USD", START, 1.0))
    refused = [Reject("f", "line 1", "why", raw) for raw in (b"TSLA,1", b"TSLAX,1", b"xTSLA", b'"TSLA"')]
    dividend, split = Action(5, "dividend", 0.2, "USD"), Action(9, "split", 5.0)
    data = PageData(
        store, lookup=TeslaLookup(), rejects=lambda limit: iter(refused), replay=lambda: ReplayProgress(1),
        actions=lambda symbol: [dividend, split] if symbol == "TSLA" else [],
    )  # fmt: skip
    with client_of(data) as client:
        client.document("/symbols")  # quotes say which time it is in a replay
        found = client.document("/symbols/tsla/instrument")
        assert (found["symbol"], found["name"], found["exchange"]) == ("TSLA", "Tesla, Inc.", "NASDAQ")
        assert found["zone"] == "America/New_York"
        assert found["session"]["opens"] > START
        assert found["session"]["closes"] - found["session"]["opens"] == 6.5 * 3_600_000
        assert [action["kind"] for action in found["actions"]] == ["split", "dividend"]
        assert [each["raw"] for each in found["rejects"]] == ['"TSLA"', "TSLA,1"]
        bitcoin = client.document("/symbols/BTC-USD/instrument")
        assert (bitcoin["name"], bitcoin["session"], bitcoin["actions"]) == ("", None, [])
        client.document("/symbols/NOPE/instrument", 404)
