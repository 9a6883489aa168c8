"""Check that the plan in docs/aws.md is what deploy/scale.py prints, of the partitions that there are."""

from __future__ import annotations

import re
import subprocess
import sys

from tapeline.backends.aws.dynamodb.changes import LATEST_PARTITIONS
from tests.terraform.running import ROOT


def test_the_documented_plan_is_the_scripts_and_within_the_limits() -> None:
    script = ROOT / "deploy" / "scale.py"
    printed = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True).stdout
    assert printed.strip() in (ROOT / "docs" / "aws.md").read_text()
    (row,) = re.findall(r"on a partition of newest rows, of ([\d,]+) \| (.+) \|$", printed, re.MULTILINE)
    limit, *needed = [int(number.replace(",", "")) for number in [row[0], *row[1].split(" | ")]]
    assert max(needed) < limit
    assert f"PARTITIONS, TASK_SYMBOLS = {len(LATEST_PARTITIONS)}, " in script.read_text()
