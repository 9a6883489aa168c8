"""Measure what one bar that comes late over a million later ones takes, and what hostile answers of Yahoo take.

usage: hostile_data.py [--bars 1000000] [--answers 100]

Each is measured in a process of its own. Of the late bar it is the peak of resident memory of the whole process and the
seconds until the corrected rows are stored; of the answers, each of which is asked for in turn, the growth of the peak
beyond that of an honest answer. Exit code 1 when the late bar takes more than 300 MB or is not stored, when hostile
answers take more than 200 MB, or when one of them leads to anything but an error that names what is wrong.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.peak_memory import peak_mb

from tapeline.core.market import Bar, Bars
from tapeline.errors import FeedError

START = 1_549_895_400_000  # a New York session opens
LATE_MB, ANSWERS_MB = 300, 200
MINUTE = 60_000
_BATCH = 50_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bars", type=int, default=1_000_000)
    parser.add_argument("--answers", type=int, default=100)
    parser.add_argument("--alone", choices=list(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(PARTS[options.alone](options)))
        return
    failed = []
    with tempfile.TemporaryDirectory(prefix="tapeline-late-") as folder:
        apart("build", options, folder)
        found = apart("late", options, folder)
    print(
        f"a bar late over {options.bars:,} later ones: {found['mb']:.0f} MB at most, {found['seconds']:.1f} s",
        flush=True,
    )
    if found["mb"] > LATE_MB or found["close"] != 2.0 or found["rows"] != options.bars + 1:
        failed.append(f"the late bar: {found}, at most {LATE_MB} MB and stored")

    from tests.local_yahoo.market import Market
    from tests.local_yahoo.server import LocalYahoo

    market = Market([(START, START + 60 * MINUTE)], ["TSLA"])
    with LocalYahoo(market, lambda: START + 90 * MINUTE) as yahoo:
        yahoo.chart_faults.extend(["", *faults(options.answers)])
        found = apart("answers", options, yahoo.url)
    print(
        f"{found['answers']} hostile answers: {found['mb']:.0f} MB more at most, {found['seconds']:.1f} s, "
        f"{found['refused']} refused in one line, {found['unused']} of no use"
    )
    if found["mb"] > ANSWERS_MB or found["wrong"] or found["refused"] + found["unused"] != found["answers"]:
        failed.append(f"hostile answers: {found}, at most {ANSWERS_MB} MB and each refused")
    for line in failed:
        print(f"FAILED {line}")
    raise SystemExit(bool(failed))


def apart(part: str, options: argparse.Namespace, folder: str) -> dict[str, float]:
    """Run one part in a process of its own, and return what it prints."""
    command = [sys.executable, __file__, "--alone", part, "--folder", folder]
    command += ["--bars", str(options.bars), "--answers", str(options.answers)]
    found: dict[str, float] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return found


def faults(count: int) -> list[str]:
    """Return this number of names of answers: every kind in turn, endless ones and bombs among them."""

    from tests.local_yahoo.server import HOSTILE

    kinds = [*sorted(HOSTILE), "endless", "bomb"]
    return [kinds[number % len(kinds)] for number in range(count)]


# -- parts, each in a process of its own -------------------------------------------------------------------------------


def build(options: argparse.Namespace) -> dict[str, float]:
    """Build a store of many minute bars of one symbol, the second of which is missing."""
    from tests.conftest import random_bars

    from tapeline.app import config
    from tapeline.app.data_directory import processing_alone
    from tapeline.core.messages import Commit
    from tapeline.runtime.processor import Processor

    whole = random_bars(1, options.bars + 2, start=START)
    bars = whole[whole.timestamp != START + MINUTE]
    with processing_alone(config.load(data_dir=options.folder)) as home:
        processor = Processor((), checkpoint_bars=20_000)
        for begin in range(0, len(bars), _BATCH):
            step = processor.step(bars[begin : begin + _BATCH])
            home.store.commit(Commit(step.rows, step.states, 0, step.checkpoints))
    return {}


def late(options: argparse.Namespace) -> dict[str, float]:
    """Run the pipeline on the one bar that is missing."""
    from tests.fakes.sources import ListSource

    from tapeline.app import config, wiring
    from tapeline.app.data_directory import processing_alone

    settings = config.load(data_dir=options.folder)
    late_bar = Bars.of([Bar("S00", START + MINUTE, 2.0, 3.0, 1.0, 2.0, 7.0)])
    with processing_alone(settings) as home:
        began = time.monotonic()
        wiring.pipeline(home, settings, ListSource([late_bar]), None, lambda _: None).run()
        seconds = time.monotonic() - began
        (row,) = home.store.rows("S00", START + MINUTE, START + 2 * MINUTE)
        return {"mb": peak_mb(), "seconds": seconds, "close": row.price, "rows": home.store.count() - 1}


def answers(options: argparse.Namespace) -> dict[str, float]:
    """Ask for an honest answer, then for hostile ones, and read each as the collector does."""
    from tapeline.core.sessions import calendar_of
    from tapeline.feeds.yahoo import INTERVALS
    from tapeline.feeds.yahoo.chart import decode
    from tapeline.feeds.yahoo.transport import YFinanceTransport

    transport = YFinanceTransport(str(options.folder).replace("http:/", "http://"))
    interval, calendar = INTERVALS["1m"], calendar_of("TSLA")

    def ask() -> int:
        query = {"interval": "1m", "period1": str(START // 1000), "period2": str(START // 1000 + 3600)}
        return len(decode(transport.get("TSLA", query).text, "TSLA", interval, calendar, START + 90 * MINUTE).bars)

    honest = ask()
    assert honest > 0
    start, began = peak_mb(forget=True), time.monotonic()
    refused = unused = 0
    wrong = []
    for _ in range(options.answers):
        try:
            ask()
            unused += 1
        except FeedError as error:
            refused += 1
            if "\n" in str(error) or len(str(error)) > 600:
                wrong.append(str(error)[:200])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what was looked for
            wrong.append(repr(error)[:200])
    return {
        "answers": options.answers, "mb": peak_mb() - start, "seconds": time.monotonic() - began, "refused": refused,
        "unused": unused, "wrong": wrong,
    }  # fmt: skip


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, float]]] = {"build": build, "late": late, "answers": answers}


if __name__ == "__main__":
    main()
