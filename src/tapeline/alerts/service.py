"""Keep rules and what they fired, for page, API and command line, and judge them in the background."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import filelock

from tapeline.alerts.alert_records import FiredAlert
from tapeline.alerts.delivery import Channel, Couriers
from tapeline.alerts.grammar import parse_rule
from tapeline.alerts.journal import JOURNAL_FILE, Journal
from tapeline.alerts.rules import Rule
from tapeline.alerts.runner import Runner
from tapeline.alerts.system_watch import SystemWatch
from tapeline.core.ports import Store
from tapeline.core.troubles import Troubles
from tapeline.errors import NotFoundError, NotPossibleError, RuleError, line_with_kind
from tapeline.forecast.range_model import RangeModel
from tapeline.runtime.clock import now_ms
from tapeline.runtime.private_files import PRIVATE, make_private_file

#: The most rules in force.
MOST_RULES = 200

_LOOK_SECONDS = 1.0
_END_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class KeptRule:
    """Hold a rule and where it comes from: `settings`, which only an edit changes, or `page` (or the command line).

    One that is `paused` is not judged.
    """

    rule: Rule
    source: str
    paused: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the rule as JSON types, for page, API and command line."""
        level = self.rule.level
        return {
            "id": self.rule.id, "text": self.rule.text, "source": self.source, "removable": self.source == "page",
            "paused": self.paused, "symbols": list(self.rule.symbols),
            "level": None if level is None else {"price": level.right.factor, "above": level.above},
        }  # fmt: skip


class Alerts:
    """Answer for the rules in force and the alerts that fired. Any thread may use it."""

    def __init__(self, journal: Journal, settings: Sequence[str] = (), clock: Callable[[], int] | None = None) -> None:
        """Parse `settings`, which are rules as text. Raises `RuleError`."""
        self._journal = journal
        self._settings = [KeptRule(parse_rule(text), "settings") for text in settings]
        self._clock = clock or now_ms

    def rules(self) -> list[KeptRule]:
        """Return the rules of the settings, then those that were added, each once. Raises `StorageError`."""
        found = {kept.rule.id: kept for kept in self._settings}
        for _, text in self._journal.rules():
            with contextlib.suppress(RuleError):  # it names an indicator that this version does not have
                rule = _parsed(text)
                found.setdefault(rule.id, KeptRule(rule, "page"))
        paused = self._journal.paused()
        return [replace(kept, paused=True) if kept.rule.id in paused else kept for kept in found.values()]

    def judged(self) -> list[Rule]:
        """Return the rules that are not paused."""
        return [kept.rule for kept in self.rules() if not kept.paused]

    def add(self, text: str) -> KeptRule:
        """Add a rule. What runs over this journal takes it up within a second.

        Raises `RuleError`, `NotPossibleError` for one that is there or one too many, and `StorageError`.
        """
        rule = parse_rule(text)
        known = self.rules()
        if len(known) >= MOST_RULES:
            raise NotPossibleError(f"there are {len(known)} rules already, as many as are judged; remove one first")
        if any(kept.rule.id == rule.id for kept in known) or not self._journal.add_rule(
            rule.id, rule.text, self._clock()
        ):
            raise NotPossibleError(f"the rule is there already: {rule.text}")
        return KeptRule(rule, "page")

    def remove(self, rule_id: str) -> None:
        """Remove an added rule. Raises `NotPossibleError` for one of the settings, `NotFoundError` for none."""
        self._refuse_settings(rule_id)
        if not self._journal.remove_rule(rule_id):
            raise _no_rule(rule_id)

    def edit(self, rule_id: str, text: str) -> KeptRule:
        """Put another rule in the place of an added one; it begins anew, paused where the first was.

        What the first fired is kept.

        Raises `RuleError`, and what `remove` raises.
        """
        rule = parse_rule(text)
        self._refuse_settings(rule_id)
        if rule.id != rule_id and not self._journal.replace_rule(rule_id, rule.id, rule.text):
            raise _no_rule(rule_id)
        return KeptRule(rule, "page", rule.id in self._journal.paused())

    def pause(self, rule_id: str, *, paused: bool) -> KeptRule:
        """Stop judging a rule, or judge it again: from then on, as if it were new. Raises `NotFoundError`."""
        known = {kept.rule.id: kept for kept in self.rules()}
        if rule_id not in known:
            raise _no_rule(rule_id)
        if known[rule_id].paused != paused:
            self._journal.pause(rule_id, self._clock() if paused else None)
        return replace(known[rule_id], paused=paused)

    def _refuse_settings(self, rule_id: str) -> None:
        if any(kept.rule.id == rule_id for kept in self._settings):
            raise NotPossibleError(
                "the rule is in the settings: change it there (`rules` in [alerts] of tapeline.toml)"
            )

    def since(self, alert_id: int) -> list[FiredAlert]:
        """Return the alerts with an id above this one, oldest first, at most the newest 200."""
        return self._journal.fired(after=alert_id)

    def newest(self, limit: int, rule_id: str | None = None) -> list[FiredAlert]:
        """Return the newest alerts, newest first; of one rule that is in force. Raises `NotFoundError` without it."""
        text = None
        if rule_id is not None:
            text = next((kept.rule.text for kept in self.rules() if kept.rule.id == rule_id), None)
            if text is None:
                raise _no_rule(rule_id)
        return self._journal.fired(limit=limit, rule=text)[::-1]


