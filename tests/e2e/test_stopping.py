"""Every command that is stopped ends alike: cleanly, in a line, with a code that says how."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tapeline.cli.command_list import COMMANDS
from tapeline.cli.stopping import UNTIL_STOPPED, Terminated, exit_code
from tests.conftest import random_bars
from tests.stored import fill

#: Runs a command whose function waits, having said so: in short sleeps, as the commands do, since a signal that comes
#: just before a sleep begins does not end it (one in four on Python 3.14 and a busy machine).
STAND_IN = """
import sys, time
from tapeline.cli import main
def wait():
    print("waiting", flush=True)
    for _ in range(600):
        time.sleep(0.1)
class Waiting(main.UnloadedCommand):
    def load(self):
        import typer
        parent = typer.Typer(callback=lambda: None, add_completion=False)
        parent.command(self.name)(wait)
        return typer.main.get_group(parent).commands[self.name]
main.UnloadedCommand = Waiting
sys.argv = ["tapeline", sys.argv[1]]
main.main()
"""


def stopped(command: str, stop: signal.Signals) -> tuple[int, str]:
    """Return the exit code and what was said when a waiting command gets this signal."""
    with subprocess.Popen(
        [sys.executable, "-c", STAND_IN, command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(stop)
        _, said = process.communicate(timeout=60)
    return process.returncode, said


def processor_seconds(pid: int) -> float:
    """Return how much processor time a process has used: on a busy machine, the clock says little of its work."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", ["run", "dashboard", "train", "show"])
def test_a_command_that_is_stopped_says_so_by_its_exit_code(command: str, stop: signal.Signals) -> None:
    code, said = stopped(command, stop)
    assert code == (0 if command in UNTIL_STOPPED else 128 + stop)
    assert said == ("" if command in UNTIL_STOPPED else "tapeline: stopped before its end\n")


def test_every_command_has_a_code() -> None:
    assert set(COMMANDS) >= UNTIL_STOPPED
    for command in COMMANDS:
        expected = (0, 0) if command in UNTIL_STOPPED else (143, 130)
        assert (exit_code(command, Terminated()), exit_code(command, KeyboardInterrupt())) == expected


def test_a_real_command_that_is_terminated_at_work_ends_without_a_traceback(tmp_path: Path) -> None:
    bars = tmp_path / "A.csv"
    rows = "".join(f"{1_549_895_400 + 60 * i},1,2,1,{1 + i % 7 / 10},5\n" for i in range(400_000))
    bars.write_text("timestamp,open,high,low,close,volume\n" + rows)
    command = [sys.executable, "-m", "tapeline", "train", str(bars), "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and processor_seconds(process.pid) < 4:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 143, said
    assert "Traceback" not in said
    assert said.splitlines()[-1] == "tapeline: stopped before its end"


@pytest.fixture(scope="module")
def data_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    fill(path, random_bars(2, 300))
    return path


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command",
    ["--version", "--help", "show --help", "indicators --list", "indicators --list --json", "show S00 --last 300",
     "score", "rejects --json", "sql 'FROM bars' --csv"],
)  # fmt: skip
def test_a_command_whose_reader_is_gone_ends_without_a_word(
    command: str, unbuffered: str, data_directory: Path
) -> None:
    """As `| head -1` does it. The exit code is what a shell says of a program that SIGPIPE ends."""
    reader, writer = os.pipe()
    os.close(reader)
    own = {"TAPELINE_DATA_DIR": str(data_directory), "PYTHONUNBUFFERED": unbuffered}
    with os.fdopen(writer, "w") as out:
        done = subprocess.run(
            [sys.executable, "-m", "tapeline", *shlex.split(command)],
            env=os.environ | own, stdout=out, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if not line.startswith("·")]  # what it notes is for the terminal
    assert (done.returncode, said) == (128 + signal.SIGPIPE, [])


def test_a_reader_that_stays_gets_all_of_it_however_it_is_buffered() -> None:
    command = [sys.executable, "-m", "tapeline", "indicators", "--list", "--json"]
    found = {
        subprocess.run(
            command, env=os.environ | {"PYTHONUNBUFFERED": unbuffered}, capture_output=True, text=True, check=True
        ).stdout
        for unbuffered in ("", "1")
    }
    assert len(found) == 1
    assert found.pop().endswith("]\n")
