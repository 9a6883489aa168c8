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
        if not isinstance(error.__cause__, ValueError):  # what Typer itself or a callback says stays as it is
            raise
        raise typer.BadParameter(f"{value!r} is not {_allowed(parameter)}", ctx=context, param=parameter) from None


def _allowed(parameter: Any) -> str:
    """Return what a number may be, in words: `a whole number from 1 to 20`."""
    kind = "a whole number" if parameter.type_descriptor.annotation is int else "a number"
    if parameter.min is None:
        return kind
    return (
        f"{kind} of at least {parameter.min:g}"
        if parameter.max is None
        else (f"{kind} from {parameter.min:g} to {parameter.max:g}")
    )
