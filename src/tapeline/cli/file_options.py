"""Give every command that reads files of bars the same options, which settle what a file leaves open."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tapeline.cli.options import Zone

if TYPE_CHECKING:
    from tapeline.feeds.files import ReadOptions

#: The options: name in Python, type, default.
_OPTIONS: dict[str, tuple[Any, Any]] = {
    "symbol": (
        Annotated[str | None, typer.Option(help="Whose bars these are, whatever the files say.", show_default=False)],
        None,
    ),
    "columns": (
        Annotated[
            str | None,
            typer.Option(help="What columns mean: close=Price,volume=Vol., or numbers from 1.", show_default=False),
        ],
        None,
    ),
    "zone": (Zone, None),
    "calendar": (
        Annotated[
            str | None, typer.Option(help="Calendar of the exchange: XNYS, XLON, UTC, ...  [default: by the symbol]")
        ],
        None,
    ),
    "interval": (
        Annotated[str | None, typer.Option(help="Length of the bars: 1m, 1d, ...  [default: told from their times]")],
        None,
    ),
    "stamp": (
        Annotated[str | None, typer.Option(help="What of a bar its time is: start or end.  [default: start]")],
        None,
    ),
    "decimal": (
        Annotated[str | None, typer.Option(help="Decimal mark: '.' or ','.  [default: as the rows tell]")],
        None,
    ),
    "date_format": (
        Annotated[str | None, typer.Option(help="How times are written: '%d/%m/%Y %H:%M'.", show_default=False)],
        None,
    ),
    "layout": (
        Annotated[str | None, typer.Option(help="Whose layout it is, such as binance.  [default: by its columns]")],
        None,
    ),
    "adjust": (
        Annotated[
            str | None,
            typer.Option(
                help="Scale prices: column (of adjusted closes), detected (splits), or a CSV file of splits.",
                show_default=False,
            ),
        ],
        None,
    ),
    "encoding": (
        Annotated[str | None, typer.Option(help="Of a text, such as cp1252.  [default: UTF-8, or UTF-16 by its mark]")],
        None,
    ),
    "accept_rejects": (
        Annotated[bool, typer.Option("--accept-rejects", help="Go on where more than half of the rows are refused.")],
        False,
    ),
}


@dataclass(frozen=True, slots=True)
class FileReading:
    """Hold the options of a command as they were typed."""

    symbol: str | None = None
    columns: str | None = None
    zone: str | None = None
    calendar: str | None = None
    interval: str | None = None
    stamp: str | None = None
    decimal: str | None = None
    date_format: str | None = None
    layout: str | None = None
    adjust: str | None = None
    encoding: str | None = None
    accept_rejects: bool = False

    def options(self) -> ReadOptions:
        """Return what the reader of files is given. Raises `typer.BadParameter` for a value that is none."""
        from tapeline.core.candle_intervals import INTERVALS
        from tapeline.feeds.files import ReadOptions
        from tapeline.feeds.files.known_layouts import LAYOUTS

        _one_of("interval", self.interval, INTERVALS)
        _one_of("stamp", self.stamp, ("start", "end"))
        _one_of("decimal", self.decimal, (".", ","))
        _one_of("layout", self.layout, LAYOUTS)
        return ReadOptions(
            symbol=self.symbol, columns=_columns(self.columns), zone=self.zone, calendar=_calendar(self.calendar),
            interval=INTERVALS[self.interval] if self.interval else None, stamp=self.stamp, decimal=self.decimal,
            date_format=self.date_format, layout=self.layout, adjust=self.adjust or "",
            encoding=_encoding(self.encoding),
        )  # fmt: skip


#: What is read as it is found: no option is given.
AS_FOUND = FileReading()


def reads_files(*, without: Collection[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a command whose parameter `reading` is a `FileReading`, so that it has these options instead.

    `without` names those that mean something else for the command, or nothing.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [each for each in inspect.signature(command, eval_str=True).parameters.values() if each.name != "reading"]
        added = {name: option for name, option in _OPTIONS.items() if name not in without}
        kind = inspect.Parameter.KEYWORD_ONLY
        parameters = [
            inspect.Parameter(name, kind, default=default, annotation=annotation)
            for name, (annotation, default) in added.items()
        ]

        @functools.wraps(command)
        def wrapped(**values: Any) -> None:
            reading = FileReading(**{name: values.pop(name) for name in added if name in values})
            command(**values, reading=reading)

        own = [each.replace(kind=kind) for each in own]
        vars(wrapped).pop("__wrapped__")
        wrapped.__annotations__ = {}
        wrapped.__signature__ = inspect.Signature([*own[:-1], *parameters, own[-1]])  # type: ignore[attr-defined]
        return wrapped

    return decorate


def _one_of(option: str, value: str | None, allowed: Collection[str]) -> None:
    if value is not None and value not in allowed:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(allowed)}", param_hint=f"--{option}")


def _encoding(name: str | None) -> str | None:
    try:
        return None if name is None else ("a".encode(name), name)[1]
    except LookupError:
        raise typer.BadParameter(f"{name!r} is no encoding of text", param_hint="--encoding") from None


def _calendar(name: str | None) -> str | None:
    if name is None:
        return None
    from tapeline.app.resampling import calendar_named

    return calendar_named(name)


def _columns(text: str | None) -> dict[str, str]:
    from tapeline.feeds.files.column_roles import MEANINGS

    found: dict[str, str] = {}
    for part in (text or "").split(","):
        meaning, equals, name = part.partition("=")
        if not part.strip():
            continue
        if not equals or meaning.strip() not in MEANINGS:
            hint = f"{part!r}: write MEANING=NAME, where MEANING is one of {', '.join(MEANINGS)}"
            raise typer.BadParameter(hint, param_hint="--columns")
        found[meaning.strip()] = name.strip()
    return found
