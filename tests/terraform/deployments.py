"""Run `deploy/steps.py` on the real planner, and list what each plan changes: `python -m tests.terraform.deployments`.

Docker, the AWS CLI and the upload are stand-ins, and an apply is pretended (see `planner`), so nothing is created. The
steps run twice, then everything that the guide describes is done or at least planned.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from moto.server import ThreadedMotoServer

from tests.terraform.apply import ACCOUNT, REGION, environment
from tests.terraform.plans import HOLD_DATA
from tests.terraform.running import ROOT, Stack, kept_provider

REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/stock-data-collector"
FIRST, SECOND = f"{REPOSITORY}:1.0.0", f"{REPOSITORY}:2.0.0"
MODEL, NEXT_MODEL = (f"s3://stock-data-{ACCOUNT}-{REGION}/models/{version}/model.tar.gz" for version in "12")
USERS = '["arn:aws:quicksight:us-east-1:123456789012:user/default/ann"]'
PAGE = (
    '{"domain_name":"stocks.example.com","certificate_arn":"arn:aws:acm:us-east-1:123456789012:certificate/1",'
    '"allowed_cidrs":["203.0.113.0/24"]}'
)

#: What the guide describes: the words of `steps.py set`. None of it may destroy what holds data.
VARIATIONS = {
    "image update": [f"image_uri={SECOND}"],
    "new model": [f"model_data_url={NEXT_MODEL}"],
    "QuickSight on": ["enable_quicksight=true", f"quicksight_users={USERS}"],
    "the page on": [f"dashboard={PAGE}"],
    "function rolled back": ['processor_roll_back={"version":"1","share":0.5}'],
    "alarms by mail": ["alarm_email=ann@example.com"],
    "three collectors": ['collector={"tasks":3}'],
    "instances": ['endpoint={"instance_type":"ml.c6i.large","min_instances":2,"max_instances":4}'],
    "provisioned shards": ["stream_shards=2"],
    "retraining on a schedule": ['retraining={"schedule":"cron(0 22 ? * FRI *)"}'],
    "protection off": ["deletion_protection=false"],
}

_TERRAFORM = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.terraform.planner import stand_in
stand_in(sys.argv[1:])
"""

#: The image is never there yet, and the endpoint serves what it should.
_OTHERS = """#!/bin/sh
case "$*" in
  "ecr describe-images"*) exit 254 ;;
  "sagemaker "*) exit 254 ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Hold a folder with both stacks, the script, and the stand-ins."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, answers: str, *words: str) -> list[tuple[str, list[str]]]:
        """Run the script with one answer a word, and return by plan its stack and what it changes."""
        plans = self.folder / "plans"
        plans.write_text("")
        done = subprocess.run(
            [sys.executable, str(self.folder / "deploy" / "steps.py"), *words],
            env={**os.environ, **self.environment, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"},
            input="".join(f"{answer}\n" for answer in answers.split()),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return [(stack, found) for stack, found in map(json.loads, plans.read_text().splitlines())]

    def planned(self, *words: str) -> list[str]:
        """Return what `steps.py set` with these words would change; nothing is applied."""
        ((_, found),) = self.run("no", "set", *words)
        return found


@contextmanager
def deployment(folder: Path, stacks: Sequence[str] = ("network", "services")) -> Iterator[Deployment]:
    """Yield an account where nothing is. Raises `UnavailableError` where Terraform or its provider is missing."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        account = environment(f"http://{host}:{port}") | {"VERSION": "1.0.0"}
        with kept_provider(account) as variables:
            for stack in stacks:
                Stack.copied(stack, folder, variables)
            shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
            (folder / "bin").mkdir()
            for name in ("terraform", "docker", "aws", "tapeline"):
                program = folder / "bin" / name
                program.write_text(_TERRAFORM if name == "terraform" else _OTHERS)
                program.chmod(0o755)
            yield Deployment(folder, variables)
    finally:
        server.stop()


def loses_data(change: str) -> bool:
    """Return whether a change destroys what holds data."""
    action, _, address = change.partition(" ")
    return action in {"destroy", "replace"} and address.partition(".")[0] in HOLD_DATA


def main() -> int:
    """Print what each plan changes. Return 0 when a repeated step changes nothing and nothing that holds data goes."""
    failures = 0

    def show(text: str, found: list[str], *, unchanged: bool = False) -> None:
        nonlocal failures
        wrong = bool(found) if unchanged else any(map(loses_data, found))
        failures += wrong
        counts = {action: sum(change.startswith(action) for change in found) for action in (
            "create", "update", "replace", "destroy", "forget",
        )}  # fmt: skip
        said = ", ".join(f"{count} {action}" for action, count in counts.items() if count) or "nothing"
        print(f"{'FAILED' if wrong else 'ok':>6}  {text}: {said}", flush=True)
        for change in found:
            if not change.startswith("create"):
                print(f"          {change}", flush=True)

    with tempfile.TemporaryDirectory() as temporary, deployment(Path(temporary)) as deployed:
        for time, answers in (("first", "y y y y y y y s"), ("second", "y y y y s")):
            for stack, found in deployed.run(answers):
                show(f"make deploy, {time} time, {stack}", found, unchanged=time == "second")
        for text, words in (("model", [f"model_data_url={MODEL}"]), ("model, again", [f"model_data_url={MODEL}"])):
            ((_, found),) = deployed.run("y", "set", *words)
            show(text, found, unchanged="again" in text)
        for text, words in VARIATIONS.items():
            show(text, deployed.planned(*words))
        ((_, found),) = deployed.run("y", "set", f"model_data_url={NEXT_MODEL}")
        show("new model, applied", found)
        show("roll back to the first model", deployed.planned(f"model_data_url={MODEL}"))
        lost = deployed.planned("image_uri=", "model_data_url=")
        show("without image and model, as a bare apply used to be (asks for the word destroy)", lost)
    print("done" if not failures else f"{failures} plans are wrong")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
