"""Test `make deploy` with stand-ins of the programs it calls: what runs, in which order, and what stops it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.terraform.running import ROOT

REPOSITORY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/stock-data-collector"
BUCKET = "stock-data-123456789012-eu-west-1"
IMAGE = f"{REPOSITORY}:1.2.3"
OLD_MODEL = f"s3://{BUCKET}/models/1/model.tar.gz"
NEW_MODEL = f"s3://{BUCKET}/models/2/model.tar.gz"

#: Writes down how it was called; `FAILS` is a call that fails, `UNMADE` takes away the outputs of the first phase.
#: Plans and other outputs are files.
STAND_IN = f"""#!/bin/sh
name=${{0##*/}}
echo "$name $*" >> "$HERE/calls"
case "$name $*" in
  "${{FAILS:-none}}"*) echo "$name is out of order" >&2; exit 3 ;;
  "terraform -chdir=services output "*) [ -z "${{UNMADE:-}}" ] || exit 1 ;;
esac
case "$*" in
  "describe --tags "*) echo v1.2.3-4-gabcdef0 ;;
  *"output -raw repository_url") printf %s {REPOSITORY} ;;
  *"output -raw bucket_name") printf %s {BUCKET} ;;
  *"output -raw endpoint_name") printf %s tsla-stock-predictor ;;
  *"output -json "*) cat "$HERE/$4.json" 2>/dev/null || exit 1 ;;
  "-chdir=network show -json "*) cat "$HERE/network.plan.json" 2>/dev/null || echo '{{}}' ;;
  "-chdir=services show -json "*) cat "$HERE/services.plan.json" 2>/dev/null || echo '{{}}' ;;
  "sts get-caller-identity"*) echo arn:aws:iam::123456789012:user/ann ;;
  "ecr describe-images"*) [ -n "${{PUSHED:-}}" ] || exit 254 ;;
  "sagemaker describe-model "*) echo "${{SERVED:-}}" ;;
  "sagemaker "*) echo some-name ;;
