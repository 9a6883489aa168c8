"""Plan with the real provider and pretend to apply: what is planned becomes the state, with made-up identifiers.

So Terraform and the provider decide what changes and what must be replaced, over any number of phases, in seconds and
without creating anything. Nothing is refreshed: between two plans nobody else changes anything.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.terraform.plans import changes
from tests.terraform.running import Stack

Json = dict[str, Any]

_PLAN = "planner.tfplan"

#: Attributes of which a text is made up when the provider knows them only after creation; others become null.
_TEXTS = re.compile(
    r"(^|_)(id|arn|url|uuid|name|domain|endpoint|code|secret|key|address|unique_id|public_ip|owner|account|body)$"
    r"|^function_version$"
)

#: Attributes that are known after creation only and are maps; other such attributes that are no text are sets or lists.
_MAPS = {"dimensions", "triggers"}


@dataclass(frozen=True, slots=True)
class Planner:
    """Plan a copy of a stack, and take a plan as applied."""

    stack: Stack

    def plan(self, out: str = _PLAN) -> Json:
        """Return the plan as `terraform show -json` prints it, and keep that text beside the plan's file."""
        self.stack.run("plan", "-refresh=false", f"-out={out}")
        text = self.stack.run("show", "-json", out).stdout
        self.kept(out).write_text(text)
        plan: Json = json.loads(text)
        return plan

    def kept(self, out: str) -> Path:
        """Return where the text of the plan in the file `out` is kept: Terraform takes seconds to print it again."""
        return self.stack.folder / f"{out}.json"

    def settle(self, plan: Json, rounds: int = 2) -> None:
        """Take the plan as applied: its result becomes the state, and so does that of a second plan.

        The first result has identifiers that are made up; what is composed of them is known in the second plan, and
        what refers to something that this one replaces in a third. Whoever plans once more sees whether anything is
        left.
        """
        self._adopt(plan)
        for _ in range(1, rounds):
            self._adopt(self.plan())

    def _adopt(self, plan: Json) -> None:
        """Write the state that the plan leads to."""
        changed = {change["address"]: change["change"] for change in plan["resource_changes"]}
        dependencies = _dependencies(plan)
        written = {
            f"{item['type']}.{item['name']}": item.get("expressions", {})
            for item in plan["configuration"]["root_module"]["resources"]
        }
        resources: dict[tuple[str, str], Json] = {}
        for item in plan["planned_values"]["root_module"].get("resources", []):
            if item["mode"] != "managed":
                continue
            address = item["address"]
            resource = resources.setdefault((item["type"], item["name"]), {
                "mode": "managed", "type": item["type"], "name": item["name"],
                "provider": f'provider["{item["provider_name"]}"]', "instances": [],
            })  # fmt: skip
            change = changed.get(address, {})
            expressions = written[f"{item['type']}.{item['name']}"]
            attributes = _filled(item.get("values", {}), change.get("after_unknown", {}), address, expressions)
            if change.get("actions") == ["update"]:  # unknown again although it was null: a set or list
                again = [name for name, inner in change["after_unknown"].items() if inner is True]
                attributes |= {name: {} if name in _MAPS else [] for name in again if attributes[name] is None}
            instance = {
                "schema_version": item["schema_version"],
                "attributes": attributes,
                "sensitive_attributes": [],
                "dependencies": dependencies.get(f"{item['type']}.{item['name']}", []),
            }
            if "index" in item:
                instance["index_key"] = item["index"]
            resource["instances"].append(instance)
        outputs = {
            name: {"value": output.get("value"), "type": output["type"]}
            for name, output in plan["planned_values"].get("outputs", {}).items()
            if "type" in output
        }
        path = self.stack.folder / "terraform.tfstate"
        serial = json.loads(path.read_text())["serial"] + 1 if path.exists() else 1
        path.write_text(json.dumps({
            "version": 4, "terraform_version": plan["terraform_version"], "serial": serial, "lineage": "planner",
            "outputs": outputs, "resources": list(resources.values()),
        }))  # fmt: skip


