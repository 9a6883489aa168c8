"""Define every seam of the system, and what each side may rely on. Backends implement these; `app` chooses one.

A *position* is a point in a stream: an integer that only grows along one symbol's records; 0 is before the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from tapeline.core.market import Bars, Floats, Reject, Revisions
from tapeline.core.messages import Commit, Delivery, Series, SymbolState
from tapeline.core.rows import Rows


class Source(Protocol):
    """Deliver bars from where they come from: files, or a venue.

    Order: one symbol's bars come in the order of their timestamps, except for corrections, which may come at any time.
    Duplicates: may occur; the stream's records are upserts. Restart: `deliveries(resume)` with the `resume` of the last
    delivery that was appended goes on after it and leaves nothing out; with '' it starts at the beginning.
    A finite source ends its iterator; a live one goes on until `close`.
    """

    name: str

    def deliveries(self, resume: str) -> Iterator[Delivery]: ...

    def close(self) -> None:
        """End `deliveries` soon, from any thread. A second call does nothing."""
        ...


class Sink(Protocol):
    """Take bars at the writing end of a stream. A record is an upsert of the bar (symbol, timestamp): the last counts.

    Order: one symbol's records are in the stream in the order they were appended. Duplicates: a retried `append` may
    store a record twice; nothing is ever lost. Restart: what `append` returned from is there after a crash of the
    process.
    """

    def append(self, source: str, delivery: Delivery) -> int:
        """Store bars, rejects and where the source resumes, together. Return where the next write goes."""
        ...

    def resume(self, source: str) -> str:
        """Return the `resume` that this source's last `append` stored, '' if it never did."""
        ...


class Stream(Sink, Protocol):
    """Keep an append-only log of bars, with both ends. `read` gives one symbol's records in the order of `append`."""

    def read(self, position: int, limit: int) -> tuple[Bars, int]:
        """Return up to `limit` bars from `position` on, and the position after them. Empty when there are none (yet).

        Raises `LogTrimmedError` when records at `position` are no longer kept.
        """
        ...

    def wait(self, position: int, seconds: float) -> bool:
        """Block until there is a record at `position` or the time is up. Return whether there is one."""
        ...

    def trim(self, position: int) -> None:
        """Drop records before `position`: they are not needed any more. What is kept anyway is the backend's choice."""
        ...


#: Checkpoints kept of each symbol; what is older is replayed from the first stored row.
KEPT_CHECKPOINTS = 8


class Store(Protocol):
    """Keep rows, one for each bar, and the processor's states. What is called a symbol here is the name of a series.

    Order: `rows` are in the order of time. Duplicates: a row replaces the one with its (symbol, timestamp).
    Restart: a state is never there without the rows that led to it. A commit that fails, or the process that makes it,
    may leave rows that are ahead of their state; the same records processed again write them identically.

    `keeps_indicators` tells whether rows come back with their indicator values. Otherwise `names` is empty, and whoever
    wants values computes them from the bars (`runtime.indicator_view`).
    """

    keeps_indicators: bool

    def commit(self, commit: Commit) -> None:
        """Write rows, then states, checkpoints, rejects and position; at once, where the backend can.

        Raises `ConflictError` when another process has moved a symbol's state on since it was loaded here.
        """
        ...

    def load(self, symbols: Sequence[str] | None = None) -> tuple[dict[str, SymbolState], int]:
        """Return the current state of these symbols (None: of all with one), and the position of the last commit.

        The position is 0 at the very start, and for a store whose states carry their own.
        """
        ...

    def checkpoint(self, symbol: str, timestamp: int) -> SymbolState | None:
        """Return the newest kept checkpoint whose last bar is *before* `timestamp`, None where none is kept."""
        ...

    def rows(self, symbol: str, start: int | None = None, end: int | None = None, limit: int | None = None) -> Rows:
        """Return the symbol's rows with start <= timestamp < end, in the order of time; with `limit`, the newest ones.

        Rows from different indicator sets come under the union of their names, NaN where a row has no such value.
        """
        ...

    def latest(self) -> Rows:
        """Return the newest row of every symbol, sorted by symbol, with the prices only (`names` is empty)."""
        ...

    def series(self, symbol: str) -> tuple[str, ...]:
        """Return the names of the symbol's series that have rows, sorted (`core.series`); cheaper than `latest`."""
        ...


