"""Remember what is known of the model versions that rows name, including those trained since the page started."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping

from tapeline.errors import StorageError
from tapeline.forecast.model import Metadata
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_registry import RangeRegistry
from tapeline.forecast.registry import Registry

_KEPT_SECONDS = 10.0


class Versions:
    """Look up version -> metadata. The registry, which may be on S3, is read again after ten seconds.

    A version never changes, so one that is damaged later is still known as it was when it was read.
    """

    def __init__(self, registry: Registry | None) -> None:
        self._registry = registry
        self._read_at = -_KEPT_SECONDS
        self._known: dict[str, Metadata] = {}
        self._faults: tuple[str, ...] = ()

    def metadata(self) -> Mapping[str, Metadata]:
        """Return what is known now, empty without a registry. Raises what the registry raises."""
        if self._registry is not None and time.monotonic() - self._read_at > _KEPT_SECONDS:
            listing = self._registry.listing()
            self._known = self._known | {entry.version: entry.metadata for entry in listing.entries}
            self._faults = listing.faults
            self._read_at = time.monotonic()
        return self._known

    def faults(self) -> tuple[str, ...]:
        """Return a line for each model that is damaged. Raises what the registry raises."""
        self.metadata()
        return self._faults


class RangeVersions:
    """Look up version -> range model, from a registry that is read again after ten seconds, as `Versions` does.

    Rows are worth showing without their ranges: a registry that cannot be read leaves what is known.
    """

    def __init__(self, registry: RangeRegistry | None) -> None:
        self._registry = registry
        self._read_at = -_KEPT_SECONDS
        self._known: dict[str, RangeModel] = {}

    def models(self) -> Mapping[str, RangeModel]:
        """Return what is known now, empty without a registry."""
        if self._registry is not None and time.monotonic() - self._read_at > _KEPT_SECONDS:
            with contextlib.suppress(StorageError):
                self._known = self._known | self._registry.models()[0]
            self._read_at = time.monotonic()
        return self._known
