"""Convert a command's parameters late, and say in one style what they are and why a value is refused."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import typer


def prepare_parameters(command: Any) -> None:
    """Let a command convert no value that was not given, and none for a TAB.

    Typer imports Pydantic to convert a value, which takes as long as all else that `--help` and a TAB do. Arguments are
    shown in capitals without a type, and a number that is out of bounds is refused with the bounds.
    """
    find = command.get_params

    def get_params(context: Any) -> Any:
        found = find(context)
        for parameter in found:
            if "process_value" not in vars(parameter):
                parameter.process_value = functools.partial(_converted, parameter, parameter.process_value)
                _name(parameter)
        return found

    command.get_params = get_params


def _name(parameter: Any) -> None:
    if parameter.param_type_name == "argument":
        parameter.metavar = parameter.metavar or parameter.name.upper()
        parameter.display_type_rich = lambda ctx: None
    elif parameter.type_descriptor.is_ranged:
        parameter.metavar = f"<{parameter.type_descriptor.ranged_type_name}>"


def _converted(parameter: Any, convert: Callable[[Any, Any], Any], context: Any, value: Any) -> Any:
    absent = not parameter.required and (value is None or value is False)
    if absent or context.resilient_parsing:
        return value
    try:
        return convert(context, value)
    except typer.BadParameter as error:
        allowed = _allowed(parameter)
        if not allowed or not isinstance(error.__cause__, ValueError):  # what Typer or a callback says stays as it is
            raise
        raise typer.BadParameter(f"{value!r} is not {allowed}", ctx=context, param=parameter) from None


def _allowed(parameter: Any) -> str:
    """Return what a value may be, in words: `a whole number from 1 to 20`; nothing of a text or path."""
    descriptor = parameter.type_descriptor
    if descriptor.choices:
        return f"one of {', '.join(map(str, descriptor.choices))}"
    if descriptor.is_datetime:
        return "a date such as 2024-01-31, nor a time such as 2024-01-31T15:30"
    kind = {int: "a whole number", float: "a number"}.get(descriptor.annotation, "")
    if not kind or parameter.min is None:
        return kind
    return (
        f"{kind} of at least {parameter.min:g}"
        if parameter.max is None
        else (f"{kind} from {parameter.min:g} to {parameter.max:g}")
    )
