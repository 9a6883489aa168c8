"""Compiled functions are cached, and never where somebody else could have put a pickle."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tapeline.core import trusted_code
from tapeline.core.trusted_code import is_trusted_folder

# -- folders -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "a" / "b"
    found.mkdir(parents=True, mode=0o755)
    assert is_trusted_folder(found)
    return found


def test_a_folder_below_one_that_all_may_write_could_be_exchanged(folder: Path) -> None:
    folder.parent.chmod(0o777)
    assert not is_trusted_folder(folder)
    folder.parent.chmod(0o1777)  # as /tmp: others cannot move what is not theirs
    assert is_trusted_folder(folder)
    assert not is_trusted_folder(folder.parent)


def test_a_link_is_as_good_as_what_it_leads_to(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert is_trusted_folder(tmp_path / "link")
    folder.chmod(0o757)
    assert not is_trusted_folder(tmp_path / "link")
    assert not is_trusted_folder(tmp_path / "nowhere")


def test_a_group_of_this_user_alone_may_write(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.chmod(0o775)
    monkeypatch.setattr(trusted_code, "_private_group", lambda: folder.stat().st_gid)
    assert is_trusted_folder(folder)
    monkeypatch.setattr(trusted_code, "_private_group", lambda: -1)
    assert not is_trusted_folder(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to give a folder away")
def test_a_folder_of_another_user_is_not_trusted(folder: Path) -> None:
    os.chown(folder, 65534, -1)
    assert not is_trusted_folder(folder)


# -- the cache: slow, although the time is measured at the end of the process that the tests share ---------------------

#: Imports Numba, which takes longest, and then is a new process for each line that it reads, the environment of that
#: process: it calls the function, and prints how often the cache was read and where it is.
PROGRAM = """
import importlib.util, json, os, sys, traceback
from numba import njit
from numba.core import config
from numba.core.registry import CPUDispatcher

def call():
    spec = importlib.util.spec_from_file_location("sample", sys.argv[1])
    sample = importlib.util.module_from_spec(spec)
    sys.modules["sample"] = sample
    spec.loader.exec_module(sample)
    assert sample.twice(21) == 42
    assert isinstance(sample.twice, CPUDispatcher)
    print(sum(sample.twice.stats.cache_hits.values()), sample.twice.stats.cache_path, flush=True)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            os.environ.clear()
            os.environ.update(json.loads(line))
            config.reload_config()
            call()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print("failed", flush=True)
"""

SAMPLE = """
from tapeline.core.jit import jit

@jit
def twice(value):
    return 2 * value
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def program(home: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM, str(home / "package" / "sample.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


Run = Callable[[Path], tuple[int, str]]


@pytest.fixture
def sample(home: Path) -> Path:
    """A module with a function that is compiled, and nothing kept of it."""
    for path in home.iterdir():
        shutil.rmtree(path)
    (home / "package").mkdir()
    path = home / "package" / "sample.py"
    path.write_text(SAMPLE)
    return path


@pytest.fixture
def run(program: subprocess.Popen[str], home: Path) -> Run:
    """Call the function in a new process. Return how often its code came from the cache, and where that is."""

    def ask(cache: Path) -> tuple[int, str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
        environment |= {"HOME": str(home / "home"), "NUMBA_CACHE_DIR": str(cache)}
        assert program.stdin is not None
        assert program.stdout is not None
        print(json.dumps(environment), file=program.stdin, flush=True)
        hits, _, path = program.stdout.readline().strip().partition(" ")
        return int(hits), path

    return ask


@pytest.mark.slow
def test_the_cache_that_the_environment_names_is_used(run: Run, sample: Path, home: Path) -> None:
    cache = home / "cache"
    hits, place = run(cache)
    assert hits == 0
    assert run(cache) == (1, place)
    assert list(cache.rglob("*.nbi"))


@pytest.mark.slow
def test_a_changed_module_beside_the_functions_is_compiled_in(run: Run, sample: Path, home: Path) -> None:
    """Numba looks at the function's own module only, and would go on with the numbers of the old one."""
    cache = home / "cache"
    beside = sample.with_name("beside.py")
    beside.write_text("FACTOR = 2\n")
    assert run(cache)[0] == 0
    beside.write_text("FACTOR = 3\n")
    assert run(cache)[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o757])
def test_a_cache_that_others_can_write_is_neither_read_nor_written(
    run: Run, sample: Path, home: Path, mode: int
) -> None:
    cache = home / "cache"
    run(cache)
    (folder,) = cache.iterdir()
    folder.chmod(mode)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    hits, place = run(cache)
    assert hits == 0
    assert not place.startswith(str(cache))
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.slow
def test_where_every_place_is_shared_the_cache_is_in_a_private_folder(run: Run, sample: Path, home: Path) -> None:
    sample.parent.chmod(0o777)
    (sample.parent / "__pycache__").mkdir()
    (sample.parent / "__pycache__").chmod(0o777)
    (home / "home").mkdir()
    (home / "home").chmod(0o755)
    (home / "shared").mkdir()
    (home / "shared").chmod(0o777)
    hits, place = run(home / "shared")
    assert hits == 0
    assert place.startswith(str(home / "home"))
    assert run(home / "shared") == (1, place)
