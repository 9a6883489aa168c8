"""Check that every `validation`, `precondition` and `postcondition` has a case of `terraform test` that fails it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.terraform.running import ROOT

STACKS = ("network", "services")


@dataclass(frozen=True)
class Run:
    """Hold a `run` of a test file: the variables it sets, as text, and the addresses it expects to fail."""

    name: str
    variables: str
    expected: frozenset[str]


def runs(stack: str) -> list[Run]:
    """Return the runs that expect a failure."""
    found = []
    for path in sorted((ROOT / stack / "tests").glob("*.tftest.hcl")):
        for name, body in re.findall(r'^run "(\w+)" \{\n(.*?)^\}', path.read_text(), re.MULTILINE | re.DOTALL):
            expected = re.search(r"expect_failures = \[([^\]]*)\]", body)
            variables = re.search(r"^  variables \{\n(.*?)^  \}", body, re.MULTILINE | re.DOTALL)
            if expected:
                addresses = frozenset(re.findall(r"[\w.]+", expected[1]))
                found.append(Run(name, variables[1] if variables else "", addresses))
    return found


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


def tripped(stack: str, cases: list[Run], folder: Path) -> dict[str, set[int]]:
    """Return by run the lines of the validations that refuse its variables, from one plan without a provider.

    Each run is a module that has the stack's variables and nothing else.
    """
    (folder / stack).mkdir(parents=True)
    shutil.copy(ROOT / stack / "variables.tf", folder / stack)
    modules = [f'module "{run.name}" {{\n  source = "./{stack}"\n{run.variables}}}\n' for run in cases]
    (folder / "main.tf").write_text("\n".join(modules))
    for command in (["init"], ["plan", "-json"]):
        done = subprocess.run(
            ["terraform", *command],
            cwd=folder,
            env={**os.environ, "TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    found: dict[str, set[int]] = {run.name: set() for run in cases}
    for message in map(json.loads, filter(lambda line: line.startswith("{"), done.stdout.splitlines())):
        diagnostic = message.get("diagnostic", {})
        rule = re.search(r"validation rule at \S+variables\.tf:(\d+)", diagnostic.get("detail", ""))
        if diagnostic.get("severity") == "error":
            assert rule, diagnostic
            module = re.search(r'module[." ]+(\w+)', diagnostic["snippet"]["context"])
            assert module, diagnostic
            found[module[1]].add(int(rule[1]))
    return found


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
@pytest.mark.parametrize("stack", STACKS)
def test_every_validation_refuses_a_value(stack: str, tmp_path: Path) -> None:
    cases = [run for run in runs(stack) if any(address.startswith("var.") for address in run.expected)]
    found = tripped(stack, cases, tmp_path / "alone")
    # Terraform evaluates rules about several variables only when no other rule has refused something.
    found |= tripped(stack, [run for run in cases if not found[run.name]], tmp_path / "together")
    lines = validations(stack)
    assert len(lines) > 8
    untried = {f"{lines[line]} (variables.tf:{line})" for line in set(lines) - set().union(*found.values())}
    assert untried == set()
    for run in cases:
        assert {f"var.{lines[line]}" for line in found[run.name]} == run.expected, run.name


@pytest.mark.parametrize("stack", STACKS)
def test_every_condition_of_a_resource_fails_once(stack: str) -> None:
    """Each in a run of its own, so as many runs as there are conditions.

    A mocked endpoint always does what it is asked: `make terraform-apply` shows that one which is rolled back fails.
    """
    for address, count in conditions(stack).items():
        if address == "aws_sagemaker_endpoint.this":
            continue
        assert sum(address in run.expected for run in runs(stack)) >= count, address


def test_the_conditions_are_found() -> None:
    assert set(conditions("services")) == {
        "aws_ecs_service.collector", "aws_lambda_function.processor", "aws_sagemaker_endpoint.this",
        "data.terraform_remote_state.network",
    }  # fmt: skip
