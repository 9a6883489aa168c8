"""Keep the range model that is promoted in the registry, for a process that is never told about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tapeline.error_text import one_line
from tapeline.errors import ModelError, StorageError
from tapeline.forecast.promoted_model import POLL
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_registry import RangeRegistry


class PromotedRange:
    """Look up the promoted range model of the name, at most once a minute.

    `clock` returns ms that have passed, however the machine's clock is set. `warn` gets one line when the promoted one
    cannot be read; the last one that was known goes on then, and its version is with every range that it says.
    """

    def __init__(
        self, registry: RangeRegistry, name: str, *, clock: Callable[[], int],
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._registry = registry
        self._name = name
        self._clock = clock
        self._warn = warn
        self._model: RangeModel | None = None
        self._due: int | None = None
        self._warned = ""

    def current(self) -> RangeModel | None:
        """Return the promoted model, or the last one known; None where there was none."""
        now = self._clock()
        if self._due is None or now >= self._due:
            self._due = now + POLL
            try:
                version = self._registry.current(self._name)
                if version is not None and (self._model is None or version != self._model.version):
                    self._model = self._registry.load(self._name, version)
                self._warned = ""
            except (ModelError, StorageError) as error:
                self._say(f"{one_line(error)}; rows have the ranges of the model before, if there is one")
        return self._model

    def known(self, versions: Iterable[str]) -> dict[str, RangeModel]:
        """Return those of these versions that can be read: who stores a row must know what its codes mean."""
        found = {}
        for version in versions:
            try:
                found[version] = self._registry.load(self._name, version)
            except ModelError:
                continue  # a direction model's version, or one that is gone
            except StorageError as error:
                self._say(one_line(error))
        return found

    def _say(self, line: str) -> None:
        if line != self._warned:
            self._warned = line
            self._warn(line)
