"""Make the schedules that come with the package anew: `python -m tests.session_tables`, a minute.

Run it when exchange-calendars has another version; `tests/unit/core/test_session_tables.py` fails until then.
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from tapeline.core.sessions.exchanges import DEFAULT_EXCHANGE, INDICES, PREFIXES, SUFFIXES
from tapeline.core.sessions.schedule import built_schedule, built_zone
from tapeline.core.sessions.tables import FILE, packed


def main() -> None:
    """Write the sessions of every exchange that the form of a symbol can name."""
    exchanges = {DEFAULT_EXCHANGE, "24/7", "24/5", "CMES", *SUFFIXES.values(), *INDICES.values(), *PREFIXES.values()}
    members: dict[str, np.ndarray] = {"version": np.array(version("exchange-calendars"))}
    for exchange in sorted(exchanges):
        members |= packed(exchange, built_zone(exchange), built_schedule(exchange))
    with FILE.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **members)


if __name__ == "__main__":
    main()
