"""Read Terraform's plans as `make deploy` does: its script lies outside of the package."""

from __future__ import annotations

import importlib.util
import sys

from tests.terraform.running import ROOT

_spec = importlib.util.spec_from_file_location("plan_changes", ROOT / "deploy" / "plan_changes.py")
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules["plan_changes"] = _module
_spec.loader.exec_module(_module)

HOLD_DATA: frozenset[str] = _module.HOLD_DATA
changes = _module.changes
destroyed = _module.destroyed
