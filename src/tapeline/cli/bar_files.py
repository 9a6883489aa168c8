"""Read files of bars for a command: say how they are read, ask what they leave open, and refuse what is no use."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import typer

from tapeline.cli.console import Ticker, notice
from tapeline.cli.file_options import FileReading
from tapeline.core.market import Bars
from tapeline.core.rejects import count_of
from tapeline.core.times import HOUR, interval_name
from tapeline.error_text import printable
from tapeline.errors import FileError
from tapeline.feeds.files import FileSource, Scan
from tapeline.runtime.clock import now_ms

#: A file in local times without a zone may run ahead of UTC by this much (ms) without being in the future.
_ZONE_SLACK = 14 * HOUR

#: What scales the prices before a jump.
_HOW_TO_ADJUST = "--adjust detected scales the prices before it, --adjust FILE for the splits in a file"

#: Of how many files is said how they are read.
_SAID = 3


def open_files(files: Sequence[Path], reading: FileReading, *, future: bool = False) -> FileSource:
    """Open files, and ask on a terminal what they leave open; elsewhere that is a problem of the file.

    Without `future` no row may lie there: such a row would make every later bar come too late. The caller says what is
    wrong with the files. Raises `FileError` for a time zone that does not exist.
    """
    options = reading.options()
    now = None if future else now_ms() + _ZONE_SLACK
    source = FileSource(files, options=options, now=now)
    while source.doubts and sys.stdin.isatty() and sys.stderr.isatty():
        path, doubt = source.doubts[0]
        if doubt.option == "symbol" and len(files) > 1:
            break  # one answer would be for all files
        question = printable(f"{path.name}: {doubt.question}: {' or '.join(doubt.answers)}?")
        options = replace(options, **{doubt.option: typer.prompt(question, err=True)})
        source = FileSource(files, options=options, now=now)
    return source


def open_all(files: Sequence[Path], reading: FileReading) -> FileSource:
    """Open files that are all needed; their rows may be of any time. Raises `FileError` for the first fault."""
    source = open_files(files, reading, future=True)
    if source.problems:
        raise FileError(source.problems[0])
    scan_of(source, reading)
    return source


def scan_of(source: FileSource, reading: FileReading) -> Scan:
    """Scan the files. Raise `FileError` when nothing can be read, or when most rows of a file are refused."""
    scan = source.scan()
    if not scan.rows:
        raise FileError(source.problems[0] if source.problems else "there is no bar in these files")
    for file in scan.files:
        if file.rows and file.rejected > file.rows and not reading.accept_rejects:
            raise FileError(
                f"{file.path}: {file.rejected:,} of its {file.rows + file.rejected:,} rows are refused "
                f"({file.first_reject}); --accept-rejects reads the others"
            )
    return scan


def say_reading(source: FileSource) -> None:
    """Say in two lines a file how it is read, and what of that is assumed."""
    scans = {file.path: file for file in source.scan().files}
    readings = source.readings()
    for path, how in readings[:_SAID]:
        guesses, file = how.guesses, scans[path]
        symbols = guesses["symbol"].found or f"symbols of {guesses['symbol'].why}"
        length = interval_name(file.interval) if file.interval else "of unknown length"
        notice(f"{path.name}: {guesses['layout'].found}, {symbols}, bars {length}, {guesses['times'].found}")
        assumed = ", ".join(f"{name} {guess.found}" for name, guess in guesses.items() if guess.assumed)
        notice(f"{path.name}: assumed: {assumed or 'nothing'} (tapeline inspect says why, and how to change it)")
        for jump in file.jumps[:_SAID]:
            done = "prices before it are scaled" if how.adjust == "detected" else _HOW_TO_ADJUST
            notice(f"{path.name}: {jump}; {done}")
    if len(readings) > _SAID:
        others = len(readings) - _SAID
        notice(f"and {others:,} more file{'s' * (others > 1)}: tapeline inspect says how each is read")


def calendars_of(source: FileSource) -> dict[str, str]:
    """Return the calendars of symbols that these files know better than the symbols' forms do."""
    found: dict[str, str] = {}
    readings = dict(source.readings())
    for file in source.scan().files:
        calendar = readings[file.path].guesses["calendar"]
        found |= dict.fromkeys(file.around_the_clock, "24/7")
        if calendar.why == "--calendar":
            found |= dict.fromkeys(file.symbols, calendar.found)
    return found


def read_bars(source: FileSource, what: str, *, quiet: bool, again: bool = False) -> Iterator[Bars]:
    """Yield the bars of a source in batches, with a progress bar called `what`; then say how many were left out.

    Where the same files are read `again`, that was said.
    """
    if not quiet:
        say_reading(source)
    done = rejected = 0
    first = ""
    with Ticker(what, source.scan().rows, quiet=quiet) as ticker:
        for delivery in source.deliveries(""):
            for text in delivery.notices:
                notice(text)
            rejected += count_of(delivery.rejects)
            if delivery.rejects and not first:
                first = f"{delivery.rejects[0].place}: {delivery.rejects[0].reason}"
            yield delivery.bars
            done += len(delivery.bars)
            ticker.show(done)
    if rejected and not again:
        notice(
            f"{rejected:,} record{'s' * (rejected > 1)} left out, first {first}; `tapeline replay` keeps each with its "
            "reason"
        )
