"""Keep the table of documented limits: what a rule says, which calls it is about, and where AWS says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Asked = Mapping[str, Any]
Check = Callable[[Asked], Iterator[str]]

KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limit:
    """Hold one documented rule. `check` yields what breaks it in a request; `source` is a page of AWS's documentation.

    `name` is unique, so that each rule's failing case can be found by it.
    """

    name: str
    service: str
    operations: tuple[str, ...]
    source: str
    check: Check


LIMITS: list[Limit] = []


def limit(service: str, operations: str, name: str, source: str) -> Callable[[Check], Check]:
    """Add a rule on these operations, named with spaces between; the function yields what breaks it."""

    def add(check: Check) -> Check:
        LIMITS.append(Limit(f"{service}: {name}", service, tuple(operations.split()), source, check))
        return check

    return add


def limits_of(service: str, operation: str) -> list[Limit]:
    """Return the rules on one operation."""
    return [each for each in LIMITS if each.service == service and operation in each.operations]


def exclusive(asked: Asked, *names: str) -> Iterator[str]:
    """Yield a line when more than one of these members is given."""
    given = [name for name in names if asked.get(name) is not None]
    if len(given) > 1:
        yield f"{' and '.join(given)} are given, only one may be"


def one_of(asked: Asked, *names: str) -> Iterator[str]:
    """Yield a line unless just one of these members is given."""
    yield from exclusive(asked, *names)
    if not any(asked.get(name) is not None for name in names):
        yield f"none of {', '.join(names)} is given"


def size(content: Any) -> int:
    """Return the bytes of a text or a blob; 0 for an open file, whose size is not known here."""
    if isinstance(content, str):
        return len(content.encode())
    return len(content) if hasattr(content, "__len__") else 0
