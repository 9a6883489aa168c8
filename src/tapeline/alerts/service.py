"""`Alerts`: rules and what they fired, for page, API and command line; `running` judges them in the background."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from tapeline.alerts.delivery import Channel, Couriers
from tapeline.alerts.grammar import parse_rule
from tapeline.alerts.journal import JOURNAL_FILE, Journal
from tapeline.alerts.rules import Rule
from tapeline.alerts.runner import Runner
from tapeline.core.ports import Store
from tapeline.errors import InputError, RuleError
from tapeline.runtime.clock import now_ms

#: Rules that can be added beside those of the settings, at the most.
MOST_RULES = 200

_LOOK_SECONDS = 1.0
_END_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class KeptRule:
    """A rule and where it comes from: `settings`, which only an edit changes, or `page` (or the command line)."""

    rule: Rule
    source: str

    def as_json(self) -> dict[str, Any]:
        """The rule for the page."""
        return {
            "id": self.rule.id, "text": self.rule.text, "source": self.source, "removable": self.source == "page",
        }  # fmt: skip


class Alerts:
    """The rules in force and the alerts that fired. Any thread may use it."""

    def __init__(self, journal: Journal, settings: Sequence[str] = (), clock: Callable[[], int] | None = None) -> None:
        """`settings` are rules as text. Raises `RuleError`."""
        self._journal = journal
        self._settings = [KeptRule(parse_rule(text), "settings") for text in settings]
        self._clock = clock or now_ms

    def rules(self) -> list[KeptRule]:
        """The rules of the settings, then those that were added, each once. Raises `StorageError`."""
        found = {kept.rule.id: kept for kept in self._settings}
        for _, text in self._journal.rules():
            with contextlib.suppress(RuleError):  # an indicator that this version does not know
                rule = _parsed(text)
                found.setdefault(rule.id, KeptRule(rule, "page"))
        return list(found.values())

    def add(self, text: str) -> KeptRule:
        """Adds a rule. Raises `RuleError`, `InputError` for one that is there or too many, and `StorageError`."""
        rule = parse_rule(text)
        known = self.rules()
        if len(known) >= MOST_RULES:
            raise InputError(f"there are {len(known)} rules already, as many as are judged; remove one first")
        if any(kept.rule.id == rule.id for kept in known) or not self._journal.add_rule(
            rule.id, rule.text, self._clock()
        ):
            raise InputError(f"the rule is there already: {rule.text}")
        return KeptRule(rule, "page")

    def remove(self, rule_id: str) -> None:
        """Removes an added rule. Raises `InputError` for one of the settings, `KeyError` for none."""
        if any(kept.rule.id == rule_id for kept in self._settings):
            raise InputError("the rule is in the settings; take it out there (`alerts` in tapeline.toml)")
        if not self._journal.remove_rule(rule_id):
            raise KeyError(rule_id)

    def since(self, alert_id: int) -> list[dict[str, Any]]:
        """The alerts with an id above this one, oldest first, the newest 200 at the most, as JSON types."""
        return self._journal.fired(after=alert_id)

    def newest(self, limit: int) -> list[dict[str, Any]]:
        """The newest alerts, newest first, as JSON types."""
        return self._journal.fired(limit=limit)[::-1]


@contextlib.contextmanager
def running(
    store: Store,
    folder: Path,
    rules: Sequence[str],
    channels: Mapping[str, Channel],
    *,
    live: bool,
    say: Callable[[str], None],
) -> Iterator[Alerts]:
    """The alerts of a data directory, judged once a second by a thread until the block ends.

    `rules` are those of the settings, `channels` where alerts go beside the page, `say` takes lines for whoever runs
    the program. With `live` the time is the clock's, otherwise that of the newest bar. One process a folder judges:
    another one shows what that one finds, and takes over when it ends. Raises `StorageError` and `RuleError`.
    """
    journal = Journal(folder / JOURNAL_FILE, create=True)
    alerts = Alerts(journal, rules)
    couriers = Couriers(channels, journal, say)
    lock = filelock.FileLock(folder / "alerts.lock", thread_local=False)
    clock: Callable[[], int | None] = now_ms if live else lambda: None
    runner = Runner(store, journal, lambda: [kept.rule for kept in alerts.rules()], tuple(channels), clock, now_ms)
    ended = threading.Event()

    def work() -> None:
        said = ""
        while not ended.is_set():
            try:
                if not lock.is_locked:
                    lock.acquire(timeout=0)
                    couriers.start()
                if runner.look():
                    couriers.wake()
                said = ""
            except filelock.Timeout:
                pass
            except Exception as error:  # noqa: BLE001 - whatever a store raises, the next look tries again
                text = f"alerts: {' '.join(str(error).split()) or type(error).__name__}"
                if text != said:
                    say(text)
                said = text
            ended.wait(_LOOK_SECONDS)

    thread = threading.Thread(target=work, name="alerts", daemon=True)
    thread.start()
    try:
        yield alerts
    finally:
        ended.set()
        thread.join(_END_SECONDS)
        couriers.stop()
        lock.release()
        journal.close()


@functools.lru_cache(2 * MOST_RULES)
def _parsed(text: str) -> Rule:
    """The rules that were added are asked for once a second."""
    return parse_rule(text)
