"""Read bars from a server's API, as Parquet and page by page."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pyarrow as pa
import pyarrow.parquet

from tapeline.app import arrow_columns
from tapeline.app.stored_history import Selection
from tapeline.errors import InputError, NotFoundError, NotPossibleError, StorageError

_PAGE = 20_000  # the most that the API gives at once
_SECONDS = 60.0

#: What an answer has beside a bar's own columns that a data directory does not keep with the bar.
_JUDGED = "outcome"


class ServerBars:
    """Ask the server at `url` (such as `http://127.0.0.1:8000`), with a token where it wants one."""

    def __init__(self, url: str, token: str | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise InputError(f"{url!r} is no address of a server; write http://HOST:PORT")
        self._base = url.rstrip("/").removesuffix("/api/v1") + "/api/v1"
        self._headers = {"Accept": "application/vnd.apache.parquet"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def tables(self, selection: Selection, interval: str | None, *, ranges: bool = False) -> Iterator[pa.Table]:
        """Yield the candles selected, symbol by symbol, each in the order of time, with `ranges` what was expected.

        Raises `NotFoundError`, `NotPossibleError` or `InputError` for what the server refuses, `StorageError` when it
        does not answer.
        """
        for symbol in selection.symbols:
            query: dict[str, str | int | None] = {
                "limit": _PAGE, "indicators": ",".join(selection.indicators), "interval": interval,
                "start": selection.start, "end": selection.end, "ranges": "true" if ranges else None,
            }  # fmt: skip
            pages: list[pa.Table] = []
            while not pages or query["before"] is not None:
                page, query["before"] = self._page(symbol, query)
                pages.append(page)
            yield from reversed(pages)

    def _page(self, symbol: str, query: dict[str, str | int | None]) -> tuple[pa.Table, int | None]:
        """Return a page, and the `before` that leads to the next older one; None where there is none."""
        given = urlencode({name: value for name, value in query.items() if value is not None})
        url = f"{self._base}/symbols/{quote(symbol, safe='')}/bars?{given}"
        request = urllib.request.Request(url, headers=self._headers)  # noqa: S310 - only http and https, see above
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
                table, older = pyarrow.parquet.read_table(io.BytesIO(answer.read())), answer.headers.get("Link")
        except urllib.error.HTTPError as error:
            raise self._refused(error) from error
        except (OSError, HTTPException, pa.ArrowInvalid) as error:
            reason = getattr(error, "reason", None) or error
            raise StorageError(f"{self._base}: no answer ({reason}); is a page served there?") from error
        names = [name for name in table.column_names if name != _JUDGED]
        table = table.select(names).add_column(0, "symbol", pa.array([symbol] * len(table), pa.string()))
        return table.cast(arrow_columns.schema(table.column_names)), _before(older)

    def _refused(self, error: urllib.error.HTTPError) -> Exception:
        try:
            detail = json.loads(error.read())["detail"]
        except (ValueError, KeyError, TypeError, OSError):
            detail = error.reason
        text = f"{self._base}: {detail}"
        if error.code in {401, 403}:
            return InputError(f"{text}; pass token=..., or set TAPELINE_PAGE__TOKEN")
        kinds = {404: NotFoundError, 409: NotPossibleError}
        return kinds.get(error.code, StorageError if error.code >= 500 else InputError)(text)


def _before(link: str | None) -> int | None:
    """Return the `before` in a Link header, None without one."""
    if link is None:
        return None
    address = link.partition("<")[2].partition(">")[0]
    found = parse_qs(urlsplit(address).query).get("before")
    return int(found[0]) if found else None
