"""What the catalogue says of an indicator: parameters and bounds, what it gives, and what its kernel needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tapeline.indicators.kernels.interface import INPUTS, LONGEST, Input, Kernel
from tapeline.indicators.kernels.shared_columns import Shared

Number = int | float
Group = Literal["overlap", "momentum", "volatility", "volume", "levels", "pattern"]


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

    `reads` are the inputs it reads, in the order of `a`, each with how many bars back; `numbers` is how many values it
    keeps in `s`, `columns` how far back it reads each column of its own, and `shared` the columns it reads that others
    may read as well.
    """

    reads: Mapping[Input, int]
    numbers: int = 0
    columns: tuple[int, ...] = ()
    shared: tuple[Shared, ...] = ()


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

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What it is computed from."""
        storage = self.storage(*(parameter.default for parameter in self.parameters))
        read = {*storage.reads, *(name for part in storage.shared for name in part.inputs)}
        return tuple(name for name in INPUTS if name in read)
