"""Keep trained models by name and version, and which one is in use: `NAME/VERSION/` folders and `NAME/current.json`.

A version is never changed once it is written, so a reader of `current.json` can load what it names. Promotion replaces
that one small file, whole or not at all; a running pipeline polls it (`promotion_watcher`). `NAME/attempts.json`
remembers every attempt to replace the model in use, so that a restart begins no new series of draws. A `Folder` decides
where the files are: on this machine, or on S3.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from tapeline.core.ports import Folder
from tapeline.core.times import interval_name
from tapeline.error_text import counted, one_line
from tapeline.errors import ModelError, NotBetterError, StorageError
from tapeline.forecast.contests import Attempt, attempts_in, content_of
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet
from tapeline.forecast.model import METADATA, TEXT, LightGBMModel, Metadata, verified, version_of
from tapeline.forecast.promotions import checked_name, json_object, keep_promotions, promotions, without_last

_POINTER = "current.json"
_ATTEMPTS = "attempts.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """Describe a version in the registry: its metadata, and whether it is the one in use."""

    name: str
    version: str
    current: bool
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class Listing:
    """Hold all versions that can be used, the oldest first, and a line about each file that cannot."""

    entries: tuple[Entry, ...]
    faults: tuple[str, ...]


class Registry:
    """Keep models in a folder.

    Every method raises `ModelError` for a name or version that does not exist or cannot be used, and `StorageError`
    when the folder cannot be read or written.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._verified: dict[str, tuple[bytes, Metadata]] = {}  # key -> hash of the file, what it says

    @property
    def folder(self) -> Folder:
        """Return where the models are; range models are in the same folder."""
        return self._folder

    def save(self, name: str, model: LightGBMModel) -> str:
        """Store the model and return its version. A second save is harmless; only `promote` puts a model to use."""
        checked_name(name)
        for file, content in model.dump().items():
            self._folder.write(f"{name}/{model.version}/{file}", content)
        return model.version

    def entries(self, name: str | None = None) -> list[Entry]:
        """Return all versions of one model or of all, the oldest first. Those that are damaged are left out."""
        return list(self.listing(name).entries)

    def listing(self, name: str | None = None) -> Listing:
        """Return all versions of one model or of all. What is damaged is named in a line, and disturbs nothing else.

        Each version is held against its hashes when it is first read; after that only when its metadata are other ones.
        """
        found, faults = [], []
        in_use: dict[str, str | None] = {}
        for key in self._folder.keys("" if name is None else f"{checked_name(name)}/"):
            parts = key.split("/")
            if len(parts) != 3 or parts[2] != METADATA:
                continue
            model, version = parts[0], parts[1]
            if model not in in_use:
                in_use[model] = None
                try:
                    in_use[model] = self.current(model)
                except ModelError as error:
                    faults.append(one_line(error))
            try:
                metadata = self._metadata(checked_name(model), checked_name(version))
            except (ModelError, StorageError) as error:
                faults.append(f"model {ascii(f'{model}/{version}')[1:-1]}: {one_line(error)}")
            else:
                found.append(Entry(model, version, in_use[model] == version, metadata))
        found.sort(key=lambda entry: (entry.name, entry.metadata.trained_until, entry.version))
        return Listing(tuple(found), tuple(sorted(faults)))

    def _metadata(self, name: str, version: str) -> Metadata:
        key = f"{name}/{version}/{METADATA}"
        try:
            content = self._folder.read(key)
            digest = hashlib.sha256(content).digest()
            known = self._verified.get(key)
            if known is not None and known[0] == digest:
                return known[1]
            text, metadata = verified({METADATA: content, TEXT: self._folder.read(f"{name}/{version}/{TEXT}")})
        except FileNotFoundError:
            raise ModelError("a file of it is missing") from None
        if version_of(text, metadata) != version:
            raise ModelError("it is another version, in a folder of this name")
        self._verified[key] = digest, metadata
        return metadata

    def metadata(self) -> dict[str, Metadata]:
        """Return the metadata of every version of every name, by version."""
        return {entry.version: entry.metadata for entry in self.entries()}

    def load(self, name: str, version: str | None = None, features: FeatureSet = DEFAULT_FEATURES) -> LightGBMModel:
        """Return this version, or the one in use."""
        checked_name(name)
        version = self.current(name) if version is None else checked_name(version)
        if version is None:
            raise ModelError(f"no version of {name} is in use: tapeline models promote VERSION --name {name}")
        try:
            files = {file: self._folder.read(f"{name}/{version}/{file}") for file in (TEXT, METADATA)}
        except FileNotFoundError:
            raise ModelError(f"there is no version {version} of {name}: see tapeline models list") from None
        return LightGBMModel.restore(files, features)

    def current(self, name: str) -> str | None:
        """Return the version in use, None if there is none yet."""
        history = self._history(name)
        return history[-1]["version"] if history else None

    def promote(self, name: str, version: str, *, at: int, force: bool = False) -> None:
        """Put this version to use; `at` is the time now (UTC epoch ms), kept for the record.

        Raises `NotBetterError` unless `force`, or nothing is in use, or an attempt says that this version may take the
        place of the one in use.
        """
        model = self.load(name, version)  # also proves that it can be used
        history = self._history(name)
        used = history[-1]["version"] if history else None
        if used == version:
            return
        if used is not None and not force:
            self.require_same_question(name, model)
            if not any(a.promotes and (a.champion, a.challenger) == (used, version) for a in self.attempts(name)):
                raise NotBetterError(
                    f"{version} has not beaten {used}, which is in use, on rows that neither has seen: not promoted "
                    "(with force it is promoted anyway)"
                )
        self._point(name, [*history, {"version": version, "at": at}])

    def require_same_question(self, name: str, model: LightGBMModel) -> None:
        """Raise `NotBetterError` when the model in use was asked something else than this one, or about other bars."""
        new, old = model.metadata, self.load(name).metadata
        if new.interval != old.interval:
            what = f"bars of {interval_name(new.interval)}, the one in use on bars of {interval_name(old.interval)}"
        elif (new.horizon, new.no_trade_band) != (old.horizon, old.no_trade_band):
            what = (
                f"a horizon of {counted(new.horizon, 'bar')} and a no-trade band of {new.no_trade_band:g}, "
                f"the one in use on {old.horizon} and {old.no_trade_band:g}"
            )
        else:
            return
        raise NotBetterError(
            f"{model.version} was trained on {what}; give it a --name of its own: not promoted (with force it is "
            "promoted anyway)"
        )

    def attempts(self, name: str) -> list[Attempt]:
        """Return the attempts to replace the model in use, the oldest first."""
        key = f"{checked_name(name)}/{_ATTEMPTS}"
        try:
            document = json_object(self._folder.read(key), key)
        except FileNotFoundError:
            return []
        try:
            found = attempts_in(document)
        except (KeyError, TypeError, ValueError):
            raise ModelError(f"{key} is damaged: an attempt cannot be read") from None
        if found is None:
            raise ModelError(f"{key} has an unknown format: made by another version of tapeline?")
        return found

    def record(self, name: str, attempt: Attempt) -> None:
        """Remember an attempt."""
        self._folder.write(f"{name}/{_ATTEMPTS}", content_of([*self.attempts(name), attempt]))

    def promoted_at(self, name: str) -> int | None:
        """Return when the version in use was promoted (UTC epoch ms), None where there is none."""
        history = self._history(name)
        return int(history[-1].get("at", 0)) if history else None

    def rollback(self, name: str) -> str:
        """Put the version that was in use before back to use and return it. Raises `ModelError` if there was none."""
        history = without_last(self._history(name), name)
        version = str(history[-1]["version"])
        self.load(name, version)
        self._point(name, history)
        return version

    def _history(self, name: str) -> list[dict[str, Any]]:
        return promotions(self._folder, f"{checked_name(name)}/{_POINTER}")

    def _point(self, name: str, history: list[dict[str, Any]]) -> None:
        keep_promotions(self._folder, f"{name}/{_POINTER}", history)
