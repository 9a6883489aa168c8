"""The schedules that come with the package are those of the library."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

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
