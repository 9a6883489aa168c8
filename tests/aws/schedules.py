"""`python -m tests.aws.schedules [COUNT] [FIRST]`: so many random fault schedules over the Lambda function.

Each is an eventful day delivered with crashes at any write, lost answers, repetitions, retries, bisected batches, new
execution environments and (every third) throttling; its items must equal, byte for byte, those of the same day without.
"""

from __future__ import annotations

import logging
import sys
import time

import pytest

from tests.aws.test_handler import Account, prepared, run_schedule


def main(count: int = 1000, first: int = 0) -> None:
    logging.disable(logging.CRITICAL)
    started = time.perf_counter()
    died = 0
    with pytest.MonkeyPatch.context() as patch:
        account: Account = prepared(patch)
        for seed in range(first, first + count):
            died += run_schedule(account, seed)
    seconds = time.perf_counter() - started
    print(f"{count} schedules, seeds {first} to {first + count - 1}: items equal in all of them;")
    print(f"the function died {died:,} times; {seconds:.0f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
