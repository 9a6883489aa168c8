"""What is known of the model versions that rows name, also of those that were trained meanwhile."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tapeline.forecast.model import Metadata
from tapeline.web.view import View

_KEPT_SECONDS = 10.0


class Versions:
    """Version -> metadata, read again from the registry when what is known is ten seconds old."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._read_at = -_KEPT_SECONDS
        self._known: Mapping[str, Metadata] = view.models

    def metadata(self) -> Mapping[str, Metadata]:
        """What is known now. Raises what the registry raises."""
        if self._view.registry is not None and time.monotonic() - self._read_at > _KEPT_SECONDS:
            self._known = {**self._view.models, **self._view.registry.metadata()}
            self._read_at = time.monotonic()
        return self._known
