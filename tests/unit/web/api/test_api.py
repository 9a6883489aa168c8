"""What each operation answers, in every format, and how it says that something is wrong."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pandas as pd
import pyarrow.parquet as pq
import pytest
from tests.conftest import MINUTE, START, random_bars
from tests.fakes.stores import MemoryStore
from tests.fakes.watchlists import MemoryWatchlist
from tests.rows import row
from tests.web_site import SPECS, Client, client_of, filled, sample_bars

from tapeline.backends.files.file_registry import LocalFolder
from tapeline.core.candle_intervals import INTERVALS
from tapeline.core.times import DAY, epoch_ms
from tapeline.errors import StorageError
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.contests import Attempt, error_of_attempt
from tapeline.forecast.registry import Registry
from tapeline.indicators.catalogue import CATALOGUE
from tapeline.research.training import fit
from tapeline.runtime.clock import now_ms
from tapeline.web import PageData, ReplayProgress

PARQUET = "application/vnd.apache.parquet"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Two versions; the newer one is in use."""
    registry = Registry(LocalFolder(tmp_path_factory.mktemp("models")))
    bars = random_bars(4, 900)
    for count in (2400, 2800):
        model = fit([bars[:count]])
        registry.save(DEFAULT_NAME, model)
        registry.promote(DEFAULT_NAME, model.version, at=0, force=True)
    return registry


LAG = {"p50": 3.0, "p99": 9.0, "count": 5, "bounds": [0.25, 0.5], "counts": [3, 1, 1], "seconds": 1.5}


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Iterator[PageData]:
    folder, model = tmp_path_factory.mktemp("data"), registry.load(DEFAULT_NAME)
    with filled(folder, sample_bars(4, 1400), predictor=model) as store:
        yield PageData(
            store,
            stored=store.count,
            registry=registry,
            rejects=store.rejects,
            watchlist=MemoryWatchlist("S00", "NEW"),
            currency=lambda symbol: {"S01": "GBp"}.get(symbol, ""),
            health=lambda: {"lag": LAG, "depth": 2, "disk_free": 10**9},
            evaluation=lambda: {"headline": "not better"},
            indicators=SPECS,
        )


@pytest.fixture(scope="module")
def client(view: PageData) -> Iterator[Client]:
    with client_of(view) as client:
        client.take_csrf()
        yield client


def test_the_watch_list_has_quotes_with_market_and_currency(client: Client) -> None:
    document = client.document("/symbols")
    quotes = {quote["symbol"]: quote for quote in document["symbols"]}
    assert sorted(quotes) == ["S00", "S01", "S02", "S03"]
    assert quotes["S01"]["currency"] == "GBp"
    assert quotes["S00"]["currency"] is None
    assert quotes["S00"]["market"].keys() == {"phase", "next", "next_time", "opens", "opens_time", "zone"}
    assert quotes["S00"]["market"]["zone"] == "America/New_York"
    assert epoch_ms(quotes["S00"]["time"]) == quotes["S00"]["timestamp"]
    assert document["collected"] == ["S00", "NEW"]


def test_bars_are_columns_of_one_length_without_nan(client: Client) -> None:
    document = client.document("/symbols/S00/bars?limit=10&indicators=sma_5,sma_1000")
    assert {len(column) for column in document["columns"].values()} == {10}
    assert document["columns"].keys() == {*"tohlcvfspyx", "sma_5", "sma_1000"}
    assert document["names"] == ["sma_5", "sma_1000"]
    assert (document["interval"], document["intervals"]) == ("1m", list(INTERVALS))
    assert document["next"] == document["columns"]["t"][0]
    assert None not in document["columns"]["sma_5"]
    few = client.document(f"/symbols/S00/bars?end={START + 3 * MINUTE}&indicators=sma_5")
    assert few["columns"]["sma_5"] == [None, None, None]
    assert few["next"] is None


