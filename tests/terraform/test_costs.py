"""Check that the bill in docs/operations.md is what deploy/costs.py prints."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.terraform.running import ROOT

GUIDE = (ROOT / "docs" / "operations.md").read_text()


@pytest.fixture(scope="module")
def printed() -> str:
    script = [sys.executable, str(ROOT / "deploy" / "costs.py")]
    return subprocess.run(script, capture_output=True, text=True, check=True).stdout


def test_the_documented_table_is_the_scripts(printed: str) -> None:
    table = "\n".join(line for line in printed.splitlines() if line.startswith("|"))
    assert "10 symbols | 500 symbols | 5,000 symbols" in table
    assert table in GUIDE


def test_the_documented_arithmetic_is_the_scripts_and_adds_up(printed: str) -> None:
    arithmetic = printed.partition("\n500 symbols:\n")[2].partition("\n\n")[0]
    assert arithmetic in GUIDE
    lines = [float(usd.replace(",", "")) for usd in re.findall(r"^ +([\d,.]+)  ", arithmetic, re.MULTILINE)]
    total = re.search(r"USD a month.*?\*\* \| \*\*[\d,]+\*\* \| \*\*([\d,]+)\*\*", printed)
    assert total is not None
    assert abs(sum(lines) - float(total[1].replace(",", ""))) <= 0.5 + 0.005 * len(lines)


def test_the_date_of_the_prices_is_given(printed: str) -> None:
    date = re.search(r"Prices of (\d{4}-\d{2})", printed)
    assert date is not None
    assert f"prices of {date[1]}" in GUIDE


def test_every_alarm_is_on_the_bill(printed: str) -> None:
    alarms = re.findall(r"^#### \w+$", GUIDE, re.MULTILINE)
    assert f" {len(alarms)} alarms" in printed
