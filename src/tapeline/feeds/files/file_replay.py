"""Replay files that were scanned: from where the last run ended, merged by time, each row exactly once."""

from __future__ import annotations

import datetime as dt
import errno
import json
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tapeline.core.market import OHLCV, Reject
from tapeline.core.messages import Delivery
from tapeline.core.rejects import KEPT_ALIKE, Quota, kind_of, repeated
from tapeline.errors import FileError
from tapeline.feeds.files.blocks import BlockReader
from tapeline.feeds.files.file_records import NO_RECORDS, FilePass, Records, as_bars, place_of
from tapeline.feeds.files.merge import Spill, batches, in_order, last_of_each, merged, repeats
from tapeline.feeds.files.scan import Scan

#: How the reason ends of a row whose bar comes again.
LAST_ONE_USED = "the last one is used"

#: Bars in one delivery at most, unless more have the same time.
DELIVERY_BARS = 16_384

_BUFFERED_ROWS = 1 << 18  # read and not merged yet, of all files together
_MIN_ROWS = 1 << 9  # and of each file at least
_MANY_REJECTS = 1000  # are handed over at once, even without bars to go with them


class Replay:
    """Keep the state of one run: what was read, and what was handed over.

    A delivery ends between two timestamps, so the time of its last bar says which rows were handed over. Rejects are
    handed over as they are met; how many there were of each file says which ones are left. Of many with the same kind
    of reason, the first are handed over and the others counted. `names` has the series that a file's symbols are
    handed over as, where that is not the symbol.
    """

    def __init__(
        self,
        name: str,
        scan: Scan,
        passes: Sequence[tuple[BlockReader, FilePass]],
        resume: str,
        *,
        names: Mapping[Path, Mapping[str, str]],
        closed: threading.Event,
        problem: Callable[[str], None],
    ) -> None:
        self._name = name
        self._scan = scan
        self._passes = passes
        self._closed = closed
        self._problem = problem
        self._names = names
        self._symbols: dict[str, int] = {}
        self._rejects: list[Reject] = []
        self._quota = Quota()
        self._notices = [file.damage for file in scan.files if file.damage]
        self._after, self._skipped = self._resumed(resume)
        self._rejected = list(self._skipped)

    def deliveries(self, single_from: int | None) -> Iterator[Delivery]:
        """Yield what is left; from the time `single_from` on in deliveries of a single time."""
        if not self._finished:
            spills = {i: Spill() for i, file in enumerate(self._scan.files) if not file.ordered}
            try:
                for i, spill in spills.items():
                    yield from self._spilled(i, spill)
                yield from self._merged(spills, single_from)
            finally:
                for spill in spills.values():
                    spill.close()
        if (self._rejects or self._notices) and not self._closed.is_set():
            yield self._delivery(NO_RECORDS)

    @property
    def _finished(self) -> bool:
        """Return whether everything was handed over before."""
        bars = not self._scan.rows or (self._after is not None and self._after >= self._scan.end)
        return bars and self._rejected == [file.rejected for file in self._scan.files]

    def _spilled(self, number: int, spill: Spill) -> Iterator[Delivery]:
        path = self._scan.files[number].path
        self._notices.append(f"{path}: its rows are not in the order of time; they are sorted first")
        try:
            for records in self._read(number, DELIVERY_BARS):
                spill.add(records)
                if len(self._rejects) >= _MANY_REJECTS:
                    yield self._delivery(NO_RECORDS)
            spill.finish()
        except OSError as error:
            folder = tempfile.gettempdir()
            raise FileError(
                f"{path}: cannot be sorted in {folder}: {error.strerror}; make room or set TMPDIR"
            ) from error

    def _merged(self, spills: dict[int, Spill], single_from: int | None) -> Iterator[Delivery]:
        runs = {number: spill.runs for number, spill in spills.items()}
        inputs = len(self._passes) - len(runs) + sum(runs.values())
        rows = min(max(_BUFFERED_ROWS // max(inputs, 1), _MIN_ROWS), DELIVERY_BARS)
        flows: list[Iterator[Records]] = []
        for number in range(len(self._passes)):
            if number in spills:
                flows += [self._last_of_each(spills[number].run(run, rows)) for run in range(runs[number])]
            else:
                flows.append(self._last_of_each(self._ordered(number, rows)))
        for records in batches(merged(flows), DELIVERY_BARS, single_from):
            if self._closed.is_set():
                return
            if len(records) or len(self._rejects) >= _MANY_REJECTS:
                yield self._delivery(records)

    def _last_of_each(self, pieces: Iterator[Records]) -> Iterator[Records]:
        """Yield the pieces without most of the rows that come again: a million of one time must not pile up."""
        for records, again, last in last_of_each(pieces):
            self._reject_repeated(again, last)
            yield records

    def _ordered(self, number: int, rows: int) -> Iterator[Records]:
        """Yield the records of a file that the scan found to be in the order of time."""
        last = None
        for records in self._read(number, rows):
            if len(records):
                if in_order(records) is not records or (last is not None and records["timestamp"][0] < last):
                    raise FileError(f"{self._scan.files[number].path}: was changed while it was read; replay it again")
                last = records["timestamp"][-1]
            yield records

    def _read(self, number: int, rows: int) -> Iterator[Records]:
        """Yield the records of a file that are left, with codes and file indexes of this run; keep its rejects."""
        _, one_pass = self._passes[number]
        codes = np.empty(0, np.int32)
        seen = 0
        try:
            for records, rejects in one_pass.blocks(rows):
                if self._closed.is_set():
                    return
                fresh = rejects[max(self._skipped[number] - seen, 0) :]
                seen += len(rejects)
                self._rejects += fresh
                self._rejected[number] += len(fresh)
                if len(codes) < len(one_pass.table):
                    symbols, own = self._symbols, self._names.get(self._scan.files[number].path, {})
                    series = [own.get(symbol, symbol) for symbol in one_pass.table]
                    codes = np.array([symbols.setdefault(name, len(symbols)) for name in series], np.int32)
                records["code"] = codes[records["code"]]
                records["file"] = number
                yield records if self._after is None else records[records["timestamp"] > self._after]
        except FileError as error:
            if getattr(error.__cause__, "errno", None) == errno.EMFILE:  # no file is to blame, so none is left out
                count = len(self._passes)
                raise FileError(
                    f"{count:,} files are merged by time, more than this process may have open at once; "
                    f"`ulimit -n {count + 1024}` allows that, or put several symbols into one file"
                ) from error
            if str(error) != self._scan.files[number].damage:
                self._problem(str(error))
                self._notices.append(str(error))

    # -- handing over ------------------------------------------------------------------------------------------------

    def _delivery(self, records: Records) -> Delivery:
        if len(records):
            self._after = int(records["timestamp"][-1])
            again, last = repeats(records)
            if len(again):
                self._reject_repeated(records[again], records[last])
                records = np.delete(records, again)
        rejects = self._quota.thin(self._rejects)
        delivery = Delivery(as_bars(records, tuple(self._symbols)), rejects, self._resume(), self._notices)
        self._rejects, self._notices = [], []
        return delivery

    def _reject_repeated(self, again: Records, last: Records) -> None:
        """Reject rows whose symbol and time come again, in `last`; all beyond a number by their count alone."""
        made = [self._repeated(one, other) for one, other in zip(again[:KEPT_ALIKE], last[:KEPT_ALIKE], strict=True)]
        self._rejects += made
        if len(again) > len(made):
            self._rejects.append(repeated(self._name, kind_of(made[-1].reason), len(again) - len(made)))

    def _repeated(self, record: np.void, last: np.void) -> Reject:
        symbol = list(self._symbols)[record["code"]]
        time = dt.datetime.fromtimestamp(int(record["timestamp"]) / 1000, dt.UTC).isoformat()
        row = {"symbol": symbol, "timestamp": int(record["timestamp"])}
        row |= {name: float(record[name]) for name in OHLCV}
        places = [place_of(self._passes[one["file"]][0], int(one["row"])) for one in (record, last)]
        reason = f"{symbol} at {time} comes again, in {places[1]}; {LAST_ONE_USED}"
        return Reject(self._name, places[0], reason, json.dumps(row).encode())

    def _resume(self) -> str:
        files = [
            [str(file.path), file.content, rejected]
            for file, rejected in zip(self._scan.files, self._rejected, strict=True)
        ]
        return json.dumps({"after": self._after, "files": files})

    def _resumed(self, resume: str) -> tuple[int | None, list[int]]:
        """Return the time of the last bar handed over and the rejects of each file so far; None and 0: start anew."""
        if resume:
            try:
                state = json.loads(resume)
                before = {path: (content, int(rejected)) for path, content, rejected in state["files"]}
                after = None if state["after"] is None else int(state["after"])
            except (ValueError, KeyError, TypeError):
                self._notices.append("where the replay stopped cannot be read; the files are replayed from the start")
                return None, [0] * len(self._scan.files)
            now = {str(file.path): file.content for file in self._scan.files}
            if {path: content for path, (content, _) in before.items()} == now:
                return after, [before[path][1] for path in now]
            changed = [path for path in {**before, **now} if before.get(path, ("", 0))[0] != now.get(path)]
            self._notices.append(
                f"{', '.join(changed[:3])}{', ...' if len(changed) > 3 else ''}: not the same as when the replay was "
                "stopped; replaying from the start (bars that are stored already are recognised)"
            )
        return None, [0] * len(self._scan.files)
