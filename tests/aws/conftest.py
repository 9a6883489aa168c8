"""Give tests AWS on loopback: moto's server, empty before every test, with every call held against AWS's rules."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.aws import moto_speed
from tests.aws.conformance import watching

REGION = "eu-central-1"
ROWS, STATE = "stock-table", "stock-state"

watching.install()


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """Yield the address of the one server of this test process."""
    from moto.server import ThreadedMotoServer

    moto_speed.install()
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of an empty AWS; boto3 finds address, region and credentials in the environment."""
    urllib.request.urlopen(f"{moto_server}/moto-api/reset", data=b"").close()  # a client of httpx reads certificates
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_server)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    return moto_server


@pytest.fixture
def dynamodb(aws: str) -> Any:
    """Return a client, with the two tables created as Terraform creates them."""
    import boto3

    client = boto3.client("dynamodb")
    create_tables(client)
    return client


def create_tables(client: Any) -> None:
    """Create the two tables as Terraform creates them."""
    for name, key, kind in ((ROWS, "timestamp", "N"), (STATE, "item", "S")):
        client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "stock_symbol", "KeyType": "HASH"},
                {"AttributeName": key, "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "stock_symbol", "AttributeType": "S"},
                {"AttributeName": key, "AttributeType": kind},
            ],
        )
