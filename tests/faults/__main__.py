"""Break commands in hundreds of ways and kill them at hundreds of places, and print how they fared.

Usage: python -m tests.faults [--faults 1500] [--kills 800] [--only replay,backup] [--seed 0]

Prints one line for each kind: how many were tried, and how many survived with a clear answer: an exit code of 0, or of
1 with one line that says why; nothing damaged; and the same end as without a fault when the command runs again.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.faults.children import Fault
from tests.faults.injection import read_tables
from tests.faults.matrix import failure_of, faults_for, kills_for, measured
from tests.faults.scenarios import scenarios
from tests.forked_commands import prepare


def main() -> None:
    """Try all, print the table, and exit with 1 where something did not survive."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--faults", type=int, default=1500)
    parser.add_argument("--kills", type=int, default=800)
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    work = Path(tempfile.mkdtemp(prefix="faults-"))
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.yahoo"], stdout=subprocess.PIPE, text=True, stdin=subprocess.PIPE
    )
    assert server.stdout is not None
    try:
        url, stream = server.stdout.readline().split()
        prepare()
        read_tables()
        gc.freeze()
        tried: Counter[str] = Counter()
        survived: Counter[str] = Counter()
        chosen = scenarios(work / "made", url, stream, given.only)
        known = [(one, *measured(one, work / "tried")) for one in chosen]
        plan: list[tuple[int, Fault]] = [
            *faults_for([calls for _, calls, _ in known], given.faults, rng),
            *kills_for([calls if not one.reads else 0 for one, calls, _ in known], given.kills, rng),
        ]
        with contextlib.suppress(KeyboardInterrupt):  # the table says what was tried by then
            for number, (which, fault) in enumerate(plan):
                scenario, _, wanted = known[which]
                kind = f"kill: {scenario.name}" if fault.kind == "kill" else fault.kind
                problem = failure_of(scenario, fault, work / "tried", wanted)
                tried[kind] += 1
                survived[kind] += not problem
                if problem:
                    print(f"{scenario.name}, {fault.kind} at {fault.at}: {problem}", flush=True)
                if number % 100 == 99:
                    print(f"{number + 1} of {len(plan)}", file=sys.stderr, flush=True)
        print("| kind | tried | survived |\n| --- | --- | --- |")
        for kind in sorted(tried):
            print(f"| {kind} | {tried[kind]} | {survived[kind]} |")
        print(f"| all | {tried.total()} | {survived.total()} |")
        sys.exit(tried != survived)
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
