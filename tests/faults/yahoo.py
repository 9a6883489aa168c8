"""Serve the stand-in for Yahoo in a process of its own, until it is terminated; its two addresses are printed."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from tests.local_yahoo.market import MINUTE, Market
from tests.local_yahoo.server import LocalYahoo

RECORDED = Path(__file__).parents[1] / "data" / "yahoo"


def now() -> int:
    """Return the time in UTC epoch ms."""
    return time.time_ns() // 1_000_000


def main() -> None:
    """Serve daily charts of shares as they were recorded, and minutes of coins until now."""
    began = now() // MINUTE * MINUTE - 300 * MINUTE
    charts = {name: json.loads((RECORDED / f"chart-{name}.json").read_text()) for name in ("AAPL", "OCDO.L")}
    market = Market([(began, began + 3000 * MINUTE)], ["BTC-USD"])
    with LocalYahoo(market, now, quirks=False, recorded=charts) as server:
        print(server.url, server.stream_url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
