"""Say what a Terraform plan changes, from its JSON: what is made, changed, destroyed, and which of it holds data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Types of resources whose destruction loses data, or what people have set up by hand.
HOLD_DATA = frozenset({
    "aws_athena_workgroup", "aws_cloudwatch_log_group", "aws_cognito_user_pool", "aws_dynamodb_table",
    "aws_ecr_repository", "aws_glue_catalog_database", "aws_glue_catalog_table",
    "aws_kinesis_firehose_delivery_stream", "aws_kinesis_stream", "aws_kms_key", "aws_s3_bucket",
    "aws_sagemaker_model_package_group", "aws_sns_topic", "aws_vpc",
})  # fmt: skip


@dataclass(frozen=True)
class Change:
    """Hold what happens to one resource: `create`, `update`, `destroy` or `replace`."""

    address: str
    kind: str
    action: str

    @property
    def loses_data(self) -> bool:
        """Return whether something is destroyed that holds data."""
        return self.action in {"destroy", "replace"} and self.kind in HOLD_DATA

    def __str__(self) -> str:
        """Return a line for people."""
        return f"{self.action:>8}  {self.address}{'  (HOLDS DATA)' if self.loses_data else ''}"


def changes(plan: Mapping[str, Any]) -> list[Change]:
    """Return what the plan does to resources, from `terraform show -json`. Reading a data source is no change.

    A new revision of a task definition is `create`: Terraform calls it a replacement, and the earlier one stays
    (`skip_destroy`).
    """
    found = []
    for resource in plan.get("resource_changes", []):
        actions = set(resource["change"]["actions"])
        if resource["mode"] != "managed" or actions <= {"no-op", "read"}:
            continue
        if actions == {"create", "delete"}:
            kept = (resource["change"].get("after") or {}).get("skip_destroy") is True
            action = "create" if kept else "replace"
        else:
            action = {"create": "create", "update": "update", "delete": "destroy", "forget": "forget"}[actions.pop()]
        found.append(Change(resource["address"], resource["type"], action))
    return sorted(found, key=lambda change: change.address)


def destroyed(found: list[Change]) -> list[Change]:
    """Return the changes that destroy something."""
    return [change for change in found if change.action in {"destroy", "replace"}]
