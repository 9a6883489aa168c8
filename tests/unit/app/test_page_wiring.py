"""The page's data: the same over DynamoDB as over SQLite, and the health of a data directory."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.fakes.dynamodb import FakeDynamo
from tests.web_site import SPECS, client_of, filled, sample_bars
from typer.testing import CliRunner

from tapeline.app import config
from tapeline.app.data_directory import processing_alone
from tapeline.app.page_wiring import access_of, cloud_page_data, is_live, page_data_of
from tapeline.backends.sqlite.database import Database
from tapeline.cli.main import app
from tapeline.core.messages import Commit, Delivery
from tapeline.errors import ConfigError, ServingError
from tapeline.feeds.live.live_source import Status
from tapeline.runtime import delivery_lag
from tapeline.runtime.delivery_lag import DeliveryLag
from tapeline.runtime.processor import Processor
from tapeline.web import PageData

PATHS = [
    "/symbols/S00/bars?limit=50&indicators=sma_5,rsi_7", "/symbols/S00/bars?interval=5m&indicators=ema_9",
    "/symbols/S00/rows?limit=3",
    "/latest", "/predictions?symbol=S01",
]  # fmt: skip


def test_dynamodb_and_sqlite_show_the_same(tmp_path: Path) -> None:
    bars, dynamo = sample_bars(2, 120), FakeDynamo()
    settings = config.load(data_dir=tmp_path, indicators=SPECS, aws__rows_table="rows", aws__state_table="state")
    data = cloud_page_data(settings, lambda _: dynamo.client())
    step = Processor(SPECS).step(bars)
    data.store.commit(Commit(step.rows, step.states, len(bars)))
    with (
        filled(tmp_path, bars) as store,
        client_of(data) as there,
        client_of(PageData(store, indicators=SPECS)) as here,
    ):
        for path in PATHS:
            assert there.document(path) == here.document(path), path
        assert there.document("/health")["status"] == "ok"
        dynamo.refuse = lambda _: "AccessDeniedException"
        assert "AccessDenied" in there.document("/latest", 503)["detail"]


def test_the_health_of_a_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config.load(data_dir=tmp_path)
    with processing_alone(settings) as directory:
        bars = sample_bars(2, 50)
        directory.stream.append("test", Delivery(bars[:80]))
        step = Processor(SPECS).step(bars[:60])
        directory.store.commit(Commit(step.rows, step.states, 60))
        status = Status(("New York: open",), True, False, 2, 2, 9, 0, 0, 0, {"X": "unknown"}, 5, events=((7, "lost"),))
        (tmp_path / "evaluation.json").write_text("[damaged")
        monkeypatch.setattr(delivery_lag, "time", SimpleNamespace(monotonic=lambda: 64.0))
        lag = DeliveryLag()
        for position, seconds in enumerate([0.001] * 98 + [0.5] * 2):
            lag.stored(position)
            lag.appended(position, 64.0 - seconds)
        data = page_data_of(directory, live=True, collector=lambda: status, lag=lag, troubles=dict)
        with client_of(data) as client:
            found = client.document("/health")
            assert (found["status"], found["errors"]) == ("ok", [])  # a symbol that nobody knows is no fault of ours
            assert found["feed"] == {
                "state": "streaming", "heard": 5, "heard_time": "1970-01-01T00:00:00.005Z", "problems": {"X": "unknown"}
            }  # fmt: skip
            assert (found["depth"], found["rows"]) == (20, 60)
            measured = found["lag"]
            assert (measured["p50"], measured["p99"], measured["count"]) == (1.0, 500.0, 100)
            assert dict(zip(measured["bounds"], measured["counts"], strict=False)) == {
                **dict.fromkeys(delivery_lag.BOUNDS, 0), 0.005: 98, 0.5: 2
            }  # fmt: skip
            assert measured["seconds"] == pytest.approx(1.098)
            assert found["collector"] == {
                "state": "streaming", "last_message": 5, "last_message_time": "1970-01-01T00:00:00.005Z", "symbols": 2,
                "markets": ["New York: open"],
                "events": [{"timestamp": 7, "time": "1970-01-01T00:00:00.007Z", "text": "lost"}],
                "problems": {"X": "unknown"},
            }  # fmt: skip
            assert found["disk_free"] > 0
            assert client.document("/models") == {
            "models": [], "ranges": [], "contests": [], "evaluation": None, "no_model": "",
        }  # fmt: skip
            assert not is_live(directory)
            client.take_csrf()
            client.request("POST", "/symbols", json={"symbol": "nvda"})
            assert (tmp_path / "symbols.txt").read_text() == "NVDA\n"
            assert is_live(directory)


def test_settings_decide_who_may_do_what(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TAPELINE_PAGE__TOKEN", "a-token-of-more-than-24-characters")
    access = access_of(config.load(data_dir=tmp_path))
    access.bind("0.0.0.0")
    assert access.is_token("a-token-of-more-than-24-characters")
    monkeypatch.setenv("TAPELINE_PAGE__TOKEN", "short-secret")
    with pytest.raises(ConfigError, match="token") as caught:
        config.load()
    assert "short-secret" not in str(caught.value)
    monkeypatch.delenv("TAPELINE_PAGE__TOKEN")
    monkeypatch.setenv("TAPELINE_PAGE__BEHIND_LOGIN", "true")
    access = access_of(config.load(data_dir=tmp_path))
    assert access.behind_login
    assert "10.0.0.1" not in access.proxies, "who asks for a log-in is not thereby believed about who is asking"
    monkeypatch.setenv("TAPELINE_PAGE__TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    access = access_of(config.load(data_dir=tmp_path))
    assert ("10.0.0.1" in access.proxies, "::1" in access.proxies, "11.0.0.1" in access.proxies) == (True, True, False)
    monkeypatch.setenv("TAPELINE_PAGE__TRUSTED_PROXIES", "proxy.example")
    with pytest.raises(ConfigError, match=r"page\.trusted_proxies = 'proxy\.example'.*does not appear to be"):
        config.load()


@pytest.mark.parametrize("command", [["run", "--symbols", "AAPL"], ["demo"], ["dashboard"], ["process", "--dashboard"]])
def test_a_page_for_strangers_is_refused_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]
) -> None:
    Database(tmp_path / "tapeline.db").close()
    monkeypatch.setenv("TAPELINE_PAGE__HOST", "0.0.0.0")
    done = CliRunner().invoke(app, [*command, "--data-dir", str(tmp_path), "--port", "0"])
    assert isinstance(done.exception, ServingError)
    assert "\n" not in str(done.exception)
