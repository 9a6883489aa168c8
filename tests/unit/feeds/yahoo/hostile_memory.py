"""Print by how many MB decoding hostile charts, each as large as the bounds allow, lets this process grow."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tapeline.core.sessions import calendar_of
from tapeline.errors import FeedError
from tapeline.feeds.yahoo import INTERVALS
from tapeline.feeds.yahoo.chart import BOUNDS, decode

PARTS = ("[],", "{},", "1.5,", "999,", '"ab",', '{"a":1},', "null,", '"ab":1,', '"":[],')
AROUND = ("[%s1]", '{"chart":%s0}', '{"chart":{"result":[{"timestamp":[%s1]}]}}', "{%s}")


def megabytes(name: str) -> float:
    """Return a size that the kernel counts for this program alone; `getrusage` counts the one that started it too."""
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) / 1024


def main() -> None:
    calendar = calendar_of("TSLA")
    with contextlib.suppress(FeedError):
        decode("{}", "TSLA", INTERVALS["1d"], calendar, 10**12)
    before = megabytes("VmRSS")
    for part in PARTS:
        for around in AROUND:
            for count in (BOUNDS.size // len(part) - 100, BOUNDS.parts - 100, BOUNDS.values - 100):
                with contextlib.suppress(FeedError):
                    decode(around % (part * count), "TSLA", INTERVALS["1d"], calendar, 10**12)
    print(megabytes("VmHWM") - before)


main()
