"""Run the AWS path on this machine, from the local Yahoo to the page, without an account: `make aws-local`.

The collector, the function (by the real `awslambdaric`), `serve` and the page are the programs that run on AWS; moto
stands in for its services. ARGS=--exit ends once the last session was processed and compared with an embedded run.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tapeline.app.config import Settings
from tapeline.backends.aws.dynamodb import DynamoStore
from tapeline.backends.aws.dynamodb.items import read_rows
from tapeline.backends.aws.s3_registry import S3Folder
from tapeline.backends.files.file_registry import save_model
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.backends.sqlite.sqlite_stream import SqliteStream
from tapeline.cli.running import terminated_like_interrupted
from tapeline.core.codec import encode
from tapeline.core.market import Bar, Bars
from tapeline.core.rows import Row
from tapeline.core.sessions import calendar_of
from tapeline.forecast.model import LightGBMModel
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_registry import RangeRegistry
from tapeline.research.range_training import fit_range
from tapeline.research.training import fit
from tapeline.runtime.indicator_view import IndicatorView
from tapeline.runtime.pipeline import Pipeline
from tapeline.runtime.processor import Processor
from tests.aws.conformance import watching
from tests.aws.local.account import ACCOUNT, REGION, Account
from tests.aws.local.endpoint import Endpoint
from tests.aws.local.poller import EventSource, Rules, destination
from tests.aws.local.resources import Resources, made_by_boto3, made_by_terraform, verdicts
from tests.aws.local.runtime import Function
from tests.aws.local.table_changes import TableChanges
from tests.fakes.sources import ListSource
from tests.local_yahoo.market import Market
from tests.local_yahoo.server import LocalYahoo
from tests.terraform.running import UnavailableError

HOUR, DAY = 3_600_000, 86_400_000

#: Sessions that the model is trained on, before the one that goes through.
_TRAINING_SESSIONS = 3

#: Which of a session's rows is corrected: one near its end, as a correction makes all rows after it anew.
_CORRECTED = -30

#: Collector tasks that the symbols are split over.
_COLLECTORS = 2

#: Seconds until something counts as hanging: more than a machine with much else to do needs.
PATIENCE = 300.0


@dataclass(frozen=True)
class Day:
    """Make a market of invented prices with the real sessions of New York, and its last session that has ended."""

    market: Market
    opened: int
    closed: int
    training: tuple[tuple[int, int], ...]

    @classmethod
    def before(cls, now: int, symbols: int) -> Day:
        sessions = [(s.open, s.close) for s in calendar_of("AAPL").sessions(now - 12 * DAY, now + DAY)]
        ended = [s for s in sessions if s[1] + HOUR // 2 <= now]
        names = [f"SYM{i:02d}" for i in range(symbols)]
        return cls(Market(sessions, names), *ended[-1], tuple(ended[-1 - _TRAINING_SESSIONS : -1]))

    def period(self, now: int) -> str:
        """Return a period that reaches back to the session's open and not into the one before."""
        return f"{(now - self.opened) // HOUR + 1}h"

    def bars(self, opened: int, closed: int) -> Bars:
        """Return the official bars of a session that has ended, in the order of time."""
        found = []
        for symbol in self.market.symbols:
            rows = self.market.official(symbol, opened, closed, closed + DAY, settled=True)
            columns = zip(*(rows[name].tolist() for name in rows), strict=True)
            found += [Bar(symbol, int(values[0]), *values[1:]) for values in columns if not np.isnan(values[1])]
        return Bars.of(sorted(found, key=lambda bar: (bar.timestamp, bar.symbol)))

    def model(self) -> LightGBMModel:
        return fit([self.bars(*session) for session in self.training], seed=1)

    def range_model(self) -> RangeModel:
        return fit_range([self.bars(*session) for session in self.training])


def embedded_rows(bars: Bars, model: LightGBMModel, settings: Settings, folder: Path) -> dict[str, list[Row]]:
    """Return the rows that the embedded pipeline stores of these bars, with their indicators, by symbol."""
    database = Database(folder / "embedded.db")
    try:
        store = SqliteStore(database)
        Pipeline(ListSource([bars]), SqliteStream(database), store, Processor(settings.indicators, model)).run()
        view = IndicatorView(store)
        return {symbol: list(view.rows(symbol, settings.indicators)) for symbol in bars.symbols}
    finally:
        database.close()


