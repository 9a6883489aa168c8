"""Pages of the documentation site that are made: commands, settings, Python, indicators, decisions, and the first.

MkDocs calls `on_files` and `on_page_markdown` (mkdocs.yml, `hooks`). Links to files outside docs/ become links to the
repository; the README is the home page.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import indicator_pictures
import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tapeline import _PLACES as PLACES
from tapeline.app.config import all_settings, variable
from tapeline.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Source"] + "/blob/main/"

#: What of the package is meant to be imported by others: its functions, then what those meet who extend it.
PYTHON = (
    *(f"tapeline.app.{module}.{name}" for name, module in PLACES.items()),
    "tapeline.app.server_client.ServerClient",
    "tapeline.core.market",
    "tapeline.core.rows",
    "tapeline.core.messages",
    "tapeline.core.ports",
    "tapeline.errors",
)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    made = {
        "index.md": home(),
        "adr/index.md": decisions(),
        "reference/commands.md": commands(),
        "reference/settings.md": settings(),
        "reference/indicators_in_pictures.md": indicator_pictures.page(),
        "reference/python.md": "# Python\n\n" + "\n\n".join(f"::: {name}" for name in PYTHON) + "\n",
    }
    made |= {f"reference/pictures/{name}.svg": svg for name, svg in indicator_pictures.pictures()}
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links to files outside docs/ point to the repository, and those of the README into the site."""
    start = "" if page.file.src_uri == "index.md" else posixpath.join("docs", posixpath.dirname(page.file.src_uri))

    def target(link: re.Match[str]) -> str:
        path, mark, anchor = link[2].partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return link[0]
        whole = posixpath.normpath(posixpath.join(start, path))
        inside = whole.removeprefix("docs/")
        if whole.startswith("docs/") and files.get_file_from_path(inside):
            here = posixpath.dirname(page.file.src_uri)
            return f"{link[1]}({posixpath.relpath(inside, here or '.')}{mark}{anchor})"
        return f"{link[1]}({REPOSITORY}{whole}{mark}{anchor})"

    return re.sub(r"(\[(?:[^\]\[]|\n)*\])\(([^)\s]+)\)", target, markdown)


def on_post_page(output: str, *, page: Page, config: MkDocsConfig) -> str:
    """Load the theme's one script from elsewhere, which lets search work from a folder, from the site itself."""
    return _at_home(output, posixpath.dirname(page.file.dest_uri))


def on_post_template(output_content: str, *, template_name: str, config: MkDocsConfig) -> str:
    """Do the same for the page of what is not found."""
    return _at_home(output_content, "")


def home() -> str:
    """Return the README, with the drawing of the architecture's page for the one that a program would have to draw."""
    drawing = re.search(r"^```\n.*?^```", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE | re.DOTALL)
    parts = re.split(r"^```mermaid\n.*?^```", (ROOT / "README.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    return (drawing[0] if drawing else "").join(parts)


def decisions() -> str:
    """Return the list of decisions, each with the heading of its page."""
    pages = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    titles = [(page.name, page.read_text().partition("\n")[0].removeprefix("# ")) for page in pages]
    return "# Decisions\n\n" + "\n".join(f"- [{title}]({name})" for name, title in titles) + "\n"


def commands() -> str:
    """Return the page of every command with its arguments and options."""
    lines = ["# Commands", "", "Made from the commands themselves: `tapeline COMMAND --help` says the same.", ""]
    for name, command in _commands():
        usage = " ".join(["tapeline", name, *_arguments(command)])
        lines += [f"## tapeline {name}", "", "```text", f"{usage} [OPTIONS]", "```", "", command.help or "", ""]
        options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
        if options:
            lines += ["| option | |", "| --- | --- |"]
            lines += [f"| `{', '.join([*p.opts, *p.secondary_opts])}` | {_cell(p.help or '')} |" for p in options]
            lines.append("")
    return "\n".join(lines)


def settings() -> str:
    """Return the page of every setting: its name in `tapeline.toml`, its variable, its default."""
    lines = ["# Settings", "", "Flags count first, then the environment, then `tapeline.toml`.", ""]
    lines += ["| setting | variable | default | |", "| --- | --- | --- | --- |"]
    for name, field in all_settings().items():
        default = "" if field.is_required() else str(field.get_default(call_default_factory=True))
        shown = f"`{default}`" if default else "none"
        lines.append(f"| `{name}` | `{variable(name)}` | {_cell(shown)} | {_cell(field.description or '')} |")
    return "\n".join(lines) + "\n"


def _at_home(output: str, folder: str) -> str:
    own = posixpath.relpath("vendor/iframe-worker.js", folder or ".")
    return output.replace("https://unpkg.com/iframe-worker/shim", own)


def _commands() -> Iterator[tuple[str, Any]]:
    for name, unloaded in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        command = unloaded.load()
        inner = getattr(command, "commands", None)
        yield from [(name, command)] if inner is None else [(f"{name} {sub}", c) for sub, c in inner.items()]


def _arguments(command: Any) -> list[str]:
    found = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    return [f"{p.name.upper()}{'...' if p.nargs == -1 else ''}" for p in found]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
