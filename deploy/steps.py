"""Deploy to AWS in steps: `make deploy`. Each command is shown and confirmed before it runs.

    python3 deploy/steps.py                     every step, one after the other; a finished one changes nothing
    python3 deploy/steps.py set NAME=VALUE ...  change what is deployed, such as image_uri; NAME= takes it back
    python3 deploy/steps.py image               only build the image and push it

What is deployed is in services/deployed.auto.tfvars.json, which Terraform reads by itself: an apply, of this script or
by hand, never forgets the image or the model. The file is made from the state's outputs where it is missing, and not
kept in git. A plan that would destroy something is listed, and needs the word `destroy`.

Environment: VERSION, the image's tag (git describe); PLATFORM, amd64, or arm64 with Terraform's architecture = "ARM64";
HISTORY, a file of bars to upload (tsla_history.csv), of SYMBOL (TSLA). Needs nothing but Python, Terraform, the AWS CLI
and Docker with buildx.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

from plan_changes import changes, destroyed

ROOT = Path(__file__).resolve().parents[1]
PLAN = "deploy.tfplan"

#: How the image is built and pushed. Lambda and SageMaker refuse what buildx makes by default: an OCI index with
#: attestations, and SageMaker even a single OCI manifest. The version inside is the commit's, whatever the tag is.
#: README, guide and Terraform's output repeat this line.
BUILD = (
    "docker buildx build --platform linux/{platform} --provenance=false --sbom=false"
    " --build-arg VERSION=$(sh deploy/version.sh)"
    " --output type=image,oci-mediatypes=false,push=true --tag {image} ."
)

#: How many models the endpoint served before stay, at most (Terraform's earlier_models).
KEPT_MODELS = 20

Values = dict[str, Any]


def main() -> None:
    """Run what the arguments name."""
    os.environ["PATH"] += f"{os.pathsep}{ROOT / '.venv' / 'bin'}"
    os.chdir(ROOT)
    words = sys.argv[1:]
    try:
        if not words:
            every_step()
        elif words[0] == "set" and len(words) > 1 and all("=" in word for word in words[1:]):
            apply_services(dict(_parsed(word) for word in words[1:]))
        elif words == ["image"]:
            push_image(known_output("repository_url"), version())
        else:
            sys.exit(str(__doc__))
    except KeyboardInterrupt:
        _stop()


# -- the steps ---------------------------------------------------------------------------------------------------------


def every_step() -> None:
    """Go through all steps; each asks before it does something."""
    for tool in ("terraform", "aws", "docker", "tapeline"):
        if shutil.which(tool) is None:
            print(f"note: {tool} is not installed; steps that use it will fail", file=sys.stderr)
    print("Every step shows what it changes and asks again. What it costs: docs/operations.md. Account:", flush=True)
    if subprocess.run(
        ["aws", "sts", "get-caller-identity", "--query", "Arn", "--output", "text"], check=False
    ).returncode:
        print("no AWS credentials: see 'aws configure'", flush=True)
    if step("the network (the NAT gateway is billed by the hour)", "terraform -chdir=network apply"):
        run("terraform -chdir=network init")
        if not confirmed_plan("network"):
            _stop()
        apply_plan("network")
    if step(
        "the services: repository, buckets, tables, stream, and what is deployed", "terraform -chdir=services apply"
    ):
        run("terraform -chdir=services init")
        apply_services({})
    repository, tag = output("repository_url"), version()
    image = f"{repository or 'REPOSITORY'}:{tag}"
    if step("build the image and push it", BUILD.format(platform=platform(), image=image)):
        push_image(known_output("repository_url"), tag)
    if step("the services with the image: collector and processor start", f"steps.py set image_uri={image}"):
        apply_services({"image_uri": f"{known_output('repository_url')}:{tag}"})
    bucket = output("bucket_name") or "BUCKET"
    history, symbol = os.environ.get("HISTORY", "tsla_history.csv"), os.environ.get("SYMBOL", "TSLA")
    upload = shlex.join(["tapeline", "upload", history, "--symbol", symbol, "--bucket", bucket])
    if step("upload history", upload):
        known_output("bucket_name")
        os.environ.setdefault("AWS_DEFAULT_REGION", region_of(known_output("repository_url")))
        run(upload)
    print("\nNext: train and upload a model (tapeline train --on sagemaker, or tapeline train and")
    print("tapeline deploy-model --only-upload), then")
    print(f"  python3 deploy/steps.py set model_data_url=s3://{bucket}/models/...")


def step(text: str, command: str) -> bool:
    """Show a step and ask. Return whether to do it; ends the program when the answer is neither yes nor skip."""
    print(f"\n== {text}\n   {command}")
    answer = ask("   run it? [y = yes, s = skip it, other = stop] ").lower()
    if answer == "s":
        print("   skipped")
    elif answer != "y":
        _stop()
    return answer == "y"


def push_image(repository: str, tag: str) -> None:
    """Build and push the image, unless it is there: tags in the repository never move."""
    name, region = repository.partition("/")[2], region_of(repository)
    there = subprocess.run(
        [
            "aws",
            "ecr",
            "describe-images",
            "--region",
            region,
            "--repository-name",
            name,
            "--image-ids",
            f"imageTag={tag}",
        ],
        capture_output=True,
        check=False,
    )
    if there.returncode == 0:
        print(f"   {repository}:{tag} is there already")
        return
    host = repository.partition("/")[0]
    run(f"aws ecr get-login-password --region {region} | docker login --username AWS --password-stdin {host}")
    run(BUILD.format(platform=platform(), image=f"{repository}:{tag}"))


# -- what is deployed --------------------------------------------------------------------------------------------------


def apply_services(wanted: Values) -> None:
    """Apply the services with these values changed, None for the default; undo the file if nothing is applied."""
    path = ROOT / "services" / "deployed.auto.tfvars.json"
    before = path.read_text() if path.exists() else None
    deployed = output_json("deployed")
    values: Values = json.loads(before) if before else {}
    if deployed is not None:  # what was applied counts, whoever did it
        deployed = {name: value for name, value in deployed.items() if name not in by_hand()}
        values = {**{name: value for name, value in values.items() if name not in SET_HERE}, **deployed}
    served = output_json("served_model")
    if served and "model_data_url" not in wanted and (url := served_url()) and url != values.get("model_data_url"):
        print(f"   the endpoint serves {url}, which is kept")
        wanted = {**wanted, "model_data_url": url}
    changed = {name: value for name, value in wanted.items() if values.get(name) != value}
    if served and changed.keys() & {"image_uri", "model_data_url", "endpoint"}:
        earlier = values.get("earlier_models", [])
        values["earlier_models"] = [*(each for each in earlier if each != served), served][-KEPT_MODELS:]
    values = {name: value for name, value in {**values, **wanted}.items() if value is not None}
    path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")
    confirmed = False
    try:
        confirmed = confirmed_plan("services")
    finally:
        if not confirmed:
            path.unlink() if before is None else path.write_text(before)
    if not confirmed:
        _stop()
    apply_plan("services")


#: The values that Terraform's output `deployed` has.
SET_HERE = frozenset({
    "image_uri", "model_data_url", "earlier_models", "alarm_email", "enable_quicksight", "quicksight_users",
    "dashboard", "alert_rules", "processor_roll_back", "retraining",
})  # fmt: skip


def by_hand() -> set[str]:
    """Return the variables that files of the services' folder set by hand: they stay there, and count."""
    files = (path.read_text() for path in (ROOT / "services").glob("*.tfvars"))
    return {name for text in files for name in re.findall(r"^(\w+)\s*=", text, re.MULTILINE)}


