"""`/session`: logging in and out, and who one is."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from tapeline.errors import TooManyAttemptsError
from tapeline.web.access import (
    LONGEST_SECONDS,
    Identity,
)
from tapeline.web.api.context import Context, problems
from tapeline.web.security import COOKIE, client_address, client_scheme, credentials
from tapeline.web.users import LONGEST_PASSWORD, User


class PasswordLogin(BaseModel):
    """A user's name and password."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=LONGEST_PASSWORD)]


class TokenLogin(BaseModel):
    """The token of the server."""

    model_config = ConfigDict(extra="forbid")

    token: Annotated[str, Field(min_length=1, max_length=512)]


class SessionAnswer(BaseModel):
    """Who is asking. `role` is null for a stranger; changes need `csrf` in the header X-CSRF-Token."""

    role: Literal["admin", "viewer"] | None
    name: str
    login_needed: bool
    csrf: str


def router(context: Context) -> APIRouter:
    """The operations."""
    routes = APIRouter(tags=["session"])
    access = context.access

    @routes.get("/session", responses=problems(), summary="Who am I")
    async def who(request: Request) -> SessionAnswer:
        return _answer(request.state.identity)

    @routes.post("/session", responses=problems(413, 429), summary="Log in")
    async def log_in(request: Request, response: Response, login: PasswordLogin | TokenLogin) -> SessionAnswer:
        keys = [f"address {client_address(request.scope, access)}"]
        if isinstance(login, PasswordLogin):
            keys.append(f"name {login.name}")
        try:
            access.check_attempts(*keys)
        except TooManyAttemptsError as error:
            raise HTTPException(429, str(error), {"Retry-After": str(max(1, round(error.seconds)))}) from error
        access.failed(*keys)  # before the answer is known, so that many at once count as well
        user: User | None = None
        if isinstance(login, TokenLogin):
            right = access.is_token(login.token)
        else:
            user = await context.log_ins.call(lambda: access.verified(login.name, login.password))
            right = user is not None
        if not right:
            raise HTTPException(401, "name, password or token is wrong", {"WWW-Authenticate": "Bearer"})
        access.succeeded(*keys)
        access.end(credentials(request.scope)[0])
        secret = access.begin(user)
        response.set_cookie(
            COOKIE, secret, max_age=int(LONGEST_SECONDS), httponly=True, samesite="strict",
            secure=client_scheme(request.scope, access) == "https",
        )  # fmt: skip
        return _answer(access.identify(secret, ""))

    @routes.delete("/session", status_code=204, responses=problems(), summary="Log out")
    async def log_out(request: Request) -> Response:
        access.end(credentials(request.scope)[0])
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    return routes


def _answer(identity: Identity | None) -> SessionAnswer:
    if identity is None:
        return SessionAnswer(role=None, name="", login_needed=True, csrf="")
    return SessionAnswer(role=identity.role.value, name=identity.name, login_needed=False, csrf=identity.csrf)
