"""Keep what each user arranged on the page, such as lines drawn on a chart: small JSON documents by name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tapeline.core.foreign import Bounds, load_json
from tapeline.errors import DecodeError, InputError, NotPossibleError, StorageError
from tapeline.runtime.atomic_files import write_atomically
from tapeline.runtime.private_files import PRIVATE, make_private_folder

#: The longest document, as JSON.
LONGEST_DOCUMENT = 48 * 1024

#: The most documents of one user; a chart with drawings has one for its symbol.
MOST_DOCUMENTS = 1_000

#: How a document may be called: a word, and what of, such as `drawings:AAPL`.
NAME_PATTERN = r"^[a-z]{1,20}(:[!#-%(-.0-;=?-\[\]-~]{1,32})?$"

_BOUNDS = Bounds(LONGEST_DOCUMENT)


class Desks:
    """Keep documents in a folder for each user. A change replaces a document whole; the last one to change it wins.

    Users differ by name; '' is whoever uses a page that asks nobody to log in.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self, user: str, name: str) -> dict[str, Any] | None:
        """Return a user's document, None where there is none. Raises `StorageError` for one that cannot be read."""
        path = self._file(user, name)
        try:
            document = load_json(path.read_bytes(), _BOUNDS)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror or error}") from error
        except DecodeError as error:
            raise StorageError(f"{path}: {error}; delete it to begin anew") from error
        return document if isinstance(document, dict) else None

    def save(self, user: str, name: str, document: Mapping[str, Any]) -> None:
        """Keep a user's document; an empty one makes room for another.

        Raises `InputError`, `NotPossibleError` for one too many, and `StorageError`.
        """
        try:
            content = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
            load_json(content, _BOUNDS)
        except (ValueError, RecursionError) as error:  # a `DecodeError`, or what `dumps` raises
            raise InputError(f"{name}: {error}") from error
        path = self._file(user, name)
        try:
            if not document:
                path.unlink(missing_ok=True)
                return
            make_private_folder(path.parent)
            if not path.exists() and sum(1 for _ in path.parent.glob("*.json")) >= MOST_DOCUMENTS:
                raise NotPossibleError(f"{MOST_DOCUMENTS} documents are kept already; empty one of them first")
            write_atomically(path, content, PRIVATE)
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror or error}") from error

    def _file(self, user: str, name: str) -> Path:
        if not re.fullmatch(NAME_PATTERN, name):
            raise InputError(f"{name!r} is no name of a document: a word, and what of after a colon")
        return self._path / sha256(user.encode()).hexdigest()[:32] / f"{quote(name, safe='')}.json"
