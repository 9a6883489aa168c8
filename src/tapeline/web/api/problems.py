"""Answer errors: every `TapelineError` with its own status and its one line.

Routes raise and never translate. What a person can fix says so itself; what nobody foresaw is left to `defects`, which
answers it without a word about the inside.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException

from tapeline.error_text import one_line
from tapeline.errors import OverloadedError, RuleError, TapelineError, TooManyAttemptsError
from tapeline.web.api.formats import json_answer
from tapeline.web.api.refusals import refusal

_TEXTS = {
    400: "The request cannot be read.", 401: "Log in first.", 403: "Not allowed.", 404: "There is no such thing.",
    406: "None of the accepted formats.", 409: "Not possible as things stand.", 413: "Too large.",
    422: "A parameter is wrong.", 429: "Too many attempts.",
    503: "The store cannot be read at the moment, or too many requests wait.",
}  # fmt: skip


_LONGEST_PATH = 100


class Problem(BaseModel):
    """Say in one line why a request was refused."""

    detail: str


def problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of these refusals and of those that every operation may answer with."""
    every = {400, 401, 403, 422, 503, *codes}
    return {code: {"model": Problem, "description": _TEXTS[code]} for code in sorted(every)}


def add_handlers(app: FastAPI) -> None:
    """Make this application answer errors as documented in docs/api.md."""
    app.add_exception_handler(TapelineError, _fixable)
    app.add_exception_handler(RequestValidationError, _wrong_parameter)
    app.add_exception_handler(StarletteHTTPException, _refused)


async def _fixable(request: Request, error: Exception) -> Response:
    assert isinstance(error, TapelineError)  # noqa: S101 - registered for these
    if error.status == 500:
        identifier = request.app.state.page.defects.note(request.scope, error)
        return json_answer({"detail": f"{one_line(error)} (error {identifier})"}, error.status)
    detail: object = one_line(error)
    if isinstance(error, RuleError):  # the page marks the place in the text
        detail = {"message": detail, "place": error.place, "length": error.length}
    headers = {"Retry-After": str(error.seconds)} if isinstance(error, TooManyAttemptsError | OverloadedError) else {}
    return json_answer({"detail": detail}, error.status, headers)


async def _wrong_parameter(_: Request, error: Exception) -> Response:
    """Name the first thing that is wrong."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for these
    return json_answer({"detail": refusal(error.errors()[0])}, 422)


async def _refused(request: Request, error: Exception) -> Response:
    """Answer what only HTTP knows: an unknown path, a wrong method, no accepted format."""
    assert isinstance(error, StarletteHTTPException)  # noqa: S101 - registered for these
    detail = str(error.detail)
    if detail == HTTPStatus(error.status_code).phrase:  # nobody said more
        path = str(request.scope["path"])[:_LONGEST_PATH]  # `request.url` fails over a query that is no UTF-8
        detail = {
            404: f"there is nothing at {path}; /reference/ lists every operation",
            405: f"{path} does not take {request.method}; /reference/ shows what it takes",
        }.get(error.status_code, detail)
    return json_answer({"detail": detail}, error.status_code, error.headers)
