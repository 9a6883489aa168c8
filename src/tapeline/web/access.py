"""Tell who is asking: open on loopback, otherwise by session, token, or a log-in in front of the server.

This module knows sessions and tokens, but nothing of HTTP: `security` takes credentials out of a request and refuses
it, `users` keeps names and passwords, `attempts` counts failed log-ins.
"""

from __future__ import annotations

import functools
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256

from tapeline.core.times import DAY, HOUR, SECOND
from tapeline.error_text import counted
from tapeline.errors import InputError, ServingError, StorageError, TapelineError
from tapeline.runtime.loopback import is_loopback
from tapeline.web.attempts import Attempts
from tapeline.web.client_address import TrustedProxies
from tapeline.web.users import Role, User, Users, hashed, matches

#: The shortest token accepted.
SHORTEST_TOKEN = 24

#: Seconds without use after which a session ends, and after which it ends in any case.
IDLE_SECONDS = 12 * HOUR / SECOND
LONGEST_SECONDS = 7 * DAY / SECOND

_MOST_SESSIONS = 1_000

_log = logging.getLogger(__name__)


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
    everybody who comes through may look. What `trusted_proxies` (addresses, ranges) say of a client is believed; who
    asks for a log-in and who is believed are two questions. All methods are called from the event loop's thread, except
    `verified`, which takes 50 ms on purpose and touches no session.
    """

    def __init__(
        self,
        token: str = "",
        users: Users | None = None,
        *,
        behind_login: bool = False,
        trusted_proxies: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if token and len(token) < SHORTEST_TOKEN:
            raise InputError(f"the token has {counted(len(token), 'character')}; at least {SHORTEST_TOKEN} are needed")
        self.behind_login = behind_login
        self.proxies = TrustedProxies(trusted_proxies)
        self.attempts = Attempts(clock)
        self._token = token
        self._users = users
        self._clock = clock
        self._sessions: dict[bytes, _Session] = {}
        self._open_csrf = secrets.token_urlsafe(24)
        self._loopback = False
        self._demanded = False
        self._fault = ""  # why the list of users cannot be read

    @property
    def open(self) -> bool:
        """Return whether nobody has to log in, because only this machine can connect."""
        return self._loopback and not self._demands_login()

    def bind(self, host: str) -> None:
        """Learn where the server will listen. Raises `ServingError` when that would let strangers in."""
        self._loopback = is_loopback(host)
        if not (self._demands_login() or self._loopback):
            raise ServingError(
                f"listening on {host} without a log-in would show everything to everybody: set TAPELINE_PAGE__TOKEN "
                f"(at least {SHORTEST_TOKEN} characters), or `tapeline users add NAME --role admin`, or "
                "TAPELINE_PAGE__BEHIND_LOGIN=true where a load balancer asks for a log-in"
            )

    def identify(self, session: str, bearer: str, *, is_use: bool = True) -> Identity | None:
        """Return who sent this session cookie or bearer token ('' for none); None for a stranger.

        `is_use` is False for what an open page does by itself, which does not keep a session from ending.
        """
        if bearer:
            return Identity("token", Role.ADMIN, "") if self.is_token(bearer) else None
        found = self._session(session, is_use)
        if found is not None:
            return Identity(found.name, found.role, found.csrf)
        if self.open:
            return Identity("", Role.ADMIN, self._open_csrf)
        if self.behind_login:
            return Identity("", Role.VIEWER, self._open_csrf)
        return None

    # -- logging in --------------------------------------------------------------------------------------------------

    def verified(self, name: str, password: str) -> User | None:
        """Return the user with this name and password, or None. An unknown name takes as long as a wrong password.

        Raises `StorageError`, which names no file to a stranger, while the list of users cannot be read.
        """
        user = self._known().get(name)
        if self._fault:
            raise StorageError("the list of users cannot be read, so nobody can log in by name; the log says why")
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

    def _session(self, secret: str, is_use: bool) -> _Session | None:
        key = _key(secret)
        found = self._sessions.get(key) if secret else None
        if found is None:
            return None
        now = self._clock()
        user = self._known().get(found.name) if found.hash else None
        if self._over(found, now) or (found.hash and (user is None or user.hash != found.hash)):
            del self._sessions[key]
            return None
        if is_use:
            found.seen = now
        if user is not None:
            found.role = user.role
        return found

    @staticmethod
    def _over(session: _Session, now: float) -> bool:
        return now - session.seen > IDLE_SECONDS or now - session.began > LONGEST_SECONDS

    def _demands_login(self) -> bool:
        """Return whether a log-in is asked for. Once it was, it is: users that vanish open nothing."""
        self._demanded = self._demanded or bool(self._token or self.behind_login or self._known())
        return self._demanded

    def _known(self) -> dict[str, User]:
        if self._users is None:
            return {}
        try:
            found, fault = self._users.load(), ""
        except TapelineError as error:  # nobody can log in, and nothing becomes open
            found, fault = {"": User("", Role.VIEWER, "")}, str(error)
        if fault and fault != self._fault:
            _log.error("%s; until then nobody can log in by name", fault)
        self._fault = fault
        return found


@functools.cache
def _nobody() -> str:
    return hashed(secrets.token_urlsafe(16))


def _key(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
