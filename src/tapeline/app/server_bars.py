"""Read bars from a server's API, as Parquet and page by page."""

from __future__ import annotations

import io
from collections.abc import Iterator
from urllib.parse import parse_qs, quote, urlsplit

import pyarrow as pa
import pyarrow.parquet

from tapeline.app import arrow_columns
from tapeline.app.server_requests import ServerRequests
from tapeline.app.stored_history import Selection
from tapeline.core.foreign import parquet_fault
from tapeline.errors import StorageError

_PAGE = 20_000  # the most that the API gives at once

#: What an answer has beside a bar's own columns that a data directory does not keep with the bar.
_ADDED = frozenset({"outcome", "hours"})


class ServerBars:
    """Ask the server at `url` (such as `http://127.0.0.1:8000`), with a token where it wants one."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._requests = ServerRequests(url, token)

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
                asked = query.get("before")
                page, query["before"] = self._page(symbol, query)
                if asked is not None and query["before"] is not None and int(query["before"]) >= int(asked):
                    raise StorageError(f"{self._requests.base}: pages of bars go round; is a page served there?")
                pages.append(page)
            yield from reversed(pages)

    def _page(self, symbol: str, query: dict[str, str | int | None]) -> tuple[pa.Table, int | None]:
        """Return a page, and the `before` that leads to the next older one; None where there is none."""
        path = f"/symbols/{quote(symbol, safe='')}/bars"
        content, headers = self._requests.get(path, query, "application/vnd.apache.parquet")
        try:
            file = pyarrow.parquet.ParquetFile(io.BytesIO(content))
            if fault := parquet_fault(file.metadata, len(content)):
                raise StorageError(f"{self._requests.base}: the answer {fault}")
            table = file.read()
            names = [name for name in table.column_names if name not in _ADDED]
            table = table.select(names).add_column(0, "symbol", pa.array([symbol] * len(table), pa.string()))
            return table.cast(arrow_columns.schema(table.column_names)), _before(headers.get("link"))
        except (pa.ArrowException, KeyError, ValueError) as error:
            raise StorageError(f"{self._requests.base}: no answer ({error}); is a page served there?") from error


def _before(link: str | None) -> int | None:
    """Return the `before` in a Link header, None without one."""
    if link is None:
        return None
    address = link.partition("<")[2].partition(">")[0]
    found = parse_qs(urlsplit(address).query).get("before")
    return int(found[0]) if found else None
