"""Plan with the real provider and pretend to apply: what is planned becomes the state, with made-up identifiers.

So Terraform and the provider decide what changes and what must be replaced, over any number of phases, in seconds and
without creating anything. Nothing is refreshed: between two plans nobody else changes anything.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.server import ThreadedMotoServer

from tests.terraform.apply import environment
from tests.terraform.running import Stack

Json = dict[str, Any]

_PLAN = "planner.tfplan"

#: Attributes of which a text is made up when the provider knows them only after creation; others become null.
_TEXTS = re.compile(
    r"(^|_)(id|arn|url|uuid|name|domain|endpoint|code|secret|key|address|unique_id|public_ip|owner|account|body)$"
)

#: Attributes that are known after creation only and are maps; other such attributes that are no text are sets or lists.
_MAPS = {"triggers"}


@contextmanager
def planners(folder: Path) -> Iterator[dict[str, Planner]]:
    """Yield a planner for each stack, with a server that knows the account and the zones.

    Raises `UnavailableError` where Terraform or its provider is missing.
    """
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        variables = environment(f"http://{host}:{port}")
        yield {name: Planner(Stack.copied(name, folder, variables)) for name in ("network", "services")}
    finally:
        server.stop()


@dataclass(frozen=True, slots=True)
class Planner:
    """Plan a copy of a stack, and take a plan as applied."""

    stack: Stack

    def plan(self, out: str = _PLAN, **variables: Any) -> Json:
        """Return the plan as `terraform show -json` prints it."""
        flags = [
            f"-var={name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in variables.items()
        ]
        self.stack.run("plan", "-refresh=false", f"-out={out}", *flags)
        plan: Json = json.loads(self.stack.run("show", "-json", out).stdout)
        return plan

    def settle(self, plan: Json, **variables: Any) -> None:
        """Take the plan as applied: until a plan changes nothing, its result becomes the state.

        The first result has identifiers that are made up; what refers to them is known in the second plan.
        """
        for _ in range(6):
            self._adopt(plan)
            plan = self.plan(**variables)
            if all(change["change"]["actions"] in (["no-op"], ["read"]) for change in plan["resource_changes"]):
                self._adopt(plan)
                return
        moving = [each["address"] for each in plan["resource_changes"] if each["change"]["actions"] != ["no-op"]]
        raise AssertionError(f"it does not settle: {moving}")

    def _adopt(self, plan: Json) -> None:
        """Write the state that the plan leads to."""
        changed = {change["address"]: change["change"] for change in plan["resource_changes"]}
        dependencies = _dependencies(plan)
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
            attributes = _filled(item.get("values", {}), change.get("after_unknown", {}), address)
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


def _filled(value: Any, unknown: Any, where: str) -> Any:
    """Return the value with what is unknown made up."""
    if unknown is True:
        return _made_up(where)
    if isinstance(unknown, Mapping) and unknown:
        whole = dict(value or {})
        for key, inner in unknown.items():
            if inner:
                whole[key] = _filled(whole.get(key), inner, f"{where}.{key}")
        return whole
    if isinstance(unknown, list) and unknown:
        items = list(value or [])
        items += [None] * (len(unknown) - len(items))
        return [
            _filled(item, inner, f"{where}.{place}")
            for place, (item, inner) in enumerate(zip(items, unknown, strict=False))
        ]
    return value


def _made_up(where: str) -> str | None:
    """Return a text for an attribute that is known after creation only, or None where a text would not do."""
    attribute = where.rpartition(".")[2]
    digest = hashlib.sha256(where.encode()).hexdigest()[:12]
    if attribute == "arn" or attribute.endswith("_arn"):
        return f"arn:aws:service:us-east-1:123456789012:made-up/{digest}"
    if where.startswith("aws_lambda_function.") and attribute == "version":
        return "1"
    return f"made-up-{digest}" if _TEXTS.search(attribute) else None
