"""A listener of a price stream that keeps what it hears."""

from __future__ import annotations

from dataclasses import dataclass, field

from tapeline.feeds.live.venue import StreamQuote


@dataclass
class Heard:
    """Implement `QuoteListener`; `opened` is what `open_since` answers."""

    opened: int | None = None
    quotes: list[StreamQuote] = field(default_factory=list)
    garbage: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unavailable: list[str] = field(default_factory=list)
    connected: int = 0

    def on_quote(self, quote: StreamQuote) -> None:
        self.quotes.append(quote)

    def on_garbage(self, frame: str | bytes, reason: str) -> None:
        self.garbage.append(reason)

    def on_connected(self) -> None:
        self.connected += 1

    def on_lost(self, reason: str) -> None:
        self.lost.append(reason)

    def on_unavailable(self, reason: str) -> None:
        self.unavailable.append(reason)

    def open_since(self, now: int) -> int | None:
        return self.opened
