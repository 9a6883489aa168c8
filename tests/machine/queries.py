"""List the queries of the dashboard and of the alert rules, and say which series each reads."""

from __future__ import annotations

import json
import re

import promql_parser
import yaml

from tests.machine.running import FOLDER

RULES = yaml.safe_load((FOLDER / "prometheus" / "rules.yml").read_text())
DASHBOARD = json.loads((FOLDER / "grafana" / "dashboards" / "tapeline.json").read_text())

QUERIES: dict[str, str] = {
    **{f"alert {rule['alert']}": rule["expr"] for group in RULES["groups"] for rule in group["rules"]},
    **{
        f"panel {panel['title']} {target['refId']}": target["expr"]
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
    },
}


def selectors(expression: str) -> set[str]:
    """Return the names of the series that a query reads."""
    return set(re.findall(r'VectorSelector \{\s+name: Some\(\s+"(\w+)"', repr(promql_parser.parse(expression))))