def test_bars_say_what_every_column_is(client: Client) -> None:
    document = client.document("/symbols/S00/bars?limit=1&indicators=macd_5_8_3,stochrsi_14_5_3,rsi")
    outputs = document["outputs"]
    assert list(outputs) == document["names"]
    assert outputs["macd_5_8_3_hist"] == {
        "spec": "macd_5_8_3", "indicator": "macd", "parameters": [5, 8, 3], "suffix": "_hist",
    }  # fmt: skip
    assert outputs["rsi_14"]["spec"] == "rsi_14"
    catalogue = {one["name"]: one for one in client.document("/indicators")["indicators"]}
    assert all(one["suffix"] in catalogue[one["indicator"]]["suffixes"] for one in outputs.values())


def test_intervals_of_a_symbol_are_stored_side_by_side() -> None:
    store = MemoryStore()
    said = {"prediction": "UP", "probability": 0.7, "model": "m"}
    store.put(*(row("T", START - START % DAY + at * DAY, 10.0 + at, **said) for at in range(5)))
    store.put(*(row("T@1m", START + 4 * DAY + at * MINUTE, 50.0 + at) for at in range(5)))
    store.put(row("U", START, 1.0), row("U", START + MINUTE, 2.0))
    with client_of(PageData(store)) as client:
        quotes = {quote["symbol"]: quote["price"] for quote in client.document("/symbols")["symbols"]}
        assert quotes == {"T": 54.0, "U": 2.0}
        found = {name: client.document(f"/symbols/T/bars{name}") for name in ("", "?interval=1d", "?interval=5m")}
        prices = {name: each["columns"]["c"] for name, each in found.items()}
        assert prices == {"": [50.0, 51, 52, 53, 54], "?interval=1d": [10.0, 11, 12, 13, 14], "?interval=5m": [54.0]}
        assert {each["stored_interval"] for each in found.values()} == {"1m", "1d"}
        assert {tuple(each["intervals"]) for each in found.values()} == {tuple(INTERVALS)}
        assert found["?interval=1d"]["columns"]["s"] == [1] * 5
        assert client.document("/symbols/T@1d/bars")["columns"]["c"] == prices["?interval=1d"]
        assert client.document("/symbols/T/bars?interval=1w")["stored_interval"] == "1d"
        for path in ("/symbols/T/rows?", "/symbols/T%401d/rows?", "/symbols/T/rows?interval=1d&"):
            rows = client.document(f"{path}limit=1")["rows"]
            assert rows[0]["price"] == (54.0 if path.endswith("rows?") and "%" not in path else 14.0)
        assert len(client.document("/predictions?symbol=T&interval=1d")["predictions"]) == 5
        assert client.document("/predictions?symbol=T")["predictions"] == []
        assert client.document("/scores?symbol=T&interval=1d")["rows"] == 5
        missing = client.get("/symbols/T/rows?interval=5m")
        assert missing.status_code == 404
        assert missing.json()["detail"].startswith(
            "no 5m bars of T are stored; there is 1m and 1d; `tapeline export T --in"
        )
        assert sorted(row["stock_symbol"] for row in client.document("/latest")["rows"]) == ["T", "T@1m", "U"]


@pytest.mark.parametrize(
    "path", ["/symbols/S00/bars?limit=20&times=true", "/symbols/S00/rows?limit=20", "/predictions?symbol=S00&limit=20"]
)
def test_every_format_has_the_same_data(client: Client, path: str) -> None:
    csv = client.get(path, headers={"Accept": "text/csv"})
    assert csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert csv.headers["content-disposition"].endswith('.csv"')
    frame = pd.read_csv(io.BytesIO(csv.content))
    parquet = client.get(path + "&format=parquet")
    assert parquet.headers["content-type"] == PARQUET
    table = pq.read_table(io.BytesIO(parquet.content))
    assert table.column_names == list(frame.columns)
    assert str(table.schema.field("timestamp").type) == "timestamp[ms, tz=UTC]"
    document = client.document(path)
    times = document["columns"]["t"] if "columns" in document else [
        one["timestamp"] for one in document.get("rows", document.get("predictions"))
    ]  # fmt: skip
    assert frame["timestamp"].tolist() == times
    texts = document["columns"]["time"] if "columns" in document else [
        one["time"] for one in document.get("rows", document.get("predictions"))
    ]  # fmt: skip
    assert [datetime.fromisoformat(text).timestamp() * 1000 for text in texts] == times
    assert table.column("timestamp").cast("int64").to_pylist() == times
    link = client.get(path).headers["link"]
    assert link == csv.headers["link"]
    assert link.endswith('; rel="next"')
    older = client.get(link.partition(">")[0][1:])
    assert older.status_code == 200
    assert f"={document['next']}" in link


