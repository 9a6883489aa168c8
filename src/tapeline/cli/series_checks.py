"""Check files against what a data directory can keep: one length of bars for a symbol, the calendar of its form."""

from __future__ import annotations

from collections.abc import Iterator

from tapeline.app.data_directory import DataDirectory
from tapeline.core.bars import usual_interval
from tapeline.core.times import interval_name
from tapeline.errors import FileError
from tapeline.feeds.files import FileSource, Scan

#: This many of a symbol's newest stored bars tell how long they are.
_NEWEST = 500


def refuse_other_intervals(directory: DataDirectory, scan: Scan) -> None:
    """Raise `FileError` where bars of one symbol would be of different lengths: in two files, or in one and the store.

    A store keeps one series a symbol, so minutes among days would be taken for corrections of them.
    """
    seen: dict[str, tuple[int, str]] = {}
    stored = set(directory.store.latest().bars.symbols)
    for file in scan.files:
        for symbol, interval in file.intervals.items():
            if symbol not in seen and symbol in stored:
                newest = usual_interval(directory.store.rows(symbol, limit=_NEWEST).bars.timestamp)
                if newest is not None:
                    seen[symbol] = newest, str(directory.path)
            if symbol in file.picked and seen.get(symbol, (0, ""))[0] <= interval:
                continue
            other, where = seen.setdefault(symbol, (interval, str(file.path)))
            if other != interval:
                raise FileError(
                    f"{file.path}: has {interval_name(interval)} bars of {symbol}, and {where} has "
                    f"{interval_name(other)} bars of it; replay them with another --data-dir"
                )


def unsaid_calendars(source: FileSource, scan: Scan) -> Iterator[str]:
    """Yield a sentence for what the files or the options say of calendars and the store cannot keep.

    The store goes by the symbol alone, so that every door has the same sessions.
    """
    for path, how in source.readings():
        if how.guesses["calendar"].why == "--calendar":
            yield f"{path}: --calendar is used to read the file; stored bars go by their symbol's form (see inspect)"
    for file in scan.files:
        for symbol in sorted(file.around_the_clock)[:3]:
            yield (
                f"{file.path}: {symbol} has bars on weekends, and its form says New York's hours; "
                f"--symbol {symbol}-USD would say that it trades around the clock"
            )
