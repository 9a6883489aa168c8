"""Check that the bill in docs/operations.md is what deploy/costs.py prints."""

from __future__ import annotations

import re
import runpy
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


def test_what_forming_bars_and_ranges_cost_is_the_scripts() -> None:
    bill = runpy.run_path(str(ROOT / "deploy" / "costs.py"), run_name="costs")

    def cost(forming: float, bar: str, line: str = "") -> float:
        return float(sum(each.usd for each in bill["lines"](500, forming, bill[bar]) if each.what.startswith(line)))

    words = " ".join(GUIDE.split())
    with_ranges = [cost(seconds, "WITH_RANGES", "DynamoDB, writes") for seconds in (5.0, 60.0, 0.0)]
    for said in (
        "its writes are {:.2f} with one every 5 seconds, {:.2f} with one a minute, {:.2f} without".format(*with_ranges),
        f"{cost(5.0, 'WITHOUT_RANGES', 'DynamoDB, writes'):.2f} without ranges",
    ):
        assert said in words
    on_aws = " ".join((ROOT / "docs" / "aws.md").read_text().split())
    without, with_it = cost(5.0, "WITHOUT_RANGES"), cost(5.0, "WITH_RANGES")
    assert f"500 symbols cost {without:.0f} dollars a month in place of {with_it:.0f}" in on_aws
    units = [bill[bar].writes for bar in ("WITH_RANGES", "WITHOUT_RANGES")]
    assert "takes {:.0f} write units in place of {:.0f}".format(*units) in on_aws


def test_the_date_of_the_prices_is_given(printed: str) -> None:
    date = re.search(r"Prices of (\d{4}-\d{2})", printed)
    assert date is not None
    assert f"prices of {date[1]}" in GUIDE


def test_every_alarm_is_on_the_bill(printed: str) -> None:
    alarms = re.findall(r"^#### \w+$", GUIDE, re.MULTILINE)
    assert f" {len(alarms)} alarms" in printed
