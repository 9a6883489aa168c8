"""Send requests to a server's API, and raise for what it refuses what its own code raises."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from tapeline.errors import InputError, NotFoundError, NotPossibleError, StorageError

_SECONDS = 60.0

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
                return answer.read(), {name.lower(): value for name, value in answer.headers.items()}
            except (OSError, http.client.HTTPException) as error:
                raise self._unanswered(error) from error

    def document(self, path: str, query: Query, needed: Iterable[str]) -> dict[str, Any]:
        """Return the JSON object of an answer. Raises `StorageError` for one without the fields that are `needed`."""
        content, _ = self.get(path, query)
        try:
            found = json.loads(content)
        except ValueError as error:
            raise StorageError(f"{self.base}: the answer is not JSON; is a page served there?") from error
        missing = [name for name in needed if not isinstance(found, dict) or name not in found]
        if missing:
            raise StorageError(f"{self.base}: the answer lacks `{missing[0]}`; is a page of this version served there?")
        return dict(found)

    def open(self, path: str, query: Query, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """Return an answer that is still to be read, and to be closed."""
        given = urlencode({name: value for name, value in query.items() if value is not None})
        url = f"{self.base}{path}?{given}" if given else f"{self.base}{path}"
        try:
            request = urllib.request.Request(url, headers={**self._headers, **headers})  # noqa: S310 - see above
            answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=_SECONDS)  # noqa: S310
        except urllib.error.HTTPError as error:
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
        try:
            detail = json.loads(error.read())["detail"]
        except (ValueError, KeyError, TypeError, OSError):
            detail = error.reason
        text = f"{self.base}: {detail.get('message', detail) if isinstance(detail, dict) else detail}"
        if error.code in {401, 403}:
            return InputError(f"{text}; pass token=..., or set TAPELINE_PAGE__TOKEN")
        kinds = {404: NotFoundError, 409: NotPossibleError}
        return kinds.get(error.code, StorageError if error.code >= 500 else InputError)(text)
