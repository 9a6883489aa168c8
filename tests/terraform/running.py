"""Run Terraform on a copy of a stack, with the AWS provider from this disk where there is one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

#: Where people and packagers put provider mirrors, beside the folders that Terraform looks into by itself.
_PLACES = ("/opt", "/usr/local/share", "/usr/local/lib", "/usr/share", "/var/lib", "~/.terraform.d", "~/.local/share")


class UnavailableError(Exception):
    """Report that Terraform or its AWS provider is not available here; the message says what to do."""


class TerraformError(AssertionError):
    """Report that a terraform command failed; the message has what it printed."""


def provider_mirror() -> Path | None:
    """Return the folder of a provider mirror on this disk, laid out HOST/NAMESPACE/TYPE/VERSION/PLATFORM.

    `TERRAFORM_PLUGIN_DIR` names one; otherwise the usual places are looked into.
    """

    def mirrors() -> Iterator[Path]:
        if named := os.environ.get("TERRAFORM_PLUGIN_DIR"):
            yield Path(named)
        for place in _PLACES:
            root = Path(place).expanduser()
            yield from (binary.parents[5] for binary in root.glob("*/*/hashicorp/aws/*/*/terraform-provider-aws_v*"))

    return next(mirrors(), None)


@contextmanager
def kept_provider(account: Mapping[str, str] | None = None) -> Iterator[Mapping[str, str]]:
    """Yield the environment that lets every `terraform` use one process of the provider, started here and ended.

    Terraform starts it several times in a plan, and a dozen times in a test, and each start reads the schemas of a
    thousand types. Where a mirror has no provider, or several versions, Terraform chooses and starts it itself.
    `account` is where the provider finds AWS, and is part of what is yielded.
    """
    # Memory for time: the collector of garbage takes a third of a short run. Certificates can be set only once in the
    # life of a provider, and everything that it speaks to here is on loopback without them.
    environment = {**(account or {}), "GOGC": "off", "GOMEMLIMIT": "1GiB"}
    mirror = provider_mirror()
    binaries = sorted(mirror.glob("*/hashicorp/aws/*/*/terraform-provider-aws_v*")) if mirror else []
    if len(binaries) != 1:
        yield environment
        return
    with subprocess.Popen(
        [binaries[0], "-debug"], env={**os.environ, **environment, "AWS_CA_BUNDLE": ""}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            said = ""
            while not (found := re.search(r"TF_REATTACH_PROVIDERS='(.*)'", said)):
                line = process.stdout.readline()
                assert line, f"{binaries[0]} does not start: {said}"
                said += line
            yield {**environment, "TF_REATTACH_PROVIDERS": found[1]}
        finally:
            process.kill()


@dataclass(frozen=True, slots=True)
class Stack:
    """Hold a copy of one of the repository's stacks in `folder`; state and plugins stay out of the repository."""

    name: str
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def copied(cls, name: str, into: Path, environment: Mapping[str, str] | None = None) -> Stack:
        """Copy and initialise the stack. Raises `UnavailableError` where Terraform or the provider is missing."""
        if shutil.which("terraform") is None:
            raise UnavailableError("terraform is not installed: see developer.hashicorp.com/terraform/install")
        stack = cls(name, into / name, environment or {})
        shutil.copytree(
            ROOT / name, stack.folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars")
        )
        mirror = provider_mirror()
        done = stack.run("init", "-backend=false" if mirror is None else f"-plugin-dir={mirror}", check=False)
        if done.returncode:
            raise UnavailableError(
                "the AWS provider is not on this disk and cannot be downloaded: set TERRAFORM_PLUGIN_DIR to a mirror "
                f"({_last_lines(done)})"
            )
        return stack

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `terraform ARGUMENTS` in the folder. Raises `TerraformError` when it fails, unless not `check`."""
        own = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1", "TF_CLI_ARGS": "-no-color"}
        if provider_mirror() is not None:
            own["TF_CLI_CONFIG_FILE"] = os.devnull  # a mirror named there would be asked instead
        done = subprocess.run(
            ["terraform", *arguments],
            cwd=self.folder,
            env={**os.environ, **own, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise TerraformError(f"terraform {arguments[0]} in {self.name}:\n{done.stderr or done.stdout}")
        return done

    def apply(self, **variables: Any) -> None:
        self.run("apply", "-auto-approve", *_flags(variables))

    def changes(self, **variables: Any) -> str:
        """Return what a plan would change, one line each: '' for nothing."""
        done = self.run("plan", "-detailed-exitcode", *_flags(variables), check=False)
        if done.returncode == 0:
            return ""
        return "\n".join(line for line in done.stdout.splitlines() if line.startswith("  # ")) + done.stderr

    def destroy(self, **variables: Any) -> None:
        self.run("destroy", "-auto-approve", *_flags(variables))

    def forget(self, *addresses: str) -> None:
        """Take resources out of the state without destroying them."""
        self.run("state", "rm", *addresses)

    def outputs(self) -> dict[str, Any]:
        return {name: output["value"] for name, output in json.loads(self.run("output", "-json").stdout).items()}

    def resources(self) -> list[str]:
        """Return the addresses of what the state holds, without data sources."""
        listed = self.run("state", "list", check=False).stdout.split()
        return [address for address in listed if not address.startswith("data.")]


def _flags(variables: Mapping[str, Any]) -> list[str]:
    return [
        f"-var={name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in variables.items()
    ]


def _last_lines(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip(" │╷╵") for line in (done.stdout + done.stderr).splitlines()]
    return " ".join(line for line in lines if line)[-300:]
