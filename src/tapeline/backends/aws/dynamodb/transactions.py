"""Write gathered changes in as few transactions as possible, and settle what DynamoDB cancels.

A symbol's changes stay in one transaction. Of a cancelled one, a symbol whose state has moved on is a conflict; one
whose newest row is newer than what was to be written goes on without it; the rest is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tapeline.backends.aws.dynamodb.changes import LATEST, STATE, StateChange
from tapeline.backends.aws.dynamodb.table import RetryBudget, Table

#: DynamoDB takes 100 items and 4 MB in one transaction.
_OPERATIONS, _BYTES = 100, 3_900_000

_UNMET = "ConditionalCheckFailed"
_PASSING = {"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"}
_Verdict = tuple[StateChange, dict[str, str]]


def write(table: Table, changes: Sequence[StateChange], done: Callable[[StateChange], None]) -> list[str]:
    """Make the changes, call `done` for each that is made, and return the symbols that someone else has changed.

    Raises `StorageError` when DynamoDB refuses time and again; whether the last transaction was made is unknown then.
    """
    conflicts: list[str] = []
    for chunk in _chunks(changes):
        left = chunk
        budget = RetryBudget(table, "TransactWriteItems")
        while left:
            reasons = iter(table.transact([operation for change in left for operation in change.operations.values()]))
            verdicts = [(change, {name: next(reasons, "") for name in change.operations}) for change in left]
            if not any(any(codes.values()) for _, codes in verdicts):
                for change in left:
                    done(change)
                break
            left, lost = _settle(table, verdicts)
            conflicts += lost
            if len(left) == len(verdicts) and not any(codes.get(LATEST) == _UNMET for _, codes in verdicts):
                budget.spend("the transaction was cancelled: " + ", ".join(sorted(_codes(verdicts))))
    return conflicts


def _codes(verdicts: Sequence[_Verdict]) -> set[str]:
    return {code for _, codes in verdicts for code in codes.values() if code != "None"}


def _settle(table: Table, verdicts: Sequence[_Verdict]) -> tuple[list[StateChange], list[str]]:
    """Return the changes of a cancelled transaction that are tried again, and the symbols that someone else changed."""
    left: list[StateChange] = []
    lost: list[str] = []
    for change, codes in verdicts:
        if codes.get(STATE) == _UNMET:
            lost.append(change.symbol)
            continue
        if codes.get(LATEST) == _UNMET:  # a newer row is stored, this one is of the past; or there is none at all
            change.without_newest_row(table.name)
        wrong = _codes([(change, codes)]) - _PASSING - {_UNMET}
        if wrong:
            reason = f"{', '.join(sorted(wrong))} for {change.symbol}"
            raise table.error("TransactWriteItems", reason, "nothing of this transaction was written")
        if change.operations:
            left.append(change)
    return left, lost


def _chunks(changes: Sequence[StateChange]) -> Iterator[list[StateChange]]:
    """Yield the changes in as few transactions as possible; those of one symbol stay together."""
    chunk: list[StateChange] = []
    operations = size = 0
    for change in changes:
        if chunk and (operations + len(change.operations) > _OPERATIONS or size + change.size > _BYTES):
            yield chunk
            chunk, operations, size = [], 0, 0
        chunk.append(change)
        operations += len(change.operations)
        size += change.size
    if chunk:
        yield chunk
