"""What the catalogue says of an indicator: parameters and bounds, what it gives, and what its kernel needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tapeline.indicators.kernels.types import LONGEST, Kernel

Number = int | float
Group = Literal["overlap", "momentum", "volatility", "volume", "levels", "pattern"]
Input = Literal["open", "high", "low", "close", "volume", "session"]

INPUTS: tuple[Input, ...] = ("open", "high", "low", "close", "volume", "session")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number in a spec. `whole` ones are bar counts; bounds are inclusive."""

    name: str
    default: Number
    low: Number
    high: Number
    whole: bool = True


def period(default: int, name: str = "period", low: int = 1, high: int = LONGEST) -> Parameter:
    """A number of bars."""
    return Parameter(name, default, low, high)


def factor(default: float, name: str = "factor", low: float = 0.01, high: float = 100.0) -> Parameter:
    """A real number."""
    return Parameter(name, default, low, high, whole=False)


@dataclass(frozen=True, slots=True)
class Storage:
    """What a kernel may touch, for one choice of parameters.

    `history` is how many bars back it reads each input (in the order of the entry's `inputs`), `numbers` how many
    values it keeps in `s`, `columns` how far back it reads each column of its own.
    """

    history: tuple[int, ...]
    numbers: int = 0
    columns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Indicator:
    """One catalogue entry.

    `outputs` are suffixes of the column names, '' for the spec's own name. `warm_up` gives the number of bars before
    the first value for the parameters, one for all outputs or one each. `pane` says whether charts draw it over the
    price or below; outputs in `off_price` have no place over the price.
    `scale_free` is true when no output changes if all prices are multiplied by a number. `check` answers with what is
    wrong with a combination of parameters, '' if nothing is.
    """

    name: str
    title: str
    group: Group
    inputs: tuple[Input, ...]
    parameters: tuple[Parameter, ...]
    kernel: Kernel
    storage: Callable[..., Storage]
    warm_up: Callable[..., int | tuple[int, ...]]
    formula: str
    source: str
    outputs: tuple[str, ...] = ("",)
    pane: Literal["price", "own"] = "own"
    scale_free: bool = False
    off_price: tuple[str, ...] = ()
    check: Callable[..., str] = field(default=lambda *_: "")
