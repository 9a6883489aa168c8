"""A day of records with everything that can happen to a bar, and a poller that delivers them as Lambda does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tapeline.core.codec import decode, encode
from tapeline.core.market import Bar, Bars
from tapeline.errors import DecodeError, StorageError
from tapeline.runtime.batch_records import Record
from tests.conftest import random_bars
from tests.fakes import CrashError


def records(bars: Sequence[Bar], per_record: int = 1) -> list[Record]:
    """Return a record for every `per_record` successive bars of a symbol, with positions from 1."""
    groups: list[list[Bar]] = []
    for bar in bars:
        if groups and len(groups[-1]) < per_record and groups[-1][-1].symbol == bar.symbol:
            groups[-1].append(bar)
        else:
            groups.append([bar])
    return [Record(n, str(n), encode(Bars.of(group))) for n, group in enumerate(groups, 1)]


def eventful_day(rng: np.random.Generator) -> list[Record]:
    """Return forming updates, finals, repetitions and corrections, and now and then bytes that are no bar."""
    symbols, count = int(rng.integers(1, 4)), int(rng.integers(65, 75))
    streams: list[list[Bar]] = []
    for code in range(symbols):
        day = [bar for bar in random_bars(symbols, count, int(rng.integers(1 << 30))) if bar.symbol == f"S{code:02d}"]
        stream: list[Bar] = []
        for i, bar in enumerate(day):
            stream.extend(
                replace(bar, close=bar.open + (bar.close - bar.open) * share, final=False)
                for share in sorted(rng.uniform(0.2, 0.9, int(rng.integers(0, 3))))
            )
            if rng.random() > 0.05 or i + 1 == count:  # some bars end only because the next one begins
                stream.append(bar)
            chance = rng.random()
            if chance < 0.04 and stream:
                stream.append(stream[int(rng.integers(max(0, len(stream) - 30), len(stream)))])  # an old record again
            elif chance < 0.08 and i > 5:
                wrong = day[int(rng.integers(0, i))]
                stream.append(replace(wrong, volume=wrong.volume + float(rng.integers(1, 100))))
        streams.append(stream)
    order = rng.permutation([code for code, stream in enumerate(streams) for _ in stream])
    iterators = [iter(stream) for stream in streams]
    found = records([next(iterators[code]) for code in order], per_record=int(rng.integers(1, 4)))
    for i in rng.integers(0, len(found), 2).tolist():
        found[i] = replace(found[i], data=b"poison" + found[i].data) if rng.random() < 0.3 else found[i]
    return found


def two_collectors(rng: np.random.Generator, day: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """Return the day as one collector sends it, and as two send it that follow the same symbols.

    Each ends with the official history. The second one saw other prices while the bars formed, and lags; how the two
    are mixed is random.
    """
    told: dict[tuple[str, int], Bar] = {}
    first, second = [], []
    for record in day:
        with contextlib.suppress(DecodeError):
            bars = list(decode(record.data))
            for bar in bars:
                key = bar.symbol, bar.timestamp
                if bar.final or not told.get(key, bar).final:
                    told[key] = bar
            seen = [bar if bar.final else replace(bar, close=bar.low) for bar in bars]
            first.append(record.data)
            second.append(encode(Bars.of(seen)))
    history = [encode(Bars.of([replace(bar, final=True)])) for _, bar in sorted(told.items())]
    one, other = iter(first + history), iter(second + history)
    order = rng.permutation([0] * (len(first) + len(history)) + [1] * (len(second) + len(history)))
    mixed = [next(other if which else one) for which in order]
    return _numbered(first + history), _numbered(mixed)


def _numbered(sent: Sequence[bytes]) -> list[Record]:
    return [Record(number, str(number), data) for number, data in enumerate(sent, 1)]


class EventSource:
    """Deliver as Lambda does: a batch that fails comes again, whole or in halves, until it has been applied.

    `environment` makes a fresh execution environment of the function, a callable from records to the places that
    failed. Two are kept and take turns; either may be replaced by a fresh one. `arm` lets the process die with
    `CrashError` after a number of writes, `disarm` stops that. `trouble` counts the deliveries that failed, and
    `given_back` those of which the function gave a part back.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        environment: Callable[[], Callable[[Sequence[Record]], Sequence[str]]],
        arm: Callable[[int], None],
        disarm: Callable[[int], None],
    ) -> None:
        self.trouble = self.given_back = 0
        self._rng = rng
        self._environment = environment
        self._arm = arm
        self._disarm = disarm
        self._function = environment()
        self._idle = environment()
        self._turns = rng.spawn(1)[0]

    def run(self, day: Sequence[Record]) -> None:
        """Deliver the records in order until every one has been applied."""
        start = 0
        while start < len(day):
            end = start + int(self._rng.integers(1, 60))
            self._deliver(day[start:end])
            # a poller that is replaced begins a little earlier
            start = max(0, end - int(self._rng.integers(1, 20))) if self._rng.random() < 0.1 else end

    def _deliver(self, batch: Sequence[Record]) -> None:
        while batch:
            if self._rng.random() < 0.2:
                self._function = self._environment()
            if self._turns.random() < 0.2:  # the other environment continues with what it remembers
                self._function, self._idle = self._idle, self._function
            if self._rng.random() < 0.3:
                self._arm(int(self._rng.integers(0, 50)))
            try:
                failed = self._function(batch)
            except (CrashError, StorageError):
                self.trouble += 1
                if self._rng.random() < 0.5:
                    self._function = self._environment()
                if len(batch) > 1 and self._rng.random() < 0.5:
                    self._disarm()
                    middle = len(batch) // 2
                    self._deliver(batch[:middle])
                    batch = batch[middle:]
                continue
            finally:
                self._disarm()
            if failed:
                self.given_back += 1
                places = [record.place for record in batch]
                batch = batch[min(map(places.index, failed)) :]
                continue
            if self._rng.random() < 0.1:
                continue  # the answer was lost
            return
