"""`/api/v1/desk`: what each user arranged on the page, kept for that user alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.stores import MemoryStore
from tests.web_site import client_of

from tapeline.errors import NotPossibleError
from tapeline.web import Access, Desks, PageData, desks
from tapeline.web.users import Role, Users

PASSWORD = "correct horse battery"


def test_a_document_is_kept_for_each_user_alone_and_a_viewer_keeps_one_too(tmp_path: Path) -> None:
    users = Users(tmp_path / "users.json")
    users.add("ann", Role.ADMIN, PASSWORD)
    users.add("bob", Role.VIEWER, PASSWORD)
    data = PageData(MemoryStore(), desks=Desks(tmp_path / "desks"))
    with client_of(data, Access(users=users)) as client:
        for name in ("ann", "bob"):
            client.csrf = ""
            client.csrf = client.request("POST", "/session", json={"name": name, "password": PASSWORD}).json()["csrf"]
            assert client.document("/desk/drawings:AAPL") == {}
            kept = {"shapes": [{"kind": "line", "text": f"<b>{name}</b>"}]}
            assert client.request("PUT", "/desk/drawings:AAPL", json=kept).status_code == 204
            assert client.document("/desk/drawings:AAPL") == kept
        assert client.request("POST", "/alerts/rules", json={"text": "price > 1"}).status_code == 403, "a viewer"
        client.csrf = "wrong"
        assert client.request("PUT", "/desk/drawings:AAPL", json={}).status_code == 403
    assert all(path.stat().st_mode & 0o77 == 0 for path in (tmp_path / "desks").rglob("*"))


def test_names_sizes_and_numbers_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Desks(tmp_path / "desks")
    with client_of(PageData(MemoryStore(), desks=kept)) as client:
        client.take_csrf()
        for name in ("%2E%2E", "a%2Fb", "Drawings", "drawings:A%20B"):
            assert client.request("PUT", f"/desk/{name}", json={}).status_code in {404, 405, 422}, name
        assert client.request("PUT", "/desk/layout", json={"a": "x" * desks.LONGEST_DOCUMENT}).status_code == 422
        assert client.request("PUT", "/desk/layout", json=[1]).status_code == 422
        for content in (b'{"a": NaN}', b'{"a": 1e999}', b'{"a":' + b"[" * 900 + b"]" * 900 + b"}"):
            sent = client.request("PUT", "/desk/layout", content=content, headers={"Content-Type": "application/json"})
            assert sent.status_code == 422, content[:20]
    monkeypatch.setattr(desks, "MOST_DOCUMENTS", 1)
    kept.save("", "layout", {"b": 1})
    kept.save("", "layout", {"a": 1})
    with pytest.raises(NotPossibleError):
        kept.save("", "watchlists", {"a": 1})
    kept.save("", "layout", {})  # as the message says, an empty one makes room
    kept.save("", "watchlists", {"a": 1})
    assert kept.load("", "layout") is None
    with client_of(PageData(MemoryStore())) as client:
        assert client.get("/desk/layout").status_code == 409
