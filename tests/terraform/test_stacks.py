"""Check the stacks: format, validity, tests with a mocked provider, a scan, and agreement with the program they run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tapeline.app import config
from tapeline.app.page_wiring import access_of
from tapeline.errors import ServingError
from tapeline.indicators import DEFAULT, Engine
from tests.terraform.running import ROOT, Stack

STACKS = ("network", "services")


@pytest.fixture(scope="session", params=STACKS)
def stack(
    terraform: Mapping[str, str], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Stack:
    return Stack.copied(request.param, tmp_path_factory.mktemp("terraform"), terraform)


def source(stack: str) -> str:
    return "\n".join(path.read_text() for path in sorted((ROOT / stack).glob("*.tf")))


def blocks(text: str, kind: str) -> dict[str, str]:
    """Return the body of every top-level block `kind "..." "name" {` by its name."""
    found = re.finditer(rf'^{kind} (?:"[\w]+" )?"(\w+)" \{{\n(.*?)^\}}', text, re.MULTILINE | re.DOTALL)
    return {match[1]: match[2] for match in found}


# -- what Terraform itself says ----------------------------------------------------------------------------------------


def test_formatted(stack: Stack) -> None:
    assert stack.run("fmt", "-check", "-recursive", check=False).stdout == ""


def test_valid(stack: Stack) -> None:
    assert json.loads(stack.run("validate", "-json").stdout)["diagnostics"] == []


@pytest.mark.timeout(900)  # it plans the stacks a dozen times; on a busy machine five minutes may not be enough
def test_properties(stack: Stack) -> None:
    """`terraform test`: security properties hold, and every precondition refuses what it should."""
    assert "Success!" in stack.run("test").stdout


# -- what the sources say ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STACKS)
def test_variables_and_outputs_are_described_and_typed(name: str) -> None:
    text = source(name)
    for kind in ("variable", "output"):
        undescribed = [n for n, body in blocks(text, kind).items() if not re.search(r'description = "\S.+"', body)]
        assert undescribed == []
    assert [n for n, body in blocks(text, "variable").items() if not re.search(r"^  type +=", body, re.MULTILINE)] == []


@pytest.mark.parametrize("name", STACKS)
def test_a_variable_that_can_be_wrong_is_validated(name: str) -> None:
    variables = blocks(source(name), "variable")
    assert {n for n, body in variables.items() if "validation {" not in body} <= {"deletion_protection"}


def test_a_wildcard_resource_gives_its_reason() -> None:
    """`resources = ["*"]` in a role's policy has a comment that says why; in a key policy it means the key."""
    bare = []
    for stack in STACKS:
        for path in sorted((ROOT / stack).glob("*.tf")):
            lines = path.read_text().splitlines()
            for number, line in enumerate(lines):
                if re.search(r'resources = \["\*"\]', line) and "#" not in "".join(
                    lines[max(0, number - 12) : number + 1]
                ):
                    bare.append(f"{path.relative_to(ROOT)}:{number + 1}")
    keys = {"services/encryption.tf", "network/main.tf"}
    assert [place for place in bare if place.partition(":")[0] not in keys] == []


def test_no_role_may_do_everything() -> None:
    for stack in STACKS:
        for name, body in blocks(source(stack), 'data "aws_iam_policy_document"').items():
            for actions in re.findall(r"actions\s+= \[(.*?)\]", body, re.DOTALL):
                if re.search(r'"(\*|\w+:\*)"', actions):
                    assert name in {"key", "flow_log_key", "bucket"} or 'effect    = "Deny"' in body, name


#: Documents that let an AWS service in, the service, and what binds it to this account (against the confused deputy).
BOUND = {
    ("flow_log_key", "logs.${var.region}.amazonaws.com"): ["kms:EncryptionContext:aws:logs:arn"],
    ("flow_log_trust", "vpc-flow-logs.amazonaws.com"): ["aws:SourceAccount"],
    ("bucket", "statement.value"): ["aws:SourceAccount"],  # load balancers name no account: their path has it
    ("key", "logs.${var.region}.amazonaws.com"): ["kms:EncryptionContext:aws:logs:arn"],
    ("key", "cloudwatch.amazonaws.com"): ["aws:SourceAccount"],
    ("key", "budgets.amazonaws.com"): ["aws:SourceAccount"],
    ("repository", "lambda.amazonaws.com"): ["aws:SourceArn"],
    ("topic", "cloudwatch.amazonaws.com"): ["aws:SourceAccount"],
    ("topic", "budgets.amazonaws.com"): ["aws:SourceAccount"],
    ("trust", "${each.key}.amazonaws.com"): ["condition.value"],  # Lambda assumes roles without naming the account
}


_STATEMENT = re.compile(r"^( *)(?:statement|content) \{\n(.*?)^\1\}", re.MULTILINE | re.DOTALL)


