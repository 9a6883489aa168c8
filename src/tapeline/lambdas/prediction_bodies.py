"""Read rows of features from the body of a request, and write a model's answers, in the forms `model_serving` names."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from tapeline.core.market import Floats
from tapeline.core.rows import Direction
from tapeline.errors import RequestError
from tapeline.forecast.labels import direction
from tapeline.forecast.model import LightGBMModel
from tapeline.forecast.npy import NPY, packed, unpacked

_MOST_ROWS = 50_000  # of a request in text; more full rows do not fit into the bytes that `model_serving` takes


def parse(body: bytes, content_type: str, width: int) -> Floats:
    """Return the rows in a request's body, float64 [n, width]. Raises `RequestError` with 400, 413 or 415."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == NPY:
        return _npy(body, width)
    reader = _READERS.get(kind)
    if reader is None:
        known = ", ".join([*_READERS, NPY])
        raise RequestError(415, f"content type {kind or '(none)'!r} is not read here; send {known}")
    _check_parts(body, width)
    try:
        rows = reader(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise RequestError(400, f"the body is not UTF-8: {error.reason} at byte {error.start}") from None
    if not rows:
        raise RequestError(400, "the request has no rows")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list):
            raise RequestError(400, f"row {number} is not a list of features")
        if len(row) != width:
            raise RequestError(400, f"row {number} has {len(row)} values, the model takes {width}")
    try:
        features = np.array(rows, np.float64)
    except (TypeError, ValueError, OverflowError):
        features = None
    if features is None or not np.isfinite(features).all() or any(isinstance(v, bool) for row in rows for v in row):
        raise RequestError(400, _first_fault(rows))
    return features


def _check_parts(body: bytes, width: int) -> None:
    """Raise `RequestError` for more lists, lines or values than are read: each takes many times its bytes in memory."""
    if max(map(body.count, (b"[", b"{"))) > _MOST_ROWS + 1 or body.count(b"\n") > 2 * _MOST_ROWS:
        raise RequestError(413, f"the request has more than {_MOST_ROWS:,} rows: send fewer at once")
    if body.count(b",") > _MOST_ROWS * width:
        raise RequestError(413, f"the request has more values than {_MOST_ROWS:,} rows of {width}: send fewer at once")


def _npy(body: bytes, width: int) -> Floats:
    try:
        rows = unpacked(body)
    except ValueError as error:
        raise RequestError(400, f"the body is not an array in NumPy's format: {error}") from None
    if rows.ndim != 2 or not len(rows):
        raise RequestError(400, "the body is not a two-dimensional array of floats with at least a row")
    if rows.shape[1] != width:
        raise RequestError(400, f"the rows have {rows.shape[1]} values, the model takes {width}")
    if not np.isfinite(rows).all():
        raise RequestError(400, _first_fault(rows.tolist()))
    features: Floats = np.ascontiguousarray(rows, np.float64)
    return features


def _first_fault(rows: list[list[Any]]) -> str:
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            try:
                fine = not isinstance(value, bool) and np.isfinite(float(value))
            except (TypeError, ValueError, OverflowError):
                fine = False
            if not fine:
                return f"row {number}, value {column}: {str(value)[:40]!r} is not a finite number"
    return "the rows are not numbers"


def _csv(text: str) -> list[Any]:
    return [line.split(",") for line in text.splitlines() if line.strip()]


def _json(text: str) -> list[Any]:
    document = _loads(text, "the body")
    instances = document.get("instances") if isinstance(document, dict) else None
    if not isinstance(instances, list):
        raise RequestError(400, 'the body is not {"instances": [[...], ...]}')
    return [_unwrapped(item) for item in instances]


def _json_lines(text: str) -> list[Any]:
    lines = [line for line in text.splitlines() if line.strip()]
    return [_unwrapped(_loads(line, f"line {number}")) for number, line in enumerate(lines, 1)]


def _loads(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"{what} is not JSON: {error}") from None


def _unwrapped(item: Any) -> Any:
    return item["features"] if isinstance(item, dict) and set(item) == {"features"} else item


_READERS: dict[str, Callable[[str], list[Any]]] = {
    "text/csv": _csv,
    "application/json": _json,
    "application/jsonlines": _json_lines,
}


def render(model: LightGBMModel, probability: Floats, accept: str) -> tuple[str | bytes, str]:
    """Return the answer and its content type, as the Accept header asks: JSON unless it names another."""
    if NPY in accept:
        return packed(probability), NPY
    answers = [Direction(code).name for code in direction(probability, model.hold_margin).tolist()]
    pairs = list(zip(probability.tolist(), answers, strict=True))
    if "text/csv" in accept:
        return "".join(f"{p!r},{answer}\n" for p, answer in pairs), "text/csv"
    rows = [{"probability": p, "prediction": answer} for p, answer in pairs]
    if "application/jsonlines" in accept:
        lines = (json.dumps(row | {"model_version": model.version}) for row in rows)
        return "\n".join(lines) + "\n", "application/jsonlines"
    return json.dumps({"model_version": model.version, "predictions": rows}), "application/json"
