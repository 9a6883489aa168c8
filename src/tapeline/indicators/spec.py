"""Read specs such as `rsi_14`, and as others write them. A spec's canonical text is the name of its output columns."""

from __future__ import annotations

import contextlib
import difflib
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tapeline.errors import SpecError, UnknownIndicatorError
from tapeline.indicators.catalogue import CATALOGUE
from tapeline.indicators.entry import Indicator, Number, Parameter
from tapeline.indicators.spelling import ALIASES, column_suffix, plain_spec

_BEFORE_NUMBER = re.compile(r"(?<=[a-z])(?=[0-9])")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")

#: Characters of a spec or of an output's name. The longest that mean something have half as many.
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Spec:
    """Hold an indicator with its parameters. `text` is the canonical spelling."""

    text: str
    indicator: Indicator
    parameters: tuple[Number, ...]

    @property
    def outputs(self) -> tuple[str, ...]:
        """Return the names of its columns."""
        return tuple(self.text + suffix for suffix in self.indicator.outputs)

    @property
    def warm_up(self) -> tuple[int, ...]:
        """Return, for each output, the number of bars before its first value."""
        bars = self.indicator.warm_up(*self.parameters)
        return (bars,) * len(self.indicator.outputs) if isinstance(bars, int) else bars


def parse(text: str) -> Spec:
    """Read a spec such as `macd_12_26_9`; without any numbers, it has the default parameters.

    It may be written as in `spelling`: `MACD(12, 26, 9)`, `ta.macd(close, 12, 26, 9)`.
    Raises `UnknownIndicatorError` for a name that is not in the catalogue, `SpecError` for anything else.
    """
    _check_length(text)
    words = plain_spec(text).split("_")
    first = next((i for i, word in enumerate(words) if _NUMBER.fullmatch(word)), len(words))
    name, numbers = "_".join(words[:first]), words[first:]
    indicator = CATALOGUE.get(name)
    if indicator is None:
        raise UnknownIndicatorError(f"there is no indicator {text!r}{_hint(text)}")
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
    return Spec("_".join([name, *(str(value).removesuffix(".0") for value in values)]), indicator, values)


def _hint(text: str) -> str:
    """Return the end of the message that there is no such indicator: which one may have been meant."""
    near = meant(text)
    return f": did you mean {' or '.join(near)}?" if near else "; `tapeline indicators --list` shows all"


def meant(text: str) -> list[str]:
    """Return the specs or names of indicators that may have been meant by a text: `rsi_14` by `rsi14`."""
    plain = plain_spec(text)
    apart = _BEFORE_NUMBER.sub("_", plain)
    if apart != plain:
        with contextlib.suppress(SpecError):
            return [parse(apart).text]
    words = plain.split("_")
    name = "_".join(itertools.takewhile(lambda word: not _NUMBER.fullmatch(word), words))
    known = {entry.title.lower().replace(" ", "_"): entry.name for entry in CATALOGUE.values()} | ALIASES
    known |= {each: each for each in CATALOGUE}
    return list(dict.fromkeys(known[close] for close in difflib.get_close_matches(name, known, n=3)))


def _check_length(text: str) -> None:
    if len(text) > _LONGEST:  # Python refuses to read a number of thousands of digits with an error of its own
        raise SpecError(f"{text[:40]!r}...: a spec has at most {_LONGEST} characters")


def parse_all(specs: Sequence[str]) -> tuple[Spec, ...]:
    """Read these specs, each once, in their order. Raises `SpecError`."""
    return tuple({spec.text: spec for spec in map(parse, specs)}.values())


def spec_of_output(column: str) -> tuple[Spec, str]:
    """Return the spec that computes this column, and the column's canonical name.

    Parameters may be left out: `macd_signal` is `macd_12_26_9_signal`. Raises `UnknownIndicatorError` for a column of
    no indicator, `SpecError` for wrong parameters or an output that the indicator does not have.
    """
    _check_length(column)
    if suffix := column_suffix(column):
        spec = parse(column)
        return spec, spec.text + suffix
    words = plain_spec(column).split("_")
    whole: SpecError | None = None
    for count in range(len(words), 0, -1):
        try:
            spec = parse("_".join(words[:count]))
        except SpecError as error:
            whole = whole or error
            continue
        name = "_".join([spec.text, *words[count:]])
        if name in spec.outputs:
            return spec, name
        if whole is not None and words[count][:1].isdigit():
            break  # it is the parameters that are wrong
        raise SpecError(f"there is no {name}: {spec.text} gives {', '.join(spec.outputs)}")
    raise whole or UnknownIndicatorError(f"there is no indicator {column!r}")


def _value(text: str, parameter: Parameter, number: str) -> Number:
    if not _NUMBER.fullmatch(number) or (parameter.whole and not number.isdigit()):
        kind = "a whole number" if parameter.whole else "a number"
        raise SpecError(f"{text!r}: {parameter.name} must be {kind}, not {number!r}")
    value: Number = int(number) if parameter.whole else float(number)
    if not parameter.low <= value <= parameter.high:
        raise SpecError(f"{text!r}: {parameter.name} must be from {parameter.low} to {parameter.high}, not {number}")
    return value


def volume_outputs(specs: Iterable[Spec]) -> list[str]:
    """Return the outputs that are computed from volumes, which bars of an index or a currency do not have."""
    return [name for spec in specs if "volume" in spec.indicator.inputs for name in spec.outputs]
