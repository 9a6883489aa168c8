"""Serve a folder of small files from memory, compressed once."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from tapeline.web.compact_answers import SHORTEST, TEXTS, takes_gzip

_INDEX = "index.html"
_TYPES = {".js": "text/javascript", ".html": "text/html", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    compressed: bytes | None
    kind: str
    tag: str


class PageFiles:
    """Answer GET and HEAD with the files of a folder, as an ASGI application; they are read when it is made.

    `instead` has the texts that take the place of files, by path. A folder is answered with its `index.html`. What is
    not there raises 404. Answers have an `ETag`: who sends it back as `If-None-Match` is answered 304.
    """

    def __init__(self, folder: Path, instead: Mapping[str, str] = {}) -> None:
        paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        self._files = {
            name: _prepared(name, instead[name].encode() if name in instead else path.read_bytes())
            for name, path in paths.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(405)
        name = scope["path"].removeprefix(scope.get("root_path", ""))
        if not name:  # a page's own links are relative to its folder
            await RedirectResponse(f"{scope['path']}/")(scope, receive, send)
            return
        name = name.removeprefix("/")
        file = self._files.get(name or _INDEX)
        if file is None:
            raise HTTPException(404)
        asked = Headers(scope=scope)
        headers = {"ETag": file.tag}
        if file.compressed is not None:
            headers["Vary"] = "Accept-Encoding"
        if asked.get("if-none-match") == file.tag:
            await Response(status_code=304, headers=headers)(scope, receive, send)
            return
        body = file.body
        if file.compressed is not None and takes_gzip(asked.get("accept-encoding", "")):
            body, headers["Content-Encoding"] = file.compressed, "gzip"
        headers["Content-Length"] = str(len(body))
        content = b"" if scope["method"] == "HEAD" else body
        await Response(content, headers=headers, media_type=file.kind)(scope, receive, send)


def _prepared(name: str, body: bytes) -> _File:
    kind = _TYPES.get(posixpath.splitext(name)[1]) or mimetypes.guess_type(name)[0] or "text/plain"
    small = len(body) < SHORTEST or not kind.startswith(TEXTS)
    tag = f'W/"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    return _File(body, None if small else gzip.compress(body, mtime=0), kind, tag)
