"""Calls to one DynamoDB table: pages, batches, what was left undone, throttling, and errors that say what to do."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tapeline.errors import StorageError

#: What DynamoDB takes in one call.
_PUTS, _GETS = 25, 100

#: How often a call is tried again, and the longest pause before the first and before any of these; the pause is random
#: below that, so that processes that were refused together do not come back together.
_ATTEMPTS, _FIRST_PAUSE, _LONGEST_PAUSE = 8, 0.05, 2.0

_PASSING = {
    "InternalServerError",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionInProgressException",
}
_CREDENTIALS = "check the credentials (aws sts get-caller-identity)"
_ADVICE = {
    "AccessDeniedException": "allow it in the policy of the role that this runs as",
    "ExpiredTokenException": _CREDENTIALS,
    "InvalidSignatureException": _CREDENTIALS,
    "ResourceNotFoundException": "create it with Terraform (services/), or correct the region or the table's name",
    "UnrecognizedClientException": _CREDENTIALS,
}


class Table:
    """One table. `client` is boto3's low-level client; `sleep` waits for seconds.

    Every method raises `StorageError` when the call is refused, or put off time and again.
    """

    def __init__(self, client: Any, name: str, sleep: Callable[[float], None]) -> None:
        self.name = name
        self._client = client
        self._sleep = sleep

    def query(self, condition: str, names: Mapping[str, str], values: Mapping[str, Any], **more: Any) -> Iterator[Any]:
        """The items that meet the key condition, page after page, read consistently."""
        request = {
            "TableName": self.name,
            "ConsistentRead": True,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            **more,
        }
        while True:
            page = self._call("Query", **request)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def get(self, keys: Sequence[Any]) -> Iterator[Any]:
        """Those items of these keys that there are, in any order, read consistently."""
        left = list(keys)
        patience = RetryBudget(self, "BatchGetItem")
        while left:
            asked = left[:_GETS]
            answer = self._call("BatchGetItem", RequestItems={self.name: {"Keys": asked, "ConsistentRead": True}})
            yield from answer["Responses"].get(self.name, ())
            undone = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            left = undone + left[_GETS:]
            patience.next(len(undone), len(asked))

    def put(self, items: Sequence[Any]) -> None:
        """Writes these items, each of another key, in any order."""
        left = [{"PutRequest": {"Item": item}} for item in items]
        patience = RetryBudget(self, "BatchWriteItem")
        while left:
            sent = left[:_PUTS]
            answer = self._call("BatchWriteItem", RequestItems={self.name: sent})
            undone = answer.get("UnprocessedItems", {}).get(self.name, [])
            left = undone + left[_PUTS:]
            patience.next(len(undone), len(sent))

    def transact(self, operations: Sequence[Any]) -> list[str]:
        """Does all of these or none. Empty when they are done; else the reason against each, 'None' for no reason.

        A call whose answer was lost is not done twice: the token tells DynamoDB that it is the same.
        """
        answer = self._call("TransactWriteItems", TransactItems=operations, ClientRequestToken=str(uuid.uuid4()))
        return [reason["Code"] for reason in answer["CancellationReasons"]] if "Error" in answer else []

    def error(self, action: str, reason: str, advice: str) -> StorageError:
        return StorageError(f"DynamoDB table {self.name}: dynamodb:{action} failed: {reason}; {advice}")

    def pause(self, attempt: int) -> None:
        self._sleep(random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)))

    def _call(self, action: str, **request: Any) -> Any:
        from botocore import xform_name
        from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004

        patience = RetryBudget(self, action)
        while True:
            try:
                return getattr(self._client, xform_name(action))(**request)
            except ClientError as error:
                code = error.response["Error"].get("Code", "")
                if code == "TransactionCanceledException":
                    return error.response
                reason = f"{code}: {error.response['Error'].get('Message', '')}".partition("\n")[0]
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
                if code not in _PASSING and status < 500:
                    advice = _ADVICE.get(code, "nothing of this call was written")
                    raise self.error(action, reason, advice) from error
            except (ConnectionError, HTTPClientError) as error:
                reason = str(error)
            except BotoCoreError as error:  # no credentials, for one
                raise self.error(action, str(error), _CREDENTIALS) from error
            patience.lose(reason)


class RetryBudget:
    """Pauses between attempts of one action, and an end of them. What gets on starts over."""

    def __init__(self, table: Table, action: str) -> None:
        self._table = table
        self._action = action
        self._attempt = 0

    def lose(self, reason: str) -> None:
        """Pauses before the next attempt. Raises `StorageError` when there have been enough."""
        if self._attempt == _ATTEMPTS:
            end = f"given up after {_ATTEMPTS + 1} attempts; see the table's capacity and the account's limits"
            raise self._table.error(self._action, reason, end)
        self._table.pause(self._attempt)
        self._attempt += 1

    def next(self, undone: int, asked: int) -> None:
        """Pauses when some of what was asked for was left undone."""
        if undone < asked:
            self._attempt = 0
        if undone:
            self.lose(f"{undone} of {asked} items were left undone")
