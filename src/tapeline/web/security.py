"""Guard every request: is it meant for this server, who sent it, may they do that; and protect every answer.

This is the only module that knows both HTTP and access: it takes credentials out of requests, asks `access` whose they
are, and refuses before a route runs. Passwords are checked by the log-in route, kept by `users`.
"""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import urlsplit

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tapeline.errors import TooManyAttemptsError
from tapeline.web.access import Access, Identity
from tapeline.web.client_address import client_group
from tapeline.web.json_text import json_bytes
from tapeline.web.users import Role

COOKIE = "tapeline_session"
CSRF_HEADER = "x-csrf-token"

#: What an open page sends with requests that nobody made: they do not keep a session from ending.
UNATTENDED_HEADER = "x-unattended"

#: The largest body accepted; the largest that is of any use is an alert rule.
LARGEST_BODY = 64 * 1024

_TOO_LARGE = f"a request has at most {LARGEST_BODY} bytes"

#: What every answer carries. The page needs no exception from the policy: it has no inline script or style.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

_SAFE = {"GET", "HEAD", "OPTIONS"}
_SESSION = "/api/v1/session"
_DESK = "/api/v1/desk/"  # what a user arranged: nobody else's page shows it
_EVENTS = "/api/v1/events"  # an open page connects to it again by itself, and a browser lets it send no header
_LOCAL = {"localhost", "127.0.0.1", "::1"}


class Guard:
    """Refuse or pass on requests, as ASGI middleware around the whole application.

    Puts the `Identity` (None for a stranger, who may only ask for a session) into `scope["state"]["identity"]`. On an
    open server the Host header must name this machine: a web site whose name was pointed at 127.0.0.1 gets nothing. Nor
    does a request that came through a proxy, because then "only this machine can connect" is not true any more.
    """

    def __init__(self, app: ASGIApp, access: Access, host: str) -> None:
        self._app = app
        self._access = access
        self._local = _LOCAL | {host.strip("[]")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return
        private = scope["path"].startswith("/api/") or scope["path"] == "/metrics"

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers["Cache-Control"] = "no-store" if private else "no-cache"
                if self._access.proxies.scheme(scope) == "https":
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        refusal = self._refusal(scope, private=private)
        if refusal is not None:
            status, text, extra = refusal
            await _refuse(answer, status, text, extra)
            return
        await self._app(scope, _limited(receive), answer)

    def _refusal(self, scope: Scope, *, private: bool) -> tuple[int, str, dict[str, str]] | None:
        """Return status, text and headers where the request is not let through."""
        headers = Headers(scope=scope)
        if self._access.open:
            if _host(headers.get("host", "")) not in self._local:
                return 403, "this server answers to its own address only, not to another name that points to it", {}
            if _came_through_a_proxy(headers):
                return 403, "this server asks nobody to log in, so it answers nobody through a proxy: set a token", {}
        length = headers.get("content-length", "")
        if length.isdecimal() and (len(length) > 9 or int(length) > LARGEST_BODY):
            return 413, _TOO_LARGE, {}
        if not private:
            return None
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return 403, "requests from other sites are refused", {}
        session, bearer = credentials(scope)
        is_use = scope["path"] != _EVENTS and UNATTENDED_HEADER not in headers
        identity = self._access.identify(session, bearer, is_use=is_use)
        scope.setdefault("state", {})["identity"] = identity
        if bearer and identity is None:  # only a wrong token is counted, so that no guesser locks the right one out
            key = f"token {client_group(self._access.proxies.client(scope))}"
            try:
                self._access.attempts.check(key)
            except TooManyAttemptsError as error:
                return 429, str(error), {"Retry-After": str(error.seconds)}
            self._access.attempts.failed(key)
        if scope["path"] == _SESSION and scope["method"] != "DELETE":
            return _origin_refusal(headers)
        if identity is None:
            return 401, "log in first, or send the token: Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"}
        if scope["method"] in _SAFE:
            return None
        return _origin_refusal(headers) or _change_refusal(scope, headers, identity)


def _change_refusal(scope: Scope, headers: Headers, identity: Identity) -> tuple[int, str, dict[str, str]] | None:
    if identity.csrf and not hmac.compare_digest(headers.get(CSRF_HEADER, "").encode(), identity.csrf.encode()):
        return 403, "changes need the header X-CSRF-Token with the `csrf` of GET /api/v1/session", {}
    own = scope["path"] == _SESSION or (scope["path"].startswith(_DESK) and identity.name)
    if identity.role != Role.ADMIN and not own:
        return 403, "only an administrator may change anything", {}
    return None


def _origin_refusal(headers: Headers) -> tuple[int, str, dict[str, str]] | None:
    """Refuse a change that comes from another site, which browsers name in Origin."""
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower():
        return 403, "requests from other sites are refused", {}
    return None


def credentials(scope: Scope) -> tuple[str, str]:
    """Return the session cookie and the bearer token of a request, '' for none."""
    headers = Headers(scope=scope)
    kind, _, token = headers.get("authorization", "").partition(" ")
    session = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
    return session, token.strip() if kind.lower() == "bearer" else ""


def _came_through_a_proxy(headers: Headers) -> bool:
    return any(name in {"forwarded", "via"} or name.startswith("x-forwarded-") for name in headers)


def _host(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


async def _refuse(send: Send, status: int, text: str, extra: dict[str, str]) -> None:
    headers = [(b"content-type", b"application/json")]
    headers += [(name.lower().encode(), value.encode()) for name, value in extra.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json_bytes({"detail": text})})


def _limited(receive: Receive) -> Receive:
    """Return `receive` for at most `LARGEST_BODY` bytes, for bodies that do not say how long they are."""
    received = 0

    async def limited() -> Any:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > LARGEST_BODY:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return limited