def test_predictions_in_a_file_are_words(client: Client) -> None:
    frame = pd.read_csv(io.BytesIO(client.get("/symbols/S00/bars?format=csv&limit=200").content))
    assert set(frame["prediction"].dropna()) <= {"UP", "DOWN", "HOLD"}
    assert frame["probability"].dropna().between(0, 1).all()


def test_a_client_that_accepts_no_format_is_406(client: Client) -> None:
    assert "image/png" in client.document("/latest", 406, headers={"Accept": "image/png"})["detail"]
    assert (
        client.get("/latest", headers={"Accept": "text/html, text/csv;q=0.9, */*;q=0.1"})
        .headers["content-type"]
        .startswith("text/csv")
    )
    assert client.document("/latest", 422, params={"format": "xml"})["detail"].startswith("format:")


def test_rows_have_the_stores_names(client: Client) -> None:
    document = client.document("/symbols/S00/rows?limit=2")
    newest = document["rows"][-1]
    assert newest["stock_symbol"] == "S00"
    assert newest["indicator"].keys() == {"sma_5", "rsi_7", "macd_5_8_3", "macd_5_8_3_signal", "macd_5_8_3_hist"}
    assert newest["prediction"] in {"UP", "DOWN", "HOLD"}
    older = client.document(f"/symbols/S00/rows?limit=2&cursor={document['next']}")
    assert older["rows"][-1]["timestamp"] == document["rows"][0]["timestamp"] - MINUTE
    assert [one["stock_symbol"] for one in client.document("/latest")["rows"]] == ["S00", "S01", "S02", "S03"]


def test_predictions_come_with_their_outcomes(client: Client, registry: Registry) -> None:
    document = client.document("/predictions?symbol=S00&limit=100")
    found = document["predictions"]
    assert len(found) == 100
    assert {one["model"] for one in found} == {registry.current(DEFAULT_NAME)}
    assert [one["outcome"] for one in found[-5:]] == [None] * 5, "their horizon has not passed"
    assert {one["outcome"] for one in found[:-5]} <= {"UP", "DOWN", "HOLD"}
    bars = client.document("/symbols/S00/bars?limit=100")["columns"]
    assert [one["timestamp"] for one in found] == bars["t"]


def test_the_catalogue_is_complete(client: Client) -> None:
    found = client.document("/indicators")["indicators"]
    assert [one["name"] for one in found] == list(CATALOGUE)
    macd = next(one for one in found if one["name"] == "macd")
    assert macd["pane"] == "own"
    bands = next(one for one in found if one["name"] == "bbands")
    assert set(bands["off_price"]) < set(bands["outputs"])
    assert [p["default"] for p in macd["parameters"]] == [12, 26, 9]
    assert macd["outputs"] == [macd["spec"] + suffix for suffix in macd["suffixes"]]


