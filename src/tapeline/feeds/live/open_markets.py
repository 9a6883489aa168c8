"""Know which of the watched exchanges are open, and since when."""

from __future__ import annotations

from collections.abc import Mapping

from tapeline.core.sessions import MarketState, Phase
from tapeline.feeds.live.tracked_bars import TrackedBars, phase_text


class OpenMarkets:
    """Read the exchanges of the symbols in `tracked`, which its owner changes. Times are UTC epoch ms."""

    def __init__(self, tracked: Mapping[str, TrackedBars]) -> None:
        self._tracked = tracked
        self._phases: dict[str, Phase] = {}

    def states(self, now: int) -> list[MarketState]:
        """Return the state of every exchange, sorted by the exchange's code. Any thread may ask."""
        calendars = {tracked.calendar.exchange: tracked.calendar for tracked in list(self._tracked.values())}
        return [calendars[exchange].at(now) for exchange in sorted(calendars)]

    def open_since(self, now: int) -> int | None:
        """Return since when some exchange has been open, its lunch break left out; None while all are closed."""
        opened = [
            max(state.session.open, state.session.break_end if now >= state.session.break_end else 0)
            for state in self.states(now)
            if state.phase is Phase.OPEN and state.session is not None
        ]
        return min(opened) if opened else None

    def changes(self, now: int) -> list[str]:
        """Return a line for each exchange that has opened or closed since the last call."""
        lines = []
        for state in self.states(now):
            if self._phases.get(state.exchange) is not state.phase:
                self._phases[state.exchange] = state.phase
                lines.append(phase_text(state))
        return lines