def served_url() -> str:
    """Return the model that the endpoint serves, '' if it cannot be asked. Another may have been approved meanwhile."""
    region = region_of(known_output("repository_url"))
    name = output("endpoint_name")
    for command, option, query in (
        ("describe-endpoint", "--endpoint-name", "EndpointConfigName"),
        ("describe-endpoint-config", "--endpoint-config-name", "ProductionVariants[0].ModelName"),
        ("describe-model", "--model-name", "PrimaryContainer.ModelDataUrl"),
    ):
        asked = ["aws", "sagemaker", command, option, name, "--region", region, "--query", query, "--output", "text"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.returncode:
            return ""
        name = done.stdout.strip()
    return name if name.startswith("s3://") else ""


def confirmed_plan(stack: str) -> bool:
    """Plan, say what is destroyed, and ask. Return whether to apply the plan; without changes nobody is asked."""
    run(f"terraform -chdir={stack} plan -out={PLAN}")
    shown = subprocess.run(["terraform", f"-chdir={stack}", "show", "-json", PLAN], capture_output=True, check=False)
    if shown.returncode:
        sys.exit(f"stopped: the plan cannot be read: {shown.stderr.decode().strip()}")
    found = changes(json.loads(shown.stdout))
    lost = destroyed(found)
    if lost:
        print("\n   THIS DESTROYS:\n" + "\n".join(f"   {change}" for change in lost))
        return ask("   type destroy to go on: ") == "destroy"
    if found:
        return ask("   apply it? [y = yes, other = no] ").lower() == "y"
    print("   no resource changes")
    return True


def apply_plan(stack: str) -> None:
    """Apply the plan that was confirmed."""
    try:
        run(f"terraform -chdir={stack} apply {PLAN}")
    finally:
        (ROOT / stack / PLAN).unlink(missing_ok=True)


# -- programs and answers ----------------------------------------------------------------------------------------------


def run(command: str) -> None:
    """Run a command. Ends the program when it fails."""
    sys.stdout.flush()
    code = subprocess.run(["sh", "-c", command], check=False).returncode
    if code:
        sys.exit(
            f"stopped: '{command}' failed (exit code {code}). Fix what it reports above and run this again; "
            "a finished step changes nothing"
        )


def output(name: str) -> str:
    """Return an output of the services, '' when there is none."""
    done = subprocess.run(
        ["terraform", "-chdir=services", "output", "-raw", name], capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode == 0 else ""


def output_json(name: str) -> Any:
    """Return an output of the services that is no text, None when there is none."""
    done = subprocess.run(
        ["terraform", "-chdir=services", "output", "-json", name], capture_output=True, text=True, check=False
    )
    return json.loads(done.stdout or "null") if done.returncode == 0 else None


def known_output(name: str) -> str:
    """Return an output of the services. Ends the program when there is none."""
    return output(name) or sys.exit("stopped: this needs what the services create: apply them first (run this again)")


def region_of(repository: str) -> str:
    """Return the region in the address of a repository."""
    return repository.split(".")[3]


def version() -> str:
    """Return the tag of the image."""
    if tag := os.environ.get("VERSION"):
        return tag
    return subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True
    ).stdout.strip()


def platform() -> str:
    """Return the processor that the image is built for, as Docker calls it."""
    return os.environ.get("PLATFORM", "amd64")


def ask(question: str) -> str:
    """Return the answer of a person, '' at the end of the input."""
    print(question, end="", flush=True)
    return sys.stdin.readline().strip()


def _parsed(word: str) -> tuple[str, Any]:
    """Return NAME=VALUE with the value as JSON where it is JSON, else as text; None for an empty one."""
    name, _, text = word.partition("=")
    if not text:
        return name, None
    try:
        return name, json.loads(text)
    except ValueError:
        return name, text


def _stop() -> NoReturn:
    print("   stopped; run this again to go on, a finished step changes nothing")
    sys.exit(0)


if __name__ == "__main__":
    main()
