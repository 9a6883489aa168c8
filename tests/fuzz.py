"""Attack every parser of foreign bytes, and print what was tried and what survived.

usage: python -m tests.fuzz [--inputs 260000] [--target charts] [--seed 1] [--jobs 2]
       python -m tests.fuzz --minutes 60 [--target charts] [--seed 1]

With `--inputs`, every target gets its share of them, in a process of its own: one that dies, or that a value of some KB
leads to take much memory, is found as well. One input in ten is drawn by its structure, the others are made of it by
damage to bytes, or new random numbers in a state. An input has survived when what it met gave a clear answer: a value
that is within its bounds, or one of our own errors in one line. With `--minutes` every target gets the same share of
the time, and what fails is shrunk, kept under `.hypothesis/fuzz` and tried first the next time.

Exit code 1 when anything failed.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import math
import random
import subprocess
import sys
import time
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.database import DirectoryBasedExampleDatabase

from tests.fuzz_targets import TARGETS
from tests.fuzz_values import Target
from tests.peak_memory import peak_mb

#: The most MB that one input may take. What Hypothesis remembers of all of them is not a target's.
MOST_MB = 200

_ROUND = 2000
_WARM_UP = 50  # inputs, until calendars and libraries are loaded
_MADE_OF_EACH = 9  # values of one that was drawn
_SHOWN = 3  # failures of a target


class _Enough(BaseException):
    """End a round in the middle."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=260_000)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--target", choices=[target.name for target in TARGETS])
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--jobs", type=int, default=1, help="Targets attacked at once.")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    chosen = [target for target in TARGETS if options.target in {None, target.name}]
    if options.alone:
        print(json.dumps(attack(chosen[0], options.inputs, options.seed)))
        return
    print(f"seed {options.seed}", flush=True)
    if options.minutes is None:
        raise SystemExit(not attack_all(chosen, options.inputs, options.seed, options.jobs))
    print(f"{'target':18} {'tried':>10} {'a second':>9}  found", flush=True)
    failed = [fuzz(target, 60 * options.minutes / len(chosen), options.seed) for target in chosen]
    raise SystemExit(any(failed))


# -- a number of inputs ------------------------------------------------------------------------------------------------


def attack_all(chosen: list[Target], inputs: int, seed: int, jobs: int) -> bool:
    """Attack each target in a process of its own, and print a table. Return whether everything survived."""
    weights = sum(target.weight for target in chosen)
    counts = [math.ceil(inputs * target.weight / weights) for target in chosen]
    print(f"{'kind':18} {'tried':>9} {'survived with a clear answer':>30} {'seconds':>8} {'MB':>5}", flush=True)
    began, tried, survived, failures = time.monotonic(), 0, 0, []
    with ThreadPoolExecutor(jobs) as pool:
        for target, found in zip(chosen, pool.map(attack_apart, chosen, counts, itertools.count(seed)), strict=True):
            tried, survived = tried + found["tried"], survived + found["survived"]
            failures += [f"{target.name}: {failure}" for failure in found["failures"]]
            print(
                f"{target.name:18} {found['tried']:>9,} {found['survived']:>30,} {found['seconds']:>8.0f} "
                f"{found['mb']:>5}", flush=True,
            )  # fmt: skip
    print(f"{'all':18} {tried:>9,} {survived:>30,} {time.monotonic() - began:>8.0f}")
    for failure in failures:
        print(f"\n{failure}")
    return not failures


def attack_apart(target: Target, count: int, seed: int) -> dict[str, Any]:
    """Do `attack` in another process; one that dies, and one that takes too much memory, has failed."""
    command = [sys.executable, "-m", "tests.fuzz", "--alone", "--target", target.name]
    began = time.monotonic()
    process = subprocess.run(
        [*command, "--inputs", str(count), "--seed", str(seed)], stdout=subprocess.PIPE, check=False
    )  # fmt: skip
    try:
        found: dict[str, Any] = json.loads(process.stdout)
    except ValueError:
        found = {"tried": 0, "survived": 0, "mb": 0, "failures": [f"the process ended with {process.returncode}"]}
    if found["mb"] > MOST_MB:
        found["failures"].append(f"it took {found['mb']} MB, more than {MOST_MB}")
    if not found["survived"] == found["tried"] == count:
        found["failures"].append(f"{found['survived']:,} of {count:,} survived")
    return found | {"seconds": time.monotonic() - began}


def attack(target: Target, count: int, seed: int) -> dict[str, Any]:
    """Try this number of values, also after one has failed. Return what was tried, what survived, and the failures."""
    tried, survived, failures, most = 0, 0, [], 0.0
    rng = random.Random(seed)

    def check(value: object) -> None:
        try_one(value)
        for _ in range(_MADE_OF_EACH):
            try_one(target.vary(value, rng))

    def try_one(value: object) -> None:
        nonlocal tried, survived, most
        if tried >= count:
            raise _Enough
        before = peak_mb(forget=True)
        tried += 1
        try:
            target.run(value)
            survived += 1
        except Exception:  # noqa: BLE001 - whatever it is, it is what was looked for
            if len(failures) < _SHOWN:
                failures.append(f"{repr(value)[:500]}\n{traceback.format_exc()}")
        if tried > min(_WARM_UP, count - 1):
            most = max(most, peak_mb() - before)

    with contextlib.suppress(_Enough):
        for value in target.harmful():
            check(value)
        for turn in range(1 << 30):
            run = settings(
                max_examples=_ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck),
                phases=(Phase.generate,),
            )  # fmt: skip
            seeded(seed + turn)(run(given(target.values)(check)))()
    return {"tried": tried, "survived": survived, "mb": round(most), "failures": failures}


# -- a time ------------------------------------------------------------------------------------------------------------


def fuzz(target: Target, seconds: float, seed: int) -> bool:
    """Try values until the time is up or one fails. Return whether one did."""
    tried = 0
    began = time.monotonic()

    def check(value: object) -> None:
        nonlocal tried
        if time.monotonic() - began > seconds:
            raise _Enough
        tried += 1
        target.run(value)

    found = ""
    try:
        for value in target.harmful():
            check(value)
        for turn in range(1 << 30):
            database = DirectoryBasedExampleDatabase(Path(".hypothesis") / "fuzz" / target.name)
            run = settings(
                max_examples=_ROUND, deadline=None, database=database, suppress_health_check=list(HealthCheck),
                phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink), print_blob=True,
            )  # fmt: skip
            seeded(seed + turn)(run(given(target.values)(check)))()
    except _Enough:
        pass
    except BaseException:  # noqa: BLE001 - whatever it is, it is what was looked for
        found = traceback.format_exc()
    passed = time.monotonic() - began
    print(f"{target.name:18} {tried:>10,} {tried / passed:>9.0f}  {'nothing' if not found else 'FAILED'}", flush=True)
    if found:
        print(found, flush=True)
    return bool(found)


if __name__ == "__main__":
    main()