class Local:
    """Run everything, from entering to leaving."""

    def __init__(self, folder: Path, symbols: int, say: Callable[[str], None], *, terraform: bool, port: int) -> None:
        self.folder = folder
        self.checked = Path(os.environ.setdefault(watching.FOLDER, str(folder / "conformance")))
        self.checked.mkdir(exist_ok=True)
        self.account = Account()
        self.day = Day.before(int(time.time() * 1000), symbols)
        self._say = say
        self._terraform = terraform
        self._port = port
        self._stack = ExitStack()

    def __enter__(self) -> Local:
        with ExitStack() as stack:
            self._begin(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _begin(self, stack: ExitStack) -> None:
        self.account.start()
        stack.callback(self.account.stop)
        self._say(f"AWS is at {self.account.endpoint}")
        self.resources = self._resources(stack)
        self.model = self.day.model()
        save_model(self.model, self.folder / "opt-ml" / "model")
        endpoint = Endpoint(self.folder / "opt-ml", self.account.record)
        stack.callback(endpoint.close)
        yahoo = stack.enter_context(LocalYahoo(self.day.market, lambda: int(time.time() * 1000), quirks=False))
        stack.enter_context(_publishing(yahoo))
        endpoint.wait(PATIENCE)
        self._say(f"the endpoint serves model {self.model.version}")
        names = self.resources
        self.function = Function(
            self._environment("processor") | {
                "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": endpoint.url,
                "TAPELINE_AWS__BUCKET": names.bucket,
                "TAPELINE_AWS__ROWS_TABLE": names.rows_table,
                "TAPELINE_AWS__SAGEMAKER_ENDPOINT": names.endpoint,
                "TAPELINE_AWS__STATE_TABLE": names.state_table,
            },
            timeout=PATIENCE,
            log=self.folder / "processor.log",
        )  # fmt: skip
        stack.callback(self.function.close)
        given_up = destination(self.account.client("s3", "lambda"), names.bucket, names.stream)
        kinesis = self.account.client("kinesis", "lambda")
        self.events = EventSource(kinesis, names.stream, self.function, Rules(window=0.2), given_up)
        self.events.start()
        stack.callback(self.events.stop)
        self._say("the event source polls the stream for the function")
        self.copier = Function(
            self._environment("copier") | {"TAPELINE_AWS__FIREHOSE_STREAM": names.firehose},
            timeout=PATIENCE, handler="tapeline.lambdas.row_copying.handler", log=self.folder / "copier.log",
        )  # fmt: skip
        stack.callback(self.copier.close)
        table = self.account.client("dynamodb", "lambda").describe_table(TableName=names.rows_table)["Table"]
        streams = self.account.client("dynamodbstreams", "lambda")
        self.changes = TableChanges(streams, table["LatestStreamArn"], self.copier)
        self.changes.start()
        stack.callback(self.changes.stop)
        self._say("another one polls the table's changes for the function that copies")
        self.collectors = [
            self._start(
                stack, "collector", f"collector{number}", "collector",
                "--period", self.day.period(int(time.time() * 1000)),
                TAPELINE_AWS__KINESIS_STREAM=names.stream,
                TAPELINE_AWS__STATE_TABLE=names.state_table,
                TAPELINE_SYMBOLS=",".join(self.day.market.symbols),
                TAPELINE_AWS__HEALTH_PORT="0",
                TAPELINE_YAHOO__URL=yahoo.url,
                TAPELINE_YAHOO__STREAM_URL=yahoo.stream_url,
            )
            for number in range(_COLLECTORS)
        ]  # fmt: skip
        self._say(
            f"{_COLLECTORS} collectors (processes {', '.join(str(each.pid) for each in self.collectors)}) ask the "
            f"local Yahoo for {len(self.day.market.symbols)} symbols"
        )
        known = RangeRegistry(S3Folder(self.account.client("s3", "tester"), names.bucket, "models"))
        known.save("earlier", self.day.range_model())  # the page reads all, the function only what is promoted
        self._start(
            stack, "dashboard", "dashboard", "dashboard", TAPELINE_PAGE__PORT=str(self._port),
            TAPELINE_AWS__ROWS_TABLE=names.rows_table, TAPELINE_AWS__STATE_TABLE=names.state_table,
            TAPELINE_AWS__BUCKET=names.bucket,
        )  # fmt: skip
        self._say(f"the page reads DynamoDB at {self.page}")

    def _resources(self, stack: ExitStack) -> Resources:
        if self._terraform:
            try:
                self._say("Terraform applies network/ and services/ (a minute or two)")
                return stack.enter_context(made_by_terraform(self.account, self.folder))
            except UnavailableError as error:
                self._say(f"{error}; the resources are made by boto3 instead")
        return made_by_boto3(self.account)

    def _environment(self, role: str) -> dict[str, str]:
        kept = {
            name: os.environ[name]
            for name in ("PATH", "HOME", "NUMBA_CACHE_DIR", "LD_LIBRARY_PATH")
            if name in os.environ
        }
        own = {"PYTHONUNBUFFERED": "1", watching.PATIENCE: str(PATIENCE / 10)}
        return kept | self.account.environment(role) | watching.environment(self.checked) | own

    def _start(self, stack: ExitStack, role: str, name: str, *command: str, **settings: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{name}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", "tapeline", *command],
            env=self._environment(role) | {"TAPELINE_DATA_DIR": str(self.folder / name)} | settings,
            stdout=log,
            stderr=subprocess.STDOUT,
        )

        def end() -> None:
            process.terminate()
            process.wait(PATIENCE)
            log.close()

        stack.callback(end)
        return process

    @property
    def page(self) -> str:
        """Return the page's address, once it logs it."""
        log = self.folder / "dashboard.log"
        until = time.monotonic() + PATIENCE
        while not (found := re.search(r"http://127\.0\.0\.1:\d+/", log.read_text())):
            if time.monotonic() > until:
                raise TimeoutError(f"the page does not come up: {log.read_text()[-1500:]}")
            time.sleep(0.1)
        return found[0]

    def put(self, symbol: str, data: bytes) -> None:
        """Put a record of our own on the stream."""
        kinesis = self.account.client("kinesis", "tester")
        kinesis.put_record(StreamName=self.resources.stream, PartitionKey=symbol, Data=data)

    # -- results ---------------------------------------------------------------------------------------------

    @property
    def store(self) -> DynamoStore:
        return DynamoStore(
            self.account.client("dynamodb", "reader"), self.resources.rows_table, self.resources.state_table
        )

    def wanted(self) -> dict[str, list[Row]]:
        """Return the session's rows as an embedded run computes them."""
        return embedded_rows(self.day.bars(self.day.opened, self.day.closed), self.model, Settings(), self.folder)

    def found(self, symbol: str) -> list[Row]:
        """Return the session's rows in DynamoDB, from moto's memory: it is slow at writing long answers."""
        from moto.dynamodb.models import dynamodb_backends

        table = dynamodb_backends[ACCOUNT][REGION].tables[self.resources.rows_table]
        own = next((own for key, own in table.items.items() if key.value == symbol), {})
        items = [item.to_json()["Attributes"] for item in own.values()]
        rows = sorted(read_rows(items), key=lambda row: row.timestamp)
        return [row for row in rows if self.day.opened <= row.timestamp < self.day.closed]

    def wait(self, wanted: dict[str, list[Row]]) -> None:
        """Wait until the last bar of every symbol is stored. Raises `TimeoutError` with the ends of the logs."""
        until = time.monotonic() + PATIENCE
        last = {symbol: rows[-1].timestamp for symbol, rows in wanted.items()}
        while time.monotonic() < until:
            there = {row.stock_symbol: row.timestamp for row in self.store.latest()}
            if all(there.get(symbol, 0) >= timestamp for symbol, timestamp in last.items()):
                return
            if all(each.poll() is not None for each in self.collectors):
                break
            time.sleep(0.2)
        ends = ", ".join(self.log_end(name) for name in ("collector0", "collector1", "processor"))
        raise TimeoutError(f"the session did not arrive; {ends}")

    def copies(self) -> dict[tuple[str, int], float]:
        """Return the closes of the newest copies on S3 by symbol and time."""
        s3 = self.account.client("s3", "tester")
        found: dict[tuple[str, int], tuple[int, float]] = {}
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.resources.bucket, Prefix="rows/")
        for entry in (entry for page in pages for entry in page.get("Contents", ())):
            body = s3.get_object(Bucket=self.resources.bucket, Key=entry["Key"])["Body"].read()
            for line in body.splitlines():
                row = json.loads(line)
                key, value = (row["stock_symbol"], row["timestamp"]), (row["written_at"], row["price"])
                found[key] = max(found.get(key, value), value)
        return {key: price for key, (_, price) in found.items()}

    def kill_a_collector(self) -> int:
        """Kill one as soon as the tasks have split the symbols. Return how many symbols are in the table by then."""
        self.wait_for_line("collector0", "collector tasks are running")
        self.collectors[0].kill()
        self.collectors[0].wait()
        return len(self.store.latest())

    def wait_for_line(self, program: str, text: str) -> None:
        """Wait until a program's log has this text. Raises `TimeoutError`."""
        until = time.monotonic() + PATIENCE
        while text not in (self.folder / f"{program}.log").read_text():
            if time.monotonic() > until:
                raise TimeoutError(f"no {text!r}; {self.log_end(program)}")
            time.sleep(0.05)

    def log_end(self, program: str) -> str:
        """Return the end of a program's log."""
        return f"the end of the {program}'s log: {(self.folder / f'{program}.log').read_text()[-1500:]}"