def test_scores_are_graded_with_intervals_and_base_rates(client: Client, registry: Registry) -> None:
    document = client.document("/scores?last=400")
    assert (document["symbols"], document["per_symbol"], document["rows"]) == (4, 400, 1600)
    whole = document["grades"][0]
    assert (whole["symbol"], whole["model"]) == ("", "")
    assert whole["brier"]["low"] < whole["brier"]["value"] < whole["brier"]["high"]
    assert 0 < whole["brier_base"] <= 0.25
    assert (whole["answered"], whole["hit_rate"]["value"], whole["base_rate"]) == (0, None, None), "no gate was passed"
    assert whole["called"] == 0
    counted = whole["graded"] + whole["held"] + whole["pending"] + whole["undecidable"]
    assert counted == whole["predicted"]
    assert len(document["calibration"]) == 10
    rolling = document["rolling"]
    assert 1 < len(rolling["timestamp"]) == len(rolling["hit_rate"]) == len(rolling["brier"]) <= 200
    one = client.document("/scores?symbol=S01&last=400")
    assert {grade["symbol"] for grade in one["grades"]} == {"", "S01"}
    assert client.document("/scores?symbol=NONE", 404)["detail"].startswith("there are no bars of NONE")
    assert "of S0X (did you mean S0" in client.document("/symbols/S0X/bars", 404)["detail"]


def test_models_come_with_grades_drift_and_importance(client: Client, registry: Registry) -> None:
    registry.record(DEFAULT_NAME, Attempt(now_ms(), "one", "two", was_held=True, promotes=False, gain=-0.25))
    document = client.document("/models")
    old, new = document["models"]
    [contests] = document["contests"]
    assert contests["attempts"][0]["gain"] == -0.25
    assert (contests["held"], contests["next"]) == (1, error_of_attempt(2))
    assert contests["left"] == pytest.approx(contests["error"] - error_of_attempt(1))
    assert (old["current"], new["current"]) == (False, True)
    assert new["version"] == registry.current(DEFAULT_NAME)
    assert new["grade"]["model"] == new["version"]
    assert old["grade"] is None
    assert {one["feature"] for one in new["importance"]} <= set(new["features"])
    gains = [one["gain"] for one in new["importance"]]
    assert gains == sorted(gains, reverse=True)
    assert sum(gains) == pytest.approx(1)
    assert new["drift"][0].keys() == {"feature", "psi", "warning"}
    assert new.keys() >= {"metrics", "gate"}
    assert document["evaluation"] == {"headline": "not better"}


def test_a_version_is_promoted_and_rolled_back(client: Client, registry: Registry) -> None:
    old, new = (entry.version for entry in registry.entries())
    promoted = client.request("POST", f"/models/{old}/promote", json={"force": True})
    assert promoted.json() == {"name": "default", "version": old}
    assert registry.current(DEFAULT_NAME) == old
    assert client.request("POST", "/models/rollback").json() == {"name": "default", "version": new}
    assert client.request("POST", "/models/20200101-00000000/promote").status_code == 404
    assert client.request("POST", f"/models/{old}/promote", json={"name": "../x"}).status_code == 422


def test_a_version_that_has_won_no_contest_is_not_promoted_by_accident(client: Client, registry: Registry) -> None:
    old, new = (entry.version for entry in registry.entries())
    answer = client.request("POST", f"/models/{old}/promote")
    assert answer.status_code == 409
    assert f"{old} has not beaten {new}" in answer.json()["detail"]


def test_symbols_are_added_to_the_list_and_removed(view: PageData) -> None:
    names = MemoryWatchlist("AAPL")
    with client_of(PageData(view.store, watchlist=names)) as client:
        client.take_csrf()
        assert client.request("POST", "/symbols", json={"symbol": "nvda"}).json() == {"collected": ["AAPL", "NVDA"]}
        assert client.request("POST", "/symbols", json={"symbol": "NVDA"}).json() == {"collected": ["AAPL", "NVDA"]}
        assert client.request("DELETE", "/symbols/AAPL").json() == {"collected": ["NVDA"]}
        assert client.request("DELETE", "/symbols/AAPL").status_code == 404
        assert client.document("/symbols/NVDA/bars")["columns"]["t"] == [], "collected, but there is nothing yet"
        names.symbols = [f"A{k}" for k in range(1000)]
        assert client.request("POST", "/symbols", json={"symbol": "NVDA"}).status_code == 409


