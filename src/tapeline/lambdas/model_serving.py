"""Serve a model over HTTP as SageMaker's `serve` does: one row of features in, one probability out.

`GET /ping` is 200 once the model is loaded, 503 before. `POST /invocations` takes `text/csv` (no header),
`application/json` (`{"instances": [[...], ...]}` or `[{"features": [...]}, ...]` in it), `application/jsonlines`
(a list or `{"features": [...]}` a line) and `application/x-npy` (float64 [n, features]), and answers as `Accept` asks:
JSON unless it names one of the others. Every answer carries the model's version in the header `x-model-version` and in
SageMaker's custom attributes. To `{"describe": true}` it answers what the model is. A request whose custom attributes
name another `schema` than the model was made for is refused with 409. A refusal is one line of text.

Bodies are read in threads, at most two at once, and text that would be more values than that many rows have is refused
before it is parsed: `/ping` is answered meanwhile, whatever somebody sends.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tapeline.backends.files.file_registry import load_model
from tapeline.core.market import Floats
from tapeline.core.rows import Direction
from tapeline.errors import RequestError, TapelineError
from tapeline.forecast.labels import direction
from tapeline.forecast.model import LightGBMModel
from tapeline.forecast.npy import NPY, packed, unpacked

_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
_LARGEST = 32 * 1024 * 1024  # bytes of a request; SageMaker itself stops at 25 MB
_MOST_ROWS = 50_000  # of a request in text; of full rows, more do not fit into those bytes
_AT_ONCE = 2  # bodies that are parsed


class Service:
    """Answer the two routes. `model` is None until it is loaded; requests before that get 503."""

    def __init__(self) -> None:
        self.model: LightGBMModel | None = None
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self.app = Starlette(
            routes=[
                Route("/ping", self.ping, methods=["GET"]),
                Route("/invocations", self.invocations, methods=["POST"]),
            ],
            exception_handlers={TapelineError: _refuse},
        )

    async def ping(self, _: Request) -> Response:
        """Answer whether the model is loaded."""
        if self.model is None:
            return PlainTextResponse("the model is loading\n", 503)
        return PlainTextResponse("", 200, headers={"x-model-version": self.model.version})

    async def invocations(self, request: Request) -> Response:
        """Answer a prediction for each row of the body. Raises `RequestError`."""
        model = self.model
        if model is None:
            return PlainTextResponse("the model is loading\n", 503)
        headers = {"x-model-version": model.version, _ATTRIBUTES: f"model={model.version}"}
        _check_schema(model, request.headers.get(_ATTRIBUTES, ""))
        body, kind = await _body(request), request.headers.get("content-type", "")
        if _asks_for_description(body, kind):
            return Response(description(model), media_type="application/json", headers=headers)
        accept = request.headers.get("accept", "")

        def work() -> tuple[str | bytes, str]:
            return render(model, model.predict(parse(body, kind, len(model.features))), accept)

        async with self._turns:
            content, answered = await asyncio.to_thread(work)
        return Response(content, media_type=answered, headers=headers)


async def _refuse(_: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{error}\n", getattr(error, "status", 500))


def _check_schema(model: LightGBMModel, attributes: str) -> None:
    """Raise `RequestError` when the caller's features are not the model's."""
    asked = dict(part.partition("=")[::2] for part in attributes.split(";")).get("schema")
    if asked and asked != model.metadata.feature_hash:
        raise RequestError(
            409, f"features of schema {asked} were sent, model {model.version} takes {model.metadata.feature_hash}"
        )


def _asks_for_description(body: bytes, content_type: str) -> bool:
    if len(body) > 100 or not content_type.startswith("application/json"):
        return False
    try:
        return bool(json.loads(body) == {"describe": True})
    except ValueError:
        return False


def description(model: LightGBMModel) -> bytes:
    """Return what a caller must know of the model before it asks: JSON, read by `SageMakerPredictor`.

    The hold margin is called `band` there: endpoints and functions of other versions call it so.
    """
    return json.dumps({
        "version": model.version,
        "features": list(model.features),
        "feature_hash": model.metadata.feature_hash,
        "trained_until": model.trained_until,
        "band": model.hold_margin,
        "horizon": model.metadata.horizon,
        "interval": model.metadata.interval,
    }).encode()  # fmt: skip


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > _LARGEST:
            raise RequestError(413, f"the request is larger than {_LARGEST:,} bytes: send fewer rows at once")
        parts.append(part)
    return b"".join(parts)


def parse(body: bytes, content_type: str, width: int) -> Floats:
    """Return the rows in a request's body, float64 [n, width]. Raises `RequestError` with 400 or 415."""
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


def serve(folder: Path, host: str, port: int) -> int:
    """Serve the model in `folder` until SIGTERM or SIGINT. Return the exit code: 1 when the model cannot be used."""
    service = Service()
    server = uvicorn.Server(
        uvicorn.Config(service.app, host=host, port=port, log_level="warning", timeout_keep_alive=75)
    )
    failed = threading.Event()

    def load() -> None:
        try:
            model = load_model(folder)
            model.predict(np.zeros((1, len(model.features))))  # compiles, so that the first caller does not wait for it
            service.model = model
        except TapelineError as error:
            print(f"cannot serve: {error}", file=sys.stderr)  # noqa: T201 - SageMaker's log is the container's output
            failed.set()
            server.should_exit = True

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn shuts down well on SIGTERM, but then raises it again: with a handler of its own the exit code stays 0
    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=load, name="load", daemon=True).start()
    server.run()
    return 1 if failed.is_set() or not server.started else 0
