"""`FileSource`: files as a source of bars."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tapeline.core.messages import Delivery
from tapeline.errors import FileError
from tapeline.feeds.files.blocks import BlockReader
from tapeline.feeds.files.file_records import FilePass
from tapeline.feeds.files.file_replay import Replay
from tapeline.feeds.files.interpretation import Interpretation, zone_of
from tapeline.feeds.files.price_jumps import splits_of
from tapeline.feeds.files.read_options import Doubt, ReadOptions
from tapeline.feeds.files.readers import open_reader
from tapeline.feeds.files.scan import FileScan, Scan, combined_scan, scanned
from tapeline.feeds.files.splits import Splits, at_sessions, read_splits
from tapeline.runtime.open_files import allow_open_files

#: How many files a process has open besides: databases, logs, connections of the page.
_OTHER_FILES = 1024


class FileSource:
    """Implement `Source` over files, merged by time; the package's docstring says how they are read.

    `options` settle what a file leaves open. Rows later than `now` (UTC epoch ms; None: any) are rejected:
    one of them would make every true bar after it come too late. `problems` has one line for each file that cannot be
    used or is damaged; the scan may add to it. `doubts` are what options would settle, by file; such a file is not
    read. `name` is the same for the same paths, from whichever folder.

    Each row comes once. A restart goes on exactly after the last delivery; when the files were changed meanwhile, it
    starts over and says so.
    """

    def __init__(
        self, paths: Iterable[str | Path], *, options: ReadOptions | None = None, now: int | None = None
    ) -> None:
        """Open the files. Raise `FileError` only for an unknown time zone, and for a file of splits that is none."""
        options = options or ReadOptions()
        zone_of(options.zone or "")
        files = [Path(path) for path in paths]
        self.name = _name(files)
        self.problems: list[str] = []
        self.doubts: list[tuple[Path, Doubt]] = []
        self._now = now
        self._adjust = options.adjust
        self._splits = read_splits(Path(options.adjust)) if options.adjust not in {"", "column", "detected"} else {}
        self._detected: dict[Path, Splits] = {}
        self._closed = threading.Event()
        self._scan: Scan | None = None
        self._readers: list[BlockReader] = []
        self._names: Mapping[Path, Mapping[str, str]] = {}
        seen: set[Path] = set()
        for path in files:
            if path.resolve() in seen:
                self.problems.append(f"{path}: is named twice; it is replayed once")
                continue
            seen.add(path.resolve())
            try:
                reader = open_reader(path, options)
            except FileError as error:
                self.problems.append(str(error))
                continue
            if doubts := reader.reading.doubts:
                self.doubts += [(path, doubt) for doubt in doubts]
                self.problems.append(f"{path}: {doubts[0]}")
            else:
                self._readers.append(reader)

    def scan(self) -> Scan:
        """Read every file once and return what they hold; a second call returns the same."""
        if self._scan is None:
            found: dict[str, FileScan] = {}
            readers = []
            for reader in self._readers:
                file = scanned(reader.path, self._pass(reader))
                if file.damage:
                    self.problems.append(file.damage)
                elif not file.rows:
                    why = file.first_reject or "all are empty"
                    self.problems.append(f"{file.path}: none of its {file.rejected:,} rows can be used; {why}")
                if file.rows and file.content in found:
                    self.problems.append(
                        f"{file.path}: has the same bars as {found[file.content].path}; it is left out"
                    )
                    continue
                if self._adjust == "detected":
                    self._detected[reader.path] = splits_of(file.jumps)
                found[file.content if file.rows else str(file.path)] = file
                readers.append(reader)
            self._readers = readers
            self._scan = combined_scan(tuple(found.values()))
        return self._scan

    def deliveries(self, resume: str, *, single_from: int | None = None) -> Iterator[Delivery]:
        """Yield the bars after `resume`, up to 16,384 in a delivery; bars of the same time are in the same one.

        From the time `single_from` on (UTC epoch ms) each delivery holds a single time. Raise `FileError` when a file
        is changed meanwhile or cannot be sorted, or when there are more files than may be open at once; the deliveries
        before that are good.
        """
        scan = self.scan()
        allow_open_files(len(self._readers) + _OTHER_FILES)  # they are merged by time; S3 has one per symbol and day
        passes = [(reader, self._pass(reader)) for reader in self._readers]
        replay = Replay(
            self.name, scan, passes, resume, names=self._names, closed=self._closed,
            problem=self.problems.append,
        )  # fmt: skip
        return replay.deliveries(single_from)

    def name_series(self, names: Mapping[Path, Mapping[str, str]]) -> None:
        """Deliver symbols of files under these names, by file: two files may have bars of one symbol and two lengths.

        Say it before `deliveries`, and the same after a restart.
        """
        self._names = names

    def readings(self) -> list[tuple[Path, Interpretation]]:
        """Return how each of the files is read that can be."""
        return [(reader.path, reader.reading) for reader in self._readers]

    def close(self) -> None:
        """End `deliveries` soon, from any thread."""
        self._closed.set()

    def _pass(self, reader: BlockReader) -> FilePass:
        splits = self._detected.get(reader.path, self._splits)
        if splits is self._splits and splits and not reader.reading.daily:
            splits = at_sessions(splits, reader.reading.guesses["calendar"].found)
        return FilePass(reader, self.name, self._now, splits)


def _name(paths: list[Path]) -> str:
    digest = hashlib.sha256("\0".join(str(path.resolve()) for path in paths).encode()).hexdigest()[:8]
    first = paths[0].name if paths else "no files"
    return f"{first}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''} #{digest}"