def test_a_replay_has_no_list_to_change(view: PageData) -> None:
    with client_of(PageData(view.store)) as client:
        client.take_csrf()
        answer = client.request("POST", "/symbols", json={"symbol": "NVDA"})
        assert (answer.status_code, answer.json()["detail"][:24]) == (409, "nothing is collected her")
        assert client.document("/symbols")["collected"] is None


def test_health_and_metrics_report_the_parts(client: Client) -> None:
    found = client.document("/health")
    assert (found["status"], found["error"], found["rejects"], found["rows"]) == ("ok", None, 1, 5600)
    assert (found["lag"]["p99"], found["depth"], found["collector"]) == (9.0, 2, None)
    text = client.get("/metrics").text
    assert "tapeline_rows 5600.0" in text
    assert 'tapeline_lag_seconds_bucket{le="0.5"} 4.0\ntapeline_lag_seconds_bucket{le="+Inf"} 5.0' in text
    assert "tapeline_lag_seconds_count 5.0\ntapeline_lag_seconds_sum 1.5" in text
    assert "tapeline_collector_streaming NaN" in text  # nobody collects here
    (reject,) = client.document("/rejects")["rejects"]
    assert reject["raw"] == "AAPL,<script>,\\xff"


def test_a_replay_uses_the_time_of_its_newest_bar(view: PageData) -> None:
    store = MemoryStore()
    store.put(row("AAPL", START, 5.0))
    with client_of(PageData(store, replay=lambda: ReplayProgress(1, 2))) as client:
        (quote,) = client.document("/symbols")["symbols"]
        assert quote["market"]["phase"] == "open"
        assert client.document("/health")["replay"] == {"done": 1, "total": 2, "ended": False}


def test_a_store_that_cannot_be_read_is_503_and_reported_in_health() -> None:
    store = MemoryStore()
    store.put(row("A", START, 5.0))
    store.error = StorageError("the disk\nis gone")
    with client_of(PageData(store)) as client:
        for path in ("/symbols", "/symbols/A/bars", "/symbols/A/rows", "/latest", "/predictions?symbol=A", "/scores"):
            assert client.document(path, 503) == {"detail": "the disk\\nis gone"}, path
        found = client.document("/health")
        assert (found["status"], found["error"]) == ("trouble", "the disk\\nis gone")
        assert "tapeline_up 0.0" in client.get("/metrics").text


def test_a_defect_is_500_without_internals_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    store.error = RuntimeError("a secret of the inside")
    with client_of(PageData(store)) as client:
        answer = client.get("/latest")
    assert (answer.status_code, answer.json()["detail"][:17]) == (500, "an internal error")
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "a secret of the inside" in caplog.text


#: Texts that break out of what they are put into where it is made carelessly. No symbol has such characters ...
REFUSED = [
    "A' OR '1'='1", 'A"; DROP TABLE rows; --', "../../etc/passwd", "<script>alert(1)</script>", "A\x00B",
    "A\r\nSet-Cookie: a=b", "A" * 33, "Ａ", "\u202eA", " ", "\\", "A B", "A&B",
]  # fmt: skip

#: ... and these are printable ASCII that means nothing anywhere here.
MEANINGLESS = ["{{7*7}}", "$(id)", "`id`", "%", "..%2f..%2fetc%2fpasswd", "A;--", "=1+1", "${jndi:x}"]


