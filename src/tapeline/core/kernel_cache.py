"""Keep compiled functions in Numba's cache, and find those that the package was shipped with.

Compiling all that the first `tapeline demo` runs takes 17 s. A wheel for one platform therefore has the compiled
functions in it, in the form of Numba's cache, made for any processor of that architecture (`deploy/platform_wheel.py`).
They count for the versions of Python, Numba and llvmlite that they were made with, and for unchanged sources. Where one
does not count, the function is compiled here, for this processor, and kept in a cache of the user's.

Numba's cache is pickle, so it is read only where nobody else can write (`trusted_code`).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
from llvmlite import binding
from numba.core.caching import CacheImpl, FunctionCache, IndexDataCacheFile, UserProvidedCacheLocator

from tapeline.core.trusted_code import is_trusted_folder

_PACKAGE = Path(__file__).resolve().parents[1]

#: Where a wheel for one platform has its compiled functions.
SHIPPED = _PACKAGE / "compiled"

_told_of_compiling: list[Callable[[], None]] = []


@contextmanager
def telling_of_compiling(tell: Callable[[], None]) -> Iterator[None]:
    """Call `tell` once, before the first function that no cache holds is compiled within the block, if there is one."""
    _told_of_compiling.append(tell)
    try:
        yield
    finally:
        _told_of_compiling.clear()


class KernelCache(FunctionCache):  # type: ignore[misc]
    """Find a compiled function among the shipped ones or in the user's cache, and keep a new one in the latter.

    `digest` returns what changes with all that is compiled into the function but stands outside its module, of which
    Numba itself looks at the time only. Raises `RuntimeError` where there is no place for a cache.
    """

    def __init__(self, function: Callable[..., Any], digest: Callable[[], str]) -> None:
        trust_no_shared_caches()
        super().__init__(function)
        self._digest = digest

    def _index_key(self, signature: Any, codegen: Any) -> Any:
        return *super()._index_key(signature, codegen), self._digest()

    def _load_overload(self, signature: Any, target_context: Any) -> Any:
        if _has_shipped():
            found = self.shipped().load(self.shipped_key(signature, target_context.codegen()))
            if found is not None:
                return self._impl.rebuild(target_context, found)
        found = super()._load_overload(signature, target_context)
        if found is None and _told_of_compiling:
            _told_of_compiling.pop()()
        return found

    def shipped(self) -> IndexDataCacheFile:
        """Return the files that have this function's shipped code, if there is any."""
        source = _source_digest(self._py_func.__code__.co_filename)
        return IndexDataCacheFile(str(SHIPPED), self._impl.filename_base, (llvmlite.__version__, source))

    def shipped_key(self, signature: Any, codegen: Any) -> Any:
        """Return what the code for this signature is found by: as in the user's cache, but for any processor."""
        signature, _, *rest = self._index_key(signature, codegen)
        architecture = binding.get_process_triple().partition("-")[0]  # what follows has the version of macOS
        return signature, (sys.platform, architecture), *rest


@cache
def trust_no_shared_caches() -> None:
    """Let Numba, in this process, read and write caches only in folders that nobody else can write (`trusted_code`).

    Where all that it tries are shared, the cache is in a private folder, `tapeline/numba` in the user's cache folder.
    """

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


@cache
def _has_shipped() -> bool:
    return SHIPPED.is_dir() and is_trusted_folder(SHIPPED)


@cache
def _source_digest(file: str) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()
