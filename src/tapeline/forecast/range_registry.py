"""Keep range models by name and version, and which one is in use, beside the direction models of the same name.

A model is one file, `NAME/VERSION/range.json`, which is never changed once it is written; `NAME/current-range.json`
names the version in use, and the ones before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tapeline.core.ports import Folder
from tapeline.error_text import one_line
from tapeline.errors import ModelError, OtherFormatError, StorageError
from tapeline.forecast.promotions import checked_name, keep_promotions, promotions, without_last
from tapeline.forecast.range_model import RANGE, RangeModel

_POINTER = "current-range.json"


@dataclass(frozen=True, slots=True)
class RangeEntry:
    """Describe a version in the registry: the model, and whether it is the one in use."""

    name: str
    version: str
    current: bool
    model: RangeModel


@dataclass(frozen=True, slots=True)
class RangeListing:
    """Hold all versions that can be used, the oldest first, and a line about each file that cannot.

    `damaged` are broken, `other_formats` were written by another version of tapeline, and are as they were.
    """

    entries: tuple[RangeEntry, ...]
    damaged: tuple[str, ...]
    other_formats: tuple[str, ...]


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
            self._loaded[key] = self._read(name, version)
        return self._loaded[key]

    def _read(self, name: str, version: str) -> RangeModel:
        try:
            return RangeModel.restore(self._folder.read(f"{name}/{version}/{RANGE}"))
        except FileNotFoundError:
            raise ModelError(f"there is no range model {version} of {name}: see tapeline models list") from None

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

    def rollback(self, name: str) -> str:
        """Put the version that was in use before back to use and return it. Raises `ModelError` if there was none."""
        history = without_last(self._history(name), f"the range model of {name}")
        version = str(history[-1]["version"])
        self.load(name, version)
        keep_promotions(self._folder, f"{name}/{_POINTER}", history)
        return version

    def models(self) -> tuple[dict[str, RangeModel], tuple[str, ...]]:
        """Return all models of every name by version, and a line about each file that cannot be used."""
        listing = self.listing()
        return {entry.version: entry.model for entry in listing.entries}, (*listing.damaged, *listing.other_formats)

    def listing(self, name: str | None = None) -> RangeListing:
        """Return all versions of one model or of all. What cannot be used is named in a line."""
        keys = [key.split("/") for key in self._folder.keys("" if name is None else f"{checked_name(name)}/")]
        in_use, damaged = {}, []
        for each in dict.fromkeys(parts[0] for parts in keys if parts[1:] == [_POINTER]):
            try:
                in_use[each] = self.current(each)
            except ModelError as error:
                damaged.append(one_line(error))
        found, other_formats = [], []
        for each, version in ((parts[0], parts[1]) for parts in keys if len(parts) == 3 and parts[2] == RANGE):
            try:
                model = self.load(each, version)
            except OtherFormatError as error:
                other_formats.append(_fault(each, version, error))
            except (ModelError, StorageError) as error:
                damaged.append(_fault(each, version, error))
            else:
                found.append(RangeEntry(each, version, in_use.get(each) == version, model))
        found.sort(key=lambda entry: (entry.name, entry.model.trained_until, entry.version))
        return RangeListing(tuple(found), tuple(damaged), tuple(other_formats))

    def unusable(self) -> tuple[str, ...]:
        """Return a line about each model in use that cannot be used, by what its file says now."""
        faults = []
        for name in (key.removesuffix(f"/{_POINTER}") for key in self._folder.keys("") if key.endswith(f"/{_POINTER}")):
            version = None
            try:
                version = self.current(name)
                if version is not None:
                    self._read(name, version)
            except (ModelError, StorageError) as error:
                faults.append(one_line(error) if version is None else _fault(name, version, error))
        return tuple(faults)

    def _history(self, name: str) -> list[dict[str, Any]]:
        return promotions(self._folder, f"{checked_name(name)}/{_POINTER}")


def _fault(name: str, version: str, error: Exception) -> str:
    return f"range model {ascii(f'{name}/{version}')[1:-1]}: {one_line(error)}"
