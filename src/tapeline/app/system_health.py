"""Gather what is wrong with the system itself from all that can tell: collector, pipeline, disk, models, bars."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tapeline.app.data_directory import DataDirectory
from tapeline.core.troubles import Troubles
from tapeline.error_text import one_line
from tapeline.errors import TapelineError
from tapeline.feeds.live.live_source import Status

#: The fewest free bytes that are enough: a day of 500 symbols takes a tenth of it.
LITTLE_SPACE = 1 << 30

_KEPT_SECONDS = 5.0
_GIB = 1 << 30


class SystemHealth:
    """Say what is wrong, from any thread; what was found is good for five seconds.

    `collector` says how the collector does that runs in this process, None where none does or none has begun;
    `set_aside` has a line for each symbol whose late records a pipeline in this process could not deal with.
    """

    def __init__(
        self,
        directory: DataDirectory,
        collector: Callable[[], Status | None] = lambda: None,
        set_aside: Callable[[], Sequence[str]] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = directory.path
        self._collector = collector
        self._set_aside = set_aside
        self._models = directory.models
        self._ranges = directory.ranges
        self._damaged: Callable[[], Sequence[str]] = lambda: directory.store.damaged
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._found: Troubles = {}
        self._looked = float("-inf")

    def troubles(self) -> Troubles:
        """Return what is wrong now. A part that cannot be asked is left out, and tells its reason elsewhere."""
        with self._lock:
            if self._monotonic() - self._looked >= _KEPT_SECONDS:
                self._found = self._look()
                self._looked = self._monotonic()
            return self._found

    def _look(self) -> Troubles:
        status = self._collector()
        found: dict[str, tuple[str, ...]] = dict(status.troubles) if status is not None else {}
        if self._set_aside is not None:
            found["late"] = tuple(self._set_aside())
        found["disk"] = disk_lines(self._path)
        found["blocks"] = tuple(self._damaged())
        try:
            found["model"] = (*self._models.listing().faults, *self._ranges.unusable())
        except (TapelineError, OSError) as error:
            found["model"] = (one_line(error),)
        return found


def disk_lines(path: Path) -> tuple[str, ...]:
    """Return a line where the disk that this folder is on is nearly full."""
    try:
        free = shutil.disk_usage(path).free
    except OSError as error:
        return (f"{path}: {error.strerror or error}",)
    if free >= LITTLE_SPACE:
        return ()
    return (f"{path}: {free / _GIB:.2f} GiB free, fewer than {LITTLE_SPACE // _GIB}: free some space",)
