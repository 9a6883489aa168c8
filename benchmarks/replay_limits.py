"""Measure what forbids a faster replay: the processor's time that each of its stages takes alone, in one thread.

A stage alone waits for nobody, shares no lock and keeps the processor's caches to itself. So the sum over all stages,
divided by two, is what two cores would take if the stages overlapped perfectly, and the longest stage what the thread
that does it takes: no replay of these stages is faster than the longer of both. Beside it, in the same run: the whole
replay, and SQLite alone inserting such rows (`benchmarks/replay.py`).

usage: replay_limits.py [--bars 1000000] [--symbols 100] [--runs 3]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from replay import replay, sqlite_alone, write_bars

from tapeline.app import config, wiring
from tapeline.app.data_directory import processing_alone
from tapeline.app.range_models import range_model_in_use
from tapeline.core.messages import Commit
from tapeline.core.rows import Rows
from tapeline.feeds.files import FileSource
from tapeline.forecast import DEFAULT_NAME
from tapeline.runtime.indicator_view import KEPT_BARS
from tapeline.runtime.pipeline import BATCH_BARS, COMMIT_BARS
from tapeline.runtime.processor import Processor, Step

_STAGES = ("read the file", "append to the log", "take from the log", "step", "commit")
_CORES = 2


class Stopwatch:
    """Add up this thread's processor time by stage."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._since = time.thread_time()

    def end(self, stage: str) -> None:
        """Count the time since the last stage ended as one of this stage."""
        now = time.thread_time()
        self.seconds[stage] += now - self._since
        self._since = now


def stages(path: Path, folder: Path) -> Counter[str]:
    """Replay the file stage after stage in this thread, with the models in `folder`, and return each one's seconds."""
    settings = config.load(data_dir=folder)
    wiring.warm_up(settings)
    with processing_alone(settings) as home:
        source = FileSource([path])
        interval = source.scan().interval
        predictor, model = home.models.load(DEFAULT_NAME), range_model_in_use(home, print, interval)
        assert model is not None
        processor = Processor((), predictor, checkpoint_bars=KEPT_BARS, range_model=model)
        steps: list[Step] = []
        position = 0

        def commit() -> None:
            states = {symbol: processor.state(symbol) for step in steps for symbol in step.symbols}
            checkpoints = {symbol: states[symbol] for step in steps for symbol in step.due}
            home.store.commit(Commit(Rows.concat([step.rows for step in steps]), states, position, checkpoints))
            home.stream.trim(position)
            steps.clear()

        watch = Stopwatch()
        for delivery in source.deliveries(""):
            watch.end("read the file")
            end = home.stream.append(source.name, delivery)
            watch.end("append to the log")
            while position < end:
                bars, position = home.stream.read(position, min(BATCH_BARS, end - position))
                watch.end("take from the log")
                steps.append(processor.step(bars, remember=False))
                watch.end("step")
            if sum(len(step.rows) for step in steps) >= COMMIT_BARS:
                commit()
                watch.end("commit")
        watch.end("read the file")
        commit()
        watch.end("commit")
    return watch.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bars", type=int, default=1_000_000)
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "bars.parquet"
        write_bars(path, arguments.bars, arguments.symbols)
        rates, alone, found = [], [], []
        for run in range(arguments.runs):
            rates.append(replay(path, folder / f"{run}")[0]["bars_per_second"])
            alone.append(sqlite_alone(400_000, folder / "a.db"))
            shutil.copytree(folder / f"{run}" / "models", folder / f"{run}-alone" / "models")
            found.append(stages(path, folder / f"{run}-alone"))
            shutil.rmtree(folder / f"{run}")
            shutil.rmtree(folder / f"{run}-alone")
        inserts = statistics.median(alone)
        best = {stage: min(seconds[stage] for seconds in found) / arguments.bars for stage in _STAGES}

        def line(what: str, seconds: float) -> None:
            print(f"{what:<44}{seconds * 1e6:>8.2f} µs{1 / seconds:>13,.0f} bars/s{1 / seconds / inserts:>8.2f} x")

        print(f"{'a bar, processor time, at its best':<47}{'':>8}{'':>12}{'SQLite':>15}")
        for stage, seconds in best.items():
            line(stage, seconds)
        line("all of them, one after the other", sum(best.values()))
        line(f"all of them, perfectly overlapped on {_CORES} cores", max(*best.values(), sum(best.values()) / _CORES))
        line("the replay, by the clock", 1 / statistics.median(rates))
        line("SQLite alone, by the clock", 1 / inserts)


if __name__ == "__main__":
    main()
