"""Remember which versions of a model were put to use, in one file of the registry: the last one named is in use."""

from __future__ import annotations

import json
import re
from typing import Any

from tapeline.core.foreign import Bounds, load_json
from tapeline.core.ports import Folder
from tapeline.errors import DecodeError, ModelError

_BOUNDS = Bounds(size=1024 * 1024)
_FORMAT = 1
_KEPT = 50  # for rollback
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def checked_name(name: str) -> str:
    """Return the name of a model or version. Raises `ModelError` for what cannot be one."""
    if not _NAME.fullmatch(name):
        raise ModelError(f"{name!r} is no name for a model or version: use letters, digits, dot, dash and underscore")
    return name


def json_object(content: bytes, key: str) -> dict[str, Any]:
    """Return the JSON object in a file of the registry. Raises `ModelError` for anything else."""
    try:
        document = load_json(content, _BOUNDS)
    except DecodeError as error:
        raise ModelError(f"{key} is damaged: {error}") from None
    if not isinstance(document, dict):
        raise ModelError(f"{key} is damaged: not a JSON object")
    return document


def promotions(folder: Folder, key: str) -> list[dict[str, Any]]:
    """Return the promotions in this file, the oldest first, each with its `version` and time `at` (UTC epoch ms).

    Raises `ModelError` for a file that is damaged, and what `folder` raises.
    """
    try:
        document = json_object(folder.read(key), key)
    except FileNotFoundError:
        return []
    found = document.get("promotions")
    if document.get("format") != _FORMAT or not isinstance(found, list):
        raise ModelError(f"{key} has an unknown format: made by another version of tapeline?")
    for promotion in found:
        version = promotion.get("version") if isinstance(promotion, dict) else None
        if not isinstance(version, str) or not _NAME.fullmatch(version):
            raise ModelError(f"{key} is damaged: a promotion names no version")
    return found


def without_last(history: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    """Return the promotions before the last one. Raises `ModelError` where that leaves none of `what`."""
    if len(history) < 2:
        raise ModelError(f"{what} has no earlier promotion to go back to")
    return history[:-1]


def keep_promotions(folder: Folder, key: str, history: list[dict[str, Any]]) -> None:
    """Write the promotions, the newest 50 of them, in place of what the file has. Raises what `folder` raises."""
    document = {"format": _FORMAT, "promotions": history[-_KEPT:]}
    folder.write(key, (json.dumps(document, indent=2) + "\n").encode())
