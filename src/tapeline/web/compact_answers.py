"""Send answers in few bytes: compressed where the client takes that, and not at all where it has them already.

An answer of the API gets an `ETag` made of its content; who sends it back as `If-None-Match` is answered 304 while the
content is the same. Answers stay out of caches (`Cache-Control: no-store`): the tag is for programs that ask again.

What a stranger could guess from the length of a compressed answer is bounded: requests of other sites are refused
before (`security`), and the answer that holds a session's token is never compressed.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Shorter bodies gain nothing; longer ones are sent as they come.
SHORTEST, LONGEST = 1_024, 32 << 20

#: The types of what is compressed.
TEXTS = (
    "application/json", "application/javascript", "image/svg+xml", "text/css", "text/csv", "text/html",
    "text/javascript",
)  # fmt: skip
_TAGGED = ("application/json", "text/csv", "application/vnd.apache.parquet")
_SESSION = "/api/v1/session"
_EVENTS = "/api/v1/events"
_LEVEL = 4  # higher levels save 3 % and cost twice the time
_IN_THREAD = 128 * 1024  # bytes that take longer than the event loop may be held up


class CompactAnswers:
    """Compress and tag whole answers to GET, as ASGI middleware; streams and other methods pass as they are.

    HEAD is answered as GET, whose body the server leaves out: monitors ask so, and FastAPI knows no HEAD of its own.
    The stream of events would never end, and has none.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD" and _has_head(scope["path"]):
            scope = {**scope, "method": "GET"}
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] == _SESSION:
            await self._app(scope, receive, send)
            return
        start: Message = {}
        parts: list[bytes] = []
        passing = False

        async def answer(message: Message) -> None:
            nonlocal start, passing
            if message["type"] == "http.response.start":
                start = message
                whole = "content-length" in Headers(raw=message["headers"])  # and no stream
                passing = (
                    message["status"] != 200
                    or not whole
                    or "content-encoding" in Headers(raw=message["headers"])
                    or not Headers(raw=message["headers"]).get("content-type", "").startswith((*TEXTS, *_TAGGED))
                )
            elif not passing:
                parts.append(message.get("body", b""))
                more = message.get("more_body", False)
                if not more:
                    await _send_whole(scope, start, b"".join(parts), send)
                    return
                if sum(map(len, parts)) <= LONGEST:
                    return
                passing = True
                await send(start)
                message = {"type": "http.response.body", "body": b"".join(parts), "more_body": True}
            if passing:
                await send(message)

        await self._app(scope, receive, answer)


def _has_head(path: str) -> bool:
    """Return whether HEAD is answered here: the page's files do that themselves."""
    return path.startswith(("/api/", "/metrics")) and path != _EVENTS


async def _send_whole(scope: Scope, start: Message, body: bytes, send: Send) -> None:
    asked, headers = Headers(scope=scope), MutableHeaders(raw=start["headers"])
    kind = headers.get("content-type", "")
    if scope["path"].startswith("/api/") and kind.startswith(_TAGGED):
        tag = f'W/"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
        headers["ETag"] = tag
        if _is_known(tag, asked.get("if-none-match", "")):
            del headers["content-length"]
            await send({**start, "status": 304})
            await send({"type": "http.response.body", "body": b""})
            return
    if kind.startswith(TEXTS) and len(body) >= SHORTEST:
        headers.add_vary_header("Accept-Encoding")
        if takes_gzip(asked.get("accept-encoding", "")):
            large = len(body) >= _IN_THREAD
            body = await asyncio.to_thread(gzip.compress, body, _LEVEL) if large else gzip.compress(body, _LEVEL)
            headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    await send(start)
    await send({"type": "http.response.body", "body": body})


def takes_gzip(accepted: str) -> bool:
    """Return whether a client with this `Accept-Encoding` reads gzip."""
    for part in accepted.lower().split(","):
        name, _, quality = part.replace(" ", "").partition(";q=")
        if name == "gzip":
            return quality not in {"0", "0.0", "0.00", "0.000"}
    return False


def _is_known(tag: str, sent: str) -> bool:
    """Return whether the tag is among those that the client sent; that it is weak makes no difference."""
    return tag.removeprefix("W/") in {each.strip().removeprefix("W/") for each in sent.split(",")}
