"""`/api/v1/scan` and `/api/v1/scans`: what a rule holds on, and questions saved by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import random_bars
from tests.fakes.stores import MemoryStore
from tests.rows import random_rows
from tests.web_site import Client, client_of

from tapeline.alerts.saved_scans import SavedScans
from tapeline.core.messages import Commit
from tapeline.web import PageData


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    store = MemoryStore()
    store.commit(Commit(random_rows(random_bars(3, 20, 5), ()), {}, 0))
    with client_of(PageData(store, scans=SavedScans(tmp_path / "scans.json"))) as found:
        found.take_csrf()
        yield found


def test_matches_come_with_their_columns(client: Client) -> None:
    found = client.document("/scan?rule=price > 0&columns=price,bar_change&sort=-bar_change&limit=2")
    assert (found["matched"], found["looked_at"], found["unknown"], found["why_unknown"]) == (3, 3, 0, "")
    why = client.document("/scan?rule=rsi_50 < 30")["why_unknown"]
    assert why == "rsi_50 needs 51 closed bars, S00 has 20"
    assert found["columns"] == ["price", "bar_change"]
    assert client.document("/scan?rule=price > 0 for S00,NONE")["without_bars"] == ["NONE"]
    assert len(found["matches"]) == 2
    assert found["matches"][0]["bar_change"] >= found["matches"][1]["bar_change"]
    text = client.request("GET", "/scan?rule=price > 0&columns=price&format=csv").text
    assert text.splitlines()[0].replace('"', "") == "symbol,interval,timestamp,final,price"
    assert client.document("/scan?rule=prise > 0", 422)["detail"]["length"] == len("prise")


def test_a_scan_is_saved_asked_by_name_and_forgotten(client: Client) -> None:
    wording = {"rule": "price > 0", "columns": ["price"], "interval": "", "sort": "price"}
    assert client.request("PUT", "/scans/all", json=wording).json() == {"name": "all", **wording}
    assert client.document("/scans")["scans"] == [{"name": "all", **wording}]
    assert client.document("/scan?name=all")["matched"] == 3
    client.document("/scan?name=all&rule=price > 0", 422)
    assert client.request("PUT", "/scans/worse", json={"rule": "price >"}).status_code == 422
    assert client.request("DELETE", "/scans/all").status_code == 204
    client.document("/scan?name=all", 404)
