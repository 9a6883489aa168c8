"""What every part of the API shares: the view, its reader, the live loop, who may do what; and how errors are said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import HTTPException, Path, Query
from pydantic import BaseModel, Field

from tapeline.core.market import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, MAX_SYMBOL_LENGTH, symbol_fault
from tapeline.errors import ModelError, NotBetterError
from tapeline.forecast.model import (
    Metadata,
)
from tapeline.web.access import Access
from tapeline.web.broadcast import Broadcast
from tapeline.web.thread_runner import ThreadRunner
from tapeline.web.view import View

T = TypeVar("T")


class Problem(BaseModel):
    """Why a request was refused, in one line."""

    detail: str


def problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of these refusals beside those that every operation may answer with."""
    texts = {
        400: "The request cannot be read.", 401: "Log in first.", 403: "Not allowed.", 404: "There is no such thing.",
        406: "None of the accepted formats.", 409: "Not possible as things stand.", 413: "Too large.",
        422: "A parameter is wrong.", 429: "Too many attempts.", 503: "The store cannot be read at the moment.",
    }  # fmt: skip
    return {code: {"model": Problem, "description": texts[code]} for code in sorted({400, 401, 403, 422, 503, *codes})}


#: ASCII of what `symbol_fault` accepts, which says what is wrong with a text.
SYMBOL_PATTERN = r"^[!#-%(-.0-;=?-\[\]-~]+$"

#: A symbol in the address.
Symbol = Annotated[
    str,
    Path(
        min_length=1, max_length=MAX_SYMBOL_LENGTH, pattern=SYMBOL_PATTERN, examples=["AAPL"],
        description="A symbol, percent-encoded: letters, digits and punctuation, no quotes, slashes or angle brackets.",
    ),
]  # fmt: skip

#: A symbol in the query.
SymbolQuery = Annotated[
    str, Query(min_length=1, max_length=MAX_SYMBOL_LENGTH, pattern=SYMBOL_PATTERN, examples=["AAPL"])
]

Time = Annotated[int, Field(ge=EARLIEST_TIMESTAMP, le=LATEST_TIMESTAMP)]


def checked(symbol: str) -> str:
    """The symbol. 422 for a text that is none."""
    if fault := symbol_fault(symbol):
        raise HTTPException(422, fault)
    return symbol


@dataclass(slots=True)
class Context:
    """The parts. `call` is how a router reads, `judge` how it does what takes seconds; nothing waits for that.

    `log_ins` has one thread, as hashing a password takes 64 MB.
    """

    view: View
    reader: ThreadRunner
    slow: ThreadRunner
    log_ins: ThreadRunner
    broadcast: Broadcast
    access: Access
    models: Callable[[], Mapping[str, Metadata]]

    async def call(self, work: Callable[[], T]) -> T:
        """What `work` answers, from a thread. 503 when the store cannot be read."""
        return await self.guarded(self.reader.call(work))

    async def judge(self, work: Callable[[], T]) -> T:
        """As `call`, one at a time, in a thread for that."""
        return await self.guarded(self.slow.call(work))

    async def guarded(self, answer: Awaitable[T]) -> T:
        """The answer; 503 when the store cannot be read."""
        try:
            return await answer
        except (HTTPException, ModelError, NotBetterError, ValueError, LookupError):
            raise
        except OSError as error:
            raise HTTPException(503, brief(error)) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] in {"sqlite3", "botocore", "tapeline"}:
                raise HTTPException(503, brief(error)) from error
            raise


def brief(error: BaseException) -> str:
    """The error as one line for people."""
    return " ".join(str(error).split())[:300] or type(error).__name__
