"""Hold the stacks against the schema of version 6 of the AWS provider: no such provider is at hand to plan with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.terraform.hcl_blocks import Block, blocks_of, resources_of
from tests.terraform.provider_schema import SCHEMA, STACKS, Body
from tests.terraform.running import ROOT

#: What the guide to version 6 says of types that the stacks have, and a schema cannot: arguments and attributes that
#: were removed, or mean something else. It is website/docs/guides/version-6-upgrade.html.markdown in the provider's
#: source.
CHANGED = {
    "aws_ecs_task_definition": {"inference_accelerator"},
    "aws_eip": {"vpc"},
    "aws_flow_log": {"log_group_name"},
    "aws_lb_listener": {"mutual_authentication"},
    "aws_lb_target_group": {"preserve_client_ip"},
    "aws_s3_bucket": {"region"},
    "data.aws_region": {"name"},
    "provider": {"endpoints", "s3_us_east_1_regional_endpoint"},
}

#: Services of which all types are gone, or will be.
GONE = ("elastictranscoder", "evidently", "media_store", "opsworks", "simpledb", "worklink", "kinesis_analytics")


@cache
def schema() -> dict[str, Body]:
    found: dict[str, Body] = json.loads(SCHEMA.read_text())
    return found


def faults(where: str, block: Block, body: Body | None) -> Iterator[str]:
    """Yield what version 6 would refuse of a block."""
    if body is None:
        yield f"{where}: not in the file of the schema: write it anew (tests/terraform/provider_schema.py)"
        return
    blocks = {inner.name for inner in block.blocks}
    known = {*body["required"], *body["optional"]}
    yield from (f"{where}: no argument {name}" for name in sorted(block.arguments - known - body["blocks"].keys()))
    yield from (f"{where}: no block {name}" for name in sorted(blocks - body["blocks"].keys() - known))
    missing = {*body["required"], *body["required_blocks"]} - block.arguments - blocks
    yield from (f"{where}: {name} is required" for name in sorted(missing))
    for inner in block.blocks:
        if inner.name in body["blocks"]:
            yield from faults(f"{where}.{inner.name}", inner, body["blocks"][inner.name])


@pytest.mark.parametrize("stack", STACKS)
def test_version_6_knows_every_argument_and_block_and_misses_none(stack: str) -> None:
    found = [
        fault
        for kind, block in resources_of(ROOT / stack)
        if "aws_" in kind
        for fault in faults(f"{kind}.{block.labels[1]}", block, schema().get(kind))
    ]
    assert found == []


#: Finds what is read of a resource or data source.
REFERENCE = re.compile(r"(?<![\w.])(data\.)?(aws_\w+)\.\w+(?:\[[^\]]*\])?\.(\w+)")


@pytest.mark.parametrize("stack", STACKS)
def test_version_6_has_every_attribute_that_is_referred_to(stack: str) -> None:
    text = "\n".join(path.read_text() for path in sorted((ROOT / stack).glob("*.tf")))
    missing = set()
    references = REFERENCE.findall(text)
    assert len(references) > 10
    for data, kind, attribute in references:
        body = schema()[f"{data}{kind}"]
        if attribute not in {*body["read"], *body["required"], *body["optional"], *body["blocks"]}:
            missing.add(f"{data}{kind}.{attribute}")
    assert missing == set()


def test_what_version_6_lacks_or_demands_is_seen() -> None:
    rule = Block("rule", (), {"id", "colour"}, [Block("filter"), Block("paint")])
    bucket = Block("resource", ("aws_s3_bucket_lifecycle_configuration", "data"), set(), [rule])
    found = list(faults("logs", bucket, schema()[bucket.labels[0]]))
    assert found == [
        "logs: bucket is required", "logs.rule: no argument colour", "logs.rule: no block paint",
        "logs.rule: status is required",
    ]  # fmt: skip


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_that_the_guide_to_version_6_names_is_used(stack: str) -> None:
    text = "\n".join(path.read_text() for path in sorted((ROOT / stack).glob("*.tf")))
    used = [
        (kind, block.arguments | {inner.name for inner in block.blocks}) for kind, block in resources_of(ROOT / stack)
    ]
    used += [("provider", block.arguments) for block in blocks_of(ROOT / stack) if block.name == "provider"]
    used += [(f"{data}{kind}", {attribute}) for data, kind, attribute in REFERENCE.findall(text)]
    assert [(kind, names) for kind, own in used if (names := own & CHANGED.get(kind, set()))] == []
    assert [kind for kind, _ in used if any(service in kind for service in GONE)] == []