def _dependencies(plan: Json) -> dict[str, list[str]]:
    """Return what each resource refers to, as the configuration in the plan says: the order of destruction needs it."""
    found: dict[str, list[str]] = {}
    known = {
        f"{item['type']}.{item['name']}"
        for item in plan["configuration"]["root_module"].get("resources", [])
        if item["mode"] == "managed"
    }
    for item in plan["configuration"]["root_module"].get("resources", []):
        text = json.dumps(item.get("expressions", {})) + json.dumps(item.get("depends_on", []))
        named = {f"{kind}.{name}" for kind, name in re.findall(r"\b(aws_\w+)\.(\w+)", text)}
        found[f"{item['type']}.{item['name']}"] = sorted((named & known) - {f"{item['type']}.{item['name']}"})
    return found


def _filled(value: Any, unknown: Any, where: str, written: Any) -> Any:
    """Return the value with what is unknown made up; `written` is the configuration's expression for it, if any."""
    if unknown is True:
        several = where.endswith("s")  # such as alarm_actions
        return _made_up((not several and _referred(written)) or where)
    if isinstance(unknown, Mapping) and unknown:
        whole = dict(value or {})
        for key, inner in unknown.items():
            if inner:
                own = written.get(key) if isinstance(written, Mapping) else None
                whole[key] = _filled(whole.get(key), inner, f"{where}.{key}", own)
        return whole
    if isinstance(unknown, list) and unknown:
        items = list(value or [])
        items += [None] * (len(unknown) - len(items))
        each = written if isinstance(written, list) and len(written) == len(unknown) else [None] * len(unknown)
        return [
            _filled(item, inner, f"{where}.{place}", own)
            for place, (item, inner, own) in enumerate(zip(items, unknown, each, strict=False))
        ]
    return value


def _referred(written: Any) -> str:
    """Return the one attribute that an expression refers to, '' where there is none, or more than one."""
    references = written.get("references", []) if isinstance(written, Mapping) else []
    if references and references[0].startswith("aws_") and all(references[0].startswith(each) for each in references):
        return str(references[0])
    return ""


def _made_up(where: str) -> str | None:
    """Return a text for an attribute that is known after creation only, or None where a text would not do."""
    attribute = where.rpartition(".")[2]
    digest = hashlib.sha256(where.encode()).hexdigest()[:12]
    if attribute == "repository_url":  # its parts are read
        return "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector"
    if attribute == "arn" or attribute.endswith("_arn"):
        return f"arn:aws:service:us-east-1:123456789012:made-up/{digest}"
    if where.startswith("aws_lambda_function.") and attribute == "version":
        return "1"
    return f"made-up-{digest}" if _TEXTS.search(attribute) else None


def stand_in(arguments: list[str]) -> None:
    """Be `terraform` for `deploy/steps.py`, in the folder of the stacks: plan with the provider, pretend to apply.

    Each plan adds a line to the file `plans`: the stack, and what changes.
    """
    os.environ["PATH"] = os.environ["PATH"].partition(os.pathsep)[2]  # behind this one is the real one
    name, (command, *rest) = arguments[0].removeprefix("-chdir="), arguments[1:]
    planner = Planner(Stack(name, Path(name).resolve()))
    if command == "plan":
        out = rest[0].removeprefix("-out=")
        found = [f"{change.action} {change.address}" for change in changes(planner.plan(out))]
        with Path("plans").open("a") as plans:
            plans.write(json.dumps([name, found]) + "\n")
    elif command == "apply":
        plan = json.loads(planner.kept(rest[0]).read_text())
        if changes(plan):
            # a route refers to one of the NAT gateways, by an expression that no reference can be read from
            planner.settle(plan, rounds=3 if name == "network" else 2)
    elif command == "show":
        print(planner.kept(rest[-1]).read_text())
    elif command != "init":
        done = planner.stack.run(command, *rest, check=False)
        print(done.stdout, end="")
        print(done.stderr, end="", file=sys.stderr)
        sys.exit(done.returncode)
