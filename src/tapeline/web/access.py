"""Tell who is asking: open on loopback, otherwise by session, token, or a log-in in front of the server.

This module knows sessions, tokens and failed log-ins, but nothing of HTTP: `security` takes credentials out of a
request and refuses it, `users` keeps names and passwords.
"""

from __future__ import annotations

import functools
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from tapeline.core.retrying import backoff_seconds
from tapeline.core.times import DAY, HOUR, SECOND
from tapeline.errors import InputError, ServingError, TooManyAttemptsError
from tapeline.runtime.loopback import is_loopback
from tapeline.web.users import Role, User, Users, hashed, matches

#: The shortest token accepted.
SHORTEST_TOKEN = 24

#: Seconds without a request after which a session ends, and after which it ends in any case.
IDLE_SECONDS = 12 * HOUR / SECOND
LONGEST_SECONDS = 7 * DAY / SECOND

_MOST_SESSIONS = 1_000
_FREE_ATTEMPTS = 4
_LONGEST_WAIT = 300.0
_MOST_TRACKED = 10_000


@dataclass(frozen=True, slots=True)
class Identity:
    """Name somebody who is let in. `csrf` must come with every change; a bearer token needs none ('')."""

    name: str
    role: Role
    csrf: str


@dataclass(slots=True)
class _Session:
    name: str
    role: Role
    csrf: str
    began: float
    seen: float
    hash: str  # of the password it began with: a session ends when that is changed


class Access:
    """Decide who may use one server. On loopback, without users or token, everybody is an administrator.

    `token` opens everything; `users` may log in; with `behind_login` a load balancer asks for a log-in first, and
    everybody who comes through may look. All methods are called from the event loop's thread, except `verified`, which
    takes 50 ms on purpose and touches no session.
    """

    def __init__(
        self,
        token: str = "",
        users: Users | None = None,
        *,
        behind_login: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if token and len(token) < SHORTEST_TOKEN:
            raise InputError(f"the token has {len(token)} characters; at least {SHORTEST_TOKEN} are needed")
        self.behind_login = behind_login
        self._token = token
        self._users = users
        self._clock = clock
        self._sessions: dict[bytes, _Session] = {}
        self._open_csrf = secrets.token_urlsafe(24)
        self._failures: dict[str, tuple[int, float]] = {}
        self._loopback = False

    @property
    def open(self) -> bool:
        """Return whether nobody has to log in, because only this machine can connect."""
        return self._loopback and not (self._token or self.behind_login or self._known())

    def bind(self, host: str) -> None:
        """Learn where the server will listen. Raises `ServingError` when that would let strangers in."""
        self._loopback = is_loopback(host)
        if not (self._loopback or self._token or self.behind_login or self._known()):
            raise ServingError(
                f"listening on {host} without a log-in would show everything to everybody: set TAPELINE_PAGE__TOKEN "
                f"(at least {SHORTEST_TOKEN} characters), or `tapeline users add NAME --role admin`, or "
                "TAPELINE_PAGE__BEHIND_LOGIN=true where a load balancer asks for a log-in"
            )

    def identify(self, session: str, bearer: str) -> Identity | None:
        """Return who sent this session cookie or bearer token ('' for none); None for a stranger."""
        if bearer:
            return Identity("token", Role.ADMIN, "") if self.is_token(bearer) else None
        found = self._session(session)
        if found is not None:
            return Identity(found.name, found.role, found.csrf)
        if self.open:
            return Identity("", Role.ADMIN, self._open_csrf)
        if self.behind_login:
            return Identity("", Role.VIEWER, self._open_csrf)
        return None

    # -- logging in --------------------------------------------------------------------------------------------------

    def check_attempts(self, *keys: str) -> None:
        """Raise `TooManyAttemptsError` while one of these (an address, a name) has to wait."""
        now = self._clock()
        wait = max((self._failures[key][1] - now for key in keys if key in self._failures), default=0.0)
        if wait > 0:
            raise TooManyAttemptsError(wait)

    def failed(self, *keys: str) -> None:
        """Count a failed log-in of these: from the fourth on, each doubles the time to wait, up to five minutes."""
        now = self._clock()
        if len(self._failures) > _MOST_TRACKED:
            for key in list(self._failures)[: _MOST_TRACKED // 2]:  # those that failed longest ago
                del self._failures[key]
        for key in keys:
            count, until = self._failures.pop(key, (0, 0.0))
            if until and now - until > _LONGEST_WAIT:
                count = 0
            count += 1
            later = count - _FREE_ATTEMPTS
            wait = 0.0 if later < 0 else backoff_seconds(later, 1.0, _LONGEST_WAIT, jitter=0.0)
            self._failures[key] = count, now + wait

    def succeeded(self, *keys: str) -> None:
        """Forget the failures of these."""
        for key in keys:
            self._failures.pop(key, None)

    def verified(self, name: str, password: str) -> User | None:
        """Return the user with this name and password, or None. An unknown name takes as long as a wrong password."""
        user = self._known().get(name)
        right = matches(user.hash if user else _nobody(), password)
        return user if user and right else None

    def is_token(self, text: str) -> bool:
        """Return whether this is the token, in a time that does not depend on how much of it is right."""
        return bool(self._token) and hmac.compare_digest(text.encode(), self._token.encode())

    def begin(self, user: User | None) -> str:
        """Begin a session of this user (None: the holder of the token). Return the text for the cookie."""
        now = self._clock()
        for key in [key for key, session in self._sessions.items() if self._over(session, now)]:
            del self._sessions[key]
        while len(self._sessions) >= _MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        secret = secrets.token_urlsafe(32)
        name, role, hash_ = (user.name, user.role, user.hash) if user else ("token", Role.ADMIN, "")
        self._sessions[_key(secret)] = _Session(name, role, secrets.token_urlsafe(24), now, now, hash_)
        return secret

    def end(self, session: str) -> None:
        """End this session, if it is one."""
        self._sessions.pop(_key(session), None)

    def _session(self, secret: str) -> _Session | None:
        key = _key(secret)
        found = self._sessions.get(key) if secret else None
        if found is None:
            return None
        now = self._clock()
        user = self._known().get(found.name) if found.hash else None
        if self._over(found, now) or (found.hash and (user is None or user.hash != found.hash)):
            del self._sessions[key]
            return None
        found.seen = now
        if user is not None:
            found.role = user.role
        return found

    @staticmethod
    def _over(session: _Session, now: float) -> bool:
        return now - session.seen > IDLE_SECONDS or now - session.began > LONGEST_SECONDS

    def _known(self) -> dict[str, User]:
        if self._users is None:
            return {}
        try:
            return self._users.load()
        except InputError:
            return {"": User("", Role.VIEWER, "")}  # damaged: nobody can log in, and nothing becomes open


@functools.cache
def _nobody() -> str:
    return hashed(secrets.token_urlsafe(16))


def _key(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
