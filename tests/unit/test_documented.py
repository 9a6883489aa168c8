"""Check the guides against the code: everything there is is described, and everything that they name exists."""

from __future__ import annotations

import ast
import functools
import importlib
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

from tapeline.app.config import all_settings, variable
from tapeline.cli.main import app

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/tapeline"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted((ROOT / "docs/tutorials").glob("*.md"))
USER_TEXT = "\n".join(path.read_text() for path in PAGES if path.name != "CONTRIBUTING.md")

#: First parts of paths that are not in the repository: in a data directory, a bucket or a package, or kinds of content.
ELSEWHERE = {
    "application", "archive", "aws", "build", "dist", "history", "models", "rejects", "rows", "rows-failed",
    "tapeline-data", "text",
}  # fmt: skip

#: Files that the guides tell a user to write.
WRITTEN_BY_USERS = {"backend.tf"}

#: Endings of file names that look like `module.name`.
FILES = {"db", "gz", "json", "md", "py", "service", "toml", "txt", "yml"}

#: Where a path that is not written from the top is looked for.
PLACES = [
    ROOT / folder
    for folder in ("src", "tests", "docs", "benchmarks", "services", "network", "delivery", "deploy", "notebooks")
]

#: Kinds of file that are part of the repository wherever they are named.
TRACKED = re.compile(r"[\w./-]*\w\.(py|tf|sh|ipynb)")

#: Variables of the environment that are not settings.
OTHER_VARIABLES = {
    "TAPELINE_SCREENSHOTS",
    "TAPELINE_MODEL",
    "TAPELINE_AUTOSTART",
    "TAPELINE_IMAGE",
    "TAPELINE_TOKEN",
    "TAPELINE_TRUSTED_PROXIES",
    "TAPELINE_VERSION",
}


# -- what there is -----------------------------------------------------------------------------------------------------


@functools.cache
def commands() -> Mapping[str, Any]:
    """Return each command as typed, groups included: `replay`, `models list`, ..."""
    found: dict[str, Any] = {}
    for name, unloaded in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        command = unloaded.load()
        subcommands = getattr(command, "commands", None)
        found |= {name: command} if subcommands is None else {f"{name} {sub}": c for sub, c in subcommands.items()}
    return found


