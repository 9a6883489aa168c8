"""Describe what the catalogue knows about an indicator: parameters and bounds, outputs, and what its kernel needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from tapeline.indicators.kernels.interface import INPUTS, LONGEST, Input, Kernel
from tapeline.indicators.kernels.shared_columns import Shared

Number = int | float

#: What people look for an indicator under. The catalogue lists the groups in this order.
Group = Literal["overlap", "momentum", "volatility", "volume", "levels", "pattern"]

#: How an indicator forgets an old bar, and so how many bars before the first wanted value it must be given:
#:
#: - `window`: `warm_up` bars, exactly. Values differ only by how a running sum rounds, and are the same to the last bit
#:   after the next re-basing.
#: - `session`: all bars of the session of the first wanted value, and of the session before it.
#: - `decaying`: the weight of an old bar shrinks but is never 0. Many times `warm_up` bars come close; only the first
#:   stored bar gives the value exactly.
#: - `endless`: every bar since the first counts in full. Nothing but the first stored bar, or a kept state, will do.
Memory = Literal["window", "session", "decaying", "endless"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """Describe one number in a spec. `whole` ones are counts; bounds are inclusive."""

    name: str
    default: Number
    low: Number
    high: Number
    whole: bool = True


def bar_count(default: int, name: str = "period", low: int = 1, high: int = LONGEST) -> Parameter:
    """Return a parameter that is a number of bars."""
    return Parameter(name, default, low, high)


def real_number(default: float, name: str = "factor", low: float = 0.01, high: float = 100.0) -> Parameter:
    """Return a parameter that is a real number."""
    return Parameter(name, default, low, high, whole=False)


@dataclass(frozen=True, slots=True)
class Storage:
    """Declare everything a kernel may touch, for one choice of parameters.

    `reads` are the inputs it reads, in the order of `ints`, each with how many bars back. `numbers` is how many values
    it keeps in `state`, `columns` how far back it reads each column of its own, and `shared` the columns it reads that
    other indicators may read as well. The id of a snapshot's layout is made from this class's `repr`: renaming a field
    makes every stored state unreadable.
    """

    reads: Mapping[Input, int]
    numbers: int = 0
    columns: tuple[int, ...] = ()
    shared: tuple[Shared, ...] = ()


def _accept(*_: Number) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Indicator:
    """Hold one catalogue entry.

    `outputs` are suffixes of the column names, '' for the spec's own name. `warm_up` returns the number of bars before
    the first value for the parameters, one for all outputs or one each. `pane` says whether charts draw it over the
    price or below; outputs in `off_price` have no place over the price. `scale_free` is true when no output changes if
    all prices are multiplied by a number. `check` returns what is wrong with a combination of parameters, or ''.
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
    check: Callable[..., str] = _accept
    memory: Memory = "window"

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Return the names of the columns it is computed from."""
        storage = self.storage(*(parameter.default for parameter in self.parameters))
        read = {*storage.reads, *(name for part in storage.shared for name in part.reads)}
        return tuple(name for name in INPUTS if name in read)


class Entries(list[Indicator]):
    """Collect the catalogue entries of one file, all of one group, in the order they are written."""

    def __init__(self, group: Group) -> None:
        super().__init__()
        self._group = group

    def add(
        self, title: str, parameters: tuple[Parameter, ...],
        storage: Callable[..., Storage], warm_up: Callable[..., int | tuple[int, ...]], formula: str, source: str, *,
        outputs: tuple[str, ...] = ("",), pane: Literal["price", "own"] = "own", scale_free: bool = False,
        off_price: tuple[str, ...] = (), check: Callable[..., str] = _accept, memory: Memory = "window",
    ) -> Callable[[Kernel], Kernel]:  # fmt: skip
        """Return a decorator that enters a kernel under its own name; the arguments are the fields of `Indicator`."""

        def enter(kernel: Kernel) -> Kernel:
            self.append(
                Indicator(
                    kernel.__name__, title, self._group, parameters, kernel, storage, warm_up, formula, source,
                    outputs, pane, scale_free, off_price, check, memory,
                )
            )  # fmt: skip
            return kernel

        return enter
