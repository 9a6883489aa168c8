"""Answer `/session`: log in, log out, and who is asking."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from tapeline.web.access import LONGEST_SECONDS, Identity
from tapeline.web.api.parameters import CurrentPage
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router
from tapeline.web.client_address import client_group
from tapeline.web.security import COOKIE, credentials
from tapeline.web.users import LONGEST_PASSWORD, User

routes = api_router("session")


class PasswordLogin(BaseModel):
    """Carry a user's name and password."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=LONGEST_PASSWORD)]


class TokenLogin(BaseModel):
    """Carry the server's token."""

    model_config = ConfigDict(extra="forbid")

    token: Annotated[str, Field(min_length=1, max_length=512)]


class SessionAnswer(BaseModel):
    """Say who is asking. `role` is null for a stranger; changes need `csrf` in the header X-CSRF-Token."""

    role: Literal["admin", "viewer"] | None
    name: str
    login_needed: bool
    csrf: str


@routes.get("/session", responses=problems(), summary="Who am I")
async def who(request: Request) -> SessionAnswer:
    """Answer strangers as well: the page asks this first, to know whether to show a log-in."""
    return _answer(request.state.identity)


@routes.post("/session", responses=problems(413, 429), summary="Log in")
async def log_in(
    request: Request, response: Response, login: PasswordLogin | TokenLogin, page: CurrentPage
) -> SessionAnswer:
    """Begin a session in place of the one that the request came with.

    A failure is counted before the password is checked, so that many attempts at once count as well. The right token
    never has to wait: it cannot be guessed, so that slowing guessers down with it would only lock its holder out.
    """
    access = page.access
    keys = [f"address {client_group(access.proxies.client(request.scope))}"]
    user: User | None = None
    if isinstance(login, PasswordLogin):
        keys.append(f"name {login.name}")
    if isinstance(login, PasswordLogin) or not access.is_token(login.token):
        access.attempts.check(*keys)
        access.attempts.failed(*keys)
        if isinstance(login, PasswordLogin):
            user = await page.verify(lambda: access.verified(login.name, login.password))
        if user is None:
            raise HTTPException(401, "name, password or token is wrong", {"WWW-Authenticate": "Bearer"})
    access.attempts.succeeded(*keys)
    access.end(credentials(request.scope)[0])
    secret = access.begin(user)
    response.set_cookie(
        COOKIE, secret, max_age=int(LONGEST_SECONDS), httponly=True, samesite="strict",
        secure=access.proxies.scheme(request.scope) == "https",
    )  # fmt: skip
    return _answer(access.identify(secret, ""))


@routes.delete("/session", status_code=204, responses=problems(), summary="Log out")
async def log_out(request: Request, page: CurrentPage) -> Response:
    """End the session that the request came with."""
    page.access.end(credentials(request.scope)[0])
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def _answer(identity: Identity | None) -> SessionAnswer:
    if identity is None:
        return SessionAnswer(role=None, name="", login_needed=True, csrf="")
    return SessionAnswer(role=identity.role.value, name=identity.name, login_needed=False, csrf=identity.csrf)
