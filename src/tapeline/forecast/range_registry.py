"""Keep range models by name and version, and which one is in use, beside the direction models of the same name.

A model is one file, `NAME/VERSION/range.json`, which is never changed once it is written; `NAME/current-range.json`
names the version in use, and the ones before it.
"""

from __future__ import annotations

from typing import Any

from tapeline.core.ports import Folder
from tapeline.error_text import one_line
from tapeline.errors import ModelError, StorageError
from tapeline.forecast.promotions import checked_name, keep_promotions, promotions
from tapeline.forecast.range_model import RANGE, RangeModel

_POINTER = "current-range.json"


class RangeRegistry:
    """Keep range models in a folder.

    Every method raises `ModelError` for a version that does not exist or cannot be used, and `StorageError` when the
    folder cannot be read or written.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._loaded: dict[str, RangeModel] = {}

    def save(self, name: str, model: RangeModel) -> str:
        """Store the model and return its version. A second save is harmless; only `promote` puts a model to use."""
        for file, content in model.dump().items():
            self._folder.write(f"{checked_name(name)}/{model.version}/{file}", content)
        return model.version

    def load(self, name: str, version: str | None = None) -> RangeModel:
        """Return this version, or the one in use."""
        version = self.current(name) if version is None else version
        if version is None:
            raise ModelError(f"no range model {name} is in use: tapeline train makes one")
        key = f"{checked_name(name)}/{checked_name(version)}/{RANGE}"
        if key not in self._loaded:
            try:
                self._loaded[key] = RangeModel.restore(self._folder.read(key))
            except FileNotFoundError:
                raise ModelError(f"there is no range model {version} of {name}") from None
        return self._loaded[key]

    def current(self, name: str) -> str | None:
        """Return the version in use, None if there is none yet."""
        history = self._history(name)
        return history[-1]["version"] if history else None

    def promote(self, name: str, version: str, *, at: int) -> None:
        """Put this version to use; `at` is the time now (UTC epoch ms), kept for the record."""
        self.load(name, version)
        history = self._history(name)
        if not history or history[-1]["version"] != version:
            keep_promotions(self._folder, f"{name}/{_POINTER}", [*history, {"version": version, "at": at}])

    def models(self) -> tuple[dict[str, RangeModel], tuple[str, ...]]:
        """Return all models of every name by version, and a line about each file that cannot be used."""
        entries, faults = self.entries()
        return {model.version: model for _, model in entries}, faults

    def entries(self) -> tuple[list[tuple[str, RangeModel]], tuple[str, ...]]:
        """Return the name and the content of every model, and a line about each file that cannot be used."""
        found, faults = [], []
        for key in self._folder.keys(""):
            parts = key.split("/")
            if len(parts) == 3 and parts[2] == RANGE:
                try:
                    model = self.load(parts[0], parts[1])
                except (ModelError, StorageError) as error:
                    faults.append(f"range model {ascii(f'{parts[0]}/{parts[1]}')[1:-1]}: {one_line(error)}")
                else:
                    found.append((parts[0], model))
        return found, tuple(faults)

    def _history(self, name: str) -> list[dict[str, Any]]:
        return promotions(self._folder, f"{checked_name(name)}/{_POINTER}")
