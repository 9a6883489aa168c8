"""Test `tapeline collector`: the process against moto's Kinesis and the local Yahoo, its logs and its health."""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from tapeline.app.collector_wiring import Collecting
from tapeline.backends.aws.kinesis import KinesisSink, SinkStatus
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_stream import SqliteStream
from tapeline.cli import collector_commands
from tapeline.cli.collector_health import Report, health
from tapeline.cli.json_logs import JsonLines
from tapeline.cli.main import app
from tapeline.cli.monitored_collecting import MonitoredSink
from tapeline.core.market import Reject
from tapeline.core.messages import Delivery
from tapeline.errors import ServingError
from tests.conftest import random_bars
from tests.local_yahoo.market import MINUTE, Market
from tests.local_yahoo.server import LocalYahoo
from tests.stream_order import assert_in_order, bars_of_stream

ROOT = Path(__file__).parents[2]
DAY = 86_400_000
SYMBOLS = ["BTC-USD", "ETH-USD"]  # they are traded now, whenever that is


def now() -> int:
    return time.time_ns() // 1_000_000


def ms(text: str) -> int:
    return int(np.datetime64(text, "ms").astype(np.int64))


def eventually(condition: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


# -- the process -------------------------------------------------------------------------------------------------------


class Collector:
    """Run the command as the container does: settings from the environment only."""

    def __init__(self, folder: Path, yahoo: LocalYahoo) -> None:
        settings = {
            "TAPELINE_SYMBOLS": ",".join(SYMBOLS),
            "TAPELINE_AWS__KINESIS_STREAM": "bars",
            "TAPELINE_DATA_DIR": str(folder / "data"),
            "TAPELINE_AWS__HEALTH_PORT": "0",
            "TAPELINE_YAHOO__URL": yahoo.url,
            "TAPELINE_YAHOO__STREAM_URL": yahoo.stream_url,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tapeline", "collector", "--period", "1h"],
            cwd=folder,
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self.lines.append(json.loads(line))  # every line is JSON

    def line(self, text: str) -> dict[str, Any]:
        """Wait for the first line whose event contains this, and return it."""
        return eventually(lambda: next((line for line in self.lines if text in line["event"]), None))

    def health(self) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.line('collecting')['health_port']}/health")

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        code = self.process.wait(60)
        self._reader.join()
        return code


@pytest.fixture
def yahoo() -> Iterator[LocalYahoo]:
    midnight = now() // DAY * DAY
    market = Market([(midnight + k * DAY, midnight + (k + 1) * DAY) for k in range(-2, 2)], SYMBOLS)
    with LocalYahoo(market, now, quirks=False) as server:
        yield server


@contextmanager
def running(folder: Path, yahoo: LocalYahoo) -> Iterator[Collector]:
    collector = Collector(folder, yahoo)
    try:
        yield collector
    finally:
        collector.process.kill()
        collector.ended()


def test_bars_survive_a_missing_stream_and_a_killed_process_and_are_flushed_on_sigterm(
    tmp_path: Path, aws: str, yahoo: LocalYahoo
) -> None:
    import boto3

    with running(tmp_path, yahoo) as first:
        line = first.line("ResourceNotFoundException")
        assert "stream bars: kinesis:PutRecords failed: " in line["event"]
        assert "TAPELINE_AWS__KINESIS_STREAM" in line["event"]
        assert line["level"] == "warning"
        eventually(lambda: first.health().json().get("symbols_ready") == 2)
        report = first.health()
        assert report.status_code == 200  # not yet for ten minutes
        assert report.json()["unsent_bars"] > 0
        assert report.json()["problem"]
        first.end(signal.SIGKILL)

    client = boto3.client("kinesis")
    client.create_stream(StreamName="bars", ShardCount=2)
    with running(tmp_path, yahoo) as second:
        eventually(lambda: second.health().json().get("streaming"))
        yahoo.send_raw([b"\x00garbage"])
        rejected = second.line("record rejected")
        assert base64.b64decode(rejected["raw"]) == b"\x00garbage"
        assert rejected["reason"]
        sent = second.health().json()["sent_bars"]
        live = now()
        last = yahoo.market.last("BTC-USD", live)
        assert last is not None
        yahoo.publish([replace(last, time=live)])
        eventually(lambda: second.health().json()["sent_bars"] > sent)
        assert second.end(signal.SIGTERM) == 0
    assert second.lines[-1]["event"] == "stopped"
    assert second.lines[-1]["unsent_bars"] == 0
    assert [line["event"] for line in second.lines].index("stopping") < len(second.lines) - 1

    bars = bars_of_stream(client, "bars")
    for symbol in SYMBOLS:
        times = [bar.timestamp for bar in bars if bar.symbol == symbol and bar.final]
        assert times == sorted(times)
        official = yahoo.market.official(symbol, live - 50 * MINUTE, live - 2 * MINUTE, live)
        traded = official["time"][~np.isnan(official["open"])]
        assert not set(traded.astype(int).tolist()) - set(times)

    metrics = next(line for line in second.lines if "_aws" in line)
    check_metrics(metrics)


def check_metrics(line: dict[str, Any]) -> None:
    """The collector writes the metrics that the alarms in services/ watch."""
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    terraform = (ROOT / "services" / "alarms.tf").read_text()
    assert directive["Namespace"] == re.search(r'own_namespace\s*= "(\w+)"', terraform)[1]
    (dimensions,) = directive["Dimensions"]
    assert {name: line[name] for name in dimensions} == {"service": "collector", "stack": "stock-analysis"}
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert units == {"BarAgeSeconds": "Seconds", "RecordsRejected": "Count"}
    alarm = re.search(r"collector_silence = \{.*?\n    \}", terraform, re.DOTALL)[0]
    assert 'metric = "BarAgeSeconds"' in alarm
    assert "dimensions = local.collector_dimensions" in alarm
    assert 'collector_dimensions = { service = "collector", stack = local.name }' in terraform
    assert line["BarAgeSeconds"][0] >= 0


@pytest.mark.parametrize(
    ("wrong", "options", "message"),
    [
        ("AWS_DEFAULT_REGION", [], "set AWS_DEFAULT_REGION"),
        ("", ["--symbols", ""], "set TAPELINE_SYMBOLS"),
        ("", ["--symbols", "TS LA,<A>"], "no symbol may have"),
        ("", ["--interval", "7m"], "there are 1m, 2m"),
        ("", ["--data-dir", "/proc/nowhere"], "choose another --data-dir"),
    ],
)
def test_a_missing_or_wrong_setting_is_one_line(
    wrong: str,
    options: list[str],
    message: str,
    tmp_path: Path,
    aws: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if wrong:
        monkeypatch.delenv(wrong)
    monkeypatch.setattr(collector_commands, "configure_json_logs", lambda: logging.getLogger("tapeline"))
    given = {"--symbols": "TSLA", "--stream": "bars", "--data-dir": str(tmp_path), "--health-port": "0"}
    given |= dict(zip(options[::2], options[1::2], strict=True))
    done = CliRunner().invoke(app, ["collector", *(part for option in given.items() for part in option)])
    assert done.exit_code == 1
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert message in record.getMessage()


def test_order_holds_over_resharding(tmp_path: Path, aws: str) -> None:
    import boto3

    client = boto3.client("kinesis")
    client.create_stream(StreamName="bars", ShardCount=1)
    database, bars = Database(tmp_path / "tapeline.db"), random_bars(8, 40)
    sink = KinesisSink(SqliteStream(database, kept_bars=0), client, "bars")
    for at in range(0, len(bars), 40):
        sink.append("yahoo", Delivery(bars[at : at + 40]))
        if at == 120:
            client.split_shard(StreamName="bars", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(1 << 127))
    assert sink.close(30) == 0
    database.close()
    assert_in_order(bars_of_stream(client, "bars"), list(bars))


# -- what it says ------------------------------------------------------------------------------------------------------


def status(**changed: Any) -> SinkStatus:
    usual = {"backlog": 0, "sent": 0, "thinned": 0, "problem": "", "troubled": 0.0, "quiet": 0.0, "paused": False}
    return SinkStatus(**usual | changed)


def watch(*symbols: str, **changed: Any) -> MonitoredSink:
    sink: Any = SimpleNamespace(status=lambda: status(**changed), append=lambda *_: 0, resume=lambda _: "")
    source: Any = SimpleNamespace(status=lambda: None)
    return MonitoredSink(Collecting(symbols, source, sink, "stock-analysis"), logging.getLogger("tapeline"))


@pytest.mark.parametrize(
    ("symbols", "moment", "quiet", "age"),
    [
        (["TSLA"], "2026-11-21T15:00", 9999.0, 0.0),  # a Saturday
        (["TSLA"], "2026-11-23T15:00", 5.0, 5.0),
        (["TSLA"], "2026-11-23T14:40", 9999.0, 600.0),  # nothing since the open ten minutes ago
        (["TSLA"], "2026-11-27T18:30", 9999.0, 0.0),  # the half day has ended
        (["7203.T"], "2026-11-24T03:00", 9999.0, 0.0),  # Tokyo has lunch
        (["7203.T"], "2026-11-24T03:31", 9999.0, 60.0),
        (["TSLA", "BTC-USD"], "2026-11-21T15:00", 9999.0, 9999.0),
    ],
)
def test_bar_age_counts_while_a_bar_is_due(symbols: list[str], moment: str, quiet: float, age: float) -> None:
    assert watch(*symbols, quiet=quiet).bar_age(ms(moment)) == age


def test_health_reports_a_problem_at_once_and_unhealthy_after_ten_minutes() -> None:
    problem = "kinesis:PutRecords on stream bars: AccessDenied"
    made = watch("BTC-USD")

    def report() -> Report:
        return made.report()

    with health(0, report) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/health")
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
        for troubled, code, word in ((599.0, 200, "ok"), (601.0, 503, "unhealthy")):
            made = watch("BTC-USD", troubled=troubled, problem=problem)
            answer = httpx.get(f"http://127.0.0.1:{port}/health")
            assert (answer.status_code, answer.json()["status"]) == (code, word)
            assert answer.json()["problem"] == problem
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 404
        with pytest.raises(ServingError, match="--health-port"), health(port, made.report):
            pass


def test_many_rejects_are_all_counted_and_a_few_logged(caplog: pytest.LogCaptureFixture) -> None:
    made = watch("TSLA")
    rejects = [Reject("yahoo", f"stream {i}", "no price", b"\xff") for i in range(70)]
    with caplog.at_level(logging.INFO, "tapeline"):
        for _ in range(4):
            made.append("yahoo", Delivery(random_bars(1, 1), rejects))
            made.progress.rejected += len(rejects)
        assert len(caplog.records) == 101
        made.write_metrics()
        made.write_metrics()
    *_, first, second = caplog.records
    assert first.RecordsRejected == [280.0]
    assert second.RecordsRejected == [0.0]


def test_a_log_line_is_one_json_object_with_its_fields() -> None:
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        record = logging.getLogger("botocore").makeRecord(
            "botocore", logging.ERROR, "f", 1, "it %s", ("broke",), sys.exc_info(), extra={"path": Path("x")}
        )
    text = JsonLines().format(record)
    assert "\n" not in text
    line = json.loads(text)
    assert list(line)[:3] == ["ts", "level", "event"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"])
    assert (line["level"], line["event"], line["logger"], line["path"]) == ("error", "it broke", "botocore", "x")
    assert "ValueError" in line["traceback"]
