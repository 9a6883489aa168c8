"""Print what thousands of symbols ask of AWS, with the limits: `python deploy/scale.py`.

The arithmetic is that of `costs.py`, by the second in place of the month. Limits are AWS's published defaults for
us-east-1. Needs nothing but Python.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import costs

#: Symbols, and seconds between two forming bars of one.
PLANS = ((500, 5.0), (5_000, 5.0), (50_000, 15.0))

#: What a shard of Kinesis takes in a second, one partition key of DynamoDB (write units), and one table on demand.
SHARD_RECORDS, KEY_UNITS, TABLE_UNITS = 1_000, 1_000, 40_000

#: Partitions of the newest rows (backends/aws/dynamodb/changes.py), and symbols of a collector task.
PARTITIONS, TASK_SYMBOLS = 8, 500

#: Seconds within which the final bars of a minute arrive.
ARRIVAL = 5.0

#: History requests a second that Yahoo is asked, by all tasks together; half of them are for regular questions.
REQUESTS = 2.0


@dataclass(frozen=True)
class Plan:
    """Compute what `symbols` with a forming bar every `forming` seconds ask for."""

    symbols: int
    forming: float

    @property
    def updates(self) -> float:
        """Return forming bars a second."""
        return self.symbols / self.forming

    @property
    def peak(self) -> float:
        """Return records a second while the final bars of a minute arrive."""
        return self.updates + self.symbols / ARRIVAL

    @property
    def units(self) -> float:
        """Return write units a second on average."""
        return self.updates * costs.FORMING_WRITES + self.symbols / 60 * costs.WITH_RANGES.writes

    @property
    def key_units(self) -> float:
        """Return write units a second on each partition of the newest rows, on average."""
        return (self.updates + 2 * self.symbols / 60) / PARTITIONS

    @property
    def shards(self) -> int:
        """Return the shards that the peak needs."""
        return math.ceil(self.peak / SHARD_RECORDS)

    @property
    def functions(self) -> int:
        """Return how many functions work at once at the peak: at least one for each shard."""
        return max(self.shards, math.ceil(self.peak * costs.LAMBDA_MS_PER_ROW / 1000))

    @property
    def settled(self) -> float:
        """Return after how many seconds all final rows of a minute are stored, where the tables are the limit."""
        newest = 2 * self.symbols / PARTITIONS / KEY_UNITS
        return max(newest, self.symbols * costs.WITH_RANGES.writes / TABLE_UNITS, ARRIVAL)

    @property
    def usd(self) -> float:
        """Return US dollars a month."""
        return sum(line.usd for line in costs.lines(self.symbols, self.forming))


def table(plans: list[Plan]) -> str:
    """Return the plans side by side, as Markdown."""
    rows = [
        ("forming bars of a symbol every", [f"{plan.forming:g} s" for plan in plans]),
        ("records a second, on average", [f"{plan.updates + plan.symbols / 60:,.0f}" for plan in plans]),
        (f"records a second while a minute ends ({ARRIVAL:g} s)", [f"{plan.peak:,.0f}" for plan in plans]),
        (f"shards, of {SHARD_RECORDS:,} records a second", [f"{plan.shards}" for plan in plans]),
        ("functions at once", [f"{plan.functions}" for plan in plans]),
        (f"write units a second, of {TABLE_UNITS:,} a table", [f"{plan.units:,.0f}" for plan in plans]),
        (f"... on a partition of newest rows, of {KEY_UNITS:,}", [f"{plan.key_units:,.0f}" for plan in plans]),
        ("... if they had one partition", [f"{plan.key_units * PARTITIONS:,.0f}" for plan in plans]),
        ("all final rows of a minute are stored after", [f"{plan.settled:,.0f} s" for plan in plans]),
        ("collector tasks", [f"{math.ceil(plan.symbols / TASK_SYMBOLS)}" for plan in plans]),
        ("a symbol's history is asked for every", [_time(2 * plan.symbols / REQUESTS) for plan in plans]),
        ("**USD a month**", [f"**{plan.usd:,.0f}**" for plan in plans]),
    ]
    lines = ["| | " + " | ".join(f"{plan.symbols:,} symbols" for plan in plans) + " |", "|---|" + "---:|" * len(plans)]
    return "\n".join([*lines, *(f"| {what} | " + " | ".join(values) + " |" for what, values in rows)])


def _time(seconds: float) -> str:
    seconds = max(seconds, 300.0)  # never more often
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.0f} h"


if __name__ == "__main__":
    print(table([Plan(*plan) for plan in PLANS]))