@contextmanager
def _publishing(yahoo: LocalYahoo) -> Iterator[None]:
    """Send prices in real time while the market is open."""
    ended = threading.Event()

    def work() -> None:
        before = int(time.time() * 1000)
        while not ended.wait(0.5):
            now = int(time.time() * 1000)
            yahoo.publish(yahoo.market.ticks(before, now))
            before = now

    thread = threading.Thread(target=work, name="prices", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def compared(local: Local, wanted: dict[str, list[Row]]) -> list[str]:
    """Return how the rows in DynamoDB differ from those of an embedded run; [] where they are equal."""
    differences = []
    for symbol, rows in wanted.items():
        found = local.found(symbol)
        if found != rows:
            wrong = next((i for i, pair in enumerate(zip(found, rows, strict=False)) if pair[0] != pair[1]), None)
            pair = "" if wrong is None else f"; the first: {found[wrong]} instead of {rows[wrong]}"
            differences.append(f"{symbol}: {len(found)} rows instead of {len(rows)}{pair}")
    return differences


def copied(local: Local, wanted: dict[str, list[Row]]) -> None:
    """Wait until every row of the session has been copied. Raises `TimeoutError` where some are not."""
    until = time.monotonic() + PATIENCE
    closes = {(row.stock_symbol, row.timestamp): row.price for rows in wanted.values() for row in rows}
    while missing := len(closes.items() - local.copies().items()):
        if time.monotonic() > until:
            raise TimeoutError(f"{missing} rows were not copied; {local.log_end('copier')}")
        time.sleep(0.5)


def exercised(local: Local, wanted: dict[str, list[Row]]) -> None:
    """Add what the session alone lacks: a record that is no bar, a correction, and a visitor of the page.

    Raises `TimeoutError`, with the function's last words, when one of them has no effect.
    """
    symbol = min(wanted)
    row = wanted[symbol][_CORRECTED]
    corrected = Bar(symbol, row.timestamp, row.open, row.high, row.low, row.price, row.volume + 1)
    local.put(symbol, b"poison")
    local.put(symbol, encode(Bars.of([corrected])))
    s3 = local.account.client("s3", "tester")

    def done() -> bool:
        kept = s3.list_objects_v2(Bucket=local.resources.bucket, Prefix="rejects/").get("KeyCount")
        return bool(kept) and local.found(symbol)[_CORRECTED].volume == corrected.volume

    until = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > until:
            raise TimeoutError(f"the poison record or the correction did not arrive; {local.log_end('processor')}")
        time.sleep(0.2)
    asked = ("symbols", f"symbols/{symbol}/bars?limit=50", f"symbols/{symbol}/rows?limit=50", "scores/ranges", "health")
    for path in asked:
        with urllib.request.urlopen(f"{local.page}api/v1/{path}", timeout=PATIENCE) as answer:
            json.loads(answer.read())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exit", action="store_true", help="end when the session has gone through")
    parser.add_argument("--symbols", type=int, default=20)
    parser.add_argument("--boto3", action="store_true", help="make the resources without Terraform")
    options = parser.parse_args()
    port = 0 if options.exit else Settings().page.port
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)

    with (
        terminated_like_interrupted(),
        tempfile.TemporaryDirectory() as folder,
        Local(Path(folder), options.symbols, say, terraform=not options.boto3, port=port) as local,
    ):
        stored = local.kill_a_collector()
        say(f"collector {local.collectors[0].pid} was killed when {stored} symbols had rows")
        wanted = local.wanted()
        local.wait(wanted)
        rows = sum(map(len, wanted.values()))
        say(f"all of {rows:,} rows of the last session are in DynamoDB; invocations: {local.events.invocations}")
        differences = compared(local, wanted)
        say("identical to an embedded run of the same bars" if not differences else "\n".join(differences))
        copied(local, wanted)
        say(f"all of them were copied by way of Firehose; failed calls of that function: {local.changes.failures}")
        exercised(local, wanted)
        local.collectors[-1].terminate()
        local.collectors[-1].wait(PATIENCE)
        for role in ("collector", "processor", "copier", "dashboard"):
            made = sorted({f"{call.action}" for call in local.account.calls if call.role == role})
            say(f"{role} called: {', '.join(made) or 'nothing'}")
        if local.resources.policies:
            refused, unused = verdicts(local.resources, local.account.calls)
            say("policies: every call is allowed" if not refused else f"NOT ALLOWED: {refused}")
            say("policies: nothing else is allowed" if not unused else f"allowed and not called: {unused}")
            differences += refused + unused
        checked = watching.report(local.checked)
        say(str(checked))
        differences += checked.breaches
        if not options.exit:
            say(f"Ctrl-C ends. The page: {local.page}")
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                pass
    return bool(differences)


if __name__ == "__main__":
    sys.exit(main())
