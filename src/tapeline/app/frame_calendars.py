"""Find out by which calendar the symbols of a data frame trade, where their form does not tell it."""

from __future__ import annotations

from tapeline.app.frame_rows import FrameBars, FrameOptions
from tapeline.core.candle_intervals import ROUND_THE_CLOCK
from tapeline.core.sessions import exchange_of
from tapeline.core.sessions.evidence import around_the_clock, reads_as_local
from tapeline.core.sessions.exchanges import EXCHANGE_OF_ZONE, known_exchange
from tapeline.core.times import DAY
from tapeline.errors import InputError


def calendars_of_frame(found: FrameBars, options: FrameOptions) -> dict[str, str]:
    """Return the calendar of each symbol whose form does not tell it. Raises `InputError` where nothing does."""
    bars = found.bars
    if options.calendar:
        return dict.fromkeys(bars.symbols, options.calendar)
    daily = not (bars.timestamp % DAY).any()
    always = (
        around_the_clock(bars.timestamp, bars.code, len(bars.symbols)) if len(bars) else [False] * len(bars.symbols)
    )
    calendars: dict[str, str] = {}
    local = EXCHANGE_OF_ZONE.get(found.zone or "")
    for symbol, proven in zip(bars.symbols, always, strict=True):
        if not known_exchange(symbol) and (proven or (daily and not symbol)):
            calendars[symbol] = "24/7"
        elif not symbol and local:
            calendars[symbol] = local
        elif not symbol and len(bars):
            raise InputError(
                'sessions need to know the market of a frame without symbols: give symbol="AAPL", or '
                'calendar="XNYS", "XLON", ... or "UTC"'
            )
    exchange = calendars.get(bars.symbols[0]) or exchange_of(bars.symbols[0]) if bars.symbols else "24/7"
    if found.zone is None and exchange not in ROUND_THE_CLOCK and (zone := reads_as_local(exchange, bars.timestamp)):
        raise InputError(
            f'its times name no zone; they fit {exchange}\'s hours in {zone} and not in UTC: give zone="{zone}" or '
            'zone="UTC"'
        )
    return calendars
