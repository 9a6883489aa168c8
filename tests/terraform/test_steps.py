"""Test `make deploy` with stand-ins of the programs it calls: what runs, in which order, and what stops it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.terraform.running import ROOT

REPOSITORY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/stock-data-collector"
BUCKET = "stock-data-123456789012-eu-west-1"

#: Writes down how it was called; `FAILS` is a call that fails, `UNMADE` takes away the outputs of the first phase.
STAND_IN = f"""#!/bin/sh
name=${{0##*/}}
echo "$name $*" >> "$CALLS"
case "$name $*" in
  "${{FAILS:-none}}"*) echo "$name is out of order" >&2; exit 3 ;;
  "terraform -chdir=services output -raw "*) [ -z "${{UNMADE:-}}" ] || exit 1 ;;
esac
case "$*" in
  *"output -raw repository_url") printf %s {REPOSITORY} ;;
  *"output -raw bucket_name") printf %s {BUCKET} ;;
  "sts get-caller-identity"*) echo arn:aws:iam::123456789012:user/ann ;;
esac
"""

#: What each of the six steps runs.
STEPS = [
    ["terraform -chdir=network init", "terraform -chdir=network apply"],
    ["terraform -chdir=services init", "terraform -chdir=services apply"],
    [
        "aws ecr get-login-password --region eu-west-1",
        f"docker login --username AWS --password-stdin {REPOSITORY.partition('/')[0]}",
    ],
    [f"docker build --platform linux/amd64 -t {REPOSITORY}:1.2.3 .", f"docker push {REPOSITORY}:1.2.3"],
    [f"terraform -chdir=services apply -var image_uri={REPOSITORY}:1.2.3"],
    [f"tapeline upload my bars.csv --symbol TSLA --bucket {BUCKET}"],
]


@dataclass(frozen=True)
class Outcome:
    code: int
    shown: str
    errors: str
    calls: list[str]


@dataclass(frozen=True)
class Machine:
    """Stand in for a machine whose programs are stand-ins."""

    folder: Path

    def deploy(self, answers: str, **environment: str) -> Outcome:
        """Answer one letter after the other, then end the input."""
        calls = self.folder / "calls"
        calls.write_text("")
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", str(ROOT / "deploy" / "steps.sh")],
            env={"PATH": path, "CALLS": str(calls), "VERSION": "1.2.3", "HISTORY": "my bars.csv", **environment},
            input="".join(f"{answer}\n" for answer in answers),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        changing = [
            call for call in calls.read_text().splitlines() if " output " not in call and " sts " not in f" {call} "
        ]
        # Both sides of a pipe write when they please.
        return Outcome(done.returncode, done.stdout, done.stderr, _login_in_order(changing))


def _login_in_order(calls: list[str]) -> list[str]:
    login = [call for call in calls if call in STEPS[2]]
    first = next((place for place, call in enumerate(calls) if call in login), 0)
    return calls[:first] + sorted(login) + [call for call in calls[first:] if call not in login]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "bin").mkdir()
    for name in ("terraform", "docker", "aws", "tapeline"):
        program = tmp_path / "bin" / name
        program.write_text(STAND_IN)
        program.chmod(0o755)
    return Machine(tmp_path)


def test_the_steps_in_their_order(machine: Machine) -> None:
    done = machine.deploy("yyyyyy")
    assert (done.code, done.errors) == (0, "")
    assert done.calls == [call for step in STEPS for call in step]
    assert "user/ann" in done.shown  # whose account it is comes first
    assert done.shown.index("user/ann") < done.shown.index("run it?")
    assert done.shown.rstrip().endswith(f"model_data_url=s3://{BUCKET}/models/...")


@pytest.mark.parametrize("count", range(6))
@pytest.mark.parametrize("answer", ["n", "", "x"])
def test_after_a_no_nothing_more_runs(machine: Machine, count: int, answer: str) -> None:
    done = machine.deploy("y" * count + answer)
    assert done.code == 0
    assert done.calls == [call for step in STEPS[:count] for call in step]
    assert done.shown.count("run it?") == count + 1
    assert "stopped" in done.shown


def test_a_step_is_shown_before_its_question(machine: Machine) -> None:
    shown = machine.deploy("").shown
    assert 0 < shown.index("terraform -chdir=network apply") < shown.index("run it?")
    assert "billed" in shown


def test_a_step_can_be_skipped(machine: Machine) -> None:
    done = machine.deploy("ssyyys")
    assert done.calls == [call for step in STEPS[2:5] for call in step]
    assert done.code == 0


@pytest.mark.parametrize(
    ("fails", "step"),
    [
        ("terraform -chdir=network init", 0),
        ("terraform -chdir=network apply", 0),
        ("terraform -chdir=services apply", 1),
        ("docker login", 2),
        ("docker build", 3),
        ("docker push", 3),
        ("terraform -chdir=services apply -var", 4),
        ("tapeline upload", 5),
    ],
)
def test_a_failed_step_stops_with_a_message(machine: Machine, fails: str, step: int) -> None:
    done = machine.deploy("yyyyyy", FAILS=fails)
    assert done.code == 1
    assert done.shown.count("run it?") == step + 1
    assert done.calls[-1].startswith(fails.partition(" ")[0])
    assert "out of order" in done.errors
    assert "failed (exit code 3)" in done.errors
    assert "make deploy" in done.errors


def test_later_steps_need_the_first_phase(machine: Machine) -> None:
    done = machine.deploy("ssy", UNMADE="1")
    assert (done.code, done.calls) == (1, [])
    assert "first phase" in done.errors


def test_a_missing_program_is_reported_before_the_first_question(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "bin" / "docker").unlink()
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "cut"):
        (tools / name).symlink_to(next(Path(d) / name for d in ("/bin", "/usr/bin") if (Path(d) / name).exists()))
    done = machine.deploy("", PATH=f"{tmp_path / 'bin'}:{tools}")
    assert "docker is not installed" in done.errors
    assert done.calls == []
