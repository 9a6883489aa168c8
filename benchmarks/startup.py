"""Measure seconds and megabytes of commands that compute next to nothing: medians of interleaved runs.

usage: startup.py [--runs 15]

CPU is user and system time, which a shared machine changes less than the time by the clock. Memory is the peak of the
process. Peers: Python itself, NumPy alone, and `optuna`, a command line for data as well.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from tapeline.data import sample_path

START = "import sys; sys.argv[0] = 'tapeline'; from tapeline.__main__ import main; main()"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        replay = ["-m", "tapeline", "replay", str(sample_path("1m")), "--data-dir", folder, "--json"]
        subprocess.run([sys.executable, *replay], check=True, stdout=subprocess.DEVNULL)
        (Path(folder) / "symbols.txt").write_text("TSLA\nAAPL\n")
        cases = commands(folder)
        runs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in cases}
        for _ in range(options.runs + 1):  # the first warms the disk cache
            for name, (arguments, environment) in cases.items():
                runs[name].append(measure(arguments, environment))
    print(f"{'command':<34} {'CPU s':>7} {'clock s':>8} {'MB':>6}")
    for name, measured in runs.items():
        cpu, clock, memory = (statistics.median(each) for each in zip(*measured[1:], strict=True))
        print(f"{name:<34} {cpu:>7.3f} {clock:>8.3f} {memory:>6.0f}")


def commands(folder: str) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Return what to run: the arguments of Python and what the environment has beside ours."""

    def tab(typed: str) -> tuple[list[str], dict[str, str]]:
        words = {"_TAPELINE_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
        return ["-c", START], words

    def run(*arguments: str) -> tuple[list[str], dict[str, str]]:
        return ["-m", "tapeline", *arguments], {}

    here = ("--data-dir", folder)
    return {
        "python -c pass": (["-c", "pass"], {}),
        "python -c 'import numpy'": (["-c", "import numpy"], {}),
        "optuna --help": ([str(Path(sysconfig.get_path("scripts")) / "optuna"), "--help"], {}),
        "tapeline --version": run("--version"),
        "tapeline --help": run("--help"),
        "tapeline evaluate --help": run("evaluate", "--help"),
        "tapeline <TAB>": tab("tapeline "),
        "tapeline train --<TAB>": tab("tapeline train --"),
        "tapeline symbols list": run("symbols", "list", *here),
        "tapeline rejects": run("rejects", *here),
        "tapeline show TSLA": run("show", "TSLA", *here),
        "tapeline doctor": run("doctor", *here),
    }


def measure(arguments: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """Return seconds of CPU, seconds by the clock, and the peak of memory in MB."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    quiet = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    started = time.perf_counter()
    child = os.posix_spawn(sys.executable, [sys.executable, *arguments], inherited | environment, file_actions=quiet)
    _, status, used = os.wait4(child, 0)
    seconds = time.perf_counter() - started
    assert os.waitstatus_to_exitcode(status) in (0, 1), arguments  # 1: the doctor has found something
    memory = used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return used.ru_utime + used.ru_stime, seconds, memory


if __name__ == "__main__":
    main()
