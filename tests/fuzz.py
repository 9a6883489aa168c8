"""Fuzz the parsers of foreign bytes for as long as asked, and print what was tried and found.

usage: python -m tests.fuzz [--minutes 60] [--target charts] [--seed 1]

Every target gets the same share of the time. What fails is shrunk, printed, kept under `.hypothesis/fuzz` and tried
first the next time. Exit code 1 when anything failed.
"""

from __future__ import annotations

import argparse
import random
import time
import traceback
import warnings
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.database import DirectoryBasedExampleDatabase

from tests.fuzz_targets import TARGETS, Target, examples

_ROUND = 2000


class _Enough(BaseException):
    """End a round in the middle."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--target", choices=[target.name for target in TARGETS])
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    chosen = [target for target in TARGETS if options.target in {None, target.name}]
    print(f"seed {options.seed}", flush=True)
    print(f"{'target':10} {'tried':>10} {'a second':>9}  found", flush=True)
    failed = 0
    for target in chosen:
        failed += fuzz(target, 60 * options.minutes / len(chosen), options.seed)
    raise SystemExit(bool(failed))


def fuzz(target: Target, seconds: float, seed: int) -> int:
    """Try values until the time is up or one fails. Return how many failed."""
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
        for value in examples(target):
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
    print(f"{target.name:10} {tried:>10,} {tried / passed:>9.0f}  {'nothing' if not found else 'FAILED'}", flush=True)
    if found:
        print(found, flush=True)
    return bool(found)


if __name__ == "__main__":
    main()
