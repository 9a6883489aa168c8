"""Dynalite and Kinesalite, independent imitations of DynamoDB and Kinesis, where they are on the PATH.

Both are on npm: `npm install dynalite kinesalite`, then `PATH=$PWD/node_modules/.bin:$PATH`. They check what moto does
not: expressions, sizes of items and keys, numbers, and Kinesis's limits. Dynalite has no transactions: these become
single writes here, those with a condition first, which is enough for one writer at a time. It cannot undo, so a
transaction that fails half-way is not tried on it.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.exceptions import ClientError

from tests.aws.conformance import watching

REGION = "eu-central-1"

watching.install()


def available(program: str) -> bool:
    """Return whether `dynalite` or `kinesalite` can be run here."""
    return shutil.which(program) is not None


@contextmanager
def running(program: str, *options: str) -> Iterator[str]:
    """Yield the address of the program, which runs until the block is left."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [shutil.which(program) or program, "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"it does not listen; exit code {process.poll()}")


def client(service: str, url: str) -> Any:
    """Return a boto3 client of the imitation at this address; of DynamoDB with transactions."""
    made = boto3.client(
        service, endpoint_url=url, region_name=REGION, aws_access_key_id="testing", aws_secret_access_key="testing",
    )  # fmt: skip
    return Transactions(made) if service == "dynamodb" else made


class Transactions:
    """Add TransactWriteItems to a client of Dynalite, one write after the other."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def transact_write_items(self, **asked: Any) -> Any:
        watching.check("dynamodb", "TransactWriteItems", asked)
        operations = asked["TransactItems"]
        calls = {"Put": "put_item", "Update": "update_item", "Delete": "delete_item"}
        ordered = sorted(enumerate(operations), key=lambda each: "ConditionExpression" not in _how(each[1]))
        for place, operation in ordered:
            ((kind, how),) = operation.items()
            try:
                getattr(self._client, calls[kind])(**how)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                reasons = [{"Code": "None"} for _ in operations]
                reasons[place] = {"Code": "ConditionalCheckFailed"}
                said: Any = {
                    "Error": {"Code": "TransactionCanceledException", "Message": ""},
                    "CancellationReasons": reasons,
                }
                raise ClientError(said, "TransactWriteItems") from error
        return {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def _how(operation: dict[str, Any]) -> dict[str, Any]:
    ((_, how),) = operation.items()
    return dict(how)
