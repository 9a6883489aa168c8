"""An archive in memory."""

from __future__ import annotations

from tapeline.core.messages import Series


class MemoryArchive:
    """An `Archive` that holds the series themselves. `saves` counts the calls of `save`."""

    def __init__(self, *kept: Series) -> None:
        self.kept = {(series.symbol, series.interval): series for series in kept}
        self.saves = 0

    def load(self, symbol: str, interval: str) -> Series | None:
        return self.kept.get((symbol, interval))

    def save(self, series: Series) -> None:
        self.kept[series.symbol, series.interval] = series
        self.saves += 1

    def symbols(self, interval: str) -> list[str]:
        return sorted(symbol for symbol, kept in self.kept if kept == interval)

    def intervals(self) -> list[str]:
        return sorted({interval for _, interval in self.kept})
