"""Flip bits of a data file and run commands over it: what they print is what was stored, or damage is named.

usage: python -m tests.faults.flips [--trials 50] [--bits 1] [--seed 0]

In each trial the damaged file is then repaired, and filled again from the files that it was made of. Prints what went
wrong and a table; exit code 1 when anything did.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
import traceback
from collections.abc import Iterable
from pathlib import Path

from typer.testing import CliRunner

from tapeline.cli.main import app
from tests.conftest import random_bars

SYMBOLS, MINUTES = 3, 1500

#: Commands that read, with what they print of the whole file.
READING = (
    ("show", "S00", "--last", "5000", "--json"),
    ("show", "S01", "--last", "20", "--as-known", "--json"),
    ("rejects", "--json"),
    ("score", "--json"),
    ("export", "--out", "OUT.csv"),
    ("alerts", "list", "--json"),
)


def invoke(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Return a command's exit code, what it printed, and what it said; a traceback is in the latter."""
    given = [str(folder / argument) if argument.startswith("OUT") else argument for argument in arguments]
    result = CliRunner().invoke(app, [*given, "--data-dir", str(folder)])
    said = result.stderr
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        from tapeline.errors import TapelineError

        if isinstance(result.exception, TapelineError):
            said += f"tapeline: {result.exception}"
        else:
            said += "".join(traceback.format_exception(result.exception))
    return result.exit_code, result.stdout, said


def filled(folder: Path) -> Path:
    """Make a data directory of a few symbols, with rejects, corrections and a rule."""
    file = folder.with_suffix(".csv")
    lines = ["symbol,timestamp,open,high,low,close,volume"]
    for number, bar in enumerate(random_bars(SYMBOLS, MINUTES, seed=3)):
        close = "nan" if number % 97 == 50 else f"{bar.close}"
        lines.append(f"{bar.symbol},{bar.timestamp},{bar.open},{bar.high},{bar.low},{close},{bar.volume:.0f}")
    file.write_text("\n".join(lines) + "\n")
    late = folder.with_suffix(".late.csv")
    revised = [line.rpartition(",")[0] + ",77" for line in lines[100:2000:100] if "nan" not in line]
    late.write_text("\n".join([lines[0], *revised]) + "\n")
    for command in (("replay", str(file)), ("replay", str(late)), ("alerts", "add", "close > 100000")):
        options = ("--no-dashboard", "--json") if command[0] == "replay" else ()
        code, _, said = invoke(folder, *command, *options)
        assert code == 0, said
    return folder


def flip(path: Path, bits: int, rng: random.Random) -> None:
    """Flip this number of random bits of a file."""
    content = bytearray(path.read_bytes())
    for _ in range(bits):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def faults_of(
    folder: Path, wanted: dict[tuple[str, ...], tuple[int, str, str]], commands: Iterable[tuple[str, ...]]
) -> list[str]:
    """Return what the commands got silently wrong, or ended in a traceback at."""
    found = []
    for command in commands:
        code, out, said = invoke(folder, *command)
        if command[0] == "export" and code == 0:
            out = (folder / "OUT.csv").read_text()
        if "Traceback" in said:
            found.append(f"{' '.join(command)}: {said[-600:]}")
        elif code not in {0, 1}:
            found.append(f"{' '.join(command)}: exit {code}: {said}")
        elif code == 1 and not said.strip():
            found.append(f"{' '.join(command)}: exit 1 without a word: {out}")
        elif (
            code == 0
            and command in wanted
            and out != wanted[command][1]
            and "damaged" not in said
            and "cannot be read" not in said
        ):
            found.append(f"{' '.join(command)}: silently wrong: {said}")
    return found


def baseline(folder: Path) -> dict[tuple[str, ...], tuple[int, str, str]]:
    """Return what the reading commands say of the whole file."""
    found = {}
    for command in READING:
        code, out, said = invoke(folder, *command)
        assert code == 0, said
        if command[0] == "export":
            out = (folder / "OUT.csv").read_text()
        found[command] = code, out, said
    return found


def repaired(whole: Path, folder: Path, wanted: dict[tuple[str, ...], tuple[int, str, str]]) -> str:
    """Repair the folder, replay the files of its bars, and say what is other than before; '' for nothing."""
    before, _, _ = invoke(folder, "check")
    code, out, said = invoke(folder, "check", "--repair")
    if code or "Traceback" in said:
        return f"{before} {code} {out} {said}"
    for file in (whole.with_suffix(".csv"), whole.with_suffix(".late.csv")):
        code, out, said = invoke(folder, "replay", str(file), "--no-dashboard", "--json")
        if code:
            return f"replay {code} {said}"
    code, out, said = invoke(folder, "check")
    if code:
        return f"check after it {out}{said}"
    command = ("show", "S00", "--last", "5000", "--json")
    rows = [json.loads(text) for text in (invoke(folder, *command)[1], wanted[command][1])]
    same = [[(row["timestamp"], row["price"], row["volume"], row["indicator"]) for row in each] for each in rows]
    return "" if same[0] == same[1] else f"rows differ: {len(same[0])} {len(same[1])} {said}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--bits", type=int, default=1, help="Bits flipped in each trial.")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    read = repairs = 0
    with tempfile.TemporaryDirectory() as work:
        whole = filled(Path(work) / "whole")
        wanted = baseline(whole)
        print(
            f"{(whole / 'tapeline.db').stat().st_size:,} bytes, {options.bits} of their bits flipped in each trial",
            flush=True,
        )
        for trial in range(options.trials):
            folder = Path(work) / "damaged"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(whole, folder)
            flip(folder / "tapeline.db", options.bits, rng)
            faults = faults_of(folder, wanted, READING)
            read += len(READING) - len(faults)
            problem = repaired(whole, folder, wanted)
            repairs += not problem
            for line in [*faults, *([f"repair: {problem}"] if problem else [])]:
                print(f"trial {trial}: {line}", flush=True)
    commands = options.trials * len(READING)
    print("| kind | tried | survived |\n| --- | --- | --- |")
    print(f"| commands that read | {commands} | {read} |\n| repairs | {options.trials} | {repairs} |")
    raise SystemExit((read, repairs) != (commands, options.trials))


if __name__ == "__main__":
    main()
