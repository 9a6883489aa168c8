"""A compiled function that the package was shipped with is used instead of compiling, while it fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from numba import njit
from numba.core import config

from tapeline.core import kernel_cache
from tapeline.core.kernel_cache import KernelCache


def _thrice(value: float) -> float:
    return 3.0 * value


@pytest.fixture(scope="module")
def compiled() -> Any:
    dispatcher = njit(_thrice)
    assert dispatcher(2.0) == 6.0
    (found,) = dispatcher.overloads.values()
    return found


@pytest.fixture
def hits(compiled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Ship the function in a folder of the test, and return how often a call in a new process would find it."""
    folder = tmp_path / "compiled"
    folder.mkdir(mode=0o755)
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "own"))
    monkeypatch.setattr(kernel_cache, "SHIPPED", folder)
    shipping = KernelCache(_thrice, lambda: "sources")
    shipping.shipped().save(shipping.shipped_key(compiled.signature.args, compiled.library.codegen), compiled._reduce())

    def call(digest: str = "sources") -> int:
        kernel_cache._has_shipped.cache_clear()
        dispatcher = njit(_thrice)
        dispatcher._cache = KernelCache(_thrice, lambda: digest)
        monkeypatch.setattr(dispatcher._cache, "_save_overload", lambda *_: None)
        assert dispatcher(2.0) == 6.0
        return sum(dispatcher.stats.cache_hits.values())

    yield call
    kernel_cache._has_shipped.cache_clear()


def test_what_was_shipped_is_not_compiled(hits: Callable[[], int]) -> None:
    told: list[str] = []
    with kernel_cache.telling_of_compiling(lambda: told.append("compiling")):
        assert hits() == 1
        assert told == []
        assert hits("other sources") == hits("other sources") == 0
    assert told == ["compiling"], "once, however many are compiled"


def test_what_was_shipped_counts_for_the_same_sources_and_libraries_only(
    hits: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hits("other sources") == 0
    with monkeypatch.context() as changed:
        changed.setattr(kernel_cache, "_source_digest", lambda _: "another module")
        assert hits() == 0
    monkeypatch.setattr(kernel_cache.llvmlite, "__version__", "0.0")
    assert hits() == 0


def test_what_others_can_write_is_not_read(hits: Callable[[], int], tmp_path: Path) -> None:
    (tmp_path / "compiled").chmod(0o777)
    assert hits() == 0
