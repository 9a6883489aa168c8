"""Answer as JSON, CSV or Parquet, as the client asks by `?format=` or by its Accept header."""

from __future__ import annotations

import io
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, HTTPException, Query, Request, Response
from numpy.typing import NDArray

from tapeline.core.market import Codes
from tapeline.core.rows import Direction, Rows
from tapeline.runtime.csv_cells import without_formulas
from tapeline.web.json_text import json_bytes

PARQUET = "application/vnd.apache.parquet"

_TYPES = {"json": "application/json", "csv": "text/csv; charset=utf-8", "parquet": PARQUET}
_ACCEPTED = {
    "application/json": "json", "text/csv": "csv", PARQUET: "parquet", "*/*": "json", "application/*": "json",
    "text/*": "csv",
}  # fmt: skip

#: `Direction` -> its name, None for no direction, as an array to index with.
DIRECTION_NAMES = np.array([None, *(direction.name for direction in Direction if direction)], object)

#: What an operation with all three formats adds to its OpenAPI description.
THREE_FORMATS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            PARQUET: {"schema": {"type": "string", "format": "binary"}},
        }
    }
}


class Format(StrEnum):
    """Name how a table is answered."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


async def wanted(
    request: Request,
    format: Annotated[  # noqa: A002 - the name of the parameter in the address
        Format | None, Query(description="How to answer; otherwise the Accept header says.")
    ] = None,
) -> Format:
    """Return the format that this client asked for: by parameter, otherwise the best of its Accept header.

    Refuses with 406 a client that accepts none of the three.
    """
    if format is not None:
        return format
    accepted = request.headers.get("accept", "*/*")
    for part in sorted(accepted.split(","), key=_quality, reverse=True):
        kind = _ACCEPTED.get(part.partition(";")[0].strip().lower())
        if kind is not None and _quality(part) > 0:
            return Format(kind)
    raise HTTPException(406, f"answers come as {', '.join(_TYPES.values())}, not as {accepted[:100]}")


Wanted = Annotated[Format, Depends(wanted)]


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response of `json_bytes`, which skips the slow validation of what the code made itself."""
    return Response(json_bytes(value), status, dict(headers or {}), "application/json")


def versions(rows: Rows, by: Codes) -> NDArray[Any]:
    """Return the model versions at these indices of the rows' table, None for -1, object [n]."""
    return np.array([*rows.models, None], object)[by]


def table_answer(
    kind: Format, columns: Mapping[str, Any], name: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the columns as a CSV or Parquet file called `name`.

    NaN is an empty cell. `timestamp` is UTC epoch ms in CSV and a timestamp with zone UTC in Parquet.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    arrays = {key: pa.array(column, from_pandas=True) for key, column in columns.items()}
    buffer = io.BytesIO()
    if kind == Format.PARQUET:
        if "timestamp" in arrays:
            arrays["timestamp"] = arrays["timestamp"].cast(pa.timestamp("ms", "UTC"))
        pa.parquet.write_table(pa.table(arrays), buffer, compression="zstd")
    else:
        table = without_formulas(pa.table(arrays))
        pa.csv.write_csv(table, buffer, pa.csv.WriteOptions(quoting_style="needed"))
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name if c.isascii())
    disposition = {"Content-Disposition": f'attachment; filename="{safe}.{kind.value}"'}
    return Response(buffer.getvalue(), 200, {**disposition, **(headers or {})}, _TYPES[kind.value])


def _quality(part: str) -> float:
    _, _, text = part.partition("q=")
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