@runtime_checkable
class IndicatorStates(Protocol):
    """Keep what an indicator engine remembered at some bars, so that old bars need not be read again.

    A state is dropped when a bar at or before it changes: what is found is always as good as a computation from the
    first bar. `layout` names what the bytes hold (`Engine.layout`).
    """

    def indicator_state(self, symbol: str, layout: str, before: int) -> tuple[int, bytes] | None:
        """Return the newest state of the symbol at a bar that opens before this time, with the bar's open time."""
        ...

    def keep_indicator_states(
        self, symbol: str, layout: str, states: Sequence[tuple[int, bytes]], revisions: Revisions
    ) -> None:
        """Keep states with the open times of their bars, unless bars were revised after `revisions` was read."""
        ...


@runtime_checkable
class SeriesStamps(Protocol):
    """Tell at little cost which series have changed, so that whoever looks at thousands reads few of them again."""

    def stamps(self) -> dict[str, tuple[int, ...]]:
        """Return numbers for every series with final bars: how many, then what changes whenever one is written."""
        ...

    def final_rows(self, starts: Mapping[str, int]) -> Rows:
        """Return the final rows of several series, each from its own time on, at a fraction of the time of `rows`.

        They come series after series, each in the order of time. A series that was ever revised or that is damaged is
        not in `symbols` of the answer's bars: `rows` knows more of it. One without such rows need not be there.
        """
        ...


@runtime_checkable
class SeriesExtents(Protocol):
    """Tell where the history of each series begins and ends, without reading it."""

    def extents(self) -> dict[str, tuple[int, int, int]]:
        """Return the open times (UTC epoch ms) of each series' first and newest bar, and how many are final."""
        ...


class RejectLog(Protocol):
    """Keep records that were refused, in the order they came in."""

    def rejects(self, limit: int | None = None) -> Iterator[Reject]:
        """Yield the rejects, oldest first; with `limit`, that many of the newest."""
        ...


class Predictor(Protocol):
    """Predict with a trained model. The same features give the same answer, in any batch.

    `version` names the model in every row it predicts. `features` are the columns it expects, in order.
    `trained_until` is the last bar time (UTC epoch ms) that training saw, labels included: the processor asks for no
    prediction at or before it. `hold_margin` is how far from 0.5 a probability must lie for an answer other than HOLD.
    `interval` is the length (ms) of the bars it is for, 0 where that is not known; series of another are not predicted.
    """

    version: str
    features: tuple[str, ...]
    trained_until: int
    hold_margin: float
    interval: int

    def predict(self, features: Floats) -> Floats:
        """Return the probability of UP for each row of float64 [n, len(features)], float64 [n]; NaN: cannot tell."""
        ...


class Archive(Protocol):
    """Keep raw history, so that it is asked for once.

    Order: bars are in the order of time. Duplicates: one bar a time. Restart: `save` is atomic; a crash leaves the
    series as it was or as it was to become, never half of it. One process saves a series at a time; others may load.
    """

    def load(self, symbol: str, interval: str) -> Series | None:
        """Return what was last saved, None if nothing was. Raises `StorageError` for what cannot be read."""
        ...

    def save(self, series: Series) -> None:
        """Keep this in place of what was there. Raises `StorageError` when it cannot be written."""
        ...

    def symbols(self, interval: str) -> list[str]:
        """Return the symbols with a series at this interval, sorted."""
        ...


class Folder(Protocol):
    """Keep files under keys such as `default/current.json`. A write is seen whole or not at all, and durable."""

    def read(self, key: str) -> bytes:
        """Return the content. Raises `FileNotFoundError` when there is none, `StorageError` when it cannot be read."""
        ...

    def write(self, key: str, content: bytes) -> None: ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in no order."""
        ...
