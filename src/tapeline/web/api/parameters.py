"""Define what operations take: the page they are about, symbols, times, and the checks that no pattern can express."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Path, Query, Request
from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from tapeline.core.market import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP
from tapeline.core.series import symbol_of
from tapeline.core.symbol_forms import MAX_SYMBOL_LENGTH, canonical_symbol, nearest_symbol, symbol_fault
from tapeline.core.times import epoch_ms
from tapeline.errors import InputError, NotFoundError
from tapeline.web.page import Page

#: The printable ASCII that `symbol_fault` accepts; that function says what is wrong with a text.
SYMBOL_PATTERN = r"^[!#-%(-.0-;=?-\[\]-~]+$"

#: The longest name of a series: a symbol, and an interval after an at sign.
_LONGEST = MAX_SYMBOL_LENGTH + len("@999999999mo")

#: An interval by name.
INTERVAL_PATTERN = r"^[1-9][0-9]{0,8}(ms|s|m|h|d|w|mo)$"

#: Which of a symbol's stored series is meant.
StoredInterval = Annotated[
    str | None,
    Query(
        pattern=INTERVAL_PATTERN, examples=["1d"],
        description="Which of the symbol's stored series: its interval; the shortest that has not ended when left out.",
    ),
]  # fmt: skip

#: A day of the years that times may be in, and a time of it in a zone, in ISO format; leap days are accepted too.
_ISO = (
    r"^(19\d\d|20\d\d|21\d\d)-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|"
    r"02-(0[1-9]|1\d|2[0-8]))(T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{3})?)?(Z|[+-](0\d|1[0-3]):[0-5]\d)?)?$"
)


def _in_epoch_ms(value: object) -> object:
    """Return a text as epoch ms; anything else is left to the check of numbers."""
    if isinstance(value, str):
        number, _, rest = value.partition(".")
        try:
            return epoch_ms(value if rest.strip("0") else number)  # 5.0 is an integer by JSON Schema
        except InputError as error:
            raise PydanticCustomError("time", "{fault}", {"fault": str(error)}) from None
    return value


Time = Annotated[
    int,
    BeforeValidator(_in_epoch_ms),
    Field(ge=EARLIEST_TIMESTAMP, le=LATEST_TIMESTAMP),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": EARLIEST_TIMESTAMP, "maximum": LATEST_TIMESTAMP},
                {"type": "string", "pattern": _ISO, "examples": ["2026-01-02", "2026-01-02T14:30Z"]},
            ]
        }
    ),
]
Start = Annotated[Time | None, Query(description="From this time on: UTC epoch ms, or an ISO date or time (UTC).")]
Times = Annotated[bool, Query(description="Add `time`, the open times as ISO text.")]
End = Annotated[Time | None, Query(description="Before this time: UTC epoch ms, or an ISO date or time (UTC).")]


async def _page_of(request: Request) -> Page:  # a plain one would be called in another thread
    page: Page = request.app.state.page
    return page


#: The page that a request is about.
CurrentPage = Annotated[Page, Depends(_page_of)]


def checked(symbol: str) -> str:
    """Return the symbol as it is kept. Raises `InputError` for a text that is none."""
    if fault := symbol_fault(symbol):
        raise InputError(fault)
    return canonical_symbol(symbol)


async def _meant(page: Page, symbol: str) -> str:
    """Return the symbol that is meant: as written where it has rows, otherwise as symbols are kept."""
    kept = checked(symbol)
    if kept != symbol and await page.read(lambda: len(page.data.store.rows(symbol, limit=1)) > 0):
        return symbol  # of a data directory of an earlier version
    return kept


async def _in_the_path(
    page: CurrentPage,
    symbol: Annotated[
        str,
        Path(
            min_length=1, max_length=_LONGEST, pattern=SYMBOL_PATTERN, examples=["AAPL"],
            description="A symbol, percent-encoded: letters, digits and punctuation, no quotes, slashes or angle "
            "brackets. Small letters are read as capitals. Or one of its series, such as `AAPL@1d`.",
        ),
    ],
) -> str:  # fmt: skip
    return await _meant(page, symbol)


_Queried = Query(min_length=1, max_length=_LONGEST, pattern=SYMBOL_PATTERN, examples=["AAPL"])


async def _in_the_query(page: CurrentPage, symbol: Annotated[str, _Queried]) -> str:
    return await _meant(page, symbol)


async def _maybe_in_the_query(page: CurrentPage, symbol: Annotated[str | None, _Queried] = None) -> str | None:
    return None if symbol is None else await _meant(page, symbol)


#: A symbol in the path of an address, one in the query, and one that may be left out there.
Symbol = Annotated[str, Depends(_in_the_path)]
SymbolQuery = Annotated[str, Depends(_in_the_query)]
AnySymbolQuery = Annotated[str | None, Depends(_maybe_in_the_query)]


async def require_known(page: Page, symbol: str) -> None:
    """Raise `NotFoundError` for a symbol that neither has rows nor is collected; it names the one that may be meant."""

    def check() -> None:
        own, watchlist = symbol_of(symbol), page.data.watchlist
        if page.data.store.series(own) or (watchlist is not None and own in watchlist.load()):
            return
        near = nearest_symbol(own, [symbol_of(name) for name in page.data.store.latest().bars.symbols])
        guess = f" (did you mean {near}?)" if near else ""
        raise NotFoundError(f"there are no bars of {symbol}{guess}, and it is not collected")

    await page.read(check)


def earliest(*times: int | None) -> int | None:
    """Return the earliest of the times that were given, None without any."""
    return min((time for time in times if time is not None), default=None)


def next_page(request: Request, **cursor: int | None) -> dict[str, str]:
    """Return the Link header that leads to older data: this request with another cursor; none where that is None."""
    if None in cursor.values():
        return {}
    query = {**request.query_params, **{name: str(value) for name, value in cursor.items()}}
    return {"Link": f'<{request.url.path}?{urlencode(query)}>; rel="next"'}
