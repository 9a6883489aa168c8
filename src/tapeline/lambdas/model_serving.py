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
from pathlib import Path

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tapeline.backends.files.file_registry import load_model
from tapeline.errors import RequestError, TapelineError, line_with_kind
from tapeline.forecast.model import LightGBMModel
from tapeline.lambdas.prediction_bodies import parse, render

_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
_LARGEST = 32 * 1024 * 1024  # bytes of a request; SageMaker itself stops at 25 MB
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
        except Exception as error:  # noqa: BLE001 - whatever it is, a container that never gets ready has to end
            print(f"cannot serve: {line_with_kind(error)}", file=sys.stderr)  # noqa: T201 - SageMaker's log is the container's output
            failed.set()
            server.should_exit = True

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn shuts down well on SIGTERM, but then raises it again: with a handler of its own the exit code stays 0
    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=load, name="load", daemon=True).start()
    server.run()
    return 1 if failed.is_set() or not server.started else 0
