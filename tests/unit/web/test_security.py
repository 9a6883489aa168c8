"""Who may do what: on this machine, from elsewhere, from another site; and what every answer carries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import START
from tests.fakes.stores import MemoryStore
from tests.fakes.watchlists import MemoryWatchlist
from tests.rows import row
from tests.web_site import Client, client_of

from tapeline.errors import ServingError, TooManyAttemptsError
from tapeline.runtime.loopback import is_loopback
from tapeline.web import (
    Access,
    PageData,
    serve,
)
from tapeline.web.access import (
    IDLE_SECONDS,
    LONGEST_SECONDS,
)
from tapeline.web.users import Role, Users

TOKEN = "a-token-of-more-than-24-characters"
PASSWORD = "correct horse battery"
ELSEWHERE = "https://ticker.example"

#: Every operation that only looks, and every one that changes something.
LOOKS = ["/symbols", "/symbols/A/bars", "/symbols/A/rows", "/latest", "/predictions?symbol=A", "/indicators", "/scores",
         "/models", "/health", "/rejects", "/openapi.json", "/metrics"]  # fmt: skip
CHANGES = [("POST", "/symbols", {"symbol": "B"}), ("DELETE", "/symbols/A", None),
           ("POST", "/models/x/promote", {}), ("POST", "/models/rollback", {})]  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def view() -> PageData:
    store = MemoryStore()
    store.put(row("A", START, 5.0))
    return PageData(store, watchlist=MemoryWatchlist("A"))


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Users:
    users = Users(tmp_path_factory.mktemp("users") / "users.json")
    users.add("ann", Role.ADMIN, PASSWORD)
    users.add("vic", Role.VIEWER, PASSWORD)
    return users


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outside(view: PageData, users: Users, clock: Clock) -> Iterator[Client]:
    """A server with users and a token, reached from elsewhere."""
    with client_of(view, Access(TOKEN, users, clock=clock), "0.0.0.0", "http://ticker.example") as client:
        yield client


def log_in(client: Client, **values: str) -> int:
    answer = client.request("POST", "/session", json=values)
    if answer.status_code == 200:
        client.csrf = answer.json()["csrf"]
    return answer.status_code


# -- where it listens --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_is_open(host: str) -> None:
    assert is_loopback(host)
    Access().bind(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "", "example.org", "10.0.0.1"])
def test_other_addresses_are_refused_without_a_log_in(host: str, users: Users, tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"TAPELINE_PAGE__TOKEN.*tapeline users add.*TAPELINE_PAGE__BEHIND_LOGIN"):
        serve(PageData(MemoryStore()), host, 0, access=Access(users=Users(tmp_path / "none.json")))
    for access in (Access(TOKEN), Access(users=users), Access(behind_login=True)):
        access.bind(host)
        assert not access.open


def test_a_short_token_is_refused() -> None:
    with pytest.raises(ValueError, match="23 characters; at least 24"):
        Access("x" * 23)


def test_removing_the_last_user_does_not_open_the_server(view: PageData, tmp_path: Path) -> None:
    users = Users(tmp_path / "users.json")
    users.add("ann", Role.ADMIN, PASSWORD)
    with client_of(view, Access(users=users), "0.0.0.0", "http://ticker.example") as client:
        users.remove("ann")
        assert client.get("/symbols").status_code == 401
    users.path.write_text("{damaged")
    with client_of(view, Access(users=users), "127.0.0.1") as client:
        assert client.get("/symbols").status_code == 401, "a damaged file opens nothing either"


# -- on this machine ---------------------------------------------------------------------------------------------------


def test_everybody_on_this_machine_is_an_administrator(view: PageData) -> None:
    with client_of(view) as client:
        document = client.document("/session")
        assert (document["role"], document["login_needed"]) == ("admin", False)
        client.csrf = document["csrf"]
        assert client.request("POST", "/symbols", json={"symbol": "B"}).status_code == 200


def test_only_this_machines_own_names_are_answered(view: PageData) -> None:
    with client_of(view) as client:
        for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[::1", "a@evil"):
            for path in ("/", "/symbols", "/metrics"):
                assert client.get(path, headers={"Host": host}).status_code == 403, host
        for host in ("localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"):
            assert client.get("/symbols", headers={"Host": host}).status_code == 200, host


def test_another_site_in_the_same_browser_can_neither_change_nor_read(view: PageData) -> None:
    with client_of(view) as client:
        client.take_csrf()
        origins = [{"Origin": text} for text in (ELSEWHERE, "null", "http://[", "", "http://127.0.0.1:8001")]
        sites = [{"Sec-Fetch-Site": text} for text in ("cross-site", "same-site", "x")]
        for headers in (*origins, *sites, {"X-CSRF-Token": "guess"}, {"X-CSRF-Token": ""}):
            answer = client.request("POST", "/symbols", json={"symbol": "B"}, headers=headers)
            assert answer.status_code == 403, headers
        assert client.get("/symbols", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        assert client.get("/events", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        answer = client.get("/symbols", headers={"Origin": ELSEWHERE})
        assert "access-control-allow-origin" not in answer.headers
        assert client.request("OPTIONS", "/symbols", headers={"Origin": ELSEWHERE}).status_code == 405


# -- from elsewhere ----------------------------------------------------------------------------------------------------


def test_a_stranger_gets_only_the_page_and_the_log_in(outside: Client) -> None:
    for path in (*LOOKS, "/events", "/nothing"):
        assert outside.get(path).status_code == 401, path
    for method, path, body in CHANGES:
        assert outside.request(method, path, json=body).status_code == 401, path
    assert outside.document("/session") == {"role": None, "name": "", "login_needed": True, "csrf": ""}
    assert outside.get("/").status_code == 200


def test_a_viewer_looks_and_changes_nothing(outside: Client) -> None:
    assert log_in(outside, name="vic", password=PASSWORD) == 200
    assert outside.document("/session")["role"] == "viewer"
    for path in LOOKS:
        assert outside.get(path).status_code == 200, path
    for method, path, body in CHANGES:
        answer = outside.request(method, path, json=body)
        assert (answer.status_code, "administrator" in answer.text) == (403, True), path


def test_an_administrator_needs_the_csrf_token_for_changes(outside: Client) -> None:
    assert log_in(outside, name="ann", password=PASSWORD) == 200
    assert outside.request("POST", "/symbols", json={"symbol": "B"}).status_code == 200
    outside.csrf = ""
    assert outside.request("POST", "/symbols", json={"symbol": "C"}).status_code == 403


def test_the_bearer_token_needs_no_session(outside: Client) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert outside.get("/symbols", headers=headers).status_code == 200
    assert outside.request("POST", "/symbols", json={"symbol": "B"}, headers=headers).status_code == 200
    for wrong in ("Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN):
        assert outside.get("/symbols", headers={"Authorization": wrong}).status_code == 401


def test_the_token_can_log_in(outside: Client) -> None:
    assert log_in(outside, token=TOKEN) == 200
    assert outside.document("/session")["role"] == "admin"


def test_a_wrong_log_in_does_not_say_what_was_wrong(outside: Client, clock: Clock) -> None:
    tries: list[dict[str, str]] = [
        {"name": "ann", "password": "wrong"},
        {"name": "nobody", "password": PASSWORD},
        {"token": "wrong"},
        {"name": "ANN", "password": PASSWORD},
        {"name": "ann' --", "password": PASSWORD},
    ]
    for values in tries:
        clock.now += 600
        answer = outside.request("POST", "/session", json=values)
        assert (answer.status_code, answer.json()) == (401, {"detail": "name, password or token is wrong"})
        assert "set-cookie" not in answer.headers


def test_a_malformed_log_in_is_422(outside: Client) -> None:
    for body in (
        b"",
        b"{",
        b"[]",
        b'{"name": "ann"}',
        b'{"name": 1, "password": 2}',
        b'{"token": "x", "role": "admin"}',
    ):
        answer = outside.request("POST", "/session", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422


def test_scripts_and_other_sites_cannot_read_the_cookie(outside: Client, view: PageData, users: Users) -> None:
    answer = outside.request("POST", "/session", json={"name": "vic", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie
    assert "path=/" in cookie
    with client_of(view, Access(users=users, behind_login=True), "0.0.0.0", ELSEWHERE) as behind:
        answer = behind.request("POST", "/session", json={"name": "vic", "password": PASSWORD})
        assert "secure" in answer.headers["set-cookie"].lower()
        assert "strict-transport-security" in answer.headers


def test_a_new_log_in_has_a_new_session_and_a_log_out_ends_it(outside: Client) -> None:
    log_in(outside, name="ann", password=PASSWORD)
    first = outside.http.cookies["tapeline_session"]
    log_in(outside, name="ann", password=PASSWORD)
    second = outside.http.cookies["tapeline_session"]
    outside.http.cookies.clear()
    statuses = [
        outside.get("/symbols", headers={"Cookie": f"a=b; tapeline_session={secret}"}).status_code
        for secret in (first, second, second + "x")
    ]
    assert statuses == [401, 200, 401]
    outside.http.cookies["tapeline_session"] = second
    assert outside.request("DELETE", "/session").status_code == 204
    assert outside.get("/symbols").status_code == 401


@pytest.mark.parametrize("seconds", [IDLE_SECONDS, LONGEST_SECONDS])
def test_a_session_expires(outside: Client, clock: Clock, seconds: float) -> None:
    log_in(outside, name="vic", password=PASSWORD)
    step = IDLE_SECONDS / 2 if seconds == LONGEST_SECONDS else seconds
    until = clock.now + seconds
    while clock.now + step < until:
        clock.now += step
        assert outside.get("/symbols").status_code == 200
    clock.now = until + 1
    assert outside.get("/symbols").status_code == 401


def test_a_session_ends_when_the_password_changes_and_follows_the_role(view: PageData, tmp_path: Path) -> None:
    users = Users(tmp_path / "users.json")
    users.add("eve", Role.ADMIN, PASSWORD)
    with client_of(view, Access(users=users), "0.0.0.0", "http://ticker.example") as client:
        log_in(client, name="eve", password=PASSWORD)
        assert client.get("/symbols").status_code == 200
        users.add("eve", Role.VIEWER, PASSWORD + "!")
        assert client.get("/symbols").status_code == 401
        log_in(client, name="eve", password=PASSWORD + "!")
        assert client.document("/session")["role"] == "viewer"


def test_failed_log_ins_wait_longer_and_longer(outside: Client, clock: Clock) -> None:
    wrong = {"token": "wrong"}
    assert [outside.request("POST", "/session", json=wrong).status_code for _ in range(5)] == [401] * 4 + [429]
    answer = outside.request("POST", "/session", json={"token": TOKEN})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1"), "the right one has to wait, too"
    clock.now += 1.1
    assert log_in(outside, token=TOKEN) == 200


def test_guessed_bearer_tokens_wait_too(outside: Client, clock: Clock) -> None:
    def guess(text: str) -> int:
        return outside.get("/symbols", headers={"Authorization": f"Bearer {text}"}).status_code

    assert [guess("x") for _ in range(5)] == [401] * 4 + [429]
    assert guess(TOKEN) == 429
    clock.now += 1.1
    assert guess(TOKEN) == 200


def test_waits_double_up_to_five_minutes_and_expire() -> None:
    clock = Clock()
    access = Access(TOKEN, clock=clock)
    waits = []
    for _ in range(16):
        access.failed("address x")
        try:
            access.check_attempts("address x", "name y")
            waits.append(0.0)
        except TooManyAttemptsError as error:
            waits.append(error.seconds)
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]
    access.check_attempts("address other")
    access.succeeded("address x")
    access.check_attempts("address x")
    for k in range(25_000):
        access.failed(f"address {k}")
    assert len(access._failures) <= 10_001


# -- behind a load balancer --------------------------------------------------------------------------------------------


def test_everybody_behind_a_log_in_may_look(view: PageData, users: Users) -> None:
    with client_of(view, Access(users=users, behind_login=True), "0.0.0.0", ELSEWHERE) as client:
        assert client.document("/session")["role"] == "viewer"
        client.take_csrf()
        assert client.get("/symbols").status_code == 200
        assert client.request("POST", "/symbols", json={"symbol": "B"}).status_code == 403
        assert log_in(client, name="ann", password=PASSWORD) == 200
        assert client.request("POST", "/symbols", json={"symbol": "B"}).status_code == 200


def test_forwarded_headers_count_only_behind_a_log_in(outside: Client, view: PageData) -> None:
    for k in range(4):
        outside.request("POST", "/session", json={"token": "x"}, headers={"X-Forwarded-For": f"10.0.0.{k}"})
    assert log_in(outside, token=TOKEN) == 429, "the address is the connection's, whatever the header says"
    with client_of(view, Access(TOKEN, behind_login=True), "0.0.0.0", ELSEWHERE) as client:
        for k in range(8):
            headers = {"X-Forwarded-For": f"6.6.6.6, 10.0.0.{k}"}
            assert client.request("POST", "/session", json={"token": "x"}, headers=headers).status_code == 401


# -- every answer ------------------------------------------------------------------------------------------------------


def test_every_answer_has_the_security_headers(view: PageData) -> None:
    with client_of(view) as client:
        for answer in (client.get("/"), client.get("/symbols"), client.get("/nothing"), client.get("/symbols/'/bars"),
                       client.get("/symbols", headers={"Host": "evil.example"})):  # fmt: skip
            policy = answer.headers["content-security-policy"]
            assert "unsafe" not in policy
            assert "default-src 'self'" in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cross-origin-opener-policy"] == "same-origin"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert "server" not in answer.headers
        assert client.get("/symbols").headers["cache-control"] == "no-store"


def test_large_bodies_are_refused(view: PageData) -> None:
    with client_of(view) as client:
        client.take_csrf()
        headers = {"Content-Type": "application/json"}
        whole = b'{"symbol": "' + b"A" * 70_000 + b'"}'
        assert client.request("POST", "/symbols", content=whole, headers=headers).status_code == 413

        async def parts():  # type: ignore[no-untyped-def]
            for _ in range(20):
                yield b" " * 5_000

        assert client.request("POST", "/symbols", content=parts(), headers=headers).status_code == 413


def test_only_the_pages_own_files_are_served(view: PageData) -> None:
    with client_of(view) as client:
        for path in ("/../view.py", "/..%2fview.py", "/%2e%2e/auth.py", "/js/../../view.py", "//etc/passwd"):
            answer = client._runner.run(client.http.request("GET", "http://127.0.0.1:8000" + path))
            assert answer.status_code in {401, 404, 405}, path
