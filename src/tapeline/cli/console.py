"""Print results and notices: progress bars on a terminal only, one JSON document for machines.

Results go to stdout, everything else to stderr, so that a pipe gets results only.

Texts come from files, answers and names that others chose. What a terminal would obey (escape sequences, carriage
returns, marks that turn the direction of writing) is shown as an escape such as `\\x1b`, here and for every command.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from tapeline.error_text import printable

if TYPE_CHECKING:  # Rich is imported when something is to be styled
    from rich.console import Console
    from rich.progress import Progress

_PLAIN_SECONDS = 5.0
_WORTH_SAYING_SECONDS = 1.0


@cache
def stdout() -> Console:
    """Return where results are printed."""
    return _console(highlight=False, soft_wrap=True)


@cache
def stderr() -> Console:
    """Return where everything else is printed."""
    return _console(stderr=True, highlight=False)


def _console(**options: Any) -> Console:
    from rich.console import Console

    class Printable(Console):
        """Escape every text before its markup is read."""

        def render_str(self, text: str, **options: Any) -> Any:
            return super().render_str(printable(text, kept="\n\t"), **options)

    return Printable(emoji=False, **options)  # a `:smile:` in somebody's text stays as it is


def notice(text: str) -> None:
    """Print a line for the person who looks on."""
    _marked("[yellow]·[/]", text)


def announce(url: str) -> None:
    """Say where the page is."""
    stderr().print(f"the page is at [bold]{url}[/]   (Ctrl-C stops)")


def failure(text: str) -> None:
    """Print the line that says why the program stops."""
    _marked("[bold red]tapeline:[/]", text)


def _marked(mark: str, text: str) -> None:
    from rich.markup import escape

    stderr().print(f"{mark} {escape(printable(text))}", soft_wrap=True)


def print_json(value: Any) -> None:
    """Print one JSON document, with `time`, the ISO text, beside each `timestamp`, as the API has it.

    Raises `ValueError` for NaN, which is not JSON: callers leave absent values out.
    """
    sys.stdout.write(json.dumps(_timed(value), allow_nan=False) + "\n")


def _timed(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_timed(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for name, each in value.items():
        found[name] = _timed(each)
        if name == "timestamp" and isinstance(each, int):
            from tapeline.core.iso_text import iso_time

            found["time"] = iso_time(each)
    return found


def print_summary(values: Mapping[str, Any], *, as_json: bool) -> None:
    """Print names and values, one a line, or as one JSON object."""
    if as_json:
        print_json(values)
        return
    width = max(map(len, values))
    for name, value in values.items():
        shown = f"{value:,}" if isinstance(value, int) else f"{value:,.2f}" if isinstance(value, float) else str(value)
        sys.stdout.write(f"{name:<{width}}  {printable(shown)}\n")


def print_table(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Print a table on a terminal, tab-separated lines in a pipe. What does not fit is folded, never cut."""
    if not sys.stdout.isatty():
        sys.stdout.write("\t".join(columns) + "\n")
        sys.stdout.writelines("\t".join(printable(str(value)) for value in row) + "\n" for row in rows)
        return
    from rich.markup import escape
    from rich.table import Column, Table

    table = Table(*(Column(name, overflow="fold") for name in columns), box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(escape(printable(str(value))) for value in row))
    stdout().print(table, soft_wrap=False)


def print_records(records: list[dict[str, Any]], columns: Iterable[str], *, as_json: bool, empty: str = "") -> None:
    """Print records as JSON, or these of their columns as a table; without records, print the notice `empty`."""
    if as_json:
        print_json(records)
    elif records or not empty:
        print_table(columns, ([record[column] for column in columns] for record in records))
    else:
        notice(empty)


def utc_text(timestamp: int) -> str:
    """Return a time in UTC epoch ms as people read it."""
    return f"{datetime.fromtimestamp(timestamp / 1000, UTC):%Y-%m-%d %H:%M:%S}"


class ConversionTicker:
    """Show how far a conversion of the data has come: a plain line after a second, and every five seconds then."""

    def __init__(self) -> None:
        self._next = 0.0

    def show(self, done: float) -> None:
        """Say which part is done, from 0 (which starts a conversion) to 1."""
        now = time.monotonic()
        if not done:
            self._next = now + _WORTH_SAYING_SECONDS
        elif now >= self._next:
            self._next = now + _PLAIN_SECONDS
            stderr().print(f"converting the data of an earlier version, once: {done:.0%}")


class Ticker:
    """Show on a terminal how far a long job has come, and nothing elsewhere: a log or a pipe gets what was found.

    `total` is None where it is not known; with `percent` it is 100, and what is done is a share.
    """

    def __init__(self, what: str, total: int | None, *, quiet: bool = False, percent: bool = False) -> None:
        self._what = what
        self._total = total
        self._quiet = quiet
        self._percent = percent
        self._progress: Progress | None = None

    def __enter__(self) -> Ticker:
        if not self._quiet and stderr().is_terminal:
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                SpinnerColumn,
                TaskProgressColumn,
                TextColumn,
                TimeElapsedColumn,
            )

            what = (SpinnerColumn(), TextColumn("{task.description}"))
            share = TaskProgressColumn() if self._percent else MofNCompleteColumn()
            how_far = () if self._total is None else (BarColumn(), share)
            self._progress = Progress(*what, *how_far, TimeElapsedColumn(), console=stderr(), transient=True)
            self._progress.start()
            self._task = self._progress.add_task(self._what, total=self._total)
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress:
            self._progress.stop()

    def show(self, done: int) -> None:
        """Say how much is done. Cheap enough to be called for every batch."""
        if self._progress:
            said = f"{self._what}: {done:,}" if self._total is None and done else self._what
            self._progress.update(self._task, completed=done, description=said)
