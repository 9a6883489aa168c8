"""Trained models by name and version, and which one is in use: `NAME/VERSION/` folders and `NAME/current.json`.

A version is never changed once it is written, so whoever read `current.json` can load what it names. Promotion replaces
that one small file, whole or not at all; a running pipeline polls it (`PromotionWatcher`). Where the files lie is the
business of a `Folder`: on this machine, or on S3.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from tapeline.core.ports import Folder
from tapeline.errors import ModelError, NotBetterError
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet
from tapeline.forecast.model import METADATA, TEXT, LightGBMModel, Metadata

#: The model that a pipeline uses unless told otherwise.
DEFAULT_NAME = "default"

_POINTER = "current.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FORMAT = 1
_KEPT = 50  # promotions remembered, for rollback


@dataclass(frozen=True, slots=True)
class Entry:
    """A version in the registry: what its metadata say, and whether it is the one in use."""

    name: str
    version: str
    current: bool
    metadata: Metadata


class Registry:
    """Models in a folder. Raises `ModelError` for a name or version that does not exist or cannot be used."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def save(self, name: str, model: LightGBMModel) -> str:
        """Stores the model and returns its version; a second save is harmless. Promotion is what puts it to use."""
        _check(name)
        for file, content in model.dump().items():
            self._folder.write(f"{name}/{model.version}/{file}", content)
        return model.version

    def entries(self, name: str | None = None) -> list[Entry]:
        """All versions of one model or of all, the oldest first. Those with damaged metadata are left out."""
        found = []
        in_use: dict[str, str | None] = {}
        for key in self._folder.keys("" if name is None else f"{_check(name)}/"):
            parts = key.split("/")
            if len(parts) == 3 and parts[2] == METADATA:
                try:
                    metadata = Metadata.of(_json(self._folder.read(key), key))
                except ModelError:
                    continue
                if parts[0] not in in_use:
                    in_use[parts[0]] = self.current(parts[0])
                found.append(Entry(parts[0], parts[1], in_use[parts[0]] == parts[1], metadata))
        return sorted(found, key=lambda entry: (entry.name, entry.metadata.trained_until, entry.version))

    def metadata(self) -> dict[str, Metadata]:
        """What is known of every version of every name: version -> metadata."""
        return {entry.version: entry.metadata for entry in self.entries()}

    def load(self, name: str, version: str | None = None, features: FeatureSet = DEFAULT_FEATURES) -> LightGBMModel:
        """This version, or the one in use."""
        _check(name)
        version = self.current(name) if version is None else _check(version)
        if version is None:
            raise ModelError(f"no version of {name} is in use: tapeline models promote VERSION --name {name}")
        try:
            files = {file: self._folder.read(f"{name}/{version}/{file}") for file in (TEXT, METADATA)}
        except FileNotFoundError:
            raise ModelError(f"there is no version {version} of {name}: see tapeline models list") from None
        return LightGBMModel.restore(files, features)

    def current(self, name: str) -> str | None:
        """The version in use, None if there is none yet."""
        history = self._history(name)
        return history[-1]["version"] if history else None

    def promote(self, name: str, version: str, *, at: int, force: bool = False) -> None:
        """Puts this version to use; `at` is the time now (UTC epoch ms), kept for the record.

        Raises `NotBetterError` unless `force` when the version in use has the greater skill (the part of the base
        rate's log-loss that a model saved on the slice its own training held back) or was trained on bars of another
        interval.
        """
        model = self.load(name, version)  # also proves that it can be used
        history = self._history(name)
        if history and history[-1]["version"] == version:
            return
        if history and not force:
            self._compare(model, self.load(name))
        self._point(name, [*history, {"version": version, "at": at}])

    def _compare(self, model: LightGBMModel, used: LightGBMModel) -> None:
        mine, theirs = model.metadata, used.metadata
        if mine.interval != theirs.interval:
            reason = (
                f"{model.version} was trained on bars of {mine.interval // 1000:,} s, {used.version} in use on bars of "
                f"{theirs.interval // 1000:,} s; give it a --name of its own"
            )
        elif mine.metrics["skill"] < theirs.metrics["skill"]:
            reason = (
                f"{model.version} has a skill of {mine.metrics['skill']:+.4f}, {used.version} in use has "
                f"{theirs.metrics['skill']:+.4f}"
            )
        else:
            return
        raise NotBetterError(f"{reason}: not promoted (--force promotes it all the same)")

    def rollback(self, name: str) -> str:
        """Puts the version to use that was in use before. Returns it. Raises `ModelError` when there was none."""
        history = self._history(name)
        if len(history) < 2:
            raise ModelError(f"{name} has no earlier promotion to go back to")
        self.load(name, history[-2]["version"])
        self._point(name, history[:-1])
        return str(history[-2]["version"])

    def _history(self, name: str) -> list[dict[str, Any]]:
        key = f"{_check(name)}/{_POINTER}"
        try:
            document = _json(self._folder.read(key), key)
        except FileNotFoundError:
            return []
        if document.get("format") != _FORMAT or not isinstance(document.get("promotions"), list):
            raise ModelError(f"{key} has an unknown format: made by another version of tapeline?")
        promotions: list[dict[str, Any]] = document["promotions"]
        return promotions

    def _point(self, name: str, history: list[dict[str, Any]]) -> None:
        document = {"format": _FORMAT, "promotions": history[-_KEPT:]}
        self._folder.write(f"{name}/{_POINTER}", (json.dumps(document, indent=2) + "\n").encode())


class PromotionWatcher:
    """Tells a running pipeline when another version was promoted. Polling is one small read."""

    def __init__(self, registry: Registry, name: str, version: str | None, features: FeatureSet = DEFAULT_FEATURES):
        self._registry = registry
        self._name = name
        self._version = version
        self._features = features
        self._trouble = ""

    def poll(self) -> LightGBMModel | None:
        """The model in use if it is another one than at the last call, otherwise None.

        Raises `ModelError` when it cannot be used or the registry cannot be read, once for as long as that lasts.
        """
        try:
            version = self._registry.current(self._name)
            found = None
            if version is not None and version != self._version:
                found = self._registry.load(self._name, version, self._features)
                self._version = version
        except (ModelError, OSError) as error:
            if str(error) == self._trouble:
                return None
            self._trouble = str(error)
            raise ModelError(self._trouble) from error
        self._trouble = ""
        return found


def _check(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ModelError(f"{name!r} is no name for a model or version: letters, digits, dot, dash and underscore only")
    return name


def _json(content: bytes, key: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ModelError(f"{key} is damaged: not a JSON object")
    return document
