"""Make rules of AWS's API models: required members, lengths, ranges, patterns, enumerations, types.

botocore's own validation checks required members, types and minima only, and tapeline's clients turn it off.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import regex
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape

_ANYTHING = regex.compile(r"\[\\[sS]\\[sS]\](\*|\{0,\d+\})|\.\*")
_NUMBERS = {"integer": int, "long": int, "float": float, "double": float}


@dataclass(frozen=True, slots=True)
class ShapeRule:
    """Name one constraint on one member: `kind` is required, type, unknown, min, max, pattern or enum."""

    path: str
    kind: str
    value: Any = None

    def __str__(self) -> str:
        return f"{self.path}: {self.kind}" + ("" if self.value is None else f" {self.value}")


#: The models that were read: by the clients that are watched, or here.
_models: dict[str, ServiceModel] = {}


def know(model: ServiceModel) -> None:
    """Take the model that a client has read, so that it is not read again."""
    _models.setdefault(model.service_name, model)


def service_model(service: str) -> ServiceModel:
    """Return the model of a service, named as boto3 names it."""
    if service not in _models:
        _models[service] = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    return _models[service]


def faults(service: str, operation: str, asked: Any) -> list[str]:
    """Return what breaks the model of this operation, a line each."""
    shape = service_model(service).operation_model(operation).input_shape
    found: list[str] = []
    if shape is not None:
        _check(shape, asked, "", found)
    return found


@cache
def rules(service: str, operation: str) -> tuple[ShapeRule, ...]:
    """Return every rule that the model has for an operation's input. A shape within itself is entered once."""
    shape = service_model(service).operation_model(operation).input_shape
    return () if shape is None else tuple(dict.fromkeys(_rules(shape, "", ())))


def _rules(shape: Shape, path: str, inside: tuple[str, ...]) -> Iterator[ShapeRule]:
    if shape.name in inside:
        return
    inside = (*inside, shape.name)
    yield ShapeRule(path, "type", shape.type_name)
    yield from _constraints(shape, path)
    if shape.type_name == "structure":
        yield ShapeRule(path, "unknown")
        for name in shape.required_members:
            yield ShapeRule(_below(path, name), "required")
        for name, member in shape.members.items():
            yield from _rules(member, _below(path, name), inside)
    elif shape.type_name == "list":
        yield from _rules(shape.member, f"{path}[]", inside)
    elif shape.type_name == "map":
        yield from _rules(shape.key, f"{path}{{key}}", inside)
        yield from _rules(shape.value, f"{path}{{}}", inside)


def _constraints(shape: Shape, path: str) -> Iterator[ShapeRule]:
    for kind in ("min", "max", "pattern", "enum"):
        value = shape.metadata.get(kind)
        if not value or (kind == "pattern" and (_ANYTHING.fullmatch(value) or _pattern(value) is None)):
            continue  # a minimum of 0 and a pattern that takes everything are no rules
        yield ShapeRule(path, kind, tuple(value) if kind == "enum" else value)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@cache
def _pattern(text: str) -> regex.Pattern[str] | None:
    """Return AWS's pattern, None for the few that only Java can read."""
    try:
        return regex.compile(text)
    except regex.error:
        return None


def _check(shape: Shape, value: Any, path: str, found: list[str]) -> None:
    if not _is(shape.type_name, value):
        found.append(f"{path}: type {shape.type_name}, not {type(value).__name__}")
        return
    _check_constraints(shape, value, path, found)
    if shape.type_name == "structure":
        members = shape.members
        found += [f"{_below(path, name)}: required" for name in shape.required_members if name not in value]
        for name, each in value.items():
            if name in members:
                _check(members[name], each, _below(path, name), found)
            else:
                found.append(f"{path}: unknown {name}")
    elif shape.type_name == "list":
        for each in value:
            _check(shape.member, each, f"{path}[]", found)
    elif shape.type_name == "map":
        for key, each in value.items():
            _check(shape.key, key, f"{path}{{key}}", found)
            _check(shape.value, each, f"{path}{{}}", found)


def _check_constraints(shape: Shape, value: Any, path: str, found: list[str]) -> None:
    known = shape.metadata
    if "min" in known or "max" in known:
        size = value if shape.type_name in _NUMBERS else _length(value)
        if size is not None and "min" in known and size < known["min"]:
            found.append(f"{path}: min {known['min']}, not {size}")
        if size is not None and "max" in known and size > known["max"]:
            found.append(f"{path}: max {known['max']}, not {size}")
    if "pattern" in known and isinstance(value, str):
        pattern = _pattern(known["pattern"])
        if pattern is not None and not pattern.fullmatch(value):
            found.append(f"{path}: pattern {known['pattern']}, not {value[:80]!r}")
    if "enum" in known and value not in known["enum"]:
        found.append(f"{path}: enum {tuple(known['enum'])}, not {value!r}")


def _length(value: Any) -> int | None:
    return len(value) if hasattr(value, "__len__") else None  # an open file has none


def _is(kind: str, value: Any) -> bool:
    match kind:
        case "structure" | "map":
            return isinstance(value, Mapping)
        case "list":
            return isinstance(value, list | tuple)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer" | "long":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float" | "double":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "timestamp":
            return isinstance(value, datetime.datetime | str | int | float)
        case "blob":
            return isinstance(value, bytes | bytearray | memoryview | str) or hasattr(value, "read")
    return True
