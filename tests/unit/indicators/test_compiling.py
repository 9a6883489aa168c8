"""Test that kernels are compiled when first needed, cached for the next process, and work without a cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core.registry import cpu_target
from tests.conftest import random_bars

from tapeline import indicators
from tapeline.indicators import Engine
from tapeline.indicators.engine import compiling, machine_code


def run(program: str, cache: Path) -> str:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.strip()


def test_importing_compiles_nothing(tmp_path: Path) -> None:
    program = (
        "from tapeline.indicators.engine import compiling, driver; "
        "print(len(compiling._ready), len(driver.update.overloads), len(driver.peek.overloads))"
    )
    assert run(program, tmp_path) == "0 0 0"
    assert not list(tmp_path.glob("**/*.nb?"))


def test_the_second_process_compiles_nothing_whatever_the_parameters(tmp_path: Path) -> None:
    program = "from tapeline.indicators import warm_up; print(warm_up([{}]))"
    assert int(run(program.format("'obv'"), tmp_path)) == 6  # one kernel, and five ways to call it
    assert run(program.format("'obv'"), tmp_path) == "0"
    assert run(program.format("'obv', 'mom_3', 'mom_7'"), tmp_path) == "1"
    assert run(program.format("'mom_21'"), tmp_path) == "0"


def test_kernels_that_different_processes_compiled_are_told_apart(tmp_path: Path) -> None:
    """Numba numbers what it compiles, and looks machine code up by name and number."""
    program = (
        "from tapeline.indicators import Engine, parse; from tapeline.indicators.engine import compiling; "
        "print(len(set(compiling.addresses([parse(name).indicator.kernel for name in {!r}]))))"
    )
    for name in ("mom", "roc"):
        assert run(program.format([name]), tmp_path) == "1"
    assert run(program.format(["mom", "roc"]), tmp_path) == "2"


def test_kernels_work_without_a_place_for_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object) -> None:
        raise RuntimeError("no locator available")

    bars = random_bars(1, 50)
    expected = Engine(["mom_10"]).update(bars)
    monkeypatch.setattr(compiling, "_Cache", nowhere)
    monkeypatch.setattr(compiling, "_ready", {})
    np.testing.assert_array_equal(Engine(["mom_10"]).update(bars), expected)

    twice = compiling.cached(_twice)
    assert twice(2.0) == 4.0


def _twice(x: float) -> float:
    return 2.0 * x


def test_the_digest_covers_the_steps_and_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """It once looked for the steps in a folder that had moved, and found none."""
    read = set()
    plain = Path.read_bytes

    def record(path: Path) -> bytes:
        read.add(path.relative_to(Path(indicators.__file__).parent).as_posix())
        return plain(path)

    monkeypatch.setattr(Path, "read_bytes", record)
    machine_code.shared_sources.__wrapped__()
    kernels = {"__init__", "interface", "shared_columns", "steps", "window_steps"}
    engine = {"addresses", "bar_order", "compiling", "driver", "program", "row_windows"}
    assert read == {f"kernels/{name}.py" for name in kernels} | {f"engine/{name}.py" for name in engine}


def test_a_change_of_the_steps_invalidates_kernels_in_other_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba itself looks only at the file that the kernel is in."""
    keys = []
    for digest in ("before", "after"):
        monkeypatch.setattr(machine_code, "shared_sources", lambda digest=digest: digest)
        keys.append(compiling._Cache(_twice)._index_key((), cpu_target.target_context.codegen()))
    assert keys[0] != keys[1]
