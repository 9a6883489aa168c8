"""Check the repository itself: module sizes, who reads the environment, and what no tracked file may name."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from tests.measuring import is_there, slow_tests

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

#: Package registries, and paths of somebody's machine. Written so that no pattern matches itself.
FOREIGN = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org|registry\.terraform\.io"
    r"|(?<![\w.])/[w]ork/|\.\./[s]hared\b|/[r]oot/|/[h]ome/[a-z]|/[U]sers/[a-z]"
)

#: Calls that a module must not make while it is imported.
EFFECTS = re.compile(
    r"(.*\.)?(open|print|input|connect|mkdir|read_text|read_bytes|write_text|write_bytes|exists|now|today|time|monotonic"
    r"|getaddrinfo|urlopen|run|Popen|start|basicConfig|signal|filterwarnings)"
)


def tracked() -> list[Path]:
    """Return the files git knows, or without git (a source archive) those of the folders that are always there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0:
        return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]
    return [path for folder in ("src", "tests", "docs") for path in (ROOT / folder).rglob("*") if path.is_file()]


def texts(paths: list[Path]) -> Iterator[tuple[Path, str]]:
    for path in paths:
        data = path.read_bytes()
        if b"\0" not in data[:4096]:
            yield path.relative_to(ROOT), data.decode("utf-8", "replace")


def environment_reads(tree: ast.AST) -> list[int]:
    """Return the lines that read or write the environment through `os`."""
    names = ("environ", "environb", "getenv", "putenv")
    return [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == "os")
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and any(a.name in names for a in node.names))
    ]


def effects(tree: ast.Module) -> list[int]:
    """Return the lines that touch files, clock, network or processes while a module is imported."""

    def calls(node: ast.AST) -> Iterator[ast.Call]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return  # runs later
        if isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'":
            return
        if isinstance(node, ast.Call):
            yield node
        for child in ast.iter_child_nodes(node):
            yield from calls(child)

    return [call.lineno for call in calls(tree) if EFFECTS.fullmatch(ast.unparse(call.func))]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_a_module_is_short_has_no_import_effects_and_leaves_the_environment_to_config(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert text.count("\n") <= 400, "longer than 400 lines: split it by the question it answers"
    if path.name != "config.py":
        assert environment_reads(tree) == [], "only config.py reads the environment"
    assert effects(tree) == [], "importing a module must do nothing"


def test_the_checks_above_find_what_they_look_for() -> None:
    reads = "import os\nx = os.environ['A']\ny = os.getenv('B')\nfrom os import environ"
    assert sorted(environment_reads(ast.parse(reads))) == [2, 3, 4]
    touches = (
        'print(1)\nX = open("a")\nclass A:\n    t = time.time()\nY = dict(a=1)\ndef f(): print(2)\nZ = lambda: open(1)'
    )
    assert effects(ast.parse(touches)) == [1, 2, 4]


def test_no_tracked_file_names_a_package_registry_or_a_machines_path() -> None:
    found = [
        f"{path}:{number}: {line.strip()[:100]}"
        for path, text in texts(tracked())
        for number, line in enumerate(text.splitlines(), 1)
        if FOREIGN.search(line)
    ]
    assert found == []


def test_no_secret_state_or_environment_file_is_tracked() -> None:
    bad = re.compile(r"(\.(pem|key|tfstate|tfstate\.backup|tfvars|pickle|pkl)|(^|/)\.env|(^|/)\.terraform/.*)$")
    assert [path for path in tracked() if bad.search(path.relative_to(ROOT).as_posix())] == []


def test_no_tracked_file_is_above_two_megabytes() -> None:
    assert [path for path in tracked() if path.stat().st_size > 2_000_000] == []


def test_no_import_contract_has_an_exception() -> None:
    for contract in PROJECT["tool"]["importlinter"]["contracts"]:
        assert not {name for name in contract if name.startswith("ignore")}, contract["name"]


def test_no_public_class_name_and_no_module_name_is_used_twice() -> None:
    modules = [path.stem for path in SOURCES if path.stem != "__init__"]
    classes = [
        node.name
        for path in SOURCES
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    for names in (modules, classes):
        assert [name for name, count in Counter(names).items() if count > 1] == []


def test_the_table_of_the_stores_names_each_of_their_modules_with_its_size() -> None:
    modules = r"(backends/(sqlite|files|aws/dynamodb)/\w+|runtime/(corrections|carried_forecasts))\.py$"
    stores = [path for path in SOURCES if path.stem != "__init__" and re.search(modules, path.as_posix())]
    sizes = {path.stem: len(path.read_text().splitlines()) for path in stores}
    table = (ROOT / "docs/adr/0016-size-of-the-stores.md").read_text()
    rows = [(re.findall(r"`(\w+)`", names), int(lines)) for names, lines in re.findall(r"\| (`.*`) \| (\d+) \|", table)]
    assert sorted(name for names, _ in rows for name in names) == sorted(sizes)
    for names, lines in rows:
        assert sum(sizes[name] for name in names) == pytest.approx(lines, rel=0.1), names


def test_nothing_imports_a_test_module() -> None:
    """What two tests share belongs in a module of its own, or one test's change breaks the other."""
    found = []
    for path in (path for path in tracked() if path.suffix == ".py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{name}" for name in names]
            found += [f"{path.relative_to(ROOT)}: {name}" for name in names if re.match(r"tests\.(.*\.)?test_", name)]
    assert found == []


def test_every_test_that_is_listed_as_slow_exists() -> None:
    gone = [name for name in slow_tests() if not is_there(name)]
    assert gone == [], "python -m pytest -p tests.measuring with any test leaves them out of tests/slow.txt"


def test_unit_tests_stand_in_the_folder_of_what_they_test() -> None:
    rooms = {path.parent.relative_to(ROOT / "src/tapeline") for path in SOURCES}
    unit = ROOT / "tests/unit"
    folders = {path.parent.relative_to(unit) for path in tracked() if path.suffix == ".py" and unit in path.parents}
    assert folders - rooms == set()


def declared(*extras: str) -> set[str]:
    project = PROJECT["project"]
    wanted = project["dependencies"] + [r for extra in extras for r in project["optional-dependencies"][extra]]
    return {normal(re.match(r"[\w.-]+", requirement)[0]) for requirement in wanted}  # type: ignore[index]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(paths: list[Path]) -> set[str]:
    """Return the top-level names that these files import, at any depth."""
    found = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    absent = "backports" if sys.version_info >= (3, 14) else "compression"  # where one of the two is, the other is not
    return found - set(sys.stdlib_module_names) - {absent, "tapeline", "tests"}


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("src", ("aws", "sql", "train", "research", "yahoo", "notify", "calendars")),
        ("tests", ("aws", "sql", "train", "research", "yahoo", "notify", "calendars", "dev")),
        ("benchmarks", ("aws", "sql", "train", "research", "yahoo", "notify", "calendars", "dev", "bench")),
    ],
)
def test_every_imported_package_is_a_declared_dependency(folder: str, extras: tuple[str, ...]) -> None:
    """A package that is installed only because another one needs it may vanish with that one's next release."""
    distributions = packages_distributions()
    known = declared(*extras)
    paths = [path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] == folder]
    scripts = {path.stem for path in paths if folder == "benchmarks"}  # they may import each other
    names = {name: {normal(d) for d in distributions.get(name, [name])} for name in imported(paths) - scripts}
    assert {name for name, ways in names.items() if not ways & known} == set()


