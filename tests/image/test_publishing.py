"""Check the workflow that publishes the image: who may do what, and what its script has Docker push."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "image.yml").read_text())
JOBS: dict[str, Any] = WORKFLOW["jobs"]

#: Keeps what it is called with, and answers as `imagetools inspect` does for an index of two images.
DOCKER = """#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
case "$*" in
  *inspect*) printf '%s' "$INDEX" ;;
  login*) cat > /dev/null ;;
esac
"""

INDEX = {
    "digest": "sha256:both",
    "manifests": [
        {"digest": "sha256:one", "platform": {"architecture": "amd64", "os": "linux"}},
        {"digest": "sha256:two", "platform": {"architecture": "arm64", "os": "linux", "variant": "v8"}},
    ],
}


def allowed(scope: str) -> set[str]:
    """Return the names of the jobs that may write this."""
    return {name for name, job in JOBS.items() if job["permissions"].get(scope) == "write"}


def test_whatever_is_copied_into_the_image_starts_the_workflow() -> None:
    paths = WORKFLOW[True]["pull_request"]["paths"]  # YAML 1.1 reads `on` as a truth
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = {f"{name}/**" if (ROOT / name).is_dir() else name for name in kept}
    assert copied | {".dockerignore", "Dockerfile", ".github/workflows/image.yml"} == set(paths)


def test_one_job_writes_packages_after_an_approval() -> None:
    assert WORKFLOW[True]["push"] == {"tags": ["v*"]}
    assert allowed("packages") == {"publish"}
    assert JOBS["publish"]["permissions"] == {"packages": "write"}
    assert JOBS["publish"]["environment"] == "ghcr"
    assert JOBS["publish"]["needs"] == "sign"
    assert JOBS["sign"]["if"] == "github.event_name == 'push'"


def test_what_builds_or_runs_cannot_sign_and_what_signs_runs_neither() -> None:
    assert allowed("id-token") == allowed("attestations") == {"sign", "attest"}
    for name in ("sign", "attest"):
        assert [step for step in JOBS[name]["steps"] if "run" in step or "checkout" in step["uses"]] == []
    assert not re.search(r"checkout|docker run|docker buildx build", json.dumps(JOBS["publish"]))


def test_each_image_has_its_provenance_and_its_list_beside_it() -> None:
    assert not any("push-to-registry" in step.get("with", {}) for job in JOBS.values() for step in job["steps"])
    signed = [(step["uses"].partition("@")[0], step["with"]) for step in JOBS["attest"]["steps"][1:]]
    digests = [(action.rpartition("-")[2], each["subject-digest"].split()[1].rpartition(".")[2], each.get("sbom-path"))
               for action, each in signed]  # fmt: skip
    assert digests == [
        ("provenance", "index", None), ("provenance", "amd64", None), ("provenance", "arm64", None),
        ("sbom", "amd64", "sbom-ubuntu-24.04.json"), ("sbom", "arm64", "sbom-ubuntu-24.04-arm.json"),
    ]  # fmt: skip
    (build,) = [step["run"] for step in JOBS["image"]["steps"] if "buildx build" in step.get("run", "")]
    assert "--provenance=false --sbom=false" in build


def test_an_image_for_each_processor_is_pushed_and_named_together(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    calls, output = tmp_path / "calls", tmp_path / "output"
    (step,) = [step for step in JOBS["publish"]["steps"] if "run" in step]
    given = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}", "CALLS": str(calls), "INDEX": json.dumps(INDEX),
        "GITHUB_OUTPUT": str(output), "GITHUB_REPOSITORY": "Some-One/TapeLine", "GITHUB_REF_NAME": "v1.2.3",
        "GITHUB_ACTOR": "someone", "TOKEN": "secret",
    }  # fmt: skip
    command = ["bash", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(command, env=given, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    name = "ghcr.io/some-one/tapeline:1.2.3"
    said = calls.read_text()
    assert re.findall(r"^load --input (\S+)$", said, re.MULTILINE) == [
        "image-ubuntu-24.04.tar.gz", "image-ubuntu-24.04-arm.tar.gz",
    ]  # fmt: skip
    assert re.findall(r"^push (\S+)$", said, re.MULTILINE) == [f"{name}-amd64", f"{name}-arm64"]
    assert f"create --tag {name} {name}-amd64 {name}-arm64\n" in said
    assert said.splitlines()[-1] == "logout ghcr.io"
    assert "secret" not in said
    assert output.read_text().split() == [
        "name=ghcr.io/some-one/tapeline", "index=sha256:both", "amd64=sha256:one", "arm64=sha256:two",
    ]  # fmt: skip
    assert set(JOBS["publish"]["outputs"]) == {"name", "index", "amd64", "arm64"}
