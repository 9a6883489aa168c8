"""Who may do what: on this machine, from elsewhere, from another site; and what every answer carries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send
from tests.conftest import START
from tests.fakes.stores import MemoryStore
from tests.fakes.watchlists import MemoryWatchlist
from tests.rows import row
from tests.web_site import Client, client_of

from tapeline.errors import InputError, ServingError
from tapeline.runtime.loopback import is_loopback
from tapeline.web import Access, PageData, serve
from tapeline.web.access import IDLE_SECONDS, LONGEST_SECONDS
from tapeline.web.event_client import Client as OpenPage
from tapeline.web.security import Guard
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


def test_a_list_of_users_that_cannot_be_read_is_logged_and_is_no_wrong_password(
    view: PageData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Root can read every file, so the refusal is made here."""
    users = Users(tmp_path / "users.json")
    users.add("ann", Role.ADMIN, PASSWORD)
    read, refused = Path.read_bytes, True

    def read_bytes(path: Path) -> bytes:
        if refused and path == users.path:
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    with client_of(view, Access(users=Users(users.path)), "0.0.0.0", "http://ticker.example") as client:
        for _ in range(2):
            answer = client.request("POST", "/session", json={"name": "ann", "password": PASSWORD})
            assert (answer.status_code, "cannot be read" in answer.json()["detail"]) == (503, True)
            assert str(tmp_path) not in answer.text
        assert client.get("/symbols").status_code == 401
        (said,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert f"{users.path}: cannot be read (Permission denied); give it to the user that the page runs as" in said
        refused = False
        assert log_in(client, name="ann", password=PASSWORD) == 200


def test_a_log_in_that_was_demanded_at_the_start_stays_demanded(view: PageData, tmp_path: Path) -> None:
    users = Users(tmp_path / "users.json")
    users.add("ann", Role.ADMIN, PASSWORD)
    with client_of(view, Access(users=users), "127.0.0.1") as client:
        assert client.get("/symbols").status_code == 401
        users.path.unlink()
        assert client.get("/symbols").status_code == 401, "the file is gone: nobody may log in, and nothing opens"
        assert client.document("/session")["role"] is None


def test_a_log_in_is_demanded_as_soon_as_there_is_a_user(view: PageData, tmp_path: Path) -> None:
    users = Users(tmp_path / "users.json")
    with client_of(view, Access(users=users), "127.0.0.1") as client:
        assert client.get("/symbols").status_code == 200
        users.add("ann", Role.ADMIN, PASSWORD)
        assert client.get("/symbols").status_code == 401
        users.path.unlink()
        assert client.get("/symbols").status_code == 401


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


@pytest.mark.parametrize("name", ["X-Forwarded-For", "x-forwarded-proto", "X-Forwarded-Host", "Forwarded", "Via"])
def test_a_server_without_log_in_answers_nobody_through_a_proxy(view: PageData, name: str) -> None:
    with client_of(view) as client:
        for path in ("/", "/symbols", "/metrics", "/session"):
            answer = client.get(path, headers={name: "1.1 proxy"})
            assert (answer.status_code, "set a token" in answer.text) == (403, True), path
    with client_of(view, Access(TOKEN)) as client:
        assert client.get("/", headers={name: "1.1 proxy"}).status_code == 200


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
    access = Access(users=users, behind_login=True)
    with client_of(view, access, "0.0.0.0", ELSEWHERE) as behind:
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


def test_what_an_open_page_does_by_itself_does_not_keep_a_session_from_ending(
    outside: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(outside, name="vic", password=PASSWORD)
    page = outside.app.state.page
    opened: list[OpenPage] = []
    monkeypatch.setattr(page.broadcast, "stream", lambda client: opened.append(client) or _nothing())
    assert outside.get("/events").status_code == 200
    for _ in range(12):
        clock.now += IDLE_SECONDS / 12
        assert opened[0].is_alive(), "as the page's own stream asks once a second"
        assert outside.get("/events").status_code == 200, "the page connects again"
        assert outside.get("/health", headers={"X-Unattended": "1"}).status_code == 200, "and asks by itself"
    clock.now += 1
    assert not opened[0].is_alive()
    assert outside.get("/symbols").status_code == 401


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


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
    wrong = {"name": "ann", "password": "wrong"}
    assert [outside.request("POST", "/session", json=wrong).status_code for _ in range(5)] == [401] * 4 + [429]
    answer = outside.request("POST", "/session", json={"name": "ann", "password": PASSWORD})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1"), "the right password has to wait, too"
    clock.now += 1.1
    assert log_in(outside, name="ann", password=PASSWORD) == 200


def test_a_right_token_is_never_blocked_by_wrong_ones(outside: Client) -> None:
    def ask(text: str) -> int:
        return outside.get("/symbols", headers={"Authorization": f"Bearer {text}"}).status_code

    assert [ask("x") for _ in range(6)] == [401] * 4 + [429] * 2
    assert ask(TOKEN) == 200
    assert ask("x") == 429, "and the guesser still waits"
    for _ in range(6):
        outside.request("POST", "/session", json={"token": "wrong"})
    assert outside.request("POST", "/session", json={"token": "wrong"}).status_code == 429
    assert log_in(outside, token=TOKEN) == 200


# -- behind a load balancer --------------------------------------------------------------------------------------------


def test_everybody_behind_a_log_in_may_look(view: PageData, users: Users) -> None:
    with client_of(view, Access(users=users, behind_login=True), "0.0.0.0", ELSEWHERE) as client:
        assert client.document("/session")["role"] == "viewer"
        client.take_csrf()
        assert client.get("/symbols").status_code == 200
        assert client.request("POST", "/symbols", json={"symbol": "B"}).status_code == 403
        assert log_in(client, name="ann", password=PASSWORD) == 200
        assert client.request("POST", "/symbols", json={"symbol": "B"}).status_code == 200


def wrong_log_ins(client: Client, *forwarded: list[str]) -> list[int]:
    """Return the status of a wrong log-in with each of these lists of X-Forwarded-For lines."""
    return [
        client._runner.run(
            client.http.post(
                "/api/v1/session", json={"token": "x"}, headers=[("X-Forwarded-For", line) for line in lines]
            )
        ).status_code
        for lines in forwarded
    ]


def test_only_a_trusted_proxy_is_believed_about_the_client(outside: Client, view: PageData, users: Users) -> None:
    """Not a log-in in front: that somebody asks for one does not mean that what the request says is true."""
    invented = [[f"10.0.0.{k}"] for k in range(5)]
    assert wrong_log_ins(outside, *invented) == [401] * 4 + [429]
    with client_of(view, Access(TOKEN, behind_login=True), "0.0.0.0", ELSEWHERE) as client:
        assert wrong_log_ins(client, *invented) == [401] * 4 + [429]
    access = Access(TOKEN, users, trusted_proxies=["127.0.0.0/8"])
    with client_of(view, access, "0.0.0.0", "http://ticker.example") as client:
        assert wrong_log_ins(client, *[[f"6.6.6.6, 10.0.0.{k}"] for k in range(8)]) == [401] * 8, "the last hop counts"
        assert wrong_log_ins(client, *[[f"6.6.6.{k}, 10.0.1.1"] for k in range(5)]) == [401] * 4 + [429]
        assert wrong_log_ins(client, *[[f"6.6.7.{k}", "10.0.1.2"] for k in range(5)]) == [401] * 4 + [429], "two lines"
        house = [[f"2001:db8:0:1::{k:x}"] for k in range(5)]
        assert wrong_log_ins(client, *house) == [401] * 4 + [429], "one customer has a whole /64"
        assert wrong_log_ins(client, ["2001:db8:0:2::1"]) == [401]


def test_a_trusted_proxy_says_whether_the_browser_uses_https(view: PageData, users: Users) -> None:
    def cookie(access: Access, proto: str) -> str:
        with client_of(view, access, "0.0.0.0", "http://ticker.example") as client:
            body = {"name": "vic", "password": PASSWORD}
            answer = client.request("POST", "/session", json=body, headers={"X-Forwarded-Proto": proto})
            assert answer.status_code == 200
            return answer.headers["set-cookie"].lower()

    assert "secure" in cookie(Access(users=users, trusted_proxies=["127.0.0.1"]), "https")
    assert "secure" not in cookie(Access(users=users, trusted_proxies=["127.0.0.1"]), "gopher")
    assert "secure" not in cookie(Access(users=users), "https")


def test_a_proxy_that_is_no_address_is_refused() -> None:
    with pytest.raises(InputError, match=r"'proxy.example' does not appear to be an IPv4 or IPv6 network.*10.0.0.0/16"):
        Access(trusted_proxies=["proxy.example"])


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


# -- whatever is sent --------------------------------------------------------------------------------------------------

header_texts = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60)
header_names = st.sampled_from(
    ["host", "origin", "cookie", "authorization", "content-length", "sec-fetch-site", "x-csrf-token", "x-forwarded-for",
     "x-forwarded-proto", "forwarded", "via", "x-unattended", "transfer-encoding", "accept"]
)  # fmt: skip
sent_headers = st.lists(
    st.tuples(
        header_names, header_texts | st.sampled_from(["127.0.0.1", "[::1", "Bearer x", f"Bearer {TOKEN}", "9" * 400])
    ),
    max_size=6,
)


@settings(max_examples=400, deadline=None)
@given(
    sent_headers, st.sampled_from(["GET", "POST", "DELETE", "OPTIONS", "BREW"]),
    st.sampled_from(["/", "/api/v1/session", "/api/v1/symbols", "/metrics", "/api/v1/events"]),
    st.sampled_from(["open", "token", "behind"]),
)  # fmt: skip
def test_whatever_headers_are_sent_the_guard_answers_or_lets_through(
    headers: list[tuple[str, str]], method: str, path: str, kind: str
) -> None:
    """And nothing private is let through without the right token, whatever else is sent."""
    access = {
        "open": Access,
        "token": lambda: Access(TOKEN, trusted_proxies=["10.0.0.0/8"]),
        "behind": lambda: Access(behind_login=True, trusted_proxies=["10.0.0.0/8"]),
    }[kind]()
    access.bind("127.0.0.1")
    passed: list[Scope] = []
    sent: list[Message] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        passed.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    lines = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scope = {
        "type": "http", "method": method, "path": path, "scheme": "http", "client": ("10.0.0.1", 5), "headers": lines,
        "query_string": b"",
    }  # fmt: skip
    asyncio.run(Guard(inner, access, "127.0.0.1")(scope, receive, send))
    assert sent[0]["status"] in {200, 401, 403, 413, 429}
    assert len(passed) == (sent[0]["status"] == 200)
    if passed and kind == "token" and path not in {"/", "/api/v1/session"}:
        assert next(value.strip() for name, value in headers if name == "authorization").endswith(TOKEN)
    if passed and kind == "open":
        assert not [name for name, _ in headers if name in {"via", "forwarded"} or name.startswith("x-forwarded")]