def options(command: Any) -> set[str]:
    """Return the options of a command as typed."""
    return {"--help"} | {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


def settings() -> dict[str, str | None]:
    """Return the description of each setting by its name: `data_dir`, `aws.bucket`, ..."""
    return {name: field.description for name, field in all_settings().items()}


@functools.cache
def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@functools.cache
def names_of_tests() -> set[str]:
    """Return the names of test modules, of tests and of the folders of tests."""
    paths = [path for path in (ROOT / "tests").rglob("*.py") if "__pycache__" not in path.parts]
    names = {path.stem for path in paths}
    for path in paths:
        names |= {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}
    return names


# -- all of it is described --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", commands())
def test_every_command_is_described(command: str) -> None:
    assert f"tapeline {command}" in USER_TEXT


@pytest.mark.parametrize("setting", sorted(settings()))
def test_every_setting_is_described_and_has_a_text(setting: str) -> None:
    text = settings()[setting]
    assert text
    assert f"| `{setting}` | {text.removesuffix('.')}" in (ROOT / "README.md").read_text()


def test_every_option_has_a_help_text() -> None:
    for name, command in commands().items():
        assert command.help, name
        for parameter in command.params:
            text = getattr(parameter, "help", "-")
            assert text or parameter.param_type_name == "argument", (name, parameter.name)
            assert "\\" not in (text or ""), f"help is plain text, not markup: {name}, {parameter.name}"


# -- all that is named exists ------------------------------------------------------------------------------------------


def parts(text: str) -> tuple[list[str], list[str], str]:
    """Return the code spans of a page, the lines of its code blocks without their comments, and the prose."""
    blocks: list[str] = []

    def take(block: re.Match[str]) -> str:
        if block[1] in ("", "sh", "bash", "console", "python"):
            joined = block[2].replace("\\\n", " ")
            blocks.extend(re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines())
        return ""

    prose = re.sub(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", take, text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", prose), [line for line in blocks if line], prose


def links(prose: str, page: Path) -> Iterator[str]:
    """Yield the links to files and headings that do not exist."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists():
            yield f"link {target}"
        elif anchor and anchor not in {
            slug(title) for title in re.findall(r"^#+ (.*)", path.read_text(), re.MULTILINE)
        }:
            yield f"heading {target}"


def slug(title: str) -> str:
    """Return the anchor of a heading, as the hosts of repositories make it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def exists(path: str) -> bool:
    """Return whether a path, which may have wildcards, is in the repository, or by its last parts in a folder of it."""
    names = (path,) if path.endswith("/") else (path, path + ".py")  # pathlib takes the former for folders only
    found = (each for name in names for place in PLACES for each in (*ROOT.glob(name), *place.rglob(name)))
    return any("__pycache__" not in each.parts and (each.is_dir() or not path.endswith("/")) for each in found)


def is_path(span: str) -> bool:
    """Return whether a code span names a file or folder of the repository."""
    if TRACKED.fullmatch(span):
        return span not in WRITTEN_BY_USERS
    first, slash, _ = span.partition("/")
    return bool(re.fullmatch(r"[a-z_-]+/([\w.*-]+/)*[\w.*-]*", span)) and bool(slash) and first not in ELSEWHERE


def resolves(name: str) -> bool:
    """Return whether a dotted name is a module of tapeline, or something in one."""
    names = name.split(".")
    for end in range(len(names), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(names[:end]))
        except ModuleNotFoundError as error:
            if error.name is None or not name.startswith(error.name):
                raise
            continue
        return all((found := getattr(found, each, None)) is not None for each in names[end:])
    return False


@functools.cache
def modules() -> dict[str, str]:
    """Return the dotted name of each module by its last part."""
    paths = [path for path in PACKAGE.rglob("*.py") if path.stem != "__init__"]
    return {path.stem: ".".join(path.relative_to(ROOT / "src").with_suffix("").parts) for path in paths}


@functools.cache
def terraform_variables() -> set[str]:
    texts = [path.read_text() for folder in ("services", "network") for path in (ROOT / folder).glob("*.tf")]
    return set(re.findall(r'^variable "(\w+)"', "\n".join(texts), re.MULTILINE))


def dotted_names(span: str) -> Iterator[str]:
    """Yield the names in a code span that are about the package: `tapeline.x.y`, or `module.name`."""
    for name in re.findall(r"(?<![\w./:@-])[a-z_]\w*(?:\.[A-Za-z_]\w*)+(?![\w/-])", span):
        first, _, rest = name.partition(".")
        if rest.rpartition(".")[2] in FILES:
            continue
        if first == "tapeline":
            yield name
        elif first in modules() and span == name and name not in settings() and first not in terraform_variables():
            yield f"{modules()[first]}.{rest}"


def command_faults(line: str) -> Iterator[str]:
    """Yield the commands of tapeline in a line that do not exist, and the options that they do not have."""
    service = r"compose \S+ \S+ (?:exec|run --rm) tapeline "  # its name, in front of the command
    for typed in re.findall(rf"(?:^|{service}|[\s/(])(tapeline [a-z][^|&;`<>]*)", line):
        try:
            words = shlex.split(typed)[1:]
        except ValueError:  # an apostrophe in prose
            words = typed.split()[1:]
        named = [n for n in (" ".join(words[:2]), words[0]) if n in commands()]
        groups = {name.split(" ")[0] for name in commands() if " " in name}
        if not named and not (words[0] in groups and len(words) == 1):
            yield f"command tapeline {' '.join(words[:2])}"
        for word in words:
            if word.startswith("--") and named and word.partition("=")[0] not in options(commands()[named[0]]):
                yield f"option tapeline {named[0]} {word}"


def program_faults(line: str) -> Iterator[str]:
    """Yield the make targets and the Python programs in a line that do not exist."""
    for target in re.findall(r"(?:^|[\s(])make ([a-z][a-z-]*)", line):
        if target not in make_targets():
            yield f"target make {target}"
    for name in re.findall(r"python3? -m ((?:tests|benchmarks|tapeline)[\w.]*)", line):
        if not exists(name.replace(".", "/").removeprefix("tapeline/")):
            yield f"module {name}"
    for path in re.findall(r"(?:python3?|pytest|sh) ((?:[\w-]+/)+[\w.-]*)", line):
        if not exists(path):
            yield f"path {path}"


def python_faults(lines: list[str]) -> Iterator[str]:
    """Yield the names that code blocks import from tapeline and that do not exist."""
    for line in lines:
        if found := re.match(r"from (tapeline[\w.]*) import ([\w, ]+)", line):
            for name in found[2].split(","):
                if not resolves(f"{found[1]}.{name.split(' as ')[0].strip()}"):
                    yield f"import {found[1]}.{name.strip()}"


def made_by(text: str) -> set[str]:
    """Return the files that a page's own changes and commands make, and the names of the test modules among them."""
    paths = set(re.findall(r"^(?:\+\+\+ b/|cp \S+ )(\S+)$", text, re.MULTILINE))
    commands_of_blocks = parts(text)[1]
    written = (re.fullmatch(r".*\b(?:cat|echo|printf) .* >>? ([\w./-]+)\)?", line) for line in commands_of_blocks)
    return paths | {Path(path).stem for path in paths} | {found[1] for found in written if found}


def faults(page: Path) -> Iterator[str]:
    """Yield everything that a page names and that does not exist."""
    text = page.read_text()
    made = made_by(text)
    yield from (fault for fault in _all_faults(page, text) if fault.partition(" ")[2] not in made)


def _all_faults(page: Path, text: str) -> Iterator[str]:
    spans, lines, prose = parts(text)
    yield from links(prose, page)
    known_options = {option for command in commands().values() for option in options(command)}
    variables = {variable(name) for name in settings()} | OTHER_VARIABLES
    for span in spans:
        if is_path(span) and not exists(span):
            yield f"path {span}"
        yield from (f"name {name}" for name in dotted_names(span) if not resolves(name))
        if re.fullmatch(r"--[a-z-]+", span) and span not in known_options:
            yield f"option {span}"
    for line in [*spans, *lines]:
        yield from command_faults(line)
        yield from program_faults(line)
        yield from (f"variable {name}" for name in re.findall(r"TAPELINE_\w*[A-Z]", line) if name not in variables)
        yield from (f"test {name}" for name in re.findall(r"\btest_\w+", line) if name not in names_of_tests())
    yield from python_faults(lines)
    for row in re.findall(r"^\| [Ss]etting \|.*\n\|[-| ]*\n((?:\|.*\n)+)", prose, re.MULTILINE):
        cells = re.findall(r"^\|([^|]*)\|", row, re.MULTILINE)
        for name in (name for cell in cells for name in re.findall(r"`([^`]+)`", cell)):
            if name not in settings() and name not in variables:
                yield f"setting {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_everything_a_page_names_exists(page: Path) -> None:
    found = list(dict.fromkeys(faults(page)))
    assert not found, "\n".join(["these do not exist:", *found])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](no.md)", "link no.md"),
        ("[a](README.md#no-such)", "heading README.md#no-such"),
        ("`src/tapeline/no.py`", "path src/tapeline/no.py"),
        ("`core/no.py`", "path core/no.py"),
        ("`sources/files`", "path sources/files"),
        ("`tapeline.core.market.No`", "name tapeline.core.market.No"),
        ("`market.NO`", "name tapeline.core.market.NO"),
        ("`tapeline live TSLA`", "command tapeline live TSLA"),
        ("`tapeline models no`", "command tapeline models no"),
        ("```\ntapeline demo --no\n```", "option tapeline demo --no"),
        ("`--no-such-option`", "option --no-such-option"),
        ("`make nothing`", "target make nothing"),
        ("`python -m tests.aws.nothing`", "module tests.aws.nothing"),
        ("`TAPELINE_NOTHING`", "variable TAPELINE_NOTHING"),
        ("see `test_nothing_at_all`", "test test_nothing_at_all"),
        ("```python\nfrom tapeline.core.market import No\n```", "import tapeline.core.market.No"),
        ("| Setting | What |\n|---|---|\n| `no_such` | x |\n", "setting no_such"),
    ],
)
def test_what_does_not_exist_is_found(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "README.md").write_text("# Title\n")
    page = tmp_path / "page.md"
    page.write_text(text + "\n")
    assert list(faults(page)) == [expected]


def test_what_exists_is_accepted(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A title\n[a](#a-title) `src/tapeline/core/market.py` `core/market.py` `tests/e2e/test_kill.py` `rows/`\n"
        "`bar_faults.FAULTS` `tapeline.core.market.Bars` `tapeline models list --name x` `make test` `tapeline.db`\n"
        "```\ntapeline demo --port 8001 | cat  # tapeline nothing\n.venv/bin/python -m tests.aws.schedules 1000\n```\n"
    )
    assert list(faults(page)) == []
