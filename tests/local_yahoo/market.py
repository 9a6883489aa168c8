"""Make up a market: official minute bars and the prices that led to them, the same on every run.

Written without tapeline's own bar and adjustment code, so that a mistake there cannot hide here.
"""

from __future__ import annotations

import functools
import zlib
from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np

MINUTE = 60_000
COLUMNS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Tick:
    symbol: str
    time: int
    price: float
    day_volume: int
    market_hours: int = 1


@dataclass
class Market:
    """Trade in `sessions`: (open, close) in UTC epoch ms. `splits` map a symbol to (open of the day, new for old).

    `hours` map the open of a session to the `market_hours` that its prices are streamed with; 1 is regular trading.
    One minute in 40 has no trade. Until `settles` ms after the close, one bar in ten has another volume than later.
    """

    sessions: list[tuple[int, int]]
    symbols: list[str]
    splits: dict[str, tuple[int, float]] = field(default_factory=dict)
    settles: int = 10 * MINUTE
    ticks_a_minute: int = 4
    hours: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._day = functools.cache(self._make_day)

    def _make_day(self, symbol: str, place: int) -> dict[str, np.ndarray]:
        """Return the bars as traded on that day, NaN where there was no trade."""
        opened, closed = self.sessions[place]
        count = (closed - opened) // MINUTE
        rng = np.random.default_rng([zlib.crc32(symbol.encode()), opened // 86_400_000])
        level = 20 + zlib.crc32(symbol.encode()) % 400
        split = self.splits.get(symbol)
        if split is not None and opened >= split[0]:
            level /= split[1]
        path = level * np.exp(np.cumsum(rng.normal(0, 0.0006, count + 1)))
        close, open_ = np.round(path[1:], 2), np.round(path[:-1], 2)
        high = np.round(np.maximum(open_, close) + rng.exponential(0.0004, count) * level, 2)
        low = np.round(np.minimum(open_, close) - rng.exponential(0.0004, count) * level, 2)
        volume = rng.integers(100, 50_000, count).astype(np.float64)
        quiet = rng.random(count) < 1 / 40
        quiet[[0, -1]] = False
        day = {"time": opened + MINUTE * np.arange(count), "open": open_, "high": high, "low": low, "close": close}
        day |= {"volume": volume, "unsettled": np.where(rng.random(count) < 0.1, np.floor(volume * 0.7), volume)}
        for name in (*COLUMNS, "unsettled"):
            day[name][quiet] = np.nan
        return day

    def official(self, symbol: str, start: int, end: int, now: int, *, settled: bool = False) -> dict[str, np.ndarray]:
        """Return minute bars that open in start <= t < end and t <= now, as Yahoo shows them at `now`.

        The bar under way is cut: its close is its open, its volume a third.
        """
        parts = []
        for place, (opened, closed) in enumerate(self.sessions):
            if opened >= end or closed <= start or opened > now:
                continue
            day = self._day(symbol, place)
            final = settled or now >= closed + self.settles
            values = {name: day[name].copy() for name in COLUMNS}
            if not final:
                values["volume"] = day["unsettled"].copy()
            running = (day["time"] <= now) & (day["time"] + MINUTE > now)
            for name in ("high", "low", "close"):
                values[name][running] = values["open"][running]
            values["volume"][running] = np.floor(values["volume"][running] / 3)
            split = self.splits.get(symbol)
            if split is not None and opened < split[0] <= now:
                for name in COLUMNS[:4]:
                    values[name] = values[name] / split[1]
                values["volume"] = values["volume"] * split[1]
            kept = (day["time"] >= start) & (day["time"] < end) & (day["time"] <= now)
            parts.append({"time": day["time"][kept]} | {name: values[name][kept] for name in COLUMNS})
        if not parts:
            return {name: np.empty(0) for name in ("time", *COLUMNS)}
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def ticks(self, start: int, end: int) -> list[Tick]:
        """Return the prices of start < t <= end, in the order of time. Each bar is made of them."""
        found = []
        for place, (opened, closed) in enumerate(self.sessions):
            if opened < end and closed > start:
                for symbol in self.symbols:
                    times, ticks = self._day_ticks(symbol, place)
                    found += ticks[bisect_right(times, start) : bisect_right(times, end)]
        return sorted(found, key=lambda tick: tick.time)

    @functools.lru_cache(maxsize=2048)  # noqa: B019 - a market lives as long as its test
    def _day_ticks(self, symbol: str, place: int) -> tuple[list[int], list[Tick]]:
        day, hours = self._day(symbol, place), self.hours.get(self.sessions[place][0], 1)
        at = np.linspace(500, 58_000, self.ticks_a_minute).astype(int)
        found, total = [], 0.0
        for i, time in enumerate(day["time"].tolist()):
            if np.isnan(day["open"][i]):
                continue
            between = [day["high"][i], day["low"][i]] * self.ticks_a_minute
            prices = [day["open"][i], *between[: self.ticks_a_minute - 2], day["close"][i]]
            for k, price in enumerate(prices):
                total += day["volume"][i] // self.ticks_a_minute
                found.append(Tick(symbol, time + int(at[k]), float(price), int(total), hours))
        return [tick.time for tick in found], found

    def __hash__(self) -> int:
        return id(self)

    def last(self, symbol: str, now: int) -> Tick | None:
        """Return the newest price at `now`."""
        for place in range(len(self.sessions) - 1, -1, -1):
            if self.sessions[place][0] <= now:
                times, ticks = self._day_ticks(symbol, place)
                if (count := bisect_right(times, now)) > 0:
                    return ticks[count - 1]
        return None
