"""Install the wheel into an empty environment, and measure what somebody new waits for: seconds and megabytes.

usage: first_start.py [WHEEL ...]

Without a wheel it builds the plain one, and from it the one for this platform, which has compiled kernels in it; both
are measured, each in a fresh virtual environment with the pinned versions, with no cache of Numba's, no settings and no
repository beside it. CPU is user and system time of all that a step starts, which other work on the machine changes
less than the time by the clock. "First candle" is from the start of `tapeline demo` until its API has one, "page" until
it has said where the page is. The network is asked for the libraries, and `pip install` counts their download.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

_ANALYSE = """
import tapeline
from tapeline.data import sample_path
import pyarrow.parquet
found = tapeline.analyse(pyarrow.parquet.read_table(sample_path("1m")), ["sma_20", "rsi_14"])
assert {"sma_20", "rsi_14"} <= set(found.column_names), found.column_names
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("wheels", type=Path, nargs="*")
    wheels = parser.parse_args().wheels
    with tempfile.TemporaryDirectory() as folder:
        for wheel in wheels or built(Path(folder)):
            measure(wheel.resolve(), Path(tempfile.mkdtemp(dir=folder)))


def built(folder: Path) -> Iterator[Path]:
    """Build the plain wheel, then with its environment the one for this platform."""
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT], folder)
    (plain,) = folder.glob("*.whl")
    yield plain
    python = installed(plain, folder / "builder")
    run([python, ROOT / "deploy" / "platform_wheel.py", plain, folder / "platform"], folder)
    yield from (folder / "platform").glob("*.whl")


def measure(wheel: Path, folder: Path) -> None:
    """Print the table of one wheel."""
    print(f"\n{wheel.name} ({wheel.stat().st_size / 1e6:.1f} MB)\n{'step':<40} {'CPU s':>7} {'clock s':>8}")
    with timed("pip install"):
        python = installed(wheel, folder / "environment")
    with timed("tapeline demo: page, first candle"):
        first_candle(python, folder)
    with timed("tapeline.analyse in a new process"):
        run([python, "-c", _ANALYSE], folder)
    with timed("tapeline demo --exit, a second start"):
        run([python.with_name("tapeline"), "demo", "--exit", "--json", "--data-dir", "second"], folder)
    sizes = {path.name: size(path) for path in (folder / "environment").glob("lib/python*/site-packages/*")}
    largest = sorted(sizes.items(), key=lambda each: -each[1])[:8]
    print(
        f"{size(folder / 'environment') / 1e6:.0f} MB installed: " + ", ".join(f"{n} {s / 1e6:.0f}" for n, s in largest)
    )
    compiled = len(list((folder / "environment").rglob("*.nbi"))) - len(
        list((folder / "environment").rglob("compiled/*.nbi"))
    )
    print(f"{compiled} functions compiled here")


def installed(wheel: Path, environment: Path) -> Path:
    """Install the wheel alone into a new virtual environment, and return its Python."""
    run([sys.executable, "-m", "venv", environment], environment.parent)
    python = environment / "bin" / "python"
    pins = ["--constraint", ROOT / "constraints.txt"]
    run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pins, wheel], environment.parent)
    return python


def first_candle(python: Path, folder: Path) -> None:
    """Start the demo, wait until its API has a candle, and stop it."""
    started = time.perf_counter()
    command = [python.with_name("tapeline"), "demo", "--port", "0"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=folder, env=bare(folder), stdout=quiet, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stderr is not None
        page = next(found[0] for line in demo.stderr if (found := re.search(r"http://\S+:\d+/", line)))
        shown = time.perf_counter() - started
        while not candles(page):
            time.sleep(0.02)
        seconds = time.perf_counter() - started
        demo.terminate()  # as Ctrl-C, which a job in the background would not hear
        demo.communicate()
    print(f"  page after {shown:.1f} s, first candle after {seconds:.1f} s")


def candles(page: str) -> bool:
    with urllib.request.urlopen(f"{page}api/v1/symbols/TSLA/bars?limit=1", timeout=60) as answer:
        return bool(json.load(answer)["columns"]["t"])


def run(command: Sequence[str | Path], folder: Path) -> None:
    subprocess.run(command, cwd=folder, env=bare(folder), check=True, stdout=subprocess.DEVNULL)


def bare(folder: Path) -> dict[str, str]:
    """Return an environment without settings, in which the user's own folder is empty."""
    ours = ("TAPELINE_", "NUMBA_", "PYTHON", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {"HOME": str(folder)}


@contextmanager
def timed(step: str) -> Iterator[None]:
    def cpu() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before, started = cpu(), time.perf_counter()
    yield
    print(f"{step:<40} {cpu() - before:>7.1f} {time.perf_counter() - started:>8.1f}")


def size(path: Path) -> int:
    """Return how many bytes a folder takes on a disk of 4 KB blocks, as `du` does."""
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return sum(each.lstat().st_blocks * 512 for each in files)


if __name__ == "__main__":
    main()