def test_each_service_that_is_let_in_is_bound_to_this_account() -> None:
    found = {}
    for stack in STACKS:
        for name, body in blocks(source(stack), 'data "aws_iam_policy_document"').items():
            for _, statement in re.findall(
                r"^( *)(?:statement|content) \{\n(.*?)^\1\}", body, re.MULTILINE | re.DOTALL
            ):
                if services := re.findall(r'type += "Service"\n +identifiers += \[(.*)\]', statement):
                    bound = [variable.strip('"') for variable in re.findall(r"variable += (\S+)", statement)]
                    found |= {(name, service.strip('"')): bound for service in services[0].split(", ")}
    assert found == BOUND
    trust = 'each.key == "lambda" ? [] : [each.key == "firehose" ? "sts:ExternalId" : "aws:SourceAccount"]'
    assert trust in source("services")


# -- in step with the program ------------------------------------------------------------------------------------------


def test_every_variable_that_terraform_sets_is_a_setting() -> None:
    sets = set(re.findall(r"\b(TAPELINE_[A-Z_]+)\s*=", source("services")))
    assert sets
    assert sets <= {config.variable(name) for name in config.all_settings()}


def test_required_settings_are_set() -> None:
    required = {config.variable(name) for name, field in config.all_settings().items() if field.is_required()}
    assert required <= set(re.findall(r"\b(TAPELINE_[A-Z_]+)\s*=", source("services")))


def test_the_page_starts_with_the_settings_of_its_task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It refuses to listen beyond loopback without a log-in; the one in front is the load balancer's."""
    given = re.search(r"dashboard_environment = merge\((.*?)\n  \)\n", source("services"), re.DOTALL)
    assert given is not None
    for name, value in re.findall(r'(TAPELINE_\w+)\s*= "([^"$]*)"', given[1]):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TAPELINE_DATA_DIR", str(tmp_path))
    settings = config.load()
    assert settings.page.host == "0.0.0.0"
    access_of(settings).bind(settings.page.host)
    monkeypatch.delenv("TAPELINE_PAGE__BEHIND_LOGIN")
    with pytest.raises(ServingError):
        access_of(config.load()).bind(settings.page.host)


def test_tasks_know_their_region_as_boto3_reads_it() -> None:
    """Lambda sets it itself; ECS does not, and `AWS_REGION` alone is not read."""
    assert len(re.findall(r"AWS_DEFAULT_REGION\s+= var.region", source("services"))) == 2
    assert "AWS_REGION" not in source("services")


def test_the_indicators_that_quicksight_shows_are_stored() -> None:
    shown = set(re.findall(r"indicator\['(\w+)'\]", source("services")))
    assert shown
    assert shown <= set(Engine(DEFAULT).outputs)


def test_every_alarm_is_explained() -> None:
    alarms = (ROOT / "services" / "alarms.tf").read_text()
    keys = set(re.findall(r"^    (\w+) = \{\n      text ", alarms, re.MULTILINE))
    keys |= {f"{table}_{what}" for table in ("rows", "state") for what in re.findall(r'"\$\{key\}_(\w+)"', alarms)}
    guide = (ROOT / "docs" / "operations.md").read_text()
    explained = dict(re.findall(r"^#### (\w+)\n(.*?)(?=^##)", guide, re.MULTILINE | re.DOTALL))
    assert len(keys) > 15
    assert keys == set(explained)
    assert [key for key, text in explained.items() if "**Drill.**" not in text] == []


@pytest.mark.parametrize(
    "text",
    [
        "date_add('millisecond', ts, timestamp '1970-01-01 00:00:00')",  # QuickSight knows no time with a zone
        'column_to_json_key_mappings = { ts = "timestamp" }',  # Athena has a word for `timestamp` already
        '["logs:DescribeLogStreams"]',  # SageMaker asks before it writes an endpoint's log
        'var.processor.predictor == "local" ? { TAPELINE_AWS__PREDICTOR = "local" } : {}',
        "recovery_window_in_days = 0",  # else QuickSight cannot be turned on again for a month
    ],
)
def test_what_aws_alone_would_refuse_is_said_as_it_takes_it(text: str) -> None:
    assert text in source("services")


# -- policy scan -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed, so checkov was not either")
@pytest.mark.parametrize("name", STACKS)
def test_checkov_finds_nothing(name: str) -> None:
    """Each exception stands in its resource, with a reason. checkov has pins, and an environment, of its own."""
    checkov = Path(sys.prefix).parent / ".venv-checkov" / "bin" / "checkov"
    if not checkov.exists():
        pytest.skip("checkov is not installed: make .venv-checkov/.checkov")
    done = subprocess.run(
        [
            *(checkov, "--directory", name, "--framework", "terraform", "--compact", "--quiet", "--output", "json"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout)
    found = [f"{c['check_id']} {c['resource']} {c['file_path']}" for c in report["results"]["failed_checks"]]
    assert found == []
    assert report["summary"]["passed"] > 10
