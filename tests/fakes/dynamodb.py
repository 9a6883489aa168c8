"""DynamoDB in memory behind a real boto3 client, a thousand times faster than moto.

It answers what boto3 would send over the wire, and knows only the operations and expressions that tapeline uses.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cached_property
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.aws.conformance import watching
from tests.fakes import Writes

watching.install()

Item = dict[str, Any]


class FakeDynamo(Writes):
    """The tables, which come into being when first written.

    A write is that of a single item. `refuse` is given each request's operation before anything is written, and answers
    with an error code ('' for none). `calls` counts requests, and
    `changes` has every item that was put, with its table, in order, as a change stream does.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, dict[str, dict[Any, Item]]] = defaultdict(lambda: defaultdict(dict))
        self.refuse: Callable[[str], str] = lambda _: ""
        self.calls: dict[str, int] = defaultdict(int)
        self.changes: list[tuple[str, Item]] = []

    @cached_property
    def _client(self) -> Any:
        client = boto3.client(
            "dynamodb", region_name="eu-central-1", endpoint_url="http://dynamodb.invalid",
            aws_access_key_id="testing", aws_secret_access_key="testing",
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )  # fmt: skip
        client.meta.events.register("before-send.dynamodb.*", self._answer)
        return client

    def client(self) -> Any:
        """Return the one boto3 client whose requests are answered here: to make one takes longer than a day of bars."""
        return self._client

    def direct(self) -> Any:
        """Return a client without boto3, for thousands of days: it raises the same errors, and costs a tenth."""
        return _Direct(self.answered)

    def answered(self, operation: str, asked: Item) -> Item:
        """Return the answer to a request; it has a `__type` when it is an error."""
        self.calls[operation] += 1
        code = self.refuse(operation)
        return {"__type": f"x#{code}", "message": "refused"} if code else self._do(operation, asked)

    def rows(self, table: str) -> Iterator[Item]:
        """Yield all items of a table, by partition and sort key."""
        for partition in sorted(self.tables[table]):
            own = self.tables[table][partition]
            yield from (own[key] for key in sorted(own))

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        answer = self.answered(operation, json.loads(request.body))
        status = 400 if "__type" in answer else 200
        return AWSResponse(request.url, status, {"content-type": "application/x-amz-json-1.0"}, _Raw(answer))

    def _do(self, operation: str, asked: Item) -> Item:
        return {
            "BatchGetItem": self._batch_get,
            "BatchWriteItem": self._batch_write,
            "DeleteItem": self._delete_item,
            "PutItem": self._put_item,
            "Query": self._query,
            "TransactWriteItems": self._transact,
        }[operation](asked)

    # -- operations --------------------------------------------------------------------------------------------------

    def _batch_get(self, asked: Item) -> Item:
        found = {
            table: [item for key in what["Keys"] if (item := self._get(table, key)) is not None]
            for table, what in asked["RequestItems"].items()
        }
        return {"Responses": found, "UnprocessedKeys": {}}

    def _batch_write(self, asked: Item) -> Item:
        for table, requests in asked["RequestItems"].items():
            assert len(requests) <= 25
            for request in requests:
                self.before_write()
                self._put(table, request["PutRequest"]["Item"])
        return {"UnprocessedItems": {}}

    def _put_item(self, asked: Item) -> Item:
        if not self._allowed(asked):
            refused = {"__type": "x#ConditionalCheckFailedException", "message": "The conditional request failed"}
            stored = self._get(asked["TableName"], asked["Item"])
            return refused | ({"Item": stored} if stored is not None else {})
        self.before_write()
        self._put(asked["TableName"], asked["Item"])
        return {}

    def _delete_item(self, asked: Item) -> Item:
        self.before_write()
        partition, sort = _key(asked["Key"])
        self.tables[asked["TableName"]][partition].pop(sort, None)
        return {}

    def _transact(self, asked: Item) -> Item:
        operations = [next(iter(each.items())) for each in asked["TransactItems"]]
        assert len(operations) <= 100
        codes = ["None" if self._allowed(how) else "ConditionalCheckFailed" for _, how in operations]
        if any(code != "None" for code in codes):
            reasons = [{"Code": code} for code in codes]
            return {"__type": "x#TransactionCanceledException", "message": "", "CancellationReasons": reasons}
        for _ in operations:
            self.before_write()
        for kind, how in operations:
            if kind == "Put":
                self._put(how["TableName"], how["Item"])
            elif kind == "Delete":
                partition, sort = _key(how["Key"])
                self.tables[how["TableName"]][partition].pop(sort, None)
            else:
                self._put(how["TableName"], self._updated(how))
        self.before_write()  # it is written, but the answer may be lost
        return {}

    def _updated(self, how: Item) -> Item:
        names, values = how["ExpressionAttributeNames"], how["ExpressionAttributeValues"]
        item = dict(self._get(how["TableName"], how["Key"]) or how["Key"])
        for part in how["UpdateExpression"].removeprefix("SET ").split(", "):
            name, value = part.split(" = ")
            item[names[name]] = values[value]
        return item

    def _allowed(self, how: Item) -> bool:
        condition = how.get("ConditionExpression")
        if condition is None:
            return True
        item = self._get(how["TableName"], how["Key"] if "Key" in how else how["Item"]) or {}
        names, values = how["ExpressionAttributeNames"], how.get("ExpressionAttributeValues", {})
        ways = [way.split(" AND ") for way in condition.split(" OR ")]
        return any(all(self._holds(part, item, names, values) for part in way) for way in ways)

    @staticmethod
    def _holds(condition: str, item: Item, names: Item, values: Item) -> bool:
        if there := re.fullmatch(r"attribute_(not_)?exists\((#\w+)\)", condition):
            return (names[there[2]] in item) != bool(there[1])
        name, comparison, value = condition.split(" ")
        if names[name] not in item:
            return False
        have, want = _value(item[names[name]]), _value(values[value])
        return bool({"=": have == want, "<": have < want, "<=": have <= want}[comparison])

    def _query(self, asked: Item) -> Item:
        names, values = asked["ExpressionAttributeNames"], asked["ExpressionAttributeValues"]
        own: dict[Any, Item] = {}
        low: Any = None
        for part in re.split(r" AND (?!:)", asked["KeyConditionExpression"]):
            if between := re.fullmatch(r"(#\w+) BETWEEN (:\w+) AND (:\w+)", part):
                low, high = _value(values[between[2]]), _value(values[between[3]])
            else:
                name, _, value = part.split(" ")
                assert names[name] == "stock_symbol"
                own = self.tables[asked["TableName"]].get(_value(values[value]), {})
        keys: Any = sorted(key for key in own if low is None or low <= key <= high)
        if not asked.get("ScanIndexForward", True):
            keys = reversed(keys)
        return {"Items": [own[key] for key in itertools.islice(keys, asked.get("Limit"))]}

    # -- items -------------------------------------------------------------------------------------------------------

    def _get(self, table: str, key: Item) -> Item | None:
        partition, sort = _key(key)
        return self.tables[table].get(partition, {}).get(sort)

    def _put(self, table: str, item: Item) -> None:
        partition, sort = _key(item)
        self.tables[table][partition][sort] = item
        self.changes.append((table, item))


def _key(item: Item) -> tuple[str, Any]:
    # an item of the state table has both names; its sort key is `item`
    name = "item" if "item" in item else "timestamp"
    return item["stock_symbol"]["S"], _value(item[name])


def _value(attribute: Item) -> Any:
    ((kind, value),) = attribute.items()
    return Decimal(value) if kind == "N" else value


class _Direct:
    """Call `answered` for every method of boto3's client, and raise what boto3 would raise."""

    def __init__(self, answered: Callable[[str, Item], Item]) -> None:
        self._answered = answered

    def __getattr__(self, method: str) -> Callable[..., Item]:
        operation = "".join(word.title() for word in method.split("_"))

        def call(**asked: Any) -> Item:
            answer = self._answered(operation, asked)
            if "__type" not in answer:
                return answer
            error = {"Code": answer.pop("__type").partition("#")[2], "Message": answer.pop("message")}
            response: Any = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}, **answer}
            raise ClientError(response, operation)

        return call


class _Raw:
    """A body as urllib3 would give it."""

    def __init__(self, answer: Item) -> None:
        self._content = json.dumps(answer).encode()

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._content
