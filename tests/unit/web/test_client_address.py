"""Who a request comes from: no text in a header makes anybody else of a client, or an error."""

from __future__ import annotations

import ipaddress
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.requests import cookie_parser

from tapeline.web.client_address import TrustedProxies, client_group
from tapeline.web.security import COOKIE, credentials

PROXY = "10.0.0.1"
PROXIES = TrustedProxies(["10.0.0.0/8", "fd00::/8"])

#: What may arrive in a header: uvicorn hands on any byte but line ends, decoded as Latin-1 here.
texts = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=80)
addresses = st.ip_addresses().map(str)


def scope_of(*headers: tuple[str, str], peer: str | None = PROXY, scheme: str = "http") -> dict[str, Any]:
    lines = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return {"type": "http", "headers": lines, "client": None if peer is None else (peer, 1), "scheme": scheme}


def client(*lines: str, peer: str | None = PROXY) -> str:
    return PROXIES.client(scope_of(*[("X-Forwarded-For", line) for line in lines], peer=peer))


def test_an_address_is_read_with_a_port_too() -> None:
    for text in ("203.0.113.7", "203.0.113.7:443", " 203.0.113.7 ", "::ffff:203.0.113.7", "[::ffff:203.0.113.7]:443"):
        assert client(text) == "203.0.113.7"
    for text in ("2001:db8::7", "[2001:db8::7]", "[2001:db8::7]:443", "2001:db8::7%eth0"):
        assert client(text) == "2001:db8::7"


def test_what_is_no_address_leaves_the_proxy_as_the_client() -> None:
    for text in (
        "",
        "unknown",
        "_hidden",
        "203.0.113.7,",
        "203.0.113.7, ",
        "1.2.3",
        "１.2.3.4".encode().decode("latin-1"),
    ):
        assert client(text) == PROXY
    assert client() == PROXY
    assert client("203.0.113.7", peer=None) == ""


@settings(max_examples=500, deadline=None)
@given(st.lists(texts, max_size=4), addresses)
def test_only_the_last_hop_counts_whatever_the_client_sent(lines: list[str], address: str) -> None:
    expected = str(ipaddress.ip_address(address))
    mapped = getattr(ipaddress.ip_address(address), "ipv4_mapped", None)
    expected = str(mapped) if mapped else expected
    assert client(*lines, address) == expected, "as a line of its own"
    *before, last = [*lines, ""]
    assert client(*before, f"{last}, {address}") == expected, "appended to the last line"


@settings(max_examples=500, deadline=None)
@given(st.lists(texts, max_size=4), addresses)
def test_a_stranger_is_who_connects_whatever_it_sends(lines: list[str], peer: str) -> None:
    if peer not in PROXIES:
        assert client(*lines, peer=peer) == peer
        scope = scope_of(*[("X-Forwarded-Proto", line) for line in lines], peer=peer)
        assert PROXIES.scheme(scope) == "http"
    assert PROXIES.scheme(scope_of(*[("X-Forwarded-Proto", line) for line in lines])) in {"http", "https"}


@settings(max_examples=500, deadline=None)
@given(st.one_of(texts, addresses))
@example("::")
@example("[")
@example("[::1")
@example("%")
@example("fe80::1%")
def test_every_text_belongs_to_one_group(text: str) -> None:
    group = client_group(text)
    assert len(group) <= 64
    assert client_group(group.removesuffix("/64")) == group


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(1, 2**64 - 1))
def test_the_addresses_of_one_household_are_one_client(network: int, one: int, other: int) -> None:
    def group(prefix: int, suffix: int) -> str:
        return client_group(str(ipaddress.IPv6Address((prefix << 64) | suffix)))

    if network >> 16 == 0:  # IPv4 addresses in IPv6 clothes, each a client of its own
        return
    assert group(network, one) == group(network, other)
    assert group(network, one) != group(network ^ other, one)


@settings(max_examples=500, deadline=None)
@given(texts, texts)
@example(f'{COOKIE}="\\377\\"', "Bearer")
@example(f"{COOKIE}={COOKIE}={COOKIE};;;=", "bearer  x ")
def test_credentials_are_two_texts_whatever_the_headers_hold(cookie: str, authorization: str) -> None:
    session, bearer = credentials(scope_of(("Cookie", cookie), ("Authorization", authorization)))  # type: ignore[arg-type]
    assert session == cookie_parser(cookie).get(COOKIE, "")
    assert bearer == "" or authorization.lower().startswith("bearer ")
