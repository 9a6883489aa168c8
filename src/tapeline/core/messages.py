"""Define what passes over the seams (`ports`): deliveries, states of symbols, commits, and archived histories.

Times are UTC epoch milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tapeline.core.market import Bar, Bars, Reject
from tapeline.core.rows import Rows


@dataclass(frozen=True, slots=True)
class Delivery:
    """Hold what a source hands over at once: bars, what it had to refuse on the way, and where to resume after them.

    `resume` is the source's own JSON text; only the source reads it. `notices` are lines for the user, such as a file
    that had to be sorted; they carry no data.
    """

    bars: Bars
    rejects: Sequence[Reject] = ()
    resume: str = ""
    notices: Sequence[str] = ()


#: The bytes of a state that no processor takes: it computes the symbol anew from its stored bars. The first byte of a
#: state is its version, and there is no version 0.
NO_STATE = b"\0"


@dataclass(frozen=True, slots=True)
class SymbolState:
    """Hold what the processor remembers of one symbol: opaque bytes with a version, and the time they stand at.

    `timestamp` is the open time of the last committed bar in it (UTC epoch ms). `position` is that of the last record
    applied to it, for streams whose positions are kept by symbol (Kinesis); 0 where the store keeps one for all.
    `forming` is the bar that the symbol's newest row is about if that is still forming, for a store that may be given
    forming rows without a state, and answers with it on `load`; what the state itself says of that bar is older.
    """

    timestamp: int
    data: bytes
    position: int = 0
    forming: Bar | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """Hold what one step of the processor changed.

    `position` is the stream position after the last record that went into it. `checkpoints` are states to keep beside
    the current one, so that a late bar can be replayed from there. `rewound` names the symbols that were replayed, with
    the time of the first bar that changed: kept checkpoints at or after it are dropped first.
    """

    rows: Rows
    states: Mapping[str, SymbolState]
    position: int
    checkpoints: Mapping[str, SymbolState] = field(default_factory=dict)
    rewound: Mapping[str, int] = field(default_factory=dict)
    rejects: Sequence[Reject] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """Describe a corporate action, at the time of the first bar that trades without it (UTC epoch ms).

    `kind` "split": `value` new shares for one old. `kind` "dividend": `value` in `currency` per share.
    """

    timestamp: int
    kind: str
    value: float
    currency: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Hold the archived history of one symbol at one interval: final bars in the order of time, and its actions.

    Bars are in today's shares, as far as `actions` knows of splits, and not adjusted for dividends. Everything in
    start <= t < covered was asked for; where there is no bar in it, there was no trade. `currency` is what prices are
    quoted in, such as USD or GBp (pence).
    """

    symbol: str
    interval: str
    bars: Bars
    actions: tuple[Action, ...] = ()
    currency: str = ""
    start: int = 0
    covered: int = 0
