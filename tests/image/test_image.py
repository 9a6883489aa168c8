"""Check the Dockerfile as far as possible without an engine; `make try-image` runs its steps."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

from tests.image.confinement import Confinement, unavailable
from tests.image.layout import laid_out

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
START = ROOT / "deploy" / "start.sh"


@pytest.mark.skipif(sys.platform != "linux", reason="hadolint is installed on Linux only")
def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.stdout + done.stderr == ""


def test_nothing_but_the_install_is_copied_out_of_the_build() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.findall(r"^COPY .*--from=build (\S+)", final, re.MULTILINE) == ["/opt/tapeline"]
    assert not re.search(r"gcc|g\+\+|build-essential|make\b", final)


def test_bases_are_pinned() -> None:
    bases = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", bases.pop())


def test_all_but_tapeline_is_installed_by_its_hash_and_nothing_is_fetched_for_the_build() -> None:
    """An option that pip does not get lets it fetch what no list names."""
    arguments = re.findall(r"/pip (?:install|wheel) (.*?)(?: \\)?$", DOCKERFILE, re.MULTILINE)
    listed = [
        each for each in arguments if re.search(r" --only-binary :all: --require-hashes -r deploy/\w+\.txt$", each)
    ]
    assert [each.rpartition("/")[2] for each in listed] == ["build.txt", "locked.txt"]
    own = [each for each in arguments if each not in listed]
    assert [each.rpartition(" ")[2] for each in own] == [".", "wheels/*.whl"]
    assert all(" --no-index --no-deps " in each for each in own)
    assert " --no-build-isolation " in own[0]
    assert "bin/pip check" in DOCKERFILE


def test_the_lists_name_all_that_the_image_and_its_build_ask_for() -> None:
    """What `--no-deps` leaves out would be missed when a command runs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    asked = {
        "build.txt": project["build-system"]["requires"],
        "locked.txt": project["project"]["dependencies"]
        + [each for name in ("aws", "train", "yahoo", "notify") for each in extras[name]],
    }
    for name, requirements in asked.items():
        text = (ROOT / "deploy" / name).read_text()
        locked = {found[1]: found[2] for found in re.finditer(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)}
        wanted = {each: re.split(r"[^\w-]", each)[0] for each in requirements}
        assert set(wanted.values()) - locked.keys() == set()
        exact = {each for each in wanted if re.fullmatch(r"[\w-]+==[\d.]+", each)}
        assert {each for each in exact if each != f"{wanted[each]}=={locked[wanted[each]]}"} == set()


#: The work directory as it was: Lambda's user could not enter it, and the function could not start.
CLOSED = DOCKERFILE.replace("\nWORKDIR /opt/tapeline\n", "\nWORKDIR /var/lib/tapeline\n")

LOOKS_FOR_SETTINGS = """
try:
    open("tapeline.toml")
except FileNotFoundError:
    print("no settings here")
"""


@pytest.mark.skipif(bool(unavailable()), reason="only root on Linux can become another user")
@pytest.mark.parametrize("works", [True, False])
def test_a_user_who_owns_nothing_can_start_in_the_work_directory(works: bool) -> None:
    assert CLOSED != DOCKERFILE
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        root = Path(folder)
        root.chmod(0o755)
        layout = laid_out(DOCKERFILE if works else CLOSED, root)
        python = str(Path(sys.executable).resolve())  # the one of an environment cannot be reached
        command = Confinement(root, layout.work_directory).command(python, "-c", LOOKS_FOR_SETTINGS)
        done = subprocess.run(command, env=layout.environment, capture_output=True, text=True, check=False)
        assert ("no settings here" in done.stdout) == works, done.stderr
        assert ("PermissionError" in done.stderr) == (not works), done.stderr


def test_copied_files_are_not_ignored() -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [name for names in re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", DOCKERFILE, re.MULTILINE)
              for name in names.split()]  # fmt: skip
    assert sorted(copied) == sorted(kept)
    assert all((ROOT / name).exists() for name in copied)


def test_kernels_are_compiled_for_any_processor_in_both_stages() -> None:
    for stage in DOCKERFILE.split("\nFROM ")[1:]:
        assert "NUMBA_CPU_NAME=generic" in stage
        assert "NUMBA_CACHE_DIR=/opt/tapeline/numba" in stage


@pytest.mark.parametrize("writable", [True, False])
def test_the_start_script_copies_the_cache_to_a_writable_folder(tmp_path: Path, writable: bool) -> None:
    cache, home = tmp_path / "cache", tmp_path / "home"
    cache.mkdir()
    home.mkdir()
    (cache / "kernel.nbc").write_text("machine code")
    seen = cache if writable else tmp_path / "nothing"
    environment = {"NUMBA_CACHE_DIR": str(seen), "TAPELINE_DATA_DIR": str(home), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["/bin/sh", START, "/bin/sh", "-c", 'echo "$NUMBA_CACHE_DIR"'],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == str(cache if writable else home / ".numba")


def test_the_start_script_knows_sagemakers_words(tmp_path: Path) -> None:
    (tmp_path / "python").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "python").chmod(0o755)
    for word in ("train", "serve"):
        done = subprocess.run(
            ["/bin/sh", START, word], env={"PATH": f"{tmp_path}:/usr/bin:/bin", "TAPELINE_DATA_DIR": str(tmp_path)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == f"-m tapeline.lambdas.sagemaker {word}"
