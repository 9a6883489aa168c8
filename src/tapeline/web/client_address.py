"""Tell which client a request comes from, through proxies too, and which addresses count as one client."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import Scope

from tapeline.errors import InputError

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_ONE_HOUSEHOLD = 64  # bits of an IPv6 address that a provider gives to one customer; the rest is the customer's choice


class TrustedProxies:
    """Believe what these proxies say of a client, and nobody else.

    Each is an address or a range in CIDR form. Raises `InputError` for a text that is neither.
    """

    def __init__(self, networks: Iterable[str] = ()) -> None:
        try:
            self._networks = tuple(ipaddress.ip_network(text) for text in networks)
        except ValueError as error:
            raise InputError(f"{error}: name a proxy by its address or range, such as 10.0.0.0/16") from None

    def __contains__(self, host: str) -> bool:
        address = _parsed(host) if self._networks else None
        return address is not None and any(address in network for network in self._networks)

    def group(self, host: str) -> str:
        """Return what counts as one client among connections: '' for a trusted proxy, which brings many."""
        return "" if host in self else _group_of(host)

    def client(self, scope: Scope) -> str:
        """Return who sent this request: the connection's other end, or whom a trusted proxy names.

        Only the last hop of X-Forwarded-For counts: that is the one which the trusted proxy wrote itself, whatever
        number of headers the client sent before it. Where it is no address, the proxy itself counts as the client.
        """
        peer = _peer(scope)
        if peer in self:
            address = _parsed(_last(scope, "x-forwarded-for"))
            return peer if address is None else str(address)
        return peer

    def scheme(self, scope: Scope) -> str:
        """Return `http` or `https`, as the client sees it."""
        if _peer(scope) in self:
            named = _last(scope, "x-forwarded-proto").lower()
            if named in {"http", "https"}:
                return named
        return str(scope["scheme"])


def client_group(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 of an IPv6 address.

    Whoever has one IPv6 address has 2**64 of them, so counting each would count nothing. Other text is returned as it
    is, cut to 64 characters.
    """
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return f"{ipaddress.IPv6Address(int(parsed) >> _ONE_HOUSEHOLD << _ONE_HOUSEHOLD)}/{_ONE_HOUSEHOLD}"
    return address[:64] if parsed is None else str(parsed)


_group_of = functools.lru_cache(4096)(client_group)


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _last(scope: Scope, header: str) -> str:
    """Return the last of the values of a header, which may be on several lines with several values each."""
    return ",".join(Headers(scope=scope).getlist(header)).rpartition(",")[2].strip()


def _parsed(text: str) -> _Address | None:
    """Return the address in a text, with or without a port; an IPv4 address in IPv6 clothes is IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address
