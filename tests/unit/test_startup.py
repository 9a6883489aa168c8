"""What a command imports: help and a TAB answer at once, and no command waits for what it does not use."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from tests.conftest import random_bars
from tests.stored import fill

from tapeline.__main__ import main as tapeline_main
from tapeline.cli.command_list import COMMANDS
from tapeline.cli.main import app
from tapeline.indicators import warm_up

#: Libraries that take 0.05 to 2 s to import.
HEAVY = {
    "argon2", "bt", "boto3", "botocore", "curl_cffi", "duckdb", "exchange_calendars", "fastapi", "lightgbm", "llvmlite",
    "matplotlib", "numba", "numpy.ma", "optuna", "pandas", "polars", "prometheus_client", "pyarrow", "rich", "scipy",
    "sklearn", "starlette", "uvicorn", "yfinance",
}  # fmt: skip

#: What only answers need: neither help nor a TAB waits for these.
FOR_ANSWERS = {"asyncio", "filelock", "numpy", "pydantic", "sqlite3"}

RUN = "import sys; sys.argv[0] = 'tapeline'; from tapeline.__main__ import main; main()"


def imported(*arguments: object, **environment: str) -> set[str]:
    """Return the names of the modules that a run of the command imports, and of the packages that they are in."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TAPELINE_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", RUN, *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False, env=clean | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = set(re.findall(r"^import time:.*\| +([\w.]+)$", done.stderr, re.MULTILINE))
    return found | {name.partition(".")[0] for name in found}


@pytest.fixture(scope="module")
def data_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    fill(path, random_bars(2, 300))
    (path / "symbols.txt").write_text("TSLA\n")
    return path


def test_the_version_is_printed_before_anything_is_imported() -> None:
    assert imported("--version") & ({"typer", "importlib_metadata", "re"} | HEAVY | FOR_ANSWERS) == set()


def test_a_closed_output_is_no_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tapeline", "-V"])
    monkeypatch.setattr(sys, "stdout", None)  # what Python makes of `>&-`
    tapeline_main()
    sys.stdout.close()


@pytest.mark.parametrize("arguments", [["--help"], ["symbols", "--help"], ["evaluate", "--help"], ["run", "-h"]])
def test_help_imports_only_what_describes_commands(arguments: list[str]) -> None:
    assert imported(*arguments) & (HEAVY | FOR_ANSWERS) == set()


@pytest.mark.parametrize(
    "typed", ["tapeline ", "tapeline s", "tapeline symbols ", "tapeline train --", "tapeline show TSLA --"]
)
def test_a_tab_imports_only_what_describes_commands(typed: str) -> None:
    found = imported(_TAPELINE_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=str(typed.count(" ")))
    assert found & (HEAVY | FOR_ANSWERS) == set()


def test_every_command_can_be_described_without_heavy_imports() -> None:
    load = (
        "import sys; import typer; from tapeline.cli.main import app;"
        "[command.load() for command in typer.main.get_command(app).commands.values()];"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", load], capture_output=True, text=True, timeout=120, check=True)
    assert set(done.stdout.split()) & (HEAVY | FOR_ANSWERS) == set()


@pytest.mark.parametrize(
    "arguments", [["symbols", "list"], ["rejects"], ["users", "list"], ["alerts", "list"], ["models", "list"]]
)
def test_a_command_that_computes_nothing_imports_nothing_heavy(arguments: list[str], data_directory: Path) -> None:
    assert imported(*arguments, "--data-dir", data_directory, "--json") & HEAVY == set()


def test_a_row_is_shown_without_what_compiles(data_directory: Path) -> None:
    warm_up()  # keeps the machine code
    assert imported("show", "S00", "--data-dir", data_directory, "--json") & (HEAVY - {"llvmlite"}) == set()


def test_the_doctor_imports_only_what_it_examines(data_directory: Path) -> None:
    found = imported("doctor", "--data-dir", data_directory, "--json")
    assert found >= {"lightgbm", "numba", "pyarrow"}  # importing them is the check
    assert found & {"argon2", "boto3", "curl_cffi", "exchange_calendars", "uvicorn", "yfinance"} == set()


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    listed = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert list(listed) == list(COMMANDS)
    for name, unloaded in listed.items():
        command = unloaded.load()
        assert command.name == unloaded.name == name
        assert command.help.partition("\n\n")[0].replace("\n", " ") == unloaded.help, name