@contextlib.contextmanager
def running(
    store: Store,
    folder: Path,
    rules: Sequence[str],
    channels: Mapping[str, Channel],
    *,
    live: bool,
    notify: Callable[[str], None],
    troubles: Callable[[], Troubles] = dict,
    ranges: Callable[[], Mapping[str, RangeModel]] = dict,
) -> Iterator[Alerts]:
    """Judge the alerts of a data directory once a second, in a thread, until the block ends.

    `rules` are those of the settings, `channels` where alerts go beside the page, `notify` takes lines for whoever runs
    the program. With `live` the time is the clock's, otherwise that of the newest bar. `troubles` says what is wrong
    with the system itself, which is reported as well; `ranges` returns the range models by version. One process per
    folder judges: another one shows what the first finds, and takes over when it ends. Raises `StorageError` and
    `RuleError`.
    """
    with contextlib.closing(Journal(folder / JOURNAL_FILE, create=True)) as journal:
        for line in journal.damage():
            notify(f"{journal.path}: {line}; `tapeline check --repair` removes them")
        alerts = Alerts(journal, rules)
        couriers = Couriers(channels, journal, notify)
        lock = filelock.FileLock(folder / "alerts.lock", mode=PRIVATE, thread_local=False)
        clock: Callable[[], int | None] = now_ms if live else lambda: None
        runner = Runner(
            store,
            journal,
            alerts.judged,
            tuple(channels),
            clock,
            now_ms,
            ranges,
        )
        watch = SystemWatch(journal, tuple(channels), troubles)
        ended = threading.Event()

        def work() -> None:
            reported = ""
            while not ended.is_set():
                try:
                    if not lock.is_locked:
                        make_private_file(folder / "alerts.lock")
                        lock.acquire(timeout=0)
                        couriers.start()
                    told = watch.look()
                    if runner.look() or told:
                        couriers.wake()
                    reported = ""
                except filelock.Timeout:
                    pass
                except Exception as error:  # noqa: BLE001 - whatever a store raises, the next look tries again
                    text = f"alerts: {line_with_kind(error)}"
                    if text != reported:
                        notify(text)
                    reported = text
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


def _no_rule(rule_id: str) -> NotFoundError:
    return NotFoundError(f"there is no rule {rule_id}: `tapeline alerts list` shows all")


@functools.lru_cache(2 * MOST_RULES)
def _parsed(text: str) -> Rule:
    """Remember parsed rules: those that were added are read once a second."""
    return parse_rule(text)
