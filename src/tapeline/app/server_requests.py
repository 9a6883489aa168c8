"""Send requests to a server's API, and raise for what it refuses what its own code raises.

Redirects are not followed: a request carries the token, which goes where the user said, or nowhere. What answers may be
no server of ours: its bytes are bounded, and whatever they hold is an error in one line.
"""

from __future__ import annotations

import contextlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from tapeline.core.foreign import Bounds, load_json
from tapeline.error_text import printable
from tapeline.errors import DecodeError, InputError, NotFoundError, NotPossibleError, StorageError

_SECONDS = 60.0

#: What an answer may have: a page of 20,000 bars with all indicators takes 30 MB, a scan's 10,000 matches take 6 MB.
ANSWER = Bounds(size=256 << 20, parts=500_000, values=10_000_000)

_REFUSAL = Bounds(size=64 << 10, parts=100, values=100)

Query = Mapping[str, str | int | float | None]


class ServerRequests:
    """Ask the server at `url` (such as `http://127.0.0.1:8000`), with a token where it wants one.

    Every method raises `NotFoundError`, `NotPossibleError` or `InputError` for what the server refuses, and
    `StorageError` when it does not answer.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise InputError(f"{url!r} is no address of a server; write http://HOST:PORT")
        if token and not (token.isascii() and token.isprintable()):
            raise InputError("a token has letters, digits and signs of ASCII alone; copy it again")
        self.base = url.rstrip("/").removesuffix("/api/v1") + "/api/v1"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, query: Query, accept: str = "application/json") -> tuple[bytes, Mapping[str, str]]:
        """Return the content of an answer, and its headers with their names in small letters."""
        with self.open(path, query, {"Accept": accept}) as answer:
            try:
                content = answer.read(ANSWER.size + 1)
                ANSWER.check_size(len(content))
            except (OSError, http.client.HTTPException, DecodeError) as error:
                raise self._unanswered(error) from error
            return content, {name.lower(): value for name, value in answer.headers.items()}

    def document(self, path: str, query: Query, needed: Iterable[str]) -> dict[str, Any]:
        """Return the JSON object of an answer. Raises `StorageError` for one without the fields that are `needed`."""
        content, _ = self.get(path, query)
        try:
            found = load_json(content, ANSWER)
        except DecodeError as error:
            raise self._unanswered(error) from error
        missing = [name for name in needed if not isinstance(found, dict) or name not in found]
        if missing:
            raise StorageError(f"{self.base}: the answer lacks `{missing[0]}`; is a page of this version served there?")
        return dict(found)

    @contextlib.contextmanager
    def taking_apart(self) -> Iterator[None]:
        """Raise `StorageError` where an answer has the fields that are needed, but not what belongs into them."""
        try:
            yield
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, OSError) as error:
            raise StorageError(
                f"{self.base}: the answer has another form ({error}); is a page of this version served there?"
            ) from error

    def open(self, path: str, query: Query, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """Return an answer that is still to be read, and to be closed."""
        given = urlencode({name: value for name, value in query.items() if value is not None})
        url = f"{self.base}{path}?{given}" if given else f"{self.base}{path}"
        try:
            request = urllib.request.Request(url, headers={**self._headers, **headers})  # noqa: S310 - see above
            answer: http.client.HTTPResponse = _opener.open(request, timeout=_SECONDS)
        except urllib.error.HTTPError as error:
            with error:  # it holds the connection
                raise self._refused(error) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._unanswered(error) from error
        except ValueError as error:  # such as a name of a host that is none
            raise InputError(f"{self.base} is no address of a server ({error}); write http://HOST:PORT") from error
        return answer

    def _unanswered(self, error: Exception) -> StorageError:
        reason = getattr(error, "reason", None) or error
        return StorageError(f"{self.base}: no answer ({reason}); is a page served there?")

    def _refused(self, error: urllib.error.HTTPError) -> Exception:
        if 300 <= error.code < 400:
            where = printable(error.headers.get("Location") or "another address")[:200]
            return InputError(
                f"{self.base} sends on to {where}, which is not followed; give that address if it is meant"
            )
        try:
            detail = load_json(error.read(_REFUSAL.size), _REFUSAL)["detail"]
        except (ValueError, KeyError, TypeError, OSError, http.client.HTTPException):
            detail = error.reason
        text = f"{self.base}: {detail.get('message', detail) if isinstance(detail, dict) else detail}"
        if error.code == 401 and self._headers:
            return InputError(f"{self.base}: the token is wrong; pass token=..., or set TAPELINE_PAGE__TOKEN")
        if error.code in {401, 403}:
            return InputError(f"{text}; pass token=..., or set TAPELINE_PAGE__TOKEN")
        kinds = {404: NotFoundError, 409: NotPossibleError}
        return kinds.get(error.code, StorageError if error.code >= 500 else InputError)(text)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: urllib would send the token along, to whatever host is named."""

    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)
