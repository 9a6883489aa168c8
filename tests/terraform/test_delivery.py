"""Check the roles of GitHub's workflows: who may take them, and that neither can make itself mightier."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.terraform.running import ROOT, Stack

TEXT = "\n".join(path.read_text() for path in sorted((ROOT / "delivery").glob("*.tf")))
WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").glob("*.yml")}


def statements() -> dict[str, str]:
    """Return the body of each statement that has a name, by it."""
    found = re.findall(r"^  statement \{\n(.*?)^  \}", TEXT, re.MULTILINE | re.DOTALL)
    return {name[1]: body for body in found if (name := re.search(r'sid\s+= "(\w+)"', body))}


def test_valid(terraform: Mapping[str, str], tmp_path: Path) -> None:
    stack = Stack.copied("delivery", tmp_path, terraform)
    assert json.loads(stack.run("validate", "-json").stdout)["diagnostics"] == []
    assert stack.run("fmt", "-check", check=False).stdout == ""


def test_what_every_stack_needs_is_the_same_in_each() -> None:
    """Terraform cannot share it between stacks that are applied alone."""
    stacks = ("delivery", "network", "services")
    provider = set()
    for stack in stacks:
        text = re.sub(r"^#.*\n", "", (ROOT / stack / "config.tf").read_text(), flags=re.MULTILINE)
        provider.add(re.sub(r"merge\((.*), var\.tags\)", r"\1", text.replace(f'stack = "{stack}"', "")))
    assert len(provider) == 1
    variables = {stack: (ROOT / stack / "variables.tf").read_text() for stack in stacks}
    for name in ("region", "name_prefix", "tags"):
        found = [
            re.search(rf'variable "{name}" {{\n  description.*\n(.*?)^}}', text, re.MULTILINE | re.DOTALL)
            for text in variables.values()
        ]
        assert len({match[1] for match in found if match}) == 1, name
        assert len([match for match in found if match]) == (2 if name == "tags" else 3)


def test_a_role_is_taken_by_one_kind_of_job_of_one_repository() -> None:
    assert re.findall(r'test +\= "(\w+)"\n +variable = "\$\{local.issuer\}', TEXT) == ["StringEquals"] * 2
    subjects = re.findall(r'"(repo:[^"]*)"', TEXT)
    assert subjects == ["repo:${var.repository}:pull_request", "repo:${var.repository}:environment:production"]
    assert WORKFLOWS["deploy.yml"]["jobs"]["apply"]["environment"] == "production"


def test_neither_role_changes_itself_or_hands_others_roles_on() -> None:
    named = statements()
    assert 'effect    = "Deny"' in named["NotTheseRoles"]
    assert "aws_iam_role.this" in named["NotTheseRoles"]
    assert "iam:PassedToService" in named["HandOwnRoles"]
    assert not re.search(r'"\*"|"iam:\*"', re.sub(r'sid\s+= "NotTheseRoles".*', "", TEXT, flags=re.DOTALL).replace(
        'resources = ["*"]', ""))  # fmt: skip


def test_every_resource_is_named_or_bound_by_a_tag() -> None:
    for name, body in statements().items():
        if 'resources = ["*"]' in body:
            assert 'aws:ResourceTag/project"' in body or 'aws:RequestTag/project"' in body, name


def test_the_outputs_are_what_the_workflow_asks_for() -> None:
    asked = set(re.findall(r"vars\.([A-Z_]+)", (ROOT / ".github/workflows/deploy.yml").read_text()))
    assert asked == set(re.findall(r"^ +([A-Z_]+) += ", TEXT, re.MULTILINE))


def test_nothing_is_deployed_until_the_variables_are_set() -> None:
    for name, job in WORKFLOWS["deploy.yml"]["jobs"].items():
        assert job["if"].endswith(f" && vars.{name.upper()}_ROLE != ''"), name
        first = job["steps"][0]
        for unset in first["env"]:
            given = {"PATH": os.environ["PATH"], **dict.fromkeys(first["env"], "x"), unset: ""}
            command = ["bash", "-eo", "pipefail", "-c", first["run"]]
            done = subprocess.run(command, env=given, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stdout.split(" (")[0]) == (1, f"::error::the variable {unset} is empty")
        assert set(first["env"]) | {f"{name.upper()}_ROLE"} == set(re.findall(r"vars\.([A-Z_]+)", str(job)))


def test_a_plan_waits_for_no_apply_and_no_run_that_waits_is_cancelled() -> None:
    """An apply waits for an approval, for days; of runs that wait in one group, GitHub's default keeps the newest."""
    assert WORKFLOWS["deploy.yml"]["concurrency"] == {
        "group": "deploy-${{ github.event_name }}-${{ github.event.pull_request.number }}",
        "cancel-in-progress": False,
        "queue": "max",
    }


def test_whatever_takes_the_lock_of_a_state_waits_for_it() -> None:
    text = (ROOT / ".github/workflows/deploy.yml").read_text()
    locking = re.findall(r"terraform .* (?:plan|apply) (-.*)", text)
    assert len(locking) == 3
    assert all("-lock-timeout=" in options for options in locking)


def test_no_workflow_may_do_more_than_its_jobs_say() -> None:
    for name, workflow in WORKFLOWS.items():
        assert workflow["permissions"] == {}, name
        of_one = {"site.yml": {"pages"}, "image.yml": {"packages"}}
        allowed = {"attestations", "id-token", "security-events"} | of_one.get(name, set())
        for job in workflow["jobs"].values():
            assert {scope for scope, grant in job["permissions"].items() if grant == "write"} <= allowed, name
            assert job["timeout-minutes"] <= 120


def test_a_pipe_in_a_workflow_fails_with_its_first_command() -> None:
    """GitHub's own shell has no pipefail, so that a plan that fails would pass."""
    for name, workflow in WORKFLOWS.items():
        steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
        if any(re.search(r"[^|]\|[^|]", step.get("run", "")) for step in steps):
            assert workflow["defaults"]["run"]["shell"] == "bash", name
