"""Notice every answer of 500: in the log, in the metrics, in health, and by an id that the client can name."""

from __future__ import annotations

import logging
import secrets
import time
import traceback
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tapeline.runtime.machine_refusals import refused_by_machine
from tapeline.web.json_text import json_bytes
from tapeline.web.security import HEADERS

#: How many defects are shown in health, and for how many seconds.
MOST_SHOWN = 10
SHOWN_SECONDS = 3600.0

#: Seconds after which a defect of the same kind is logged with its traceback again; in between a line is enough.
_TRACEBACK_SECONDS = 60.0

_MOST_KINDS = 100

_log = logging.getLogger(__name__)


class Defects:
    """Keep what went wrong that nobody foresaw. `count` is how often, since the start.

    Clients learn nothing of the inside: health names the request, the kind of error and its id, with which the
    log is searched.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        self._clock = clock
        self._recent: deque[tuple[float, str]] = deque(maxlen=MOST_SHOWN)
        self._traced: dict[str, float] = {}  # kind -> when its traceback was logged last

    def note(self, scope: Scope, error: Exception) -> str:
        """Log the error that a request ended with, and return its id."""
        now = self._clock()
        identifier = secrets.token_hex(4)
        where = f"{scope['method']} {ascii(scope['path'])[1:-1][:100]}"  # no line end of a client's reaches the log
        frames = traceback.extract_tb(error.__traceback__)
        kind = f"{type(error).__name__} {frames[-1].filename}:{frames[-1].lineno}" if frames else type(error).__name__
        is_new = now - self._traced.get(kind, -_TRACEBACK_SECONDS) >= _TRACEBACK_SECONDS
        if is_new:
            if len(self._traced) >= _MOST_KINDS:
                self._traced.clear()
            self._traced[kind] = now
        traced = error if is_new and not refused_by_machine(error) else None
        _log.error("%s failed, error %s: %.300s", where, identifier, ascii(error), exc_info=traced)
        self.count += 1
        text = f"{datetime.now(UTC):%H:%M} UTC: {where} failed, {type(error).__name__}, error {identifier} in the log"
        self._recent.append((now, text))
        return identifier

    def recent(self) -> list[str]:
        """Return a line for each of the last defects, the newest last."""
        until = self._clock() - SHOWN_SECONDS
        return [text for at, text in self._recent if at >= until]


def log_failure(what: str, error: Exception) -> None:
    """Log what failed beside the requests: a line where the machine refused something, else with its traceback."""
    refusal = refused_by_machine(error)
    _log.error("%s%s", what, f": {refusal}" if refusal else "", exc_info=None if refusal else error)


class DefectAnswer:
    """Answer for whatever an application raises and nothing else handles, as ASGI middleware around all of it.

    It is 503 where the machine refused memory, files or the like, which another moment may cure, and 500 otherwise. The
    guard is inside, so its headers are set here. An answer that has begun cannot be changed: it is cut off.
    """

    def __init__(self, app: ASGIApp, defects: Defects) -> None:
        self._app = app
        self._defects = defects

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def answer(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception as error:
            if scope["type"] != "http":
                raise
            identifier = self._defects.note(scope, error)
            if has_begun:
                raise
            text = f"an internal error ({identifier}); the server's log has the details under this id"
            headers = {**HEADERS, "Cache-Control": "no-store", "Content-Type": "application/json"}
            start = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
            status = 503 if refused_by_machine(error) else 500
            await send({"type": "http.response.start", "status": status, "headers": start})
            await send({"type": "http.response.body", "body": json_bytes({"detail": text})})
