"""Keep questions to the screener under names, in a JSON file of the data directory, for page, API and command line."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tapeline.alerts.names import column_of
from tapeline.alerts.screening import Question, question
from tapeline.core.foreign import Bounds, load_json
from tapeline.errors import InputError, NotFoundError, NotPossibleError, SpecError, StorageError
from tapeline.indicators.spec import meant
from tapeline.runtime.atomic_files import write_atomically
from tapeline.runtime.private_files import PRIVATE, changing

SCANS_FILE = "scans.json"

#: How a saved question may be called. No rule looks like this, so a name may stand where a rule does.
SCAN_NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,39}$"

#: The most questions that are kept.
MOST_SCANS = 200

_BOUNDS = Bounds(size=1 << 20)


@dataclass(frozen=True, slots=True)
class SavedScan:
    """Hold a question as it was asked: the rule, columns, an interval ('': as shown), and the column to sort by."""

    name: str
    rule: str
    columns: tuple[str, ...] = ()
    interval: str = ""
    sort: str = ""

    def question(self, at: int | None = None) -> Question:
        """Return what is asked, of the newest bars or those at a time (UTC epoch ms). Raises `SpecError`."""
        return question(self.rule, self.columns, self.interval or None, at, self.sort)


class SavedScans:
    """Read and write the list at `path`. A missing file is an empty list; any number of processes may change it.

    Every method raises `StorageError` for a file that cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> dict[str, SavedScan]:
        """Return the questions by name, in the order they were saved."""
        try:
            document = load_json(self.path.read_bytes(), _BOUNDS)
            entries = [_scan(entry) for entry in document["scans"]]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StorageError(f"{self.path}: cannot be read as a list of scans ({error})") from error
        return {entry.name: entry for entry in entries}

    def find(self, name: str) -> SavedScan:
        """Return the question of this name. Raises `NotFoundError`."""
        known = self.load()
        if name not in known:
            raise NotFoundError(f"no scan is saved as {name}; saved are: {', '.join(known) or 'none'}{_as_rule(name)}")
        return known[name]

    def save(self, scan: SavedScan) -> None:
        """Keep a question, in place of the one of its name. Raises `InputError`, `SpecError` for what is none."""
        if not re.fullmatch(SCAN_NAME, scan.name):
            raise InputError(name_fault(scan.name))
        scan.question()
        with self._changing() as known:
            if scan.name not in known and len(known) >= MOST_SCANS:
                raise NotPossibleError(f"{len(known)} scans are saved already; remove one first")
            known[scan.name] = scan

    def remove(self, name: str) -> None:
        """Forget the question of this name. Raises `NotFoundError`."""
        with self._changing() as known:
            if known.pop(name, None) is None:
                raise NotFoundError(f"no scan is saved as {name}; saved are: {', '.join(known) or 'none'}")

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, SavedScan]]:
        """Yield the questions to be changed; they are written when the block ends without an error."""
        with changing(self.path):
            known = self.load()
            yield known
            document = {"scans": [asdict(scan) for scan in known.values()]}
            content = (json.dumps(document, indent=2) + "\n").encode()
            if len(content) > _BOUNDS.size:  # else nobody could read them again
                raise NotPossibleError(f"the scans would take more than {_BOUNDS.size:,} bytes; remove one first")
            write_atomically(self.path, content, PRIVATE)


def name_fault(name: str) -> str:
    """Say in one line that this is no name for a scan, and what is one."""
    return f"{name!r} is no name for a scan: a letter, then letters, digits, dash and underscore, at most 40"


def _as_rule(name: str) -> str:
    """Return the end of the line about a name that is an indicator's, or nearly: a rule compares it with something."""
    try:
        near = [column_of(name.lower())]
    except SpecError:
        near = meant(name)
    return f"; a rule compares, such as '{near[0]} > 50'" if near else ""


def _scan(entry: Mapping[str, Any]) -> SavedScan:
    """Return a question of the file. Raises `TypeError` and `KeyError` for what was not written by `save`."""
    found = SavedScan(**{**entry, "columns": tuple(entry["columns"])})
    texts = (found.name, found.rule, found.interval, found.sort, *found.columns)
    if not isinstance(entry["columns"], list) or not all(isinstance(text, str) for text in texts):
        raise TypeError("a scan is made of texts")
    return found
