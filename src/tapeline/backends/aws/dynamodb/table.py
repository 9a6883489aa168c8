"""Call one DynamoDB table: pages, batches, what was left undone, throttling, and errors that say what to do."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tapeline.backends.aws.botocore_errors import AwsProblem, botocore_errors
from tapeline.core.retrying import backoff_seconds
from tapeline.errors import StorageError

#: What DynamoDB takes in one call.
_PUTS, _GETS = 25, 100

#: How often a call is tried again, and the longest pauses (s) before the first and before any of these.
_ATTEMPTS, _FIRST_PAUSE, _LONGEST_PAUSE = 8, 0.05, 2.0

#: What a transaction needs to be allowed: it is no action of IAM itself.
_PERMISSIONS = {"TransactWriteItems": "dynamodb:PutItem, dynamodb:UpdateItem and dynamodb:DeleteItem"}

#: Codes of errors that are an answer.
_ANSWERS = {"ConditionalCheckFailedException", "TransactionCanceledException"}


class Table:
    """Call one table. `client` is boto3's low-level client; `sleep` waits for seconds.

    Every method raises `StorageError` when the call is refused, or put off time and again.
    """

    def __init__(self, client: Any, name: str, sleep: Callable[[float], None]) -> None:
        self.name = name
        self._client = client
        self._sleep = sleep

    def query(
        self, partition: str, sort: str = "", first: object = None, last: object = None, **more: Any
    ) -> Iterator[Any]:
        """Yield the items whose `stock_symbol` is `partition`, page after page, read consistently.

        With `sort`, the name of the sort key, only those from `first` to `last`, both included; `more` is what else
        DynamoDB's Query takes.
        """
        condition, names, values = "#symbol = :symbol", {"#symbol": "stock_symbol"}, {":symbol": {"S": partition}}
        if sort:
            kind = "S" if isinstance(first, str) else "N"
            condition += f" AND #{sort} BETWEEN :first AND :last"
            names |= {f"#{sort}": sort}
            values |= {":first": {kind: str(first)}, ":last": {kind: str(last)}}
        request = {
            "TableName": self.name, "ConsistentRead": True, "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names, "ExpressionAttributeValues": values, **more,
        }  # fmt: skip
        while True:
            page = self._call("Query", **request)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def get(self, keys: Sequence[Any]) -> Iterator[Any]:
        """Yield the items of these keys that exist, in any order, read consistently."""
        left = list(keys)
        budget = RetryBudget(self, "BatchGetItem")
        while left:
            asked = left[:_GETS]
            answer = self._call("BatchGetItem", RequestItems={self.name: {"Keys": asked, "ConsistentRead": True}})
            yield from answer["Responses"].get(self.name, ())
            undone = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            left = undone + left[_GETS:]
            budget.spend_on_undone(len(undone), len(asked))

    def put(self, items: Sequence[Any]) -> None:
        """Write these items, each of another key, in any order."""
        left = [{"PutRequest": {"Item": item}} for item in items]
        budget = RetryBudget(self, "BatchWriteItem")
        while left:
            sent = left[:_PUTS]
            answer = self._call("BatchWriteItem", RequestItems={self.name: sent})
            undone = answer.get("UnprocessedItems", {}).get(self.name, [])
            left = undone + left[_PUTS:]
            budget.spend_on_undone(len(undone), len(sent))

    def put_if(self, item: Any, condition: str, names: Mapping[str, str], values: Mapping[str, Any]) -> Any | None:
        """Write the item if the condition holds for the one that is stored. Return None when it did, else that item.

        It costs half of what the same write in a transaction does.
        """
        request = conditional(self.name, condition, names, values, Item=item)
        answer = self._call("PutItem", **request, ReturnValuesOnConditionCheckFailure="ALL_OLD")
        return answer.get("Item", {}) if "Error" in answer else None

    def delete(self, key: Any) -> None:
        """Delete the item with this key, if there is one."""
        self._call("DeleteItem", TableName=self.name, Key=key)

    def transact(self, operations: Sequence[Any]) -> list[str]:
        """Do all of these or none. Return [] when they are done, else the reason for each, 'None' where it has none.

        A call whose answer was lost is not done twice: the token tells DynamoDB that it is the same.
        """
        answer = self._call("TransactWriteItems", TransactItems=operations, ClientRequestToken=str(uuid.uuid4()))
        return [reason["Code"] for reason in answer["CancellationReasons"]] if "Error" in answer else []

    def error(self, action: str, reason: str, advice: str) -> StorageError:
        """Return the error for a call that was answered but did not succeed."""
        return StorageError(AwsProblem(f"dynamodb:{action}", "", reason, advice).line(self._where))

    def pause(self, attempt: int) -> None:
        """Wait before the repetition `attempt`, counted from 0; the longer, the more there were."""
        self._sleep(backoff_seconds(attempt, _FIRST_PAUSE, _LONGEST_PAUSE, jitter=1.0))

    @property
    def _where(self) -> str:
        return f"DynamoDB table {self.name}"

    def _call(self, action: str, **request: Any) -> Any:
        """Return the answer, or the response of a transaction that was cancelled, or whose condition did not hold."""
        from botocore import xform_name

        budget = RetryBudget(self, action)
        while True:
            try:
                return getattr(self._client, xform_name(action))(**request)
            except botocore_errors() as error:
                problem = AwsProblem.of(error, f"dynamodb:{action}", _PERMISSIONS.get(action, ""))
                if problem.code in _ANSWERS:
                    return error.response  # type: ignore[attr-defined]
                if not problem.passing:
                    raise StorageError(problem.line(self._where, "nothing of this call was written")) from error
                budget.spend(problem.reason)


def conditional(
    table: str, condition: str, names: Mapping[str, str], values: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """Return a request about an item of the table that is done only if the condition holds for what is stored."""
    return {
        "TableName": table, "ConditionExpression": condition, "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values, **more,
    }  # fmt: skip


class RetryBudget:
    """Pause between attempts of one action, and end them when there were enough. Progress starts the count again."""

    def __init__(self, table: Table, action: str) -> None:
        self._table = table
        self._action = action
        self._attempt = 0

    def spend(self, reason: str) -> None:
        """Pause before the next attempt. Raises `StorageError` when there have been enough."""
        if self._attempt == _ATTEMPTS:
            advice = f"given up after {_ATTEMPTS + 1} attempts; see the table's capacity and the account's limits"
            raise self._table.error(self._action, reason, advice)
        self._table.pause(self._attempt)
        self._attempt += 1

    def spend_on_undone(self, undone: int, asked: int) -> None:
        """Pause when some of what was asked for was left undone."""
        if undone < asked:
            self._attempt = 0
        if undone:
            self.spend(f"{undone} of {asked} items were left undone")
