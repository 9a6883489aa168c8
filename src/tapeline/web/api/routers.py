"""Make the routers of the API, whose operations have their whole address from the start.

FastAPI could add the prefix when it includes a router. It would then analyse each operation a second time, at the first
request that comes: 25 ms, twice as long as the answer.
"""

from __future__ import annotations

from fastapi import APIRouter

#: What the addresses of all operations begin with.
PREFIX = "/api/v1"


def api_router(tag: str) -> APIRouter:
    """Return a router for operations of this tag."""
    return APIRouter(prefix=PREFIX, tags=[tag])
