"""Test that kept machine code computes what Numba's does, bit for bit, and that nothing doubtful is loaded."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import random_bars

from tapeline.core import trusted_code
from tapeline.indicators import CATALOGUE, DEFAULT, Engine
from tapeline.indicators.engine import alone, machine_code, object_code
from tapeline.indicators.engine.alone import entry_points
from tapeline.indicators.engine.program import Program
from tapeline.indicators.spec import parse_all

#: What a process without Numba, and on Linux without LLVM, prints of the values that it computes.
COMPUTE = """
import platform
import sys
from pathlib import Path
from tapeline.indicators import Engine
from tapeline.indicators.engine import machine_code
machine_code.FOLDER = Path(sys.argv[1])
engine = Engine(sys.argv[2].split(","), live=False)
heavy = {"numba", "llvmlite.binding"} if (sys.platform, platform.machine()) == ("linux", "x86_64") else {"numba"}
without_numba = heavy.isdisjoint(sys.modules)
from tests.conftest import random_bars
bars = random_bars(3, 200)
values = [engine.update(part) for part in (bars[:50], bars[50:51], bars[51:])] + [engine.peek(random_bars(3, 1))]
print(without_numba, *(each.tobytes().hex() for each in values))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for kept code, and nothing loaded yet."""
    monkeypatch.setattr(machine_code, "FOLDER", tmp_path / "kept")
    monkeypatch.setattr(machine_code, "_addresses", {})
    return tmp_path / "kept"


def computed(folder: Path, specs: tuple[str, ...]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", COMPUTE, str(folder), ",".join(specs)],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    return done.stdout.split()


def test_every_indicator_has_the_same_bits_without_numba(tmp_path: Path) -> None:
    specs = tuple(CATALOGUE)
    first, second = computed(tmp_path / "kept", specs), computed(tmp_path / "kept", specs)
    assert (first[0], second[0]) == ("False", "True")
    engine, bars = Engine(specs), random_bars(3, 200)
    values = [engine.update(part) for part in (bars[:50], bars[50:51], bars[51:])] + [engine.peek(random_bars(3, 1))]
    assert first[1:] == second[1:] == [each.tobytes().hex() for each in values]


def test_an_engine_that_reads_does_all_that_another_does() -> None:
    reading, live = Engine(DEFAULT, live=False), Engine(DEFAULT)
    bars = random_bars(2, 40)
    out = np.empty((len(live.outputs), len(bars))).T
    np.testing.assert_array_equal(reading.update(bars, out), live.update(bars))
    assert reading.snapshot("S00") == live.snapshot("S00")
    one, other = np.empty(len(live.outputs)), np.empty(len(live.outputs))
    slot = int(live.slots(["S01"])[0])
    live.update_one(one, slot, 0, 1.0, 2.0, 1.0, 2.0, 5.0)
    reading.update_one(other, int(reading.slots(["S01"])[0]), 0, 1.0, 2.0, 1.0, 2.0, 5.0)
    np.testing.assert_array_equal(one, other)
    column = np.ones(1)
    with pytest.raises(ValueError, match="slot"):
        reading.update_columns(np.array([99], np.int32), np.zeros(1, np.int64), *[column] * 5)


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a process has kept the code of the default indicators."""
    made = tmp_path_factory.mktemp("code") / "kept"
    assert computed(made, DEFAULT)[0] == "False"
    return made


def kept(code: Path, folder: Path) -> Path:
    """Put the code of the default indicators into the folder, and return the file of one of its kernels."""
    shutil.copytree(code, folder)
    assert loaded()
    machine_code._addresses.clear()
    (file,) = folder.glob("overlap.sma-*")
    return file


def loaded() -> bool:
    return entry_points(Program(parse_all(DEFAULT)).kernels) is not None


def test_damaged_code_is_not_loaded_and_replaced(code: Path, folder: Path) -> None:
    file = kept(code, folder)
    whole = file.read_bytes()
    for damaged in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b"", b"[]\n", whole.replace(b"sha256", b"sha512")):
        file.write_bytes(damaged)
        assert not loaded()
    assert computed(folder, DEFAULT)[0] == "False"
    assert file.read_bytes() == whole
    assert loaded()


def test_llvm_loads_what_object_code_does_not(code: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, sma = kept(code, folder).read_bytes().partition(b"\n")
    far, foreign = sma[:40] + b"\xff" * 8 + sma[48:], sma[:18] + b"\xb7" + sma[19:]  # for another processor
    for other in (b"", sma[:60], b"\0" + sma[1:], far, foreign):
        assert object_code.load(other, "sma") is None
    assert object_code.load(sma, "nothing of this name") is None
    monkeypatch.setattr(object_code, "load", lambda *_: None)
    assert loaded()


def test_a_call_keeps_what_it_is_given_until_it_is_made() -> None:
    found = []

    def read(result: int, error: int, given: int) -> None:
        found.extend((ctypes.c_int64 * len(expected)).from_address(given))

    columns, ends = [np.zeros(3)] * 6, np.array([3])
    given, call = alone._prepared(read, (1, 2, 3), np.zeros((3, 1)), (8, 8), columns, np.arange(3), ends)
    expected = given.tolist()
    del given
    others = [np.zeros(len(expected), np.int64) for _ in range(100)]  # where it was, unless it is kept
    call()
    assert found == expected
    assert len(others) == 100


@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_code_that_others_could_have_written_is_not_loaded(
    code: Path, folder: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trusted_code, "_private_group", lambda: -1)  # a group that others are in
    file = kept(code, folder)
    file.chmod(mode)
    assert not loaded()
    file.chmod(0o644)
    folder.chmod(mode)
    assert not loaded()
    machine_code.keep(("tapeline.indicators.overlap", "new"), "new", b"", ())
    assert not list(folder.glob("overlap.new-*"))
    folder.chmod(0o755)
    assert loaded()


def test_a_link_to_code_is_not_followed(code: Path, folder: Path, tmp_path: Path) -> None:
    file = kept(code, folder)
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert not loaded()
    file.unlink()
    (tmp_path / "elsewhere").rename(file)
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")
    assert not loaded()


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give a file away")
def test_code_of_another_user_is_not_loaded(code: Path, folder: Path) -> None:
    file = kept(code, folder)
    os.chown(file, 54321, -1)
    assert not loaded()
    os.chown(file, 0, -1)
    os.chown(folder, 54321, -1)
    assert not loaded()


def test_code_of_other_sources_is_not_loaded_and_deleted(
    code: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = kept(code, folder)
    monkeypatch.setattr(machine_code, "_digest", lambda _: "0123456789abcdef0123")
    assert not loaded()
    machine_code.keep(("tapeline.indicators.overlap", "sma"), "sma", b"code", ())
    assert [each.name for each in folder.glob("overlap.sma-*")] == ["overlap.sma-0123456789abcdef0123"]
    assert not file.exists()


def test_code_that_needs_unknown_functions_is_not_kept(folder: Path) -> None:
    machine_code.keep(("tapeline.indicators.overlap", "sma"), "sma", b"code", ["NRT_Allocate"])
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_is_no_error(folder: Path) -> None:
    folder.parent.joinpath("kept").write_text("a file")
    machine_code.keep(("tapeline.indicators.overlap", "sma"), "sma", b"code", ())
    assert not loaded()
