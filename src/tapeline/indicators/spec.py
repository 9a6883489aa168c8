"""Specs: `rsi_14` as text, and what it means. The text of a spec is also the name of its output columns."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tapeline.errors import SpecError
from tapeline.indicators.catalogue import CATALOGUE
from tapeline.indicators.entry import Indicator, Number, Parameter

_NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Spec:
    """An indicator with its parameters. `text` is the canonical spelling."""

    text: str
    indicator: Indicator
    parameters: tuple[Number, ...]

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(self.text + suffix for suffix in self.indicator.outputs)

    @property
    def warm_up(self) -> tuple[int, ...]:
        """For each output, the bars before its first value."""
        bars = self.indicator.warm_up(*self.parameters)
        return (bars,) * len(self.indicator.outputs) if isinstance(bars, int) else bars


def parse(text: str) -> Spec:
    """The spec that a text such as `macd_12_26_9` means; without any numbers, the defaults. Raises `SpecError`."""
    words = text.strip().lower().split("_")
    first = next((i for i, word in enumerate(words) if _NUMBER.fullmatch(word)), len(words))
    name, numbers = "_".join(words[:first]), words[first:]
    indicator = CATALOGUE.get(name)
    if indicator is None:
        near = difflib.get_close_matches(name, CATALOGUE, n=3)
        hint = f": did you mean {' or '.join(near)}?" if near else "; `tapeline indicators --list` shows all"
        raise SpecError(f"there is no indicator {text!r}{hint}")
    wanted = indicator.parameters
    if len(numbers) not in {0, len(wanted)}:
        names = ", ".join(parameter.name for parameter in wanted) or "none"
        raise SpecError(f"{text!r}: {name} has {len(wanted)} parameters ({names}), not {len(numbers)}")
    values = tuple(
        _value(text, parameter, number) for parameter, number in zip(wanted, numbers, strict=False)
    ) or tuple(parameter.default for parameter in wanted)
    problem = indicator.check(*values)
    if problem:
        raise SpecError(f"{text!r}: {problem}")
    return Spec("_".join([name, *map(_text, values)]), indicator, values)


def parse_all(specs: Sequence[str]) -> tuple[Spec, ...]:
    """The specs these texts mean, each once, in their order. Raises `SpecError`."""
    return tuple({spec.text: spec for spec in map(parse, specs)}.values())


def _text(value: Number) -> str:
    return str(value).removesuffix(".0")


def _value(text: str, parameter: Parameter, number: str) -> Number:
    if not _NUMBER.fullmatch(number) or (parameter.whole and not number.isdigit()):
        kind = "a whole number" if parameter.whole else "a number"
        raise SpecError(f"{text!r}: {parameter.name} must be {kind}, not {number!r}")
    value: Number = int(number) if parameter.whole else float(number)
    if not parameter.low <= value <= parameter.high:
        raise SpecError(f"{text!r}: {parameter.name} must be from {parameter.low} to {parameter.high}, not {number}")
    return value
