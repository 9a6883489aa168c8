"""`/api/v1/alerts`: what fired, and rules by those who may change them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from tests.fakes.stores import MemoryStore
from tests.web_site import Client, client_of

from tapeline.alerts.alert_records import Alert
from tapeline.alerts.grammar import parse_rule
from tapeline.alerts.journal import Journal
from tapeline.alerts.service import Alerts
from tapeline.errors import StorageError
from tapeline.web import Access, PageData
from tapeline.web.api.application import create_app
from tapeline.web.page import Page


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with contextlib.closing(Journal(tmp_path / "alerts.db", create=True)) as found:
        yield found


@pytest.fixture
def client(journal: Journal) -> Iterator[Client]:
    alerts = Alerts(journal, ["rsi < 30"])
    with client_of(PageData(MemoryStore(), alerts=alerts)) as found:
        found.take_csrf()
        yield found


def test_fired_alerts_come_newest_first(client: Client, journal: Journal) -> None:
    assert client.document("/alerts") == {"alerts": []}
    journal.record({}, [Alert(f"k{n}", "rsi_14 < 30", f"S{n}", n, n, "rsi_14 29", 9.5) for n in range(3)], ["log"])
    assert [each["symbol"] for each in client.document("/alerts")["alerts"]] == ["S2", "S1", "S0"]
    [newest] = client.document("/alerts?limit=1")["alerts"]
    assert newest == {
        "id": 3, "key": "k2", "rule": "rsi_14 < 30", "symbol": "S2", "timestamp": 2, "at": 2, "text": "rsi_14 29",
        "time": "1970-01-01T00:00:00.002Z", "at_time": "1970-01-01T00:00:00.002Z", "price": 9.5,
        "deliveries": [{"channel": "log", "state": "pending", "attempts": 0, "error": "", "at": None, "at_time": None}],
    }  # fmt: skip
    client.document("/alerts?limit=0", 422)
    journal.delivered("log", journal.pending("log", 9), at=1_784_000_000_000)
    [delivery] = client.document("/alerts?limit=1")["alerts"][0]["deliveries"]
    assert delivery["at_time"] == "2026-07-14T03:33:20Z"


def test_every_name_that_is_offered_can_be_read_and_a_text_is_read_while_it_is_typed(client: Client) -> None:
    names = {each["name"]: each["about"] for each in client.document("/alerts/names")["names"]}
    assert names["macd_12_26_9_signal"] == "Moving average convergence/divergence: signal"
    assert names["low_80_5"] == "lower end of the 80% band, 5 bars ahead"
    assert {"price", "rsi_14", "p_big_move_1"} < names.keys()
    for name in names.keys() - {"prediction"}:
        assert parse_rule(f"{name} > 0").text
    assert client.document("/alerts/reading?rule=RSI<30 for aapl") == {
        "rule": "rsi_14 < 30 for AAPL", "fault": None, "unknown": ["AAPL"],
    }  # fmt: skip
    half = client.document("/alerts/reading?rule=rsi <")
    assert half["rule"] is None
    assert (half["fault"]["place"], half["fault"]["length"]) == (5, 1)


def test_rules_are_added_and_removed(client: Client) -> None:
    [own] = client.document("/alerts/rules")["rules"]
    assert (own["text"], own["source"], own["removable"]) == ("rsi_14 < 30", "settings", False)
    answer = client.request("POST", "/alerts/rules", json={"text": "price crosses above 10 for aapl"})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["text"], made["source"], made["removable"]) == ("price crosses above 10 for AAPL", "page", True)
    assert (made["paused"], made["unknown"]) == (False, ["AAPL"])
    edited = client.request("PATCH", f"/alerts/rules/{made['id']}", json={"text": "price > 12", "paused": True}).json()
    assert (edited["text"], edited["paused"]) == ("price > 12", True)
    assert client.request("PATCH", f"/alerts/rules/{made['id']}", json={"paused": True}).status_code == 404
    assert client.document(f"/alerts?rule={edited['id']}") == {"alerts": []}
    back = {"text": made["text"], "paused": False}
    made = client.request("PATCH", f"/alerts/rules/{edited['id']}", json=back).json()
    assert (own["symbols"], own["level"]) == ([], None)
    assert (made["symbols"], made["level"]) == (["AAPL"], {"price": 10.0, "above": True})
    assert client.document("/alerts/rules")["rules"] == [own, {name: made[name] for name in own}]
    assert client.request("POST", "/alerts/rules", json={"text": made["text"]}).status_code == 409
    assert client.request("DELETE", f"/alerts/rules/{own['id']}").status_code == 409
    assert client.request("DELETE", f"/alerts/rules/{made['id']}").status_code == 204
    assert client.request("DELETE", f"/alerts/rules/{made['id']}").status_code == 404
    assert client.request("DELETE", "/alerts/rules/nothing").status_code == 422
    client.csrf = ""
    assert client.request("POST", "/alerts/rules", json={"text": "price > 1"}).status_code == 403


@pytest.mark.parametrize(
    "text", ["rsi_14 <", "<script>alert(1)</script>", "price > 1 for A'; DROP TABLE rules;--", "\0"]
)
def test_a_text_that_is_not_a_rule_is_refused_with_its_column(client: Client, text: str) -> None:
    answer = client.request("POST", "/alerts/rules", json={"text": text})
    assert answer.status_code == 422
    fault = answer.json()["detail"]
    assert fault["message"].startswith(f"column {fault['place'] + 1}: ")
    assert fault["length"] >= 1
    assert len(client.document("/alerts/rules")["rules"]) == 1
    for body in ({"text": ""}, {"text": "x" * 501}, {"text": 3}, {}, {"text": "price > 1", "more": 1}):
        assert client.request("POST", "/alerts/rules", json=body).status_code == 422


def test_a_page_without_alerts_lists_none_and_refuses_rules(journal: Journal) -> None:
    with client_of(PageData(MemoryStore())) as client:
        client.take_csrf()
        assert client.document("/alerts") == {"alerts": []}
        assert client.document("/alerts/rules") == {"rules": []}
        assert client.request("POST", "/alerts/rules", json={"text": "price > 1"}).status_code == 409
        assert client.request("DELETE", "/alerts/rules/000000000000").status_code == 409


def test_a_journal_that_cannot_be_read_is_503(client: Client, journal: Journal) -> None:
    journal.close()
    with pytest.raises(StorageError):
        journal.rules()
    for path in ("/alerts", "/alerts/rules"):
        assert "cannot be read" in client.document(path, 503)["detail"]


def test_every_answer_is_as_described(journal: Journal) -> None:
    """As `test_openapi.py`, with rules there; a text may be none, which no schema can say."""
    load_all_checks()
    [acceptance] = CHECKS.get_by_names(["positive_data_acceptance"])
    alerts = Alerts(journal, ["rsi < 30"])
    access = Access()
    access.bind("127.0.0.1")
    page = Page(PageData(MemoryStore(), alerts=alerts), access)
    token = {"X-CSRF-Token": access.identify("", "").csrf}  # type: ignore[union-attr]
    base = "http://127.0.0.1:8000"
    schema = schemathesis.openapi.from_asgi(
        "/api/v1/openapi.json", create_app(page), headers={"Host": "127.0.0.1:8000"}
    )
    own = [found.ok() for found in schema.include(path_regex="^/api/v1/alerts").get_all_operations()]
    assert len(own) == 8
    answered: set[int] = set()
    for operation in own:
        modes = [GenerationMode.POSITIVE]
        if operation.path_parameters or operation.query or operation.body:
            modes.append(GenerationMode.NEGATIVE)

        @hypothesis.settings(
            max_examples=12, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
        )  # fmt: skip
        @hypothesis.given(case=st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes]))
        def holds(case: Any) -> None:
            answer = case.call_and_validate(base_url=base, headers=token, excluded_checks=[acceptance])
            answered.add(answer.status_code)

        holds()
    assert answered >= {200, 404, 422}
    assert 403 not in answered
    page.end()
    page.close()
