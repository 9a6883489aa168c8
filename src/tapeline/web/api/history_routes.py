"""Answer `/symbols/{symbol}/history`: all of a symbol's candles with indicators, as a stream of Arrow or Parquet."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from fastapi import Query
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from tapeline.core.rows import Rows
from tapeline.core.times import interval_name
from tapeline.errors import OverloadedError
from tapeline.web.api.bar_routes import Indicators, Interval, chart_request
from tapeline.web.api.formats import DIRECTION_NAMES, PARQUET
from tapeline.web.api.parameters import CurrentPage, End, Start, Symbol, require_known
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router
from tapeline.web.page import Page

#: Histories that are sent before another is refused: each holds a part, with all its indicators, while it is read.
MOST_HISTORIES = 8

if TYPE_CHECKING:
    import pyarrow as pa

ARROW = "application/vnd.apache.arrow.stream"

routes = api_router("bars")


class HistoryFormat(StrEnum):
    """Name how a history is answered: an Arrow IPC stream, or a Parquet file with a row group for each part."""

    ARROW = "arrow"
    PARQUET = "parquet"


class HistoryStream(StreamingResponse):
    """Stream to one client, and count among the page's histories for as long as that lasts."""

    def __init__(self, page: Page, *values: Any) -> None:
        super().__init__(*values)
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._page.histories += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._page.histories -= 1


class _Sink(io.RawIOBase):
    """Take what a writer writes, to be sent on part by part."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        content = bytes(data)
        self._parts.append(content)
        self._size += len(content)
        return len(content)

    def tell(self) -> int:
        return self._size

    def taken(self) -> bytes:
        """Return what was written since the last call."""
        content = b"".join(self._parts)
        self._parts.clear()
        return content


@routes.get(
    "/symbols/{symbol}/history", response_class=StreamingResponse, summary="All candles, as a stream",
    responses={
        **problems(404, 409),
        200: {
            "content": {each: {"schema": {"type": "string", "format": "binary"}} for each in (ARROW, PARQUET)},
            "description": "The candles in the order of time.",
        },
    },
)  # fmt: skip
async def history(
    page: CurrentPage,
    symbol: Symbol,
    kind: Annotated[HistoryFormat, Query(alias="format", description="An Arrow stream or a Parquet file.")] = (
        HistoryFormat.ARROW
    ),
    interval: Interval = None,
    start: Start = None,
    end: End = None,
    indicators: Indicators = "",
) -> StreamingResponse:
    """Answer with every candle of the range, part by part, so that neither side holds all of it."""
    chart = chart_request(symbol, interval, indicators)
    if page.histories >= MOST_HISTORIES:
        raise OverloadedError("enough histories are being sent already; try again in a few seconds")
    pages, length, same = await page.judge(lambda: page.data.candles.pages(chart, start, end))
    first = await page.judge(lambda: next(pages, None))
    if first is None:
        await require_known(page, symbol)
    parts = _written(first, pages, kind, forecasts=same)

    async def sent() -> AsyncIterator[bytes]:
        while (part := await page.judge(lambda: next(parts, None))) is not None:
            yield part

    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in f"{symbol}-{interval_name(length)}" if c.isascii())
    headers = {"Content-Disposition": f'attachment; filename="{name}.{kind.value}"'}
    return HistoryStream(page, sent(), 200, headers, ARROW if kind == HistoryFormat.ARROW else PARQUET)


def _written(first: Rows | None, pages: Iterator[Rows], kind: HistoryFormat, *, forecasts: bool) -> Iterator[bytes]:
    """Yield the bytes of the file: what the writer has written after each part, and at the end."""
    import pyarrow as pa
    import pyarrow.parquet

    sink = _Sink()
    nothing = pa.table({"timestamp": pa.array([], pa.timestamp("ms", "UTC"))})
    table = nothing if first is None else _table(first, forecasts=forecasts)
    if kind == HistoryFormat.ARROW:
        writer: Any = pa.ipc.new_stream(sink, table.schema)
    else:
        writer = pa.parquet.ParquetWriter(sink, table.schema, compression="zstd")
    writer.write_table(table)
    yield sink.taken()
    for rows in pages:
        writer.write_table(_table(rows, forecasts=forecasts))
        yield sink.taken()
    writer.close()
    yield sink.taken()


def _table(rows: Rows, *, forecasts: bool) -> pa.Table:
    import pyarrow as pa

    bars = rows.bars
    columns: dict[str, Any] = {"timestamp": pa.array(bars.timestamp, pa.timestamp("ms", "UTC"))}
    columns |= {name: pa.array(getattr(bars, name)) for name in ("open", "high", "low", "close", "volume", "final")}
    if forecasts:
        columns["prediction"] = pa.array(DIRECTION_NAMES[rows.prediction], pa.string())
        columns["probability"] = pa.array(
            np.where(rows.prediction > 0, rows.probability, np.nan), pa.float64(), from_pandas=True
        )
    for index, name in enumerate(rows.names):
        columns[name] = pa.array(np.ascontiguousarray(rows.indicator[:, index]), pa.float64(), from_pandas=True)
    return pa.table(columns)
