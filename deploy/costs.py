"""Print what a month on AWS costs, with the arithmetic: `python deploy/costs.py [SYMBOLS ...]`.

`--forming SECONDS` says how rare forming bars are, `--no-ranges` that no range model is promoted. Prices are those
published for us-east-1, on demand and without the free tier, as of the date below; look them up again before you rely
on them. Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass

#: The month of these prices. DynamoDB's are those after its cut of November 2024.
AS_OF = "2025-10"

# USD, us-east-1
FARGATE_CPU_HOUR, FARGATE_GB_HOUR = 0.04048, 0.004445
KINESIS_STREAM_HOUR, KINESIS_GB_IN, KINESIS_GB_OUT, KINESIS_GB_KEPT = 0.04, 0.08, 0.04, 0.10
LAMBDA_MILLION, LAMBDA_GB_SECOND = 0.20, 0.0000166667
DYNAMO_MILLION_WRITES, DYNAMO_MILLION_READS, DYNAMO_GB, DYNAMO_BACKUP_GB = 0.625, 0.125, 0.25, 0.20
SAGEMAKER_SECOND_2GB = 0.00004
FIREHOSE_GB, FIREHOSE_PARQUET_GB = 0.029, 0.018
S3_GB, S3_THOUSAND_PUTS = 0.023, 0.005
NAT_HOUR, NAT_GB = 0.045, 0.045
ALARM, DASHBOARD, LOG_GB, METRIC = 0.10, 3.00, 0.50, 0.30
KMS_KEY, KMS_TEN_THOUSAND = 1.00, 0.03
ECR_GB = 0.10

HOURS = 730  # in a month
SESSIONS, MINUTES = 21, 390  # New York

#: What tapeline sends and stores, measured with the default indicators (benchmarks/handler.py, tests/aws).
RECORD_KB = 1  # a bar on the stream: 120 bytes, charged as 1 KB
FORMING_WRITES = 1 + 1  # a row below 1 KB, and the newest row of the symbol, each a plain put
CHECKPOINT_EVERY = 256  # bars
ITEM_KB = 0.1  # DynamoDB's own, of each item that it keeps
READS = 1  # the newest row, consistently, for every symbol of a batch
COPIES = 2  # calls of the function that copies, for the final rows of a minute
COPY_MS = 60.0
LAMBDA_GB = 1769 / 1024  # what Terraform gives it: a whole CPU
LAMBDA_MS, LAMBDA_MS_PER_ROW = 40.0, 0.6
PREDICT_MS, PREDICT_MS_PER_ROW = 15.0, 0.02
WINDOW_SECONDS = 1.0  # of the event source
ALARMS, METRICS = 22, 7
RETENTION_HOURS = 48  # on the stream; the first 24 cost nothing extra

#: Container Insights of one cluster with one service: metrics of the cluster, the service and the family of tasks, and
#: a record of each a minute. AWS's list of them; which of them appear depends on the task.
INSIGHT_METRICS, INSIGHT_RECORD_KB = 37, 1.0
#: A flow's record every ten minutes; flows of a task, the function's interfaces and the gateway together.
FLOWS, FLOW_RECORD_BYTES = 400, 150


@dataclass(frozen=True)
class FinalBar:
    """Hold what a final bar makes, in KB: its row, the copy of that as JSON, and its symbol's state."""

    row: float
    copy: float
    state: float

    @property
    def writes(self) -> float:
        """Return its write units: row, newest row and state in a transaction, which counts twice, and checkpoints."""
        return 2 * (math.ceil(self.row) + 1 + math.ceil(self.state) * (1 + 1 / CHECKPOINT_EVERY))

    @property
    def reads(self) -> int:
        """Return the units of its state, at most once a bar: when another execution environment has moved it on."""
        return math.ceil(self.state / 4)


#: With the default indicators, with and without the expected move.
WITH_RANGES, WITHOUT_RANGES = FinalBar(1.1, 1.6, 5.2), FinalBar(0.5, 0.7, 2.9)


@dataclass(frozen=True)
class Line:
    """Hold one line of the bill: what is paid for, how it is computed, and US dollars a month."""

    what: str
    arithmetic: str
    usd: float


