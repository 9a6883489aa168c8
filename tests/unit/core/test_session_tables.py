"""The schedules that come with the package are those of the library."""

from __future__ import annotations

import io
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from tapeline.core.sessions import tables
from tapeline.core.sessions.exchanges import INDICES, PREFIXES, SUFFIXES
from tapeline.core.sessions.schedule import built_schedule, built_zone


def test_kept_schedules_are_those_of_the_installed_library() -> None:
    with np.load(tables.FILE) as file:
        assert str(file["version"]) == version("exchange-calendars"), "run python -m tests.session_tables"
        assert {*SUFFIXES.values(), *INDICES.values(), *PREFIXES.values()} <= set(file)
    for exchange in ("XNYS", "XHKG", "24/5"):
        kept, built = tables.kept_schedule(exchange), built_schedule(exchange)
        assert kept is not None
        assert all(
            np.array_equal(one, other) and one.dtype == other.dtype for one, other in zip(kept, built, strict=True)
        )
        assert tables.kept_zone(exchange) == built_zone(exchange)


def test_an_exchange_that_is_not_kept_is_built() -> None:
    assert tables.kept_schedule("XPHS") is None


def test_no_forked_process_moves_the_place_at_which_another_reads() -> None:
    assert isinstance(tables._opened().zip.fp, io.BytesIO)  # an open file has one place for all of them


def test_a_damaged_file_is_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "FILE", tmp_path / "tables.npz")
    tables.FILE.write_bytes(b"PK\x03\x04 cut short")
    tables._opened.cache_clear()
    try:
        assert tables.kept_schedule("XNYS") is None
    finally:
        tables._opened.cache_clear()
