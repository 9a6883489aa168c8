"""Make the routers of the API, whose operations have their whole address from the start.

FastAPI could add the prefix when it includes a router. It would then analyse each operation a second time, at the first
request that comes: 25 ms, twice as long as the answer.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from fastapi import APIRouter, Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from tapeline.errors import InputError

#: What the addresses of all operations begin with.
PREFIX = "/api/v1"


def api_router(tag: str) -> APIRouter:
    """Return a router for operations of this tag."""
    return APIRouter(prefix=PREFIX, tags=[tag], dependencies=[Depends(_only_known)])


async def _only_known(request: Request) -> None:
    """Refuse a parameter that an operation does not have: left alone, a slip would be answered with something else."""
    if not request.query_params:
        return
    route: APIRoute = request.scope["route"]
    known = set(_named_in(route.dependant))
    for name in request.query_params:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
            guess = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(known)) or 'none'}"
            raise InputError(f"there is no parameter {name[:60]!r} here; {guess}")


def _named_in(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for each in dependant.dependencies:
        yield from _named_in(each)