@pytest.mark.parametrize("text", REFUSED + MEANINGLESS)
def test_hostile_symbols_are_refused_or_unknown(client: Client, text: str) -> None:
    refused = text in REFUSED
    for path in (f"/symbols/{quote(text, safe='')}/bars", f"/symbols/{quote(text, safe='')}/rows"):
        answer = client.get(path)
        assert answer.status_code in ({404, 422} if refused else {404}), answer.text
        assert "set-cookie" not in answer.headers
    for path in ("/predictions", "/scores", *(["/events"] if refused else [])):
        answer = client.get(path, params={"symbol": text})
        assert answer.status_code == (422 if refused else 404), answer.text
    added = client.request("POST", "/symbols", json={"symbol": text})
    assert added.status_code == (422 if refused else 200)
    if not refused:
        assert text.upper() in added.json()["collected"]
        assert client.request("DELETE", f"/symbols/{quote(text, safe='')}").status_code == 200


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=0", 422), ("limit=1e3", 422), ("limit=-1", 422), ("limit=99999999", 422), ("start=now", 422),
        ("end=9999999999999999999999", 422), ("before=1.5", 422), ("interval=0m", 422), ("interval=1 OR 1", 422),
        ("interval=7m", 409), ("indicators=__import__('os')", 422), ("indicators=sma_0", 404),
        ("indicators=sma_99999999", 404), ("indicators=exec_1", 404), ("indicators=" + "sma_5," * 200, 422),
        ("indicators=" + ",".join(f"sma_{k}" for k in range(2, 40)), 422), ("format=html", 422),
    ],
)  # fmt: skip
def test_wrong_parameters_are_refused_in_one_line(client: Client, query: str, status: int) -> None:
    detail = client.document(f"/symbols/S00/bars?{query}", status)["detail"]
    assert detail
    assert "\n" not in detail
    assert not re.search(r"Value error|Input|string|String|should|\^", detail)  # a library's words, or a pattern
    assert ("write 2026-01-02" in detail) == query.startswith(("start=now", "before=1.5"))


def test_a_refused_parameter_is_told_what_is_allowed(client: Client) -> None:
    def said(path: str) -> str:
        return str(client.document(path, 422)["detail"])

    assert said("/symbols/S00/odds?price=10&within=25") == "within: '25' is too large; at most 20 is possible"
    assert said("/symbols/S00/bars?interval=daily") == "interval: 'daily' is not an interval, such as 5m or 1d"
    assert said("/events?also=A") == "also.0: 'A' is not a symbol, @ and an interval, such as MSFT@5m"
    assert (
        said("/scan?name=1")
        == "'1' is no name for a scan: a letter, then letters, digits, dash and underscore, at most 40"
    )
    assert said("/search?q=") == "q: it is too short; at least 1 character is needed"
    assert said("/symbols/S00/odds?price=nan") == "price: 'nan' is not a number"
    assert said("/symbols/S00/odds?price=1e16") == "price: '1e16' is too large; it must be below 1e+15"
    assert said("/symbols/S00/odds") == "price: it is missing"
    assert said("/latest?formats=csv") == "there is no parameter 'formats' here; did you mean format?"
    assert said("/health?limit=5") == "there is no parameter 'limit' here; there are: none"
    assert client.request("POST", "/symbols", json=[1]).json()["detail"] == "body: it is not a JSON object"
    assert client.request("POST", "/symbols", json={"symbol": 5}).json()["detail"] == "symbol: 5 is not a text"
    scan = {"rule": "price > 1", "columns": ["close", 1]}
    assert client.request("PUT", "/scans/a", json=scan).json()["detail"] == "columns.1: 1 is not a text"
    assert client.request("PUT", "/desk/layout", json=[1]).json()["detail"] == "body: it is not a JSON object"
    wrong = client.request("POST", "/symbols", content=b"{x", headers={"Content-Type": "application/json"})
    assert wrong.json()["detail"] == "body: it is not JSON"


def test_an_unknown_path_is_404_as_json(client: Client) -> None:
    nothing = "there is nothing at /api/v1/nothing; /reference/ lists every operation"
    assert client.document("/nothing", 404) == {"detail": nothing}
    wrong = client.request("PUT", "/latest")
    assert (wrong.status_code, wrong.json()["detail"][:34]) == (405, "/api/v1/latest does not take PUT; ")
    assert client.request("PUT", "/symbols").status_code == 405


def test_the_openapi_document_needs_no_other_host(client: Client) -> None:
    document: dict[str, Any] = client.document("/openapi.json")
    assert "/api/v1/symbols/{symbol}/bars" in document["paths"]
    assert client.get("/docs").status_code == 404, "the ready-made pages load scripts from elsewhere"
