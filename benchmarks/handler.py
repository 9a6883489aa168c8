"""Measure what the Lambda function costs besides the network: CPU and AWS calls a record, cold start, memory.

usage: handler.py [--runs 7] [--symbols 100]

The peer is the simple design of this job, measured in the same run: for every record query the symbol's last 250 items,
run TA-Lib over that window, ask the endpoint for one row, put one item. Both speak through real boto3 clients whose
requests are answered in this process; the time spent answering is not counted. The peer is treated kindly: its items
hold prices only, it computes those of the default indicators that TA-Lib has, and it keeps no state that could go
wrong. Records hold one final bar each, of `--symbols` symbols in turn: with 100 of them a batch of 100 is a bar of
each, which is the worst case.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import logging
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

BATCHES = (1, 100, 10_000)
WARM_UP = 300  # bars of each symbol before the clock starts
PEER_RECORDS = 200  # its cost per record does not depend on the batch, so fewer records suffice
START = 1_549_895_400_000
MINUTE = 60_000
WINDOW = 250


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--cold", choices=("tapeline", "simple"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if options.cold:
        cold(options.cold)
        return
    sides = {"tapeline": Tapeline(options.symbols), "simple": Simple(options.symbols)}
    print(f"a record = one final bar; {options.symbols} symbols; medians of {options.runs} interleaved runs\n")
    print(f"{'batch':>7}  {'':9} {'CPU us/record':>14} {'AWS calls/record':>17}")
    for size in BATCHES:
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
        for _ in range(options.runs):
            for name, side in sides.items():
                found[name].append(side.run(size if name == "tapeline" else min(size, PEER_RECORDS)))
        cost = {name: statistics.median(cpu for cpu, _ in runs) for name, runs in found.items()}
        calls = {name: runs[0][1] for name, runs in found.items()}
        for name in sides:
            print(f"{size:>7,}  {name:9} {cost[name]:>14,.1f} {calls[name]:>17,.4f}")
        ratios = cost["simple"] / cost["tapeline"], calls["simple"] / calls["tapeline"]
        print(f"{'':7}  {'ratio':9} {ratios[0]:>13,.1f}x {ratios[1]:>16,.1f}x")
    print(
        "\ncold start: interpreter, imports and a first batch of 100, in a process of its own (wall seconds, peak MB)"
    )
    for name in sides:
        runs = [cold_run(name) for _ in range(3)]
        seconds, memory = (statistics.median(run[n] for run in runs) for n in (0, 1))
        print(f"  {name:9} {seconds:6.2f} s {memory:7,.0f} MB")


def cold_run(name: str) -> tuple[float, float]:
    started = time.perf_counter()
    done = subprocess.run([sys.executable, __file__, "--cold", name], capture_output=True, text=True, check=True)
    return time.perf_counter() - started, float(done.stdout)


def cold(name: str) -> None:
    side = {"tapeline": Tapeline, "simple": Simple}[name](100, warm_up=0)
    side.run(100)
    status = Path("/proc/self/status").read_text()  # ru_maxrss would be the parent's at first
    print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


class Side:
    """Measure one design: `invoke` applies an event. Time in the stand-ins of AWS is not counted."""

    def __init__(self, symbols: int, warm_up: int = WARM_UP) -> None:
        from tests.aws.conformance import watching
        from tests.fakes.dynamodb import FakeDynamo

        watching.check = lambda *_: None  # holding each call against AWS's rules takes longer than the function itself
        side = self

        class Timed(FakeDynamo):
            def _answer(self, request: Any, **how: Any) -> Any:
                started = time.process_time()
                side.calls += 1
                try:
                    return super()._answer(request, **how)
                finally:
                    side.elsewhere += time.process_time() - started

        self.calls = 0
        self.elsewhere = 0.0
        self.dynamo = Timed()
        self.symbols = [f"S{n:03d}" for n in range(symbols)]
        self.walk = Walk(self.symbols)
        self.sequence = 0
        self.prepare()
        self.warm_up(warm_up * symbols)

    def warm_up(self, records: int) -> None:
        for _ in range(0, records, 1000):
            self.invoke(self.event(1000))

    def prepare(self) -> None:
        raise NotImplementedError

    def invoke(self, event: dict[str, Any]) -> None:
        raise NotImplementedError

    def data(self, bar: dict[str, Any]) -> bytes:
        raise NotImplementedError

    def event(self, size: int) -> dict[str, Any]:
        records = []
        for _ in range(size):
            self.sequence += 1
            data = base64.b64encode(self.data(self.walk.next())).decode()
            kinesis = {"sequenceNumber": str(self.sequence), "data": data, "partitionKey": "x"}
            records.append({"eventID": f"shardId-000000000000:{self.sequence}", "kinesis": kinesis})
        return {"Records": records}

    def run(self, size: int) -> tuple[float, float]:
        """Return CPU microseconds and AWS calls per record."""
        event = self.event(size)
        self.calls, self.elsewhere = 0, 0.0
        started = time.process_time()
        self.invoke(event)
        spent = time.process_time() - started - self.elsewhere
        return 1e6 * spent / size, self.calls / size

    def runtime(self, answer: Callable[[Any], tuple[bytes, dict[str, str]]]) -> Any:
        """Return a SageMaker client whose requests end here."""
        import boto3
        from botocore.awsrequest import AWSResponse
        from botocore.config import Config

        client = boto3.client(
            "sagemaker-runtime", region_name="eu-central-1", endpoint_url="http://runtime.invalid",
            aws_access_key_id="testing", aws_secret_access_key="testing", config=Config(parameter_validation=False),
        )  # fmt: skip

        def respond(request: Any, **_: Any) -> Any:
            started = time.process_time()
            self.calls += 1
            body, headers = answer(request)
            self.elsewhere += time.process_time() - started
            return AWSResponse(request.url, 200, headers, Raw(body))

        client.meta.events.register("before-send.sagemaker-runtime.*", respond)
        return client


class Raw(io.BytesIO):
    def stream(self, *_: Any, **__: Any) -> Any:
        yield self.getvalue()


class Walk:
    """Return a random walk of every symbol, one bar of each in turn."""

    def __init__(self, symbols: Sequence[str]) -> None:
        import random

        self._symbols = symbols
        self._price = dict.fromkeys(symbols, 100.0)
        self._rng = random.Random(0)
        self._count = 0

    def next(self) -> dict[str, Any]:
        minute, place = divmod(self._count, len(self._symbols))
        self._count += 1
        symbol = self._symbols[place]
        o = self._price[symbol]
        c = self._price[symbol] = round(o * (1 + self._rng.gauss(0, 0.001)), 4)
        high, low = round(max(o, c) * 1.0005, 4), round(min(o, c) * 0.9995, 4)
        return {
            "symbol": symbol, "timestamp": START + minute * MINUTE,
            "open": o, "high": high, "low": low, "close": c, "volume": float(self._rng.randint(1, 10**6)),
        }  # fmt: skip


class Tapeline(Side):
    def prepare(self) -> None:
        from tests.fakes.aws_account import FakeAccount

        from tapeline.lambdas import handler as lambda_handler

        bucket = FakeAccount()  # an empty one: the registry of range models is looked into once a minute
        for name, value in {
            "BUCKET": "b",
            "ROWS_TABLE": "rows",
            "STATE_TABLE": "state",
            "SAGEMAKER_ENDPOINT": "e",
        }.items():
            os.environ[f"TAPELINE_AWS__{name}"] = value
        clients = {
            "dynamodb": self.dynamo.client, "s3": lambda: bucket,
            "sagemaker-runtime": lambda: self.runtime(self._endpoint),
        }  # fmt: skip
        lambda_handler.client = lambda service: clients[service]()
        self._handler = lambda_handler.handler

    def _endpoint(self, request: Any) -> tuple[bytes, dict[str, str]]:
        import numpy as np

        from tapeline.forecast.features import DEFAULT_FEATURES

        headers = {"x-amzn-sagemaker-custom-attributes": "model=m1", "content-type": "application/x-npy"}
        if b"describe" in request.body[:20]:
            description = {
                "version": "m1",
                "features": DEFAULT_FEATURES.names,
                "feature_hash": DEFAULT_FEATURES.hash,
                "trained_until": 0,
                "band": 0.01,
            }
            return json.dumps(description).encode(), headers
        asked = np.load(io.BytesIO(request.body))
        file = io.BytesIO()
        np.save(file, np.full(len(asked), 0.6))
        return file.getvalue(), headers

    def data(self, bar: dict[str, Any]) -> bytes:
        from tapeline.core.codec import encode
        from tapeline.core.market import Bar, Bars

        return encode(Bars.of([Bar(**bar)]))

    def invoke(self, event: dict[str, Any]) -> None:
        import contextlib

        with contextlib.redirect_stdout(io.StringIO()):
            assert self._handler(event) == {"batchItemFailures": []}


class Simple(Side):
    """Process records as a function in a tutorial does."""

    def prepare(self) -> None:
        import numpy as np
        import talib

        self._np, self._talib = np, talib
        self._client = self.dynamo.client()
        self._predictor = self.runtime(lambda _: (b"0.6,UP\n", {"content-type": "text/csv"}))

    def data(self, bar: dict[str, Any]) -> bytes:
        return json.dumps(bar).encode()

    def invoke(self, event: dict[str, Any]) -> None:
        np = self._np
        for record in event["Records"]:
            bar = json.loads(base64.b64decode(record["kinesis"]["data"]))
            found = self._client.query(
                TableName="rows", KeyConditionExpression="#symbol = :symbol", ScanIndexForward=False, Limit=WINDOW - 1,
                ExpressionAttributeNames={"#symbol": "stock_symbol"},
                ExpressionAttributeValues={":symbol": {"S": bar["symbol"]}},
            )["Items"][::-1]  # fmt: skip
            columns = {
                name: np.array([float(item[name]["N"]) for item in found] + [bar[name]])
                for name in ("open", "high", "low", "close", "volume")
            }
            indicator = self._indicators(**columns)
            features = ",".join(repr(value) for value in indicator.values())
            answer = self._predictor.invoke_endpoint(
                EndpointName="e", Body=features.encode(), ContentType="text/csv", Accept="text/csv"
            )["Body"].read()
            self._put(bar, answer.decode().strip().partition(",")[2])

    def warm_up(self, records: int) -> None:
        """Store bars without the rest, which would take minutes."""
        for _ in range(records):
            self._put(self.walk.next(), "UP")

    def _put(self, bar: dict[str, Any], prediction: str) -> None:
        item = {
            "stock_symbol": {"S": bar["symbol"]}, "timestamp": {"N": str(bar["timestamp"])},
            **{name: {"N": repr(bar[name])} for name in ("open", "high", "low", "close", "volume")},
            "prediction": {"S": prediction},
        }  # fmt: skip
        self._client.put_item(TableName="rows", Item=item)

    def _indicators(self, open: Any, high: Any, low: Any, close: Any, volume: Any) -> dict[str, float]:  # noqa: A002
        talib = self._talib
        found = {}
        from tapeline.indicators import DEFAULT, parse

        for spec in DEFAULT:
            for name, values in peers(talib, parse(spec), open, high, low, close, volume).items():
                found[name] = float(values[-1])
        return found


def peers(talib: Any, spec: Any, o: Any, h: Any, lo: Any, c: Any, v: Any) -> dict[str, Any]:
    """Return the default indicators as TA-Lib computes them, without those that it lacks."""
    p = list(spec.parameters)
    kind = spec.text.partition("_")[0]
    some: dict[str, Callable[[], Any]] = {
        "sma": lambda: talib.SMA(c, p[0]), "ema": lambda: talib.EMA(c, p[0]), "rsi": lambda: talib.RSI(c, p[0]),
        "macd": lambda: talib.MACD(c, *p), "bbands": lambda: talib.BBANDS(c, p[0], p[1], p[1]),
        "atr": lambda: talib.ATR(h, lo, c, p[0]), "adx": lambda: talib.ADX(h, lo, c, p[0]),
        "stoch": lambda: talib.STOCH(h, lo, c, p[0], p[1], 0, p[2], 0), "cci": lambda: talib.CCI(h, lo, c, p[0]),
        "obv": lambda: talib.OBV(c, v), "mfi": lambda: talib.MFI(h, lo, c, v, p[0]),
        "roc": lambda: talib.ROC(c, p[0]), "willr": lambda: talib.WILLR(h, lo, c, p[0]),
    }  # fmt: skip
    if kind not in some:
        return {}
    values = some[kind]()
    return {f"{spec.text}.{n}": part for n, part in enumerate(values if isinstance(values, tuple) else (values,))}


if __name__ == "__main__":
    main()
