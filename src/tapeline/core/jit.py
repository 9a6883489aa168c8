"""Compile functions by Numba when they are first called: importing Numba takes half a second, calling one 2 µs."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from tapeline.core.trusted_code import is_trusted_folder

_Function = TypeVar("_Function", bound=Callable[..., Any])


def jit(function: _Function) -> _Function:
    """Return the function as one that is compiled at its first call, without the GIL, and cached beside its module.

    The cache counts as long as no module of the same folder changes: what a function calls, and the numbers that it
    takes from elsewhere, are compiled into it. At that call the compiled function takes the place of this one in the
    module, so that later calls cost no more than without this.
    """

    @cache
    def compiled() -> Any:
        from numba import njit

        trust_no_shared_caches()
        found = function.__globals__[function.__name__] = njit(nogil=True)(function)
        with contextlib.suppress(RuntimeError):  # no place for a cache
            found._cache = _cache_of(function)  # noqa: SLF001
        return found

    def first(*arguments: Any) -> Any:
        return compiled()(*arguments)

    return cast("_Function", first)


@cache
def trust_no_shared_caches() -> None:
    """Let Numba, in this process, read and write caches only in folders that nobody else can write (`trusted_code`).

    Where all that it tries are shared, the cache is in a private folder, `tapeline/numba` in the user's cache folder.
    """
    from numba.core.caching import CacheImpl, UserProvidedCacheLocator

    class Private(UserProvidedCacheLocator):  # type: ignore[misc]
        """Cache in a folder that is made for this user alone."""

        def __init__(self, function: Any, file: str) -> None:
            super().__init__(function, file)
            self._cache_path = str(
                Path.home() / ".cache" / "tapeline" / "numba" / self.get_suitable_cache_subpath(file)
            )

        def ensure_cache_path(self) -> None:
            folder = Path(self._cache_path)
            folder.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            super().ensure_cache_path()

        @classmethod
        def from_function(cls, function: Any, file: str) -> Any:
            return super(UserProvidedCacheLocator, cls).from_function(function, file)

    CacheImpl._locator_classes = [_guarded(each) for each in (*CacheImpl._locator_classes, Private)]  # noqa: SLF001


def _guarded(locator: Any) -> Any:
    class Guarded(locator):  # type: ignore[misc]
        """Find no place for a cache where others can write."""

        @classmethod
        def from_function(cls, function: Any, file: str) -> Any:
            found = super().from_function(function, file)
            return found if found is not None and is_trusted_folder(Path(found.get_cache_path())) else None

    return Guarded


def _cache_of(function: Callable[..., Any]) -> Any:
    """Return Numba's cache of a function, which is another one after a change to any module of the same folder."""
    from numba.core.caching import FunctionCache

    class FolderCache(FunctionCache):  # type: ignore[misc]
        """Know the modules beside the function's; Numba itself looks at that one only."""

        def _index_key(self, signature: Any, codegen: Any) -> Any:
            return *super()._index_key(signature, codegen), _digest(Path(function.__code__.co_filename).parent)

    return FolderCache(function)


@cache
def _digest(folder: Path) -> str:
    """Return a digest of the modules in a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        found.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()