@pytest.mark.parametrize("path", ["constraints.txt", "benchmarks/constraints.txt"])
def test_pins_are_exact_versions_and_nothing_else(path: str) -> None:
    lines = (ROOT / path).read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.!+]+( ; [^@]+)?", line)] == []
    pinned = {normal(line.partition("==")[0]) for line in lines}
    extras = ("aws", "sql", "train", "research", "yahoo", "notify", "calendars", "docs", "dev") + (
        ("bench",) if "/" in path else ()
    )
    assert declared(*extras) - pinned == set()


def test_a_release_is_built_by_exact_versions_with_metadata_that_upload_tools_read() -> None:
    """hatchling's newest metadata are ahead of twine's, and its version is in the wheel."""
    assert [each for each in PROJECT["build-system"]["requires"] if "==" not in each] == []
    for target in ("wheel", "sdist"):
        assert PROJECT["tool"]["hatch"]["build"]["targets"][target]["core-metadata-version"] == "2.4"


def test_every_link_of_the_readme_is_absolute_where_it_stands_alone() -> None:
    text = (ROOT / "README.md").read_text()
    for change in PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(change["pattern"], change["replacement"], text)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    assert len(targets) > 20
    assert [target for target in targets if not re.match(r"https://|#", target)] == []


def test_another_address_of_the_repository_is_written_wherever_it_is_repeated() -> None:
    script = runpy.run_path(str(ROOT / "deploy" / "repository.py"))
    old = script["known"]()
    owner, name = old.split("/")
    address = re.compile(rf"(com/{owner}/{name}|{owner}\.github\.io/{name})(?![\w-])")
    having = {path.as_posix() for path, text in texts(tracked()) if address.search(text)}
    assert having == set(script["FILES"])
    for path in script["FILES"]:
        assert not address.search(script["changed"]((ROOT / path).read_text(), old, "someone/else"))


def test_the_pythons_that_are_named_are_those_that_the_workflows_run() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert len(named) > 3
    assert project["requires-python"] == f">={named[0]},<3.{int(named[-1][2:]) + 1}"
    for workflow in ("tests.yml", "release.yml"):
        (row,) = re.findall(r"python: \[(.*)\]", (ROOT / ".github" / "workflows" / workflow).read_text())
        assert re.findall(r"[\d.]+", row) == named, workflow


def test_a_version_is_known_with_and_without_a_build() -> None:
    """The build writes `_version.py` from the tag; the sources alone, without git, still start."""
    code = "import sys; sys.modules['tapeline._version'] = None; import tapeline; print(tapeline.__version__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    fallback = PROJECT["tool"]["hatch"]["version"]["fallback-version"]
    assert done.stdout.strip() == fallback
    assert f"ARG VERSION={fallback}" in (ROOT / "Dockerfile").read_text()


def test_every_extra_that_a_message_names_exists() -> None:
    named = set()
    for path in SOURCES:
        text = path.read_text()
        named |= set(re.findall(r"tapeline\[([a-z]+)\]", text))
        for call in re.findall(r"\b(?:import_extra|missing)\(([^()]*)\)", text):
            named |= set(re.findall(r'"([a-z]+)"$', call))
    assert {"train", "research", "yahoo", "notify", "sql", "aws", "calendars"} <= named
    assert named - set(PROJECT["project"]["optional-dependencies"]) == set()


@pytest.mark.parametrize("stamp", [".core", ".dev"])
def test_an_environment_is_installed_with_whole_names_of_extras(stamp: str) -> None:
    """A comma in the text of a `call` ends its argument, and pip and uv are then asked for half a list."""
    command = ["make", "-n", "VENV=elsewhere", f"elsewhere/{stamp}"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    asked = re.findall(r"-e '\.\[([a-z,]+)\]'; ", said)
    assert len(asked) == 2  # for uv, and for pip
    assert set(",".join(asked).split(",")) - set(PROJECT["project"]["optional-dependencies"]) == set()
