"""Say a range forecast in one sentence, as a person would ask for it."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tapeline.core.series import symbol_of
from tapeline.core.sessions import exchange_of
from tapeline.core.sessions.schedule import zone
from tapeline.core.times import DAY, HOUR, MINUTE
from tapeline.forecast.estimates import Estimate
from tapeline.forecast.horizons import SaidRange

_UNITS = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"))


def sentence(said: SaidRange, interval: int, decimals: int, now: int) -> str:
    """Return what is expected over the 5 bars after a closed bar, or as far as the session lasts.

    `interval` is the length of the bars (ms); prices are written with `decimals`. For an earlier bar than the last
    closed one it says what was expected then. The band is for the close at the end: on the way the price may leave it.
    After `over_at` it says as of when; `now` is UTC epoch ms. Times are in the exchange's zone.
    """
    horizon = _told(said)
    found = said.horizons[horizon]
    low, high, stop = (f"{found[name]:,.{decimals}f}" for name in ("low_80", "high_80", "low_95"))
    touched = said.odds(found["low_95"], int(horizon)).touched
    length = _length(int(horizon), interval)
    words = (
        f"{said.symbol} should close between {low} and {high} in {length}, with 80% chance; a stop at {stop} is hit on "
        f"the way with {100 * touched:.0f}%."
    )
    if not said.is_newest:
        return (
            f"Nothing is said past the end of a session. The last word, {'on' if interval >= DAY else 'at'} "
            f"{_moment(said, interval)}, was: {words}"
        )
    return f"As of {_moment(said, interval)}: {words}" if over_at(said, interval) < now else words


def over_at(said: SaidRange, interval: int) -> int:
    """Return until when the sentence is about bars to come (UTC epoch ms): to their end.

    Of a daily bar it is until 4 days after its close, which is longer than a weekend with a holiday.
    """
    return said.timestamp + interval + (4 * DAY if interval >= DAY else int(_told(said)) * interval)


def _told(said: SaidRange) -> str:
    """Return the horizon that the sentence is about."""
    return "5" if "5" in said.horizons else next(iter(said.horizons))


def _moment(said: SaidRange, interval: int) -> str:
    """Return when the bar closed: `28 Aug 2026` if daily, otherwise `15:55 EDT on 28 Aug 2026`."""
    if interval >= DAY:
        return _date(datetime.fromtimestamp(said.timestamp / 1000, UTC))
    closed = datetime.fromtimestamp(
        (said.timestamp + interval) / 1000, ZoneInfo(zone(exchange_of(symbol_of(said.symbol))))
    )
    return f"{closed:%H:%M %Z} on {_date(closed)}"


def _date(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y}"


def _length(bars: int, interval: int) -> str:
    """Return how long a few bars take: `5 days` of trading, `25 minutes`."""
    if interval == DAY:
        return "1 trading day" if bars == 1 else f"{bars} trading days"
    total = bars * interval
    for unit, name in _UNITS:
        if total % unit == 0:
            count = total // unit
            return f"1 {name}" if count == 1 else f"{count} {name}s"
    return "1 bar" if bars == 1 else f"{bars} bars"


def verdict(gain: Estimate, held: Estimate) -> str:
    """Return in one line how much of EWMA's QLIKE is saved, and how often the 80% band held.

    It is better or worse only where the interval says so.
    """
    if gain.low > 0:
        says = f"{_percent(gain)} better than EWMA"
    elif gain.high < 0:
        says = f"{_percent(gain, -1.0)} WORSE than EWMA"
    else:
        says = f"not shown to be better than EWMA ({_percent(gain)})"
    return f"Expected move: {says}; the 80% band held {_percent(held)}."


def _percent(estimate: Estimate, sign: float = 1.0) -> str:
    value, *ends = (sign * 100.0 * each for each in (estimate.value, estimate.low, estimate.high))
    low, high = sorted(ends)
    return f"{value:.1f}%" if math.isnan(low) else f"{value:.1f}% [{low:.1f}, {high:.1f}]"
