"""Test how collector tasks split their symbols while tasks come, go, crash, and cannot reach the table."""

from __future__ import annotations

import pytest
from tests.fakes.dynamodb import FakeDynamo

from tapeline.app.symbol_sharing import Share, SymbolSharing
from tapeline.backends.aws.collector_tasks import BEAT_SECONDS, COLLECTORS, CollectorTasks

SYMBOLS = [f"S{number:02d}" for number in range(40)]


class Fleet:
    """Run tasks over one table; time passes only when told. `wrong` is by how much each task's clock is off, ms.

    A task sends a symbol's bars `starting` seconds after it began with it, at once where it continues another's.
    """

    def __init__(self) -> None:
        self.dynamo = FakeDynamo()
        self.now = 1000.0
        self.starting = 0.0
        self.tasks: dict[str, SymbolSharing] = {}
        self.members: dict[str, CollectorTasks] = {}
        self.sent_from: dict[str, dict[str, float]] = {}
        self.notices: list[str] = []

    def start(self, task: str, wrong: int = 0) -> None:
        self.members[task] = CollectorTasks(
            self.dynamo.client(), "stock-state", task, passed=lambda: self.now,
            clock=lambda: int(self.now * 1000) + wrong, sleep=lambda _: None,
        )  # fmt: skip
        self.sent_from[task] = dict.fromkeys(SYMBOLS, self.now + self.starting)

        def changed(share: Share) -> None:
            before = self.sent_from[task]
            self.sent_from[task] = {
                symbol: self.now if symbol in share.continued else before.get(symbol, self.now + self.starting)
                for symbol in share.symbols
            }

        self.tasks[task] = SymbolSharing(
            SYMBOLS, self.members[task], changed, lambda: self.sent(task), self.notices.append
        )
        self.tasks[task].look()

    def crash(self, task: str) -> None:
        del self.tasks[task], self.sent_from[task]

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds / BEAT_SECONDS)):
            self.now += BEAT_SECONDS
            for task in self.tasks.values():
                task.look()

    def sent(self, task: str) -> set[str]:
        return {symbol for symbol, since in self.sent_from[task].items() if since <= self.now}

    @property
    def collected(self) -> dict[str, list[str]]:
        return {task: list(symbols) for task, symbols in self.sent_from.items()}

    def senders(self) -> set[int]:
        """Return how many tasks send a symbol's bars, over all symbols."""
        return {sum(symbol in self.sent(task) for task in self.sent_from) for symbol in SYMBOLS}


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def covered_once(fleet: Fleet) -> bool:
    return fleet.senders() == {1}


def test_a_task_alone_collects_everything(fleet: Fleet) -> None:
    fleet.start("a")
    assert fleet.collected["a"] == SYMBOLS
    assert fleet.notices == []


@pytest.mark.parametrize("wrong", [0, 80_000, -80_000])
def test_tasks_split_the_symbols_whatever_their_clocks_say(fleet: Fleet, wrong: int) -> None:
    fleet.start("a")
    fleet.start("b", wrong)
    fleet.start("c")
    fleet.pass_time(BEAT_SECONDS)
    assert covered_once(fleet)
    assert all(fleet.collected.values())
    fleet.pass_time(600)
    assert covered_once(fleet)


def test_the_symbols_of_a_task_that_crashed_are_collected_again_within_a_minute(fleet: Fleet) -> None:
    for task in "abc":
        fleet.start(task)
    fleet.pass_time(100)
    fleet.crash("b")
    assert not covered_once(fleet)
    fleet.pass_time(40)
    assert covered_once(fleet)


def test_the_symbols_of_a_task_that_ends_move_at_the_next_heartbeat(fleet: Fleet) -> None:
    fleet.start("a")
    fleet.start("b")
    fleet.pass_time(100)
    fleet.members["b"].leave()
    fleet.crash("b")
    fleet.pass_time(BEAT_SECONDS)
    assert fleet.collected["a"] == SYMBOLS
    assert [item["item"]["S"] for item in fleet.dynamo.rows("stock-state")] == ["a"]


