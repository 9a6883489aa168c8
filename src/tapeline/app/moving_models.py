"""Copy models between a data directory and AWS, so that rows that moved still find what they were said by."""

from __future__ import annotations

from tapeline.app.moving_series import Moved
from tapeline.core.ports import Folder
from tapeline.forecast.model import METADATA, TEXT
from tapeline.forecast.range_model import RANGE
from tapeline.forecast.range_registry import RangeRegistry
from tapeline.forecast.registry import Registry


def move_models(source: Folder, target: Folder) -> tuple[dict[str, Moved], tuple[str, ...]]:
    """Copy every version of every model that is not there yet; return counts by name, and a line about each left out.

    Models of directions and of ranges count together. Bands, odds and grades of a row are computed with the model that
    it names. Which version is in use is for each side to decide, and stays as it is. What is damaged is left out.
    Raises `StorageError`.
    """
    listing = Registry(source).listing()
    ranges = RangeRegistry(source).listing()
    versions: list[tuple[str, str, tuple[str, ...]]] = [
        (entry.name, entry.version, (TEXT, METADATA)) for entry in listing.entries
    ]
    versions += [(entry.name, entry.version, (RANGE,)) for entry in ranges.entries]
    there = set(target.keys(""))
    found: dict[str, Moved] = {}
    for name, version, files in versions:
        keys = [f"{name}/{version}/{file}" for file in files]
        moved = found.setdefault(name, Moved())
        if there.issuperset(keys):
            moved.same += 1
            continue
        for key in keys:  # the metadata last: a version is listed once it is whole
            target.write(key, source.read(key))
        moved.new += 1
    return found, (*listing.faults, *ranges.damaged, *ranges.other_formats)
