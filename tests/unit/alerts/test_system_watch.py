"""What is wrong with the system itself is reported once when it begins and once when it is over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.fakes.stores import MemoryStore

from tapeline.alerts.alert_records import Alert
from tapeline.alerts.delivery import Courier, line, subject
from tapeline.alerts.journal import JOURNAL_FILE, Journal
from tapeline.alerts.service import running
from tapeline.alerts.system_watch import BEGIN_SECONDS, END_SECONDS, SystemWatch
from tapeline.core.troubles import KINDS, Troubles, lines_of
from tapeline.errors import RuleError

NOW = 1_764_000_000_000
FULL = "/data: 0.50 GiB free, fewer than 1: free some space"


class Desk:
    """A watch over troubles that the test sets, on a clock that only the test moves."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / JOURNAL_FILE, create=True)
        self.found: Troubles = {}
        self.seconds = 0.0
        self.start()

    def start(self) -> None:
        self.watch = SystemWatch(
            self.journal, ("log", "webhook"), lambda: self.found, lambda: NOW + int(1000 * self.seconds),
            lambda: self.seconds,
        )  # fmt: skip

    def pass_by(self, seconds: float) -> list[str]:
        """Let time pass with a look a second, and return the rules of what was reported."""
        told = [alert.rule for alert in self.watch.look()]
        until = self.seconds + seconds
        while self.seconds < until:
            self.seconds += 1
            told += [alert.rule for alert in self.watch.look()]
        return told


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.journal.close()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_told_once_when_it_begins_and_once_when_it_is_over(desk: Desk, kind: str) -> None:
    began, ended = (f"system: {words}" for words in KINDS[kind])
    desk.found = {kind: ()}
    assert desk.pass_by(60) == []
    desk.found = {kind: ("one thing", "another")}
    assert desk.pass_by(BEGIN_SECONDS - 1) == []
    assert desk.pass_by(3600) == [began]
    desk.found = {kind: ()}
    assert desk.pass_by(END_SECONDS - 1) == []
    assert desk.pass_by(3600) == [ended]
    first, last = desk.journal.fired()
    assert (first.text, last.text, first.symbol) == ("one thing; another", "over", "")
    assert [state.channel for state in first.deliveries] == [state.channel for state in last.deliveries]
    assert {state.state for state in first.deliveries} == {"pending"}


def test_what_trembles_is_told_once(desk: Desk) -> None:
    told = []
    for _ in range(40):
        desk.found = {"disk": (FULL,)}
        told += desk.pass_by(BEGIN_SECONDS + 5)
        desk.found = {"disk": ()}
        told += desk.pass_by(END_SECONDS - 10)
    assert told == ["system: the disk is nearly full"]


def test_a_moment_of_trouble_is_not_told(desk: Desk) -> None:
    desk.found = {"clock": ("ahead",)}
    assert desk.pass_by(BEGIN_SECONDS - 2) == []
    desk.found = {"clock": ()}
    assert desk.pass_by(2 * END_SECONDS) == []


def test_a_restart_repeats_nothing_and_tells_what_ended_meanwhile(desk: Desk) -> None:
    desk.found = {"disk": (FULL,), "model": ("model x: damaged",)}
    assert len(desk.pass_by(60)) == 2
    desk.start()
    assert desk.pass_by(600) == []
    desk.start()
    desk.found = {"disk": (), "model": ("model x: damaged",)}
    assert desk.pass_by(600) == ["system: the disk has room again"]


def test_what_this_process_cannot_tell_is_left_as_it_was_told(desk: Desk) -> None:
    desk.found = {"feed": ("no price for 12 min",)}
    assert desk.pass_by(60) == ["system: no prices come in"]
    desk.found = {}
    assert desk.pass_by(3 * END_SECONDS) == []
    desk.found = {"feed": ()}
    assert desk.pass_by(END_SECONDS + 1) == ["system: prices come in again"]


class Taking:
    """A channel that takes everything."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def send(self, alerts: Sequence[Alert]) -> None:
        self.lines += [line(alert) for alert in alerts]


def test_it_goes_out_by_every_channel_as_one_line(desk: Desk) -> None:
    desk.found = {"disk": (FULL,)}
    desk.pass_by(60)
    for name in ("log", "webhook"):
        channel = Taking()
        assert Courier(name, channel, desk.journal, print).attempt() == 0.0
        assert channel.lines == [f"system: the disk is nearly full: {FULL}"]
    assert subject(desk.journal.fired()) == "tapeline: system: the disk is nearly full"


def test_the_service_watches_the_system_beside_the_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from tapeline.alerts import service, system_watch

    monkeypatch.setattr(system_watch, "BEGIN_SECONDS", 0.0)
    monkeypatch.setattr(service, "_LOOK_SECONDS", 0.01)
    sent = threading.Event()

    class Hearing(Taking):
        def send(self, alerts: Sequence[Alert]) -> None:
            super().send(alerts)
            sent.set()

    channel = Hearing()
    with running(
        MemoryStore(), tmp_path, (), {"log": channel}, live=True, notify=print, troubles=lambda: {"disk": (FULL,)}
    ) as alerts:
        assert sent.wait(20)
        (fired,) = alerts.newest(10)
    assert fired.rule == "system: the disk is nearly full"
    assert channel.lines == [f"system: the disk is nearly full: {FULL}"]


def test_lines_come_in_the_order_of_the_kinds() -> None:
    assert lines_of({"blocks": ("c",), "feed": ("a",), "disk": ("b1", "b2")}) == ["a", "b1", "b2", "c"]


def test_rules_that_cannot_be_read_leave_no_file_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    close = Journal.close
    monkeypatch.setattr(Journal, "close", lambda self: closed.append(self.path) or close(self))
    with pytest.raises(RuleError), running(MemoryStore(), tmp_path, ["rsi_14 <"], {}, live=False, notify=print):
        pass
    assert closed == [tmp_path / JOURNAL_FILE]
