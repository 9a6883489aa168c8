"""Keep the people who may log in: names, roles and argon2 hashes in one file that only its owner can read."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tapeline.core.foreign import Bounds, load_json
from tapeline.errors import InputError, StorageError
from tapeline.runtime.atomic_files import write_atomically
from tapeline.runtime.private_files import PRIVATE, changing

#: The shortest password accepted. Length is what makes one hard to guess.
SHORTEST_PASSWORD = 12

#: The longest: hashing takes longer the longer it is, and strangers may ask for it.
LONGEST_PASSWORD = 256

_BOUNDS = Bounds(size=4 * 1024 * 1024)
_FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Role(StrEnum):
    """Say what somebody may do: look, or look and change."""

    VIEWER = "viewer"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class User:
    """Hold one user. `hash` is argon2id's own text, parameters and salt included."""

    name: str
    role: Role
    hash: str


class Users:
    """Keep the users in a file. A change replaces it whole, with mode 0600; a running page follows it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int, int] | None = None
        self._known: dict[str, User] = {}

    def load(self) -> dict[str, User]:
        """Return the users by name, none where there is no file.

        Raises `InputError` for a file that is damaged, `StorageError` for one that this process may not read.
        """
        try:
            stat = self.path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp != self._stamp:
                self._known = _users(load_json(self.path.read_bytes(), _BOUNDS))
                self._stamp = stamp
        except FileNotFoundError:
            self._known, self._stamp = {}, None
        except OSError as error:
            self._stamp = None
            raise StorageError(
                f"{self.path}: cannot be read ({error.strerror or error}); give it to the user that the page runs as"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            self._stamp = None
            raise InputError(f"{self.path}: cannot be read as a list of users ({error})") from error
        return self._known

    def add(self, name: str, role: Role, password: str) -> None:
        """Add a user, or give a known one another role and password. Raises `InputError`, `StorageError`."""
        if not _NAME.fullmatch(name):
            raise InputError(f"{name!r} is no user name: letters, digits, dot, dash, underscore and @, at most 64")
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise InputError(
                f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, not {len(password)}"
            )
        with self._changing() as users:
            users[name] = User(name, role, hashed(password))

    def remove(self, name: str) -> None:
        """Remove a user, whose sessions end at once. Raises `InputError` for one that is not there, `StorageError`."""
        with self._changing() as users:
            if users.pop(name, None) is None:
                raise InputError(f"there is no user {name}; there are: {', '.join(sorted(users)) or 'none'}")

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, User]]:
        """Yield the users to be changed; they are written when the block ends without an error."""
        with changing(self.path):
            users = dict(self.load())
            yield users
            self._write(users)

    def _write(self, users: dict[str, User]) -> None:
        document = {
            "format": _FORMAT,
            "users": {user.name: {"role": user.role.value, "hash": user.hash} for user in users.values()},
        }
        write_atomically(self.path, (json.dumps(document, indent=2) + "\n").encode(), PRIVATE)


def hashed(password: str) -> str:
    """Return argon2id of the password, with the library's parameters (RFC 9106, low memory) and a new salt."""
    import argon2

    return argon2.PasswordHasher().hash(password)


def matches(hash_: str, password: str) -> bool:
    """Return whether this is the password of that hash. Takes some 50 ms, on purpose."""
    import argon2

    try:
        return argon2.PasswordHasher().verify(hash_, password)
    except (argon2.exceptions.VerificationError, ValueError):  # another password, or a text that is no hash
        return False


def _users(document: Any) -> dict[str, User]:
    if not isinstance(document, dict) or not isinstance(document.get("users"), dict):
        raise TypeError("it holds no users")
    if document["format"] != _FORMAT:
        raise ValueError(f"format {document['format']}, this program reads {_FORMAT}")
    return {name: User(name, Role(entry["role"]), str(entry["hash"])) for name, entry in document["users"].items()}
