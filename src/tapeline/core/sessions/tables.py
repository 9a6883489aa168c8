"""Read the schedules that come with the package, so that no calendar has to be built: that takes a second and 60 MB.

They are what exchange-calendars says, in the version that is written in the file. Where another version of that library
is installed, it is asked instead. `python -m tests.session_tables` makes the file anew.
"""

from __future__ import annotations

import contextlib
import io
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from tapeline.core.market import Ints
from tapeline.core.times import MINUTE

FILE = Path(__file__).with_name("tables.npz")

_ZONE = " zone"  # after the exchange's name


def kept_schedule(exchange: str) -> tuple[Ints, ...] | None:
    """Return what `schedule.schedule` returns; None where it is not kept, or is of another version."""
    found = _member(exchange)
    if found is None:
        return None
    day, *times, half = np.cumsum(found, axis=1, dtype=np.int64)
    return (day, *(column * MINUTE for column in times), half)


def kept_names() -> list[str]:
    """Return the names of the exchanges whose schedules are kept."""
    return [] if (file := _opened()) is None else [name.removesuffix(_ZONE) for name in file if name.endswith(_ZONE)]


def kept_zone(exchange: str) -> str | None:
    """Return the time zone of an exchange; None where it is not kept, or is of another version."""
    found = _member(exchange + _ZONE)
    return None if found is None else str(found)


def packed(exchange: str, zone: str, columns: tuple[Ints, ...]) -> dict[str, np.ndarray]:
    """Return what the file has of an exchange. Raises `ValueError` for times that are no whole minutes."""
    day, *times, half = columns
    if any((column % MINUTE).any() for column in times):
        raise ValueError(f"{exchange}: its sessions do not begin and end with a minute")
    whole = np.stack((day, *(column // MINUTE for column in times), half))
    return {exchange: np.diff(whole, axis=1, prepend=0).astype(np.int32), exchange + _ZONE: np.array(zone)}


def _member(name: str) -> Any:
    file = _opened()
    return file[name] if file is not None and name in file else None


@cache
def _opened() -> Any:
    with contextlib.suppress(OSError, ValueError, KeyError, BadZipFile):
        # In memory: processes that are forked would move each other's place in an open file.
        file = np.load(io.BytesIO(FILE.read_bytes()))
        if _installed() in {None, str(file["version"])}:
            return file
    return None


def _installed() -> str | None:
    """Return the version of exchange-calendars; None where it is not installed."""
    try:
        return version("exchange-calendars")
    except PackageNotFoundError:
        return None
