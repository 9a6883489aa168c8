"""Translate the operating system's errors about a file into one line that names it and says what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tapeline.errors import StorageError


@contextlib.contextmanager
def translating_file_errors(path: Path) -> Iterator[None]:
    """Raise `StorageError` in place of an `OSError` about `path`.

    A `FileNotFoundError` passes as it is: whoever reads decides what an absent file means.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}; free some space or check its permissions") from error
