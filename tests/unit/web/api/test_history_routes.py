"""`/api/v1/symbols/{symbol}/history`: all candles as a stream, with the values of every other answer."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet
import pytest
from tests.fakes.stores import MemoryStore
from tests.rows import random_rows
from tests.web_site import Client, client_of, filled, sample_bars

from tapeline.core.messages import Commit
from tapeline.web import PageData
from tapeline.web.api import history_routes

PATH = "/symbols/S00/history?indicators=sma_5&interval="


@pytest.fixture(scope="module", params=["file", "memory"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    bars = sample_bars(1, 300)
    if request.param == "memory":
        store = MemoryStore()
        store.commit(Commit(random_rows(bars, ()), {}, 0))
        with client_of(PageData(store)) as found:
            yield found
    else:
        with filled(tmp_path_factory.mktemp("history"), bars) as stored, client_of(PageData(stored)) as found:
            yield found


@pytest.mark.parametrize("interval", ["1m", "5m"])
def test_a_stream_has_all_candles_whatever_its_parts(
    client: Client, interval: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tapeline.web.candles.PAGE_CANDLES", 37)
    columns = client.document(f"/symbols/S00/bars?limit=1000&indicators=sma_5&interval={interval}")["columns"]
    stream = pa.ipc.open_stream(client.get(f"{PATH}{interval}").content).read_all()
    file = pa.parquet.read_table(io.BytesIO(client.get(f"{PATH}{interval}&format=parquet").content))
    assert stream.equals(file)
    assert stream["timestamp"].cast(pa.int64()).to_pylist() == columns["t"]
    assert stream["close"].to_pylist() == columns["c"]
    assert stream["sma_5"].to_pylist() == columns["sma_5"]
    assert ("prediction" in stream.column_names) == (interval == "1m")


def test_a_part_of_a_history_is_chosen_by_time(client: Client) -> None:
    stream = pa.ipc.open_stream(
        client.get(f"{PATH}1m&start=2019-02-11T15:00Z&end=2019-02-11T15:10Z").content
    ).read_all()
    assert len(stream) == 10
    client.document("/symbols/NOPE/history", 404)
    client.document("/symbols/S00/history?interval=7m", 409)
    assert pa.ipc.open_stream(client.get(f"{PATH}1m&end=2000-01-01").content).read_all().num_rows == 0


def test_one_history_too_many_is_refused_until_another_has_ended(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_routes, "MOST_HISTORIES", 1)
    assert client.get(f"{PATH}1m").status_code == 200, "those before have ended"
    monkeypatch.setattr(history_routes, "MOST_HISTORIES", 0)
    answer = client.get(f"{PATH}1m")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
