"""Answers are compressed for who takes that, and left out where the client has them; streams and secrets pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.web_site import Client, client_of, filled, sample_bars

from tapeline.web import PageData
from tapeline.web.compact_answers import takes_gzip

BARS = "/symbols/S00/bars?limit=100&indicators="


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("compact")
    with filled(folder, sample_bars(1, 120)) as store, client_of(PageData(store)) as found:
        yield found


def test_an_answer_is_compressed_for_who_takes_it(client: Client) -> None:
    plain = client.get(BARS, headers={"Accept-Encoding": "identity"})
    packed = client.get(BARS, headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    parquet = client.get(f"{BARS}&format=parquet")
    assert "content-encoding" not in parquet.headers
    assert "etag" in parquet.headers


def test_what_the_client_has_is_not_sent_again(client: Client) -> None:
    first = client.get(BARS)
    again = client.get(BARS, headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == "no-store"
    assert client.get(f"{BARS}&start=2019-02-12", headers={"If-None-Match": first.headers["etag"]}).status_code == 200


def test_a_monitor_may_ask_for_the_head_alone(client: Client) -> None:
    full, head = client.get(BARS), client.request("HEAD", BARS)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == full.headers
    assert client.request("HEAD", "/health").status_code == client.request("HEAD", "/").status_code == 200


def test_the_answer_with_the_token_of_a_session_is_never_compressed(client: Client) -> None:
    answer = client.get("/session", headers={"Accept-Encoding": "gzip"})
    assert {"etag", "content-encoding"} & answer.headers.keys() == set()


def test_a_time_may_be_an_iso_date(client: Client) -> None:
    times = client.document(BARS)["columns"]["t"]
    assert client.document(f"{BARS}&start=2019-02-11T15:00Z")["columns"]["t"][0] == 1549897200000
    assert client.document(f"{BARS}&end=2019-02-11")["columns"]["t"] == []
    assert client.document(f"{BARS}&start={times[7]}")["columns"]["t"] == times[7:]
    client.document(f"{BARS}&start=2019-02-30", 422)


@pytest.mark.parametrize(
    ("accepted", "takes"), [("gzip", True), ("GZIP;q=0.2", True), ("gzip;q=0", False), ("br", False)]
)
def test_the_header_says_whotakes_gzip(accepted: str, takes: bool) -> None:
    assert takes_gzip(accepted) is takes
