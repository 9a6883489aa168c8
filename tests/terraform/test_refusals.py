"""Check that every `validation` refuses a value, and that `terraform test` fails every other condition."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.terraform.refused_values import cases
from tests.terraform.running import ROOT

STACKS = ("network", "services")


def expected_failures(stack: str) -> list[str]:
    """Return the addresses that runs of `terraform test` expect to fail, once for each run."""
    texts = [path.read_text() for path in sorted((ROOT / stack / "tests").glob("*.tftest.hcl"))]
    return [
        address
        for text in texts
        for listed in re.findall(r"expect_failures = \[([^\]]*)\]", text)
        for address in re.findall(r"[\w.]+", listed)
    ]


def validations(stack: str) -> dict[int, str]:
    """Return the variable by the line of each of its `validation` blocks."""
    found, variable = {}, ""
    for number, line in enumerate((ROOT / stack / "variables.tf").read_text().splitlines(), 1):
        if match := re.match(r'variable "(\w+)"', line):
            variable = match[1]
        elif line.strip() == "validation {":
            found[number] = variable
    return found


def conditions(stack: str) -> dict[str, int]:
    """Return how many pre- and postconditions each address has."""
    found = {}
    for path in sorted((ROOT / stack).glob("*.tf")):
        blocks = re.findall(r"^(\w+) ([^\n{]*)\{\n(.*?)^\}", path.read_text(), re.MULTILINE | re.DOTALL)
        for kind, labels, body in blocks:
            if count := len(re.findall(r"^\s+(?:pre|post)condition \{", body, re.MULTILINE)):
                names = re.findall(r'"(\w+)"', labels)
                found[".".join(names if kind == "resource" else [kind, *names])] = count
    return found


def refused(
    stack: str, given: Mapping[str, Mapping[str, Any]], folder: Path, terraform: Mapping[str, str]
) -> dict[str, set[int]]:
    """Return by case the lines of the validations that refuse what it sets, from one plan without a provider.

    Each case is a module that has the stack's variables and nothing else.
    """
    (folder / stack).mkdir(parents=True)
    shutil.copy(ROOT / stack / "variables.tf", folder / stack)
    modules = {name: {"source": f"./{stack}", **variables} for name, variables in given.items()}
    (folder / "main.tf.json").write_text(json.dumps({"module": modules} if modules else {}))
    for command in (["init"], ["plan", "-json"]):
        done = subprocess.run(
            ["terraform", *command],
            cwd=folder,
            env={**os.environ, **terraform, "TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    found: dict[str, set[int]] = {name: set() for name in given}
    for message in map(json.loads, filter(lambda line: line.startswith("{"), done.stdout.splitlines())):
        diagnostic = message.get("diagnostic", {})
        rule = re.search(r"validation rule at \S+variables\.tf:(\d+)", diagnostic.get("detail", ""))
        if diagnostic.get("severity") == "error":
            assert rule, diagnostic
            module = re.search(r'module[." ]+(\w+)', diagnostic["snippet"]["context"])
            assert module, diagnostic
            found[module[1]].add(int(rule[1]))
    return found


@pytest.mark.parametrize("stack", STACKS)
def test_every_validation_refuses_a_value(stack: str, terraform: Mapping[str, str], tmp_path: Path) -> None:
    listed = cases(stack)
    found = refused(stack, {name: given for name, (_, given) in listed.items()}, tmp_path / "alone", terraform)
    # Terraform evaluates rules about several variables only when no other rule has refused something.
    rest = {name: given for name, (_, given) in listed.items() if not found[name]}
    found |= refused(stack, rest, tmp_path / "together", terraform)
    lines = validations(stack)
    assert len(lines) > 8
    untried = {f"{lines[line]} (variables.tf:{line})" for line in set(lines) - set().union(*found.values())}
    assert untried == set()
    for name, (variable, _) in listed.items():
        assert {lines[line] for line in found[name]} == {variable}, name


@pytest.mark.parametrize("stack", STACKS)
def test_every_condition_of_a_resource_fails_once(stack: str) -> None:
    """Each in a run of its own, so as many runs as there are conditions.

    A mocked endpoint always does what it is asked: `make terraform-apply` shows that one which is rolled back fails.
    """
    for address, count in conditions(stack).items():
        if address == "aws_sagemaker_endpoint.this":
            continue
        assert expected_failures(stack).count(address) >= count, address


def test_the_conditions_are_found() -> None:
    assert set(conditions("services")) == {
        "aws_ecs_service.collector", "aws_lambda_function.processor", "aws_sagemaker_endpoint.this",
        "data.terraform_remote_state.network",
    }  # fmt: skip
