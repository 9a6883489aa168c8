"""Tell of the system itself what rules tell of bars: once when something begins to be wrong, and once when it is over.

Which trouble has been told is kept with what fired, so a restart repeats nothing, and tells of the end of what ended
meanwhile.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence

from tapeline.alerts.alert_records import Alert
from tapeline.alerts.journal import Journal
from tapeline.alerts.rule_state import State
from tapeline.core.troubles import KINDS, Troubles
from tapeline.runtime.clock import now_ms

#: Seconds for which a trouble must last to be told, and be over to be told as over: what trembles is reported once.
BEGIN_SECONDS = 30.0
END_SECONDS = 300.0

#: How these alerts begin where those of a rule have the rule.
PREFIX = "system: "

_RULE = "system"  # under which the journal keeps the states; the id of a rule has twelve digits
_LONGEST = 300


class SystemWatch:
    """Watch `troubles`; `look` is one round, called by one thread.

    `channels` are the names of where alerts go. A kind that `troubles` does not have is left as it was reported last.
    """

    def __init__(
        self,
        journal: Journal,
        channels: Sequence[str],
        troubles: Callable[[], Troubles],
        clock: Callable[[], int] = now_ms,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._channels = tuple(channels)
        self._troubles = troubles
        self._clock = clock
        self._monotonic = monotonic
        self._since: dict[str, tuple[bool, float]] = {}  # kind -> whether it is wrong, and since when

    def look(self) -> list[Alert]:
        """Judge once. Return the new alerts. Raises what the journal and `troubles` raise; then there are none."""
        found, now = self._troubles(), self._monotonic()
        told = {kind for kind, state in self._journal.states(_RULE).items() if state.holding}
        states, alerts = {}, []
        for kind, lines in found.items():
            wrong = bool(lines)
            if self._since.get(kind, (None, 0.0))[0] is not wrong:
                self._since[kind] = wrong, now
            lasted = now - self._since[kind][1]
            if wrong == (kind in told) or lasted < (BEGIN_SECONDS if wrong else END_SECONDS):
                continue
            alerts.append(self._alert(kind, lines))
            states[_RULE, kind] = State(alerts[-1].at, True, wrong)
        return self._journal.record(states, alerts, self._channels) if alerts else []

    def _alert(self, kind: str, lines: Sequence[str]) -> Alert:
        began, ended = KINDS[kind]
        at = self._clock()
        text = "; ".join(lines) if lines else "over"
        key = hashlib.sha256(f"{_RULE}\n{kind}\n{bool(lines)}\n{at}".encode()).hexdigest()[:24]
        return Alert(key, f"{PREFIX}{began if lines else ended}", "", at, at, text[:_LONGEST])
