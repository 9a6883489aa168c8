"""Read an answer by two clocks, ours and the venue's: either may be wrong."""

from __future__ import annotations

from dataclasses import dataclass

from tapeline.core.times import HOUR

#: How far after our clock a bar may open, whatever time the venue says it is, ms.
_MOST_AHEAD = HOUR

_SECOND = 1000


@dataclass(frozen=True, slots=True)
class AnswerTimes:
    """Say which bars of an answer count, in UTC epoch ms.

    `as_of` is the time by which a bar must have ended to be final, `latest` the last at which one may open. `ahead` is
    how far the venue's clock is ahead of ours, ms; 0 where it does not say.
    """

    as_of: int
    latest: int
    ahead: int


def answer_times(now: int, date: int | None) -> AnswerTimes:
    """Return the times for an answer that came at `now` and says it was made in the second that begins at `date`.

    No bar is final too soon: the earlier clock decides. None that has opened is refused: the later one does.
    """
    if date is None:
        return AnswerTimes(now, now, 0)
    end = date + _SECOND - 1
    return AnswerTimes(min(now, end), min(max(now, end), now + _MOST_AHEAD), date - now)
