"""Choose what fails in which command, try it, and judge the outcome."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tapeline.errors import TapelineError
from tests.faults.children import Fault, Outcome
from tests.faults.scenarios import Scenario

#: Calls at which an error is injected, of each command, counted from the first one.
FIRST_CALLS = 100

_NOTHING = object()


def measured(scenario: Scenario, work: Path) -> tuple[int, Any]:
    """Return how many writing calls the command makes, and what it ends with, when nothing fails."""
    scenario.begin(work)
    outcome: Outcome = scenario.run(work, Fault("count", 0))
    assert outcome.code == 0, outcome.said
    problem = outcome.fault or scenario.check(work)
    assert not problem, problem
    return outcome.calls, scenario.final(work) if scenario.final else None


def failure_of(scenario: Scenario, fault: Fault, work: Path, wanted: Any) -> str:
    """Let the fault happen to the command, then run it again without; return what is wrong, '' for nothing."""
    scenario.begin(work)
    outcome = scenario.run(work, fault)
    problem = outcome.fault or scenario.check(work)
    if problem or scenario.final is None:
        return str(problem)
    if scenario.reads and fault.kind in {"full", "read-only", "error"} and outcome.code:
        return f"nothing was read: {outcome.said}"
    if _end(scenario, work) == wanted:
        return ""
    before = f" (before: {outcome.code} {outcome.said[-300:]})"
    again = scenario.run(work, Fault("none", 0))
    if again.code or again.fault:
        return f"done again without a fault: {again.code} {again.said[-800:]}{before}"
    return "" if _end(scenario, work) == wanted else f"it ends with something else{before}"


def _end(scenario: Scenario, work: Path) -> Any:
    assert scenario.final is not None
    with contextlib.suppress(TapelineError, OSError):
        return scenario.final(work)
    return _NOTHING


def faults_for(calls: Sequence[int], number: int, rng: random.Random) -> list[tuple[int, Fault]]:
    """Return about this number of faults, as (index of the command, fault): every kind for every command.

    Of each command the first calls that write are made to fail, one after the other, where `number` allows it.
    """
    share = max(6, number // max(len(calls), 1))
    found: list[tuple[int, Fault]] = []
    for which, several in enumerate(calls):
        own = [Fault("read-only", 1), Fault("full", 1)]
        places = list(range(1, min(several, FIRST_CALLS) + 1))
        rng.shuffle(places)
        limited = [
            *(Fault("file size", rng.choice((0, 512, 4096, 1 << 14, 1 << 16, 1 << 18, 1 << 20))) for _ in range(3)),
            *(Fault("descriptors", rng.randrange(0, 24)) for _ in range(4)),
            *(Fault("memory", rng.choice((1, 8, 32, 64, 128, 256, 512))) for _ in range(4)),
        ]
        rng.shuffle(limited)
        own += limited[: max(2, share // 5)]
        for place in places[: max(share - len(own), 2) * 2 // 3]:
            own.append(Fault("error", place))
        rng.shuffle(places)
        for place in places[: max(share - len(own), 1)]:
            own.append(Fault("full", place))
        found += [(which, fault) for fault in own]
    while len(found) < number:  # commands with few calls leave room for more of the others
        which = rng.randrange(len(calls))
        kind = rng.choice(("error", "full", "file size", "descriptors", "memory"))
        if kind in {"error", "full"}:
            if calls[which]:
                found.append((which, Fault(kind, rng.randrange(1, calls[which] + 1))))
        else:
            at = {"file size": rng.randrange(1 << 20), "descriptors": rng.randrange(32), "memory": rng.randrange(512)}
            found.append((which, Fault(kind, at[kind])))
    return found


def kills_for(calls: Sequence[int], number: int, rng: random.Random) -> list[tuple[int, Fault]]:
    """Return this number of kills, spread over the commands that write and over their calls."""
    writing = [which for which, several in enumerate(calls) if several]
    found = []
    for each in range(number if writing else 0):
        which = writing[each % len(writing)]
        found.append((which, Fault("kill", rng.randrange(1, calls[which] + 1))))
    return found
