"""Answer `/desk`: what the user who asks arranged on the page, such as lines drawn on a chart."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Path, Request, Response

from tapeline.errors import NotPossibleError
from tapeline.web.api.formats import json_answer
from tapeline.web.api.parameters import CurrentPage
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router
from tapeline.web.desks import NAME_PATTERN, Desks
from tapeline.web.page import Page

routes = api_router("desk")

Name = Annotated[str, Path(pattern=NAME_PATTERN, examples=["drawings:AAPL"], description="A word, and what of.")]


@routes.get("/desk/{name}", response_model=dict[str, Any], responses=problems(409), summary="A document of one's own")
async def document(name: Name, request: Request, page: CurrentPage) -> Response:
    """Answer with the document as it was kept, an empty one where nothing was."""
    desks = _kept(page)
    return json_answer(await page.read(lambda: desks.load(request.state.identity.name, name)) or {})


@routes.put("/desk/{name}", status_code=204, responses=problems(409, 413), summary="Keep a document of one's own")
async def keep(name: Name, kept: Annotated[dict[str, Any], Body()], request: Request, page: CurrentPage) -> Response:
    """Replace the document. A viewer with a name may, too: nobody else sees it."""
    desks = _kept(page)
    await page.read(lambda: desks.save(request.state.identity.name, name, kept))
    return Response(status_code=204)


def _kept(page: Page) -> Desks:
    if page.data.desks is None:
        raise NotPossibleError("nothing is kept for users here")
    return page.data.desks
