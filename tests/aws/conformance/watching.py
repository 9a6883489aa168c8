"""Hold calls against the rules, count them, and fail the one that breaks a rule.

`install` is for a process: from then on every client of boto3 is watched, and so are metric documents. Processes share
a folder, named in the environment, where each appends what it checked and found: one that is killed loses nothing.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.aws.conformance import dynamodb_limits, sagemaker_limits, shapes, stream_limits
from tests.aws.conformance.table import LIMITS, limits_of

__all__ = ["BreachError", "Report", "check", "faults", "install", "report"]

_TABLES = dynamodb_limits, sagemaker_limits, stream_limits  # imported for the rules that they add

#: Where processes leave what they checked.
FOLDER = "AWS_CONFORMANCE_FOLDER"

#: Seconds that calls of such a program may take, in place of what suits AWS.
PATIENCE = "AWS_CONFORMANCE_PATIENCE"

#: What is sent to AWS without a call of its API: no model has it.
_WITHOUT_MODEL = {"lambda", "logs"}

#: The fakes' clients are used by threads.
_lock = threading.Lock()


class BreachError(AssertionError):
    """AWS would refuse this call."""


def faults(service: str, operation: str, asked: Any) -> list[str]:
    """Return what AWS would refuse in this request, a line each; [] when it conforms."""
    found = [] if service in _WITHOUT_MODEL else shapes.faults(service, operation, asked)
    if not found:  # the rules of the table rely on the shape
        found += [f"{rule.name}: {fault} ({rule.source})" for rule in limits_of(service, operation)
                  for fault in rule.check(asked)]  # fmt: skip
    return found


def check(service: str, operation: str, asked: Any) -> None:
    """Count this request. Raises `BreachError` when AWS would refuse it."""
    found = faults(service, operation, asked)
    folder = os.environ.get(FOLDER)
    if folder:
        lines = [f"{service} {operation}\n", *(f"! {service} {operation} {fault}\n" for fault in found)]
        with _lock, (Path(folder) / f"{os.getpid()}.calls").open("a") as file:
            file.write("".join(lines))
    if found:
        raise BreachError(f"AWS refuses {service} {operation}: {'; '.join(found[:5])}")


def install() -> None:
    """Watch every client that boto3 makes in this process from now on; a second call changes nothing."""
    import boto3
    from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider
    from botocore import handlers

    if any(entry[1] is _built for entry in handlers.BUILTIN_HANDLERS):
        return
    handlers.BUILTIN_HANDLERS.append(("before-parameter-build", _built, handlers.REGISTER_LAST))
    boto3.DEFAULT_SESSION = None  # one that exists already has no such handler
    serialized = AmazonCloudWatchEMFProvider.serialize_metric_set

    def checked(self: Any, *arguments: Any, **named: Any) -> Any:
        document = serialized(self, *arguments, **named)
        check("logs", "MetricDocument", document)
        return document

    AmazonCloudWatchEMFProvider.serialize_metric_set = checked  # type: ignore[method-assign]


def _built(params: Any, model: Any, **_: Any) -> None:
    shapes.know(model.service_model)
    check(model.service_model.service_name, model.name, params)


@dataclass(frozen=True)
class Report:
    """Hold what was checked: calls by service and operation, and every breach."""

    calls: Counter[tuple[str, str]]
    breaches: tuple[str, ...]

    @property
    def from_models(self) -> int:
        """Return how many rules AWS's models have for these operations."""
        return sum(len(shapes.rules(*each)) for each in self.calls if each[0] not in _WITHOUT_MODEL)

    @property
    def documented(self) -> int:
        """Return how many rules of the table are about these operations."""
        return sum(any((rule.service, name) in self.calls for name in rule.operations) for rule in LIMITS)

    def __str__(self) -> str:
        return (
            f"conformance: {sum(self.calls.values()):,} calls of {len(self.calls)} operations held against "
            f"{self.from_models:,} rules of AWS's models and {self.documented} documented limits: "
            f"{len(self.breaches) or 'none'} broken"
        )


def report(folder: Path) -> Report:
    """Return what all processes left in the folder."""
    calls: Counter[tuple[str, str]] = Counter()
    breaches = []
    for path in sorted(folder.glob("*.calls")):
        for line in path.read_text().splitlines():
            if line.startswith("! "):
                breaches.append(line[2:])
            else:
                service, _, operation = line.partition(" ")
                calls[service, operation] += 1
    return Report(calls, tuple(breaches))


def environment(folder: str | Path) -> dict[str, str]:
    """Return what a Python program needs in its environment to be watched, and to leave its calls in the folder."""
    root = Path(__file__).parents[3]
    paths = [str(Path(__file__).parent / "site"), str(root), str(root / "src")]
    return {FOLDER: str(folder), "PYTHONPATH": os.pathsep.join(paths)}
