"""Serve moto's services through a recorder of which role called what."""

from __future__ import annotations

import functools
import io
import json
import re
import threading
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.aws import moto_speed
from tests.aws.conformance import watching

REGION = "us-east-1"
ACCOUNT = "123456789012"

#: What an operation of DynamoDB needs of a policy, where that is not its own name.
_TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}


@dataclass(frozen=True, slots=True)
class Call:
    """Hold one permission that was needed: `action` as policies name it, on the resource with this ARN."""

    role: str
    action: str
    resource: str


@dataclass
class Account:
    """Serve AWS on loopback from `start` to `stop`. The access key id that a process uses names its role."""

    calls: set[Call] = field(default_factory=set)
    _server: Any = None
    _thread: threading.Thread | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def environment(self, role: str) -> dict[str, str]:
        """Return the environment that lets a process find this account and act as the role."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": role,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def client(self, service: str, role: str = "local") -> Any:
        import boto3

        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=REGION,
            aws_access_key_id=role, aws_secret_access_key="local",
        )  # fmt: skip

    def start(self) -> Account:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        moto_speed.install()
        watching.install()
        application = self._recorded(DomainDispatcherApplication(create_backend_app))
        self._server = make_server("127.0.0.1", 0, application, threaded=True)
        serve = functools.partial(self._server.serve_forever, poll_interval=0.02)  # `stop` waits for one
        self._thread = threading.Thread(target=serve, name="moto", daemon=True)
        self._thread.start()
        urllib.request.urlopen(f"{self.endpoint}/moto-api/reset", data=b"").close()  # moto's memory is the process's
        return self

    def stop(self) -> None:
        self._server.shutdown()
        if self._thread is not None:
            self._thread.join()
        self._server.server_close()

    def record(self, role: str, action: str, resource: str) -> None:
        self.calls.add(Call(role, action, resource))

    def _recorded(self, application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            found = re.search(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
            if found:
                body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                environ["wsgi.input"] = io.BytesIO(body)
                for action, resource in _needed(found[2], environ, body):
                    self.record(found[1], action, resource)
            return application(environ, start_response)

        return serve


def _needed(service: str, environ: dict[str, Any], body: bytes) -> Iterable[tuple[str, str]]:
    target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    if service == "dynamodb":
        yield from _dynamodb(target, json.loads(body))
    elif service == "kinesis":
        asked = json.loads(body) if body[:1] == b"{" else {}
        yield f"kinesis:{target}", f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{asked.get('StreamName', '*')}"
    elif service == "firehose":
        name = json.loads(body)["DeliveryStreamName"]
        yield f"firehose:{target}", f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/{name}"
    elif service == "s3":
        yield _s3(environ)
    else:
        action = target or parse_qs(body.decode(errors="replace")).get("Action", ["?"])[0]
        yield f"{service}:{action}", "*"


def _dynamodb(operation: str, asked: dict[str, Any]) -> Iterable[tuple[str, str]]:
    def table(name: str) -> str:
        return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"

    if operation == "TransactWriteItems":
        for item in asked["TransactItems"]:
            ((kind, how),) = item.items()
            yield f"dynamodb:{_TRANSACTED[kind]}", table(how["TableName"])
    elif "RequestItems" in asked:
        for name in asked["RequestItems"]:
            yield f"dynamodb:{operation}", table(name)
    else:
        yield f"dynamodb:{operation}", table(asked.get("TableName", "*"))


def _s3(environ: dict[str, Any]) -> tuple[str, str]:
    bucket, _, key = unquote(environ["PATH_INFO"]).lstrip("/").partition("/")
    if not key:
        return "s3:ListBucket", f"arn:aws:s3:::{bucket}"
    verb = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "POST": "PutObject", "DELETE": "DeleteObject"}
    return f"s3:{verb[environ['REQUEST_METHOD']]}", f"arn:aws:s3:::{bucket}/{key}"