def test_no_symbol_pauses_while_tasks_join_however_long_they_need_to_start(fleet: Fleet) -> None:
    fleet.start("a")
    fleet.pass_time(20)
    fleet.starting = 100.0
    fleet.start("b")
    fleet.pass_time(30)
    fleet.start("c")
    for _ in range(15):
        fleet.pass_time(BEAT_SECONDS)
        assert 0 not in fleet.senders()
    assert covered_once(fleet)
    assert all(fleet.collected.values())


def test_a_symbol_pauses_for_less_than_a_minute_when_its_task_is_lost_while_the_next_one_starts(fleet: Fleet) -> None:
    for task in "ab":
        fleet.start(task)
    fleet.pass_time(100)
    fleet.starting = 300.0
    fleet.start("c")
    fleet.pass_time(30)
    fleet.crash("b")
    fleet.pass_time(40)
    assert 0 not in fleet.senders()


def test_a_task_gives_up_at_once_what_it_does_not_send_yet(fleet: Fleet) -> None:
    fleet.starting = 300.0
    fleet.start("a")
    fleet.start("b")
    fleet.pass_time(BEAT_SECONDS)
    assert sorted(fleet.collected["a"] + fleet.collected["b"]) == SYMBOLS


def test_a_task_of_an_earlier_version_counts_as_sending(fleet: Fleet) -> None:
    fleet.start("a")
    fleet.pass_time(20)
    fleet.starting = 300.0
    fleet.start("b")
    del fleet.dynamo.tables["stock-state"][COLLECTORS]["b"]["sends"]
    fleet.tasks["a"].look()
    assert 0 < len(fleet.collected["a"]) < len(SYMBOLS)


def test_a_heartbeat_of_long_ago_is_no_task(fleet: Fleet) -> None:
    fleet.start("a")
    fleet.crash("a")
    fleet.now += 100
    fleet.start("b")
    assert fleet.collected["b"] == SYMBOLS


def test_a_task_that_cannot_reach_the_table_keeps_its_symbols_and_says_so_once(fleet: Fleet) -> None:
    fleet.start("a")
    fleet.start("b")
    fleet.pass_time(BEAT_SECONDS)
    own = fleet.collected["a"]
    fleet.notices.clear()
    fleet.dynamo.refuse = lambda _: "AccessDeniedException"
    fleet.pass_time(100)
    assert fleet.collected["a"] == own
    assert len(fleet.notices) == 2
    assert all("stock-state" in line and "symbols stay split as they are" in line for line in fleet.notices)
    fleet.dynamo.refuse = lambda _: ""
    fleet.pass_time(BEAT_SECONDS)
    assert covered_once(fleet)


def test_a_heartbeat_that_arrives_late_does_not_set_a_task_back(fleet: Fleet) -> None:
    fleet.start("a")
    fleet.pass_time(50)
    stored = fleet.dynamo.tables["stock-state"][COLLECTORS]["a"]
    fleet.members["a"]._beat = 1
    fleet.members["a"].beat(sends=False)
    assert fleet.dynamo.tables["stock-state"][COLLECTORS]["a"] == stored


def test_the_thread_looks_again_whatever_happens_until_it_is_closed_and_then_the_task_leaves() -> None:
    class Once:
        task = "a"

        def __init__(self) -> None:
            self.asked = 0
            self.left = False

        def beat(self, *, sends: bool) -> dict[str, bool]:
            self.asked += 1
            if self.asked == 2:
                raise KeyError("a heartbeat")
            return {"a": sends} if self.asked < 3 else {"a": sends, "b": True}

        def leave(self) -> None:
            self.left = True

    import threading

    members, told, found, said = Once(), threading.Event(), list[Share](), list[str]()
    sharing = SymbolSharing(
        SYMBOLS, members, lambda share: (found.append(share), told.set())[1], lambda: SYMBOLS, said.append
    )
    sharing.start(0.001)
    assert told.wait(20)
    sharing.close()
    sharing.close()
    assert 0 < len(found[0].symbols) < len(SYMBOLS)
    assert members.left
    assert said[0] == "the symbols are not split again: KeyError: 'a heartbeat'"
