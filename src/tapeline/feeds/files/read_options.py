"""Hold what a person says about files, what the reader found out itself, and what it would have to ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Settle how files are read; what is left out is found in the file.

    `columns` maps a meaning (`close`) to a column's name in the file. `zone` is that of times without one. `interval`
    is in ms. `stamp` is `start` or `end`: what of a bar its time is. `decimal` is `.` or `,`. `date_format` is one of
    `strptime`. `layout` is a name of `known_layouts.LAYOUTS`. `adjust` is `column` (prices are scaled
    to the column of adjusted closes), `detected` (for the splits that jumps of the price look like) or the path of a
    file of splits. `encoding` is that of a text that is neither UTF-8 nor UTF-16, by a name that Python knows.
    """

    symbol: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    zone: str | None = None
    calendar: str | None = None
    interval: int | None = None
    stamp: str | None = None
    decimal: str | None = None
    date_format: str | None = None
    layout: str | None = None
    adjust: str = ""
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Guess:
    """Hold one thing that was found out about a file: what, and why; `assumed` where nothing in the file says it."""

    found: str
    why: str
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """Say what a file leaves open: the option that settles it, the question in a few words, and its answers."""

    option: str
    question: str
    answers: tuple[str, ...]

    def __str__(self) -> str:
        flags = " or ".join(f"--{self.option.replace('_', '-')} {_quoted(answer)}" for answer in self.answers)
        return f"{self.question}; give {flags}"


def _quoted(answer: str) -> str:
    return f'"{answer}"' if " " in answer else answer
