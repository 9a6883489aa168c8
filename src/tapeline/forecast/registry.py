"""Keep trained models by name and version, and which one is in use: `NAME/VERSION/` folders and `NAME/current.json`.

A version is never changed once it is written, so a reader of `current.json` can load what it names. Promotion replaces
that one small file, whole or not at all; a running pipeline polls it (`PromotionWatcher`). A `Folder` decides where the
files are: on this machine, or on S3.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from typing import Any

from tapeline.core.foreign import Bounds, load_json
from tapeline.core.ports import Folder
from tapeline.core.times import interval_name
from tapeline.errors import DecodeError, ModelError, NotBetterError, StorageError, one_line
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet
from tapeline.forecast.model import METADATA, TEXT, LightGBMModel, Metadata, verified, version_of

_POINTER = "current.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_POINTER_BOUNDS = Bounds(size=1024 * 1024)
_FORMAT = 1
_KEPT = 50  # promotions remembered, for rollback


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

    def save(self, name: str, model: LightGBMModel) -> str:
        """Store the model and return its version. A second save is harmless; only `promote` puts a model to use."""
        _check(name)
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
        for key in self._folder.keys("" if name is None else f"{_check(name)}/"):
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
                metadata = self._metadata(_check(model), _check(version))
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
        """Return the version in use, None if there is none yet."""
        history = self._history(name)
        return history[-1]["version"] if history else None

    def promote(self, name: str, version: str, *, at: int, force: bool = False) -> None:
        """Put this version to use; `at` is the time now (UTC epoch ms), kept for the record.

        Raises `NotBetterError` unless `force` when the version in use has the greater skill (the share of the base
        rate's log-loss that a model saves on the rows its own training held out) or was trained on bars of another
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
        new, old = model.metadata, used.metadata
        if new.interval != old.interval:
            reason = (
                f"{model.version} was trained on bars of {interval_name(new.interval)}, {used.version} in use on bars "
                f"of {interval_name(old.interval)}; give it a --name of its own"
            )
        elif _skill(new) < _skill(old):
            reason = f"{model.version} has a skill of {_skill(new):+.4f}, {used.version} in use has {_skill(old):+.4f}"
        else:
            return
        raise NotBetterError(f"{reason}: not promoted (with force it is promoted anyway)")

    def rollback(self, name: str) -> str:
        """Put the version that was in use before back to use and return it. Raises `ModelError` if there was none."""
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
        promotions = document.get("promotions")
        if document.get("format") != _FORMAT or not isinstance(promotions, list):
            raise ModelError(f"{key} has an unknown format: made by another version of tapeline?")
        for promotion in promotions:
            version = promotion.get("version") if isinstance(promotion, dict) else None
            if not isinstance(version, str) or not _NAME.fullmatch(version):
                raise ModelError(f"{key} is damaged: a promotion names no version")
        return promotions

    def _point(self, name: str, history: list[dict[str, Any]]) -> None:
        document = {"format": _FORMAT, "promotions": history[-_KEPT:]}
        self._folder.write(f"{name}/{_POINTER}", (json.dumps(document, indent=2) + "\n").encode())


class PromotionWatcher:
    """Notice for a running pipeline when another version is promoted. Polling is one small read."""

    def __init__(self, registry: Registry, name: str, version: str | None, features: FeatureSet = DEFAULT_FEATURES):
        """Watch the model `name`, of which `version` is in use in this process (None: no version)."""
        self._registry = registry
        self._name = name
        self._version = version
        self._features = features
        self._reported = ""

    def poll(self) -> LightGBMModel | None:
        """Return the model in use if it is not the one of the last call, otherwise None.

        Raises `ModelError` when it cannot be used or the registry cannot be read, once for as long as that lasts.
        """
        try:
            version = self._registry.current(self._name)
            found = None
            if version is not None and version != self._version:
                found = self._registry.load(self._name, version, self._features)
                self._version = version
        except (ModelError, StorageError) as error:
            if str(error) == self._reported:
                return None
            self._reported = str(error)
            raise ModelError(self._reported) from error
        self._reported = ""
        return found


def _check(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ModelError(f"{name!r} is no name for a model or version: use letters, digits, dot, dash and underscore")
    return name


def _skill(metadata: Metadata) -> float:
    return metadata.metrics.get("skill", -math.inf)


def _json(content: bytes, key: str) -> dict[str, Any]:
    try:
        document = load_json(content, _POINTER_BOUNDS)
    except DecodeError as error:
        raise ModelError(f"{key} is damaged: {error}") from None
    if not isinstance(document, dict):
        raise ModelError(f"{key} is damaged: not a JSON object")
    return document