esac
"""

#: What the image calls itself, of a commit after a release: pip takes no other form.
VERSION = "1.2.3+4.gabcdef0"

BUILD = (
    f"docker buildx build --platform linux/amd64 --provenance=false --sbom=false --build-arg VERSION={VERSION} "
    f"--output type=image,oci-mediatypes=false,push=true --tag {IMAGE} ."
)


def applied(stack: str) -> list[str]:
    return [f"terraform -chdir={stack} plan -out=deploy.tfplan", f"terraform -chdir={stack} apply deploy.tfplan"]


#: What each of the five steps runs; a login is a pipe, whose sides write when they please.
STEPS = [
    ["terraform -chdir=network init", *applied("network")],
    ["terraform -chdir=services init", *applied("services")],
    [
        "aws ecr get-login-password --region eu-west-1",
        f"docker login --username AWS --password-stdin {REPOSITORY.partition('/')[0]}",
        BUILD,
    ],
    applied("services"),
    [f"tapeline upload my bars.csv --symbol TSLA --bucket {BUCKET}"],
]


def change(address: str, *actions: str, **after: Any) -> dict[str, Any]:
    """Return a change as a plan in JSON has it."""
    kind = address.partition(".")[0]
    return {"address": address, "type": kind, "mode": "managed", "change": {"actions": list(actions), "after": after}}


@dataclass(frozen=True)
class Outcome:
    code: int
    shown: str
    errors: str
    calls: list[str]


@dataclass(frozen=True)
class Machine:
    """Stand in for a machine whose programs are stand-ins, with a copy of the script."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "services" / "deployed.auto.tfvars.json"

    @property
    def values(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found

    def has(self, name: str, content: Any) -> None:
        """Give the stand-ins an output or, as `STACK.plan`, a plan."""
        (self.folder / f"{name}.json").write_text(json.dumps(content))

    def planned(self, stack: str, *changes: Mapping[str, Any]) -> None:
        self.has(f"{stack}.plan", {"resource_changes": list(changes)})

    def deploy(self, answers: str, *words: str, **environment: str) -> Outcome:
        """Answer one word after the other, then end the input."""
        calls = self.folder / "calls"
        calls.write_text("")
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        own = {"PATH": path, "HERE": str(self.folder), "VERSION": "1.2.3", "HISTORY": "my bars.csv"}
        done = subprocess.run(
            [sys.executable, str(self.folder / "deploy" / "steps.py"), *words],
            env={**own, **environment},
            input="".join(f"{answer}\n" for answer in answers.split()),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        changing = [
            call
            for call in calls.read_text().splitlines()
            if not any(word in call for word in (" output ", " show ", "aws sts", " describe-", "git "))
        ]
        login = [call for call in changing if call in STEPS[2][:2]]
        first = next((place for place, call in enumerate(changing) if call in login), 0)
        ordered = changing[:first] + sorted(login) + [call for call in changing[first:] if call not in login]
        return Outcome(done.returncode, done.stdout, done.stderr, ordered)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    for folder in ("bin", "services", "network"):
        (tmp_path / folder).mkdir()
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("terraform", "docker", "aws", "tapeline", "git"):
        program = tmp_path / "bin" / name
        program.write_text(STAND_IN)
        program.chmod(0o755)
    return Machine(tmp_path)


def test_the_steps_in_their_order(machine: Machine) -> None:
    done = machine.deploy("y y y y y")
    assert (done.code, done.errors) == (0, "")
    assert done.calls == [call for step in STEPS for call in step]
    assert "user/ann" in done.shown  # whose account it is comes first
    assert done.shown.index("user/ann") < done.shown.index("run it?")
    assert done.shown.rstrip().endswith(f"set model_data_url=s3://{BUCKET}/models/...")
    assert machine.values == {"image_uri": IMAGE}


@pytest.mark.parametrize("count", range(5))
@pytest.mark.parametrize("answer", ["n", "", "x"])
def test_after_a_no_nothing_more_runs(machine: Machine, count: int, answer: str) -> None:
    done = machine.deploy("y " * count + answer)
    assert done.code == 0
    assert done.calls == [call for step in STEPS[:count] for call in step]
    assert done.shown.count("run it?") == count + 1
    assert "stopped" in done.shown


def test_a_step_is_shown_before_its_question(machine: Machine) -> None:
    shown = machine.deploy("").shown
    assert 0 < shown.index("terraform -chdir=network apply") < shown.index("run it?")
    assert "billed" in shown


def test_a_step_can_be_skipped(machine: Machine) -> None:
    done = machine.deploy("s s y y s")
    assert done.calls == [call for step in STEPS[2:4] for call in step]
    assert done.code == 0


@pytest.mark.parametrize(
    ("fails", "step"),
    [
        ("terraform -chdir=network init", 0),
        ("terraform -chdir=network plan", 0),
        ("terraform -chdir=services apply", 1),
        ("docker login", 2),
        ("docker buildx build", 2),
        ("tapeline upload", 4),
    ],
)
def test_a_failed_step_stops_with_a_message(machine: Machine, fails: str, step: int) -> None:
    done = machine.deploy("y y y y y", FAILS=fails)
    assert done.code == 1
    assert done.shown.count("run it?") == step + 1
    assert done.calls[-1].startswith(fails.partition(" ")[0])
    assert "out of order" in done.errors
    assert "failed (exit code 3)" in done.errors
    assert "a finished step changes nothing" in done.errors


def test_later_steps_need_the_first_phase(machine: Machine) -> None:
    done = machine.deploy("s s y", UNMADE="1")
    assert (done.code, done.calls) == (1, [])
    assert "apply them first" in done.errors


def test_a_missing_program_is_reported_before_the_first_question(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "bin" / "docker").unlink()
    done = machine.deploy("", PATH=f"{tmp_path / 'bin'}:{tmp_path}")
    assert "docker is not installed" in done.errors
    assert done.calls == []


def test_an_image_that_is_there_is_not_pushed_again(machine: Machine) -> None:
    """Tags in the repository never move, so a second push of a version fails."""
    done = machine.deploy("s s y s s", PUSHED="1")
    assert done.calls == []
    assert "is there already" in done.shown


# -- what is deployed stays deployed -----------------------------------------------------------------------------------


def test_an_apply_knows_what_was_deployed_before(machine: Machine) -> None:
    machine.file.write_text(json.dumps({"image_uri": IMAGE, "model_data_url": OLD_MODEL}))
    machine.deploy("s y n")
    assert machine.values == {"image_uri": IMAGE, "model_data_url": OLD_MODEL}


def test_on_another_machine_the_state_says_what_is_deployed(machine: Machine) -> None:
    machine.has("deployed", {"image_uri": IMAGE, "enable_quicksight": True})
    machine.deploy("s y n")
    assert machine.values == {"image_uri": IMAGE, "enable_quicksight": True}


def test_what_a_colleague_applied_counts(machine: Machine) -> None:
    machine.file.write_text(json.dumps({"image_uri": f"{REPOSITORY}:0.9", "alert_rules": ["a"], "horizon": 7}))
    machine.has("deployed", {"image_uri": IMAGE})
    machine.deploy("s y n")
    assert machine.values == {"image_uri": IMAGE, "horizon": 7}


def test_what_is_set_by_hand_stays_there(machine: Machine) -> None:
    (machine.folder / "services" / "terraform.tfvars").write_text('alarm_email = "ann@example.com"\n')
    machine.has("deployed", {"image_uri": IMAGE, "alarm_email": "ann@example.com"})
    machine.deploy("s y n")
    assert machine.values == {"image_uri": IMAGE}


def test_a_new_model_keeps_the_earlier_one_to_go_back_to(machine: Machine) -> None:
    served = {"image_uri": IMAGE, "model_data_url": OLD_MODEL, "endpoint": {"memory": 2048}}
    machine.has("deployed", {"image_uri": IMAGE, "model_data_url": OLD_MODEL})
    machine.has("served_model", served)
    assert machine.deploy("", "set", f"model_data_url={NEW_MODEL}").calls == applied("services")
    assert machine.values == {"image_uri": IMAGE, "model_data_url": NEW_MODEL, "earlier_models": [served]}


def test_a_model_that_was_approved_meanwhile_stays(machine: Machine) -> None:
    served = {"image_uri": IMAGE, "model_data_url": OLD_MODEL, "endpoint": {"memory": 2048}}
    machine.has("deployed", {"image_uri": IMAGE, "model_data_url": OLD_MODEL})
    machine.has("served_model", served)
    done = machine.deploy("", "set", "alarm_email=ann@example.com", SERVED=NEW_MODEL)
    assert f"the endpoint serves {NEW_MODEL}" in done.shown
    assert machine.values["model_data_url"] == NEW_MODEL


def test_set_takes_json_text_and_nothing(machine: Machine) -> None:
    users = ["arn:aws:quicksight:us-east-1:123456789012:user/default/ann"]
    machine.file.write_text(json.dumps({"alarm_email": "ann@example.com"}))
    machine.deploy(
        "",
        "set",
        "enable_quicksight=true",
        f"quicksight_users={json.dumps(users)}",
        "alarm_email=",
        f"image_uri={IMAGE}",
    )
    assert machine.values == {"enable_quicksight": True, "quicksight_users": users, "image_uri": IMAGE}


@pytest.mark.parametrize("words", [["set"], ["set", "image_uri"], ["destroy"]])
def test_other_arguments_are_explained(machine: Machine, words: list[str]) -> None:
    done = machine.deploy("", *words)
    assert (done.code, done.calls) == (1, [])
    assert "NAME=VALUE" in done.errors


# -- a plan that destroys ----------------------------------------------------------------------------------------------


def test_what_would_be_destroyed_is_listed_and_needs_the_word(machine: Machine) -> None:
    machine.planned(
        "services",
        change("aws_kinesis_stream.this", "delete", "create"),
        change("aws_lambda_function.processor[0]", "delete"),
        change("aws_ecs_service.collector[0]", "update"),
    )
    machine.file.write_text(json.dumps({"image_uri": IMAGE}))
    for answer in ("y", "yes", "", "Destroy"):
        done = machine.deploy(answer, "set", "image_uri=")
        assert done.calls == applied("services")[:1]
        assert machine.values == {"image_uri": IMAGE}  # as before: nothing was applied
    assert "replace  aws_kinesis_stream.this  (HOLDS DATA)" in done.shown
    assert "destroy  aws_lambda_function.processor[0]\n" in done.shown
    assert "collector" not in done.shown
    done = machine.deploy("destroy", "set", "image_uri=")
    assert done.calls == applied("services")
    assert machine.values == {}


def test_a_new_revision_of_a_task_destroys_nothing(machine: Machine) -> None:
    machine.planned("services", change("aws_ecs_task_definition.collector[0]", "delete", "create", skip_destroy=True))
    done = machine.deploy("y", "set", f"image_uri={IMAGE}")
    assert "DESTROYS" not in done.shown
    assert done.calls == applied("services")


def test_a_change_is_asked_about_once_and_no_change_is_not(machine: Machine) -> None:
    machine.planned("services", change("aws_ecs_service.collector[0]", "update"))
    assert machine.deploy("n", "set", f"image_uri={IMAGE}").calls == applied("services")[:1]
    assert not machine.file.exists()
    machine.planned("services")
    assert "no resource changes" in machine.deploy("", "set", f"image_uri={IMAGE}").shown


def test_the_network_is_guarded_as_well(machine: Machine) -> None:
    machine.planned("network", change("aws_vpc.this", "delete", "create"))
    done = machine.deploy("y y")
    assert done.calls == ["terraform -chdir=network init", applied("network")[0]]
    assert "(HOLDS DATA)" in done.shown


# -- one way to build the image ----------------------------------------------------------------------------------------


def test_the_guide_readme_and_output_build_the_image_as_the_script_does() -> None:
    options = BUILD.replace(VERSION, "$(sh deploy/version.sh)").partition("linux/amd64 ")[2].partition(" --tag")[0]
    for name in ("README.md", "docs/operations.md", "services/outputs.tf", "deploy/steps.py"):
        text = " ".join((ROOT / name).read_text().replace('"\n', "").replace('    "', "").replace("\\\n", "").split())
        assert options in text, name
        assert "docker push" not in text, name
        assert not re.search(r"docker build\b", text), name


@pytest.mark.parametrize(
    ("tags", "expected"),
    [([], r"0\.0\.0\+g[0-9a-f]{7,}"), (["v0.2.0"], r"0\.2\.0"), (["v0.2.0", ""], r"0\.2\.0\+1\.g[0-9a-f]{7,}")],
    ids=["no release", "a release", "after a release"],
)
def test_an_image_is_given_the_version_of_the_commit(tags: list[str], expected: str, tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "version.sh", tmp_path / "deploy")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    for tag in tags or [""]:
        subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", "x"], check=True)
        if tag:
            subprocess.run([*git, "tag", tag], check=True)
    command = ["sh", str(tmp_path / "deploy" / "version.sh")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert re.fullmatch(expected, said), said


def test_the_script_sets_what_the_output_deployed_has() -> None:
    block = (ROOT / "services" / "main.tf").read_text().partition("  deployed = {\n")[2].partition("  }")[0]
    names = {line.split()[0] for line in block.splitlines()}
    text = (ROOT / "deploy" / "steps.py").read_text().partition("SET_HERE = frozenset({")[2].partition("})")[0]
    assert names == {word.strip(' ",\n') for word in text.split(",")} - {""}