def lines(symbols: int, forming: float, bar: FinalBar = WITH_RANGES, rows_kept_months: int = 12) -> Iterator[Line]:
    """Yield the bill for this many symbols; a forming bar is sent every `forming` seconds in a session, 0: never."""
    finals = symbols * MINUTES * SESSIONS
    updates = symbols * (60 / forming) * MINUTES * SESSIONS if forming else 0.0
    records = finals + updates
    seconds = MINUTES * 60 * SESSIONS
    batches = min(records, seconds / WINDOW_SECONDS if updates else MINUTES * SESSIONS * 5)
    batches = max(batches, records / 500)

    tasks = max(1, math.ceil(symbols / 500))
    usd = tasks * HOURS * (0.25 * FARGATE_CPU_HOUR + 0.5 * FARGATE_GB_HOUR)
    yield Line("Collector (Fargate)", f"{tasks} x {HOURS} h x (0.25 vCPU, 0.5 GB)", usd)

    gigabytes = records * RECORD_KB / 1024**2
    usd = HOURS * KINESIS_STREAM_HOUR + gigabytes * (KINESIS_GB_IN + KINESIS_GB_OUT)
    yield Line("Kinesis, on demand", f"{HOURS} h x ${KINESIS_STREAM_HOUR}, {gigabytes:,.2f} GB in and out", usd)

    kept = gigabytes / HOURS * (RETENTION_HOURS - 24)
    yield Line("Kinesis, kept longer", f"{kept:,.2f} GB kept from hour 24 to {RETENTION_HOURS}", kept * KINESIS_GB_KEPT)

    spent = batches * LAMBDA_MS / 1000 + records * LAMBDA_MS_PER_ROW / 1000
    copies = min(finals, COPIES * MINUTES * SESSIONS)
    usd = (batches + copies) / 1e6 * LAMBDA_MILLION + spent * LAMBDA_GB * LAMBDA_GB_SECOND
    usd += copies * COPY_MS / 1000 * 0.5 * LAMBDA_GB_SECOND
    yield Line(
        "Lambda",
        f"{batches:,.0f} batches, {spent:,.0f} s x {LAMBDA_GB:.2f} GB; {copies:,} calls of the copier with 0.5 GB",
        usd,
    )

    writes = updates * FORMING_WRITES + finals * bar.writes
    usd = writes / 1e6 * DYNAMO_MILLION_WRITES
    yield Line("DynamoDB, writes", f"{writes / 1e6:,.1f} M units x ${DYNAMO_MILLION_WRITES}", usd)

    reads = records * READS + finals * bar.reads
    usd = reads / 1e6 * DYNAMO_MILLION_READS
    yield Line("DynamoDB, reads", f"{reads / 1e6:,.1f} M units x ${DYNAMO_MILLION_READS}", usd)

    stored = finals * rows_kept_months * (bar.row + ITEM_KB) / 1024**2
    usd = stored * (DYNAMO_GB + DYNAMO_BACKUP_GB)
    yield Line("DynamoDB, storage", f"{stored:,.1f} GB after {rows_kept_months} months, with backups", usd)

    spent = batches * PREDICT_MS / 1000 + records * PREDICT_MS_PER_ROW / 1000
    yield Line("SageMaker, serverless 2 GB", f"{spent:,.0f} s x ${SAGEMAKER_SECOND_2GB}", spent * SAGEMAKER_SECOND_2GB)

    copied = max(finals * bar.copy, copies * 5) / 1024**2
    usd = copied * (FIREHOSE_GB + FIREHOSE_PARQUET_GB) + copied * S3_GB + SESSIONS * 80 / 1000 * S3_THOUSAND_PUTS
    yield Line("Firehose and S3", f"{copied:,.2f} GB as Parquet", usd)

    gigabytes = symbols * SESSIONS * MINUTES * 60 * 2 * 0.3 / 1024**2  # two messages a second of 300 bytes
    usd = HOURS * NAT_HOUR + gigabytes * NAT_GB
    yield Line("NAT gateway (one)", f"{HOURS} h x ${NAT_HOUR}, {gigabytes:,.1f} GB", usd)

    logged = batches * 0.6 / 1024**2 + 1
    usd = (ALARMS + 1) * ALARM + DASHBOARD + METRICS * METRIC + logged * LOG_GB  # one alarm compares two metrics
    yield Line("CloudWatch", f"{ALARMS} alarms, a dashboard, {METRICS} metrics, {logged:,.1f} GB of logs", usd)

    insights = HOURS * 60 * (2 + tasks) * INSIGHT_RECORD_KB / 1024**2
    usd = INSIGHT_METRICS * METRIC + insights * LOG_GB
    yield Line("Container Insights", f"{INSIGHT_METRICS} metrics, {insights:,.2f} GB of records", usd)

    flows = HOURS * 6 * FLOWS * tasks * FLOW_RECORD_BYTES / 1024**3
    yield Line(
        "Flow log of the VPC", f"{flows:,.2f} GB: {FLOWS * tasks:,} flows, a record each 10 minutes", flows * LOG_GB
    )

    usd = KMS_KEY + (batches * 2) / 10_000 * KMS_TEN_THOUSAND + 1 * ECR_GB
    yield Line("KMS and ECR", f"a key, {batches * 2:,.0f} requests at most, an image of 1 GB", usd)


def table(counts: list[int], forming: float, bar: FinalBar) -> str:
    """Return the bills side by side, as Markdown."""
    bills = [list(lines(count, forming, bar)) for count in counts]
    rows = ["| | " + " | ".join(f"{count:,} symbols" for count in counts) + " |", "|---|" + "---:|" * len(counts)]
    rows += [
        f"| {same[0].what} | " + " | ".join(f"{line.usd:,.2f}" for line in same) + " |"
        for same in zip(*bills, strict=True)
    ]
    sums = (sum(line.usd for line in bill) for bill in bills)
    rows.append("| **USD a month** | " + " | ".join(f"**{usd:,.0f}**" for usd in sums) + " |")
    return "\n".join(rows)


def main() -> None:
    """Print the table and the arithmetic behind it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("symbols", nargs="*", type=int, default=[10, 500, 5000])
    parser.add_argument("--forming", type=float, default=5.0, help="seconds between forming bars of a symbol; 0: none")
    parser.add_argument("--no-ranges", action="store_true", help="no range model is promoted: rows have no ranges")
    options = parser.parse_args()
    bar = WITHOUT_RANGES if options.no_ranges else WITH_RANGES
    print(
        f"Prices of {AS_OF}, us-east-1. One-minute bars of {MINUTES} minutes on {SESSIONS} days; a forming bar of each"
    )
    print(f"symbol every {options.forming:g} s.\n" if options.forming else "symbol: none.\n")
    print(table(options.symbols, options.forming, bar))
    for count in options.symbols:
        print(f"\n{count:,} symbols:")
        for line in lines(count, options.forming, bar):
            print(f"  {line.usd:>10,.2f}  {line.what}: {line.arithmetic}")


if __name__ == "__main__":
    main()
