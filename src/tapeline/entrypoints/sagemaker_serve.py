"""SageMaker's `serve`: the model over HTTP, one row of features in, one probability out.

`GET /ping` is 200 once the model is loaded, 503 before. `POST /invocations` takes `text/csv` (no header),
`application/json` (`{"instances": [[...], ...]}` or `[{"features": [...]}, ...]` in it) and `application/jsonlines`
(a list or `{"features": [...]}` a line), and answers as `Accept` asks: JSON unless it names CSV or JSON lines. Every
answer carries the model's version, in the header `x-model-version` too.
"""

from __future__ import annotations

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

from tapeline.market import Direction, Floats
from tapeline.prediction.labels import direction
from tapeline.prediction.model import LightGBMModel, ModelError

_LARGEST = 32 * 1024 * 1024  # bytes of a request; SageMaker itself stops at 25 MB


class RequestError(Exception):
    """The request cannot be answered: the status and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Service:
    """The two routes. `model` is None until it is loaded."""

    def __init__(self) -> None:
        self.model: LightGBMModel | None = None
        self.app = Starlette(
            routes=[
                Route("/ping", self.ping, methods=["GET"]),
                Route("/invocations", self.invocations, methods=["POST"]),
            ]
        )

    async def ping(self, _: Request) -> Response:
        if self.model is None:
            return PlainTextResponse("the model is loading\n", 503)
        return PlainTextResponse("", 200, headers={"x-model-version": self.model.version})

    async def invocations(self, request: Request) -> Response:
        model = self.model
        if model is None:
            return PlainTextResponse("the model is loading\n", 503)
        try:
            features = parse(await _body(request), request.headers.get("content-type", ""), len(model.features))
        except RequestError as error:
            return PlainTextResponse(f"{error}\n", error.status)
        content, kind = render(model, model.predict(features), request.headers.get("accept", ""))
        return Response(content, media_type=kind, headers={"x-model-version": model.version})


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > _LARGEST:
            raise RequestError(413, f"the request is larger than {_LARGEST:,} bytes: send fewer rows at once")
        parts.append(part)
    return b"".join(parts)


def parse(body: bytes, content_type: str, width: int) -> Floats:
    """The rows in a request's body, float64 [n, width]. Raises `RequestError` with 400 or 415 and the reason."""
    kind = content_type.partition(";")[0].strip().lower()
    reader = _READERS.get(kind)
    if reader is None:
        raise RequestError(415, f"content type {kind or '(none)'!r} is not read here; send {', '.join(_READERS)}")
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
        raise RequestError(400, _offender(rows))
    return features


def _offender(rows: list[list[Any]]) -> str:
    for number, row in enumerate(rows, 1):
        for place, value in enumerate(row, 1):
            try:
                fine = not isinstance(value, bool) and np.isfinite(float(value))
            except (TypeError, ValueError, OverflowError):
                fine = False
            if not fine:
                return f"row {number}, value {place}: {str(value)[:40]!r} is not a finite number"
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


def render(model: LightGBMModel, probability: Floats, accept: str) -> tuple[str, str]:
    """The answer and its content type, as the Accept header asks."""
    answers = [Direction(code).name for code in direction(probability, model.band).tolist()]
    pairs = list(zip(probability.tolist(), answers, strict=True))
    if "text/csv" in accept:
        return "".join(f"{p!r},{answer}\n" for p, answer in pairs), "text/csv"
    rows = [{"probability": p, "prediction": answer} for p, answer in pairs]
    if "application/jsonlines" in accept:
        lines = (json.dumps(row | {"model_version": model.version}) for row in rows)
        return "\n".join(lines) + "\n", "application/jsonlines"
    return json.dumps({"model_version": model.version, "predictions": rows}), "application/json"


def serve(folder: Path, host: str, port: int) -> int:
    """Serves the model in `folder` until SIGTERM or SIGINT; returns the exit code. A model that is no use ends it."""
    service = Service()
    server = uvicorn.Server(
        uvicorn.Config(service.app, host=host, port=port, log_level="warning", timeout_keep_alive=75)
    )
    failed = threading.Event()

    def load() -> None:
        try:
            model = LightGBMModel.load(folder)
            model.predict(np.zeros((1, len(model.features))))  # compiles, so that the first caller does not wait for it
            service.model = model
        except ModelError as error:
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
