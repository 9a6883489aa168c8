"""Join the page's JavaScript modules into two answers, as they are: eighty requests would hold up the first chart.

The files stay what a browser could load one by one, without a build step: this only wraps each in a function, in the
order in which they would run, and passes on what they export. It reads the forms of `import` and `export` that the
page's modules use, and refuses all others; nothing else in them is read or changed.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

_IMPORT = re.compile(r'^import (?:(?P<names>\{[^}\n]*\}|\* as \w+) from )?"(?P<place>[^"]+)";.*$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?P<kind>class|function|async function|const|let) (?P<name>\w+))", re.MULTILINE)
_BEFORE = "$before"
_OTHER = re.compile(r"^(?:import|export)\b(?! ?\().*$", re.MULTILINE)


def joined(folder: Path, entry: str, before: str | None = None) -> str:
    """Return the module `entry` of a folder together with all that it imports, as the text of one module.

    `before` is a joined module that runs earlier: what it has is taken from it, so that it is there once only. What
    lies in `vendor` is imported as it is. The result exports what `entry` does, and as `modules` what each of the
    joined modules exports, by its path, those of `before` too.

    Raises `ValueError` for a form of `import` or `export` that it cannot join, and for modules that import each other.
    """
    kept = [] if before is None else _closure(folder, before)
    order = [path for path in _closure(folder, entry) if path not in kept and not path.startswith("vendor/")]
    outside: dict[str, str] = {}
    names = {path: _BEFORE if path == before else f'{_BEFORE}.modules["{path}"]' for path in kept}
    names |= {path: f"$m{i}" for i, path in enumerate(order)}
    parts = []
    for path in order:
        body = _linked(folder, path, names, outside)
        if path == entry:
            shown = [f"...{_BEFORE}.modules"] * (before is not None)
            shown += [f'"{each}": {names[each]}' for each in order[:-1]]
            parts.append(f"{body}\nexport const modules = {{ {', '.join(shown)} }};\n")
            continue
        shown = [f"get {name}() {{ return {name}; }}" if kind == "let" else name for kind, name in _exports(body)]
        parts.append(
            f"const {names[path]} = (() => {{\n{_EXPORT.sub('', body)}\nreturn {{ {', '.join(shown)} }};\n}})();\n"
        )
    base = posixpath.dirname(entry)
    heads = [f'import * as {name} from "{_relative(path, base)}";\n' for path, name in outside.items()]
    if before is not None:
        heads.insert(0, f'import * as {_BEFORE} from "{_relative(before, base)}";\n')
    return "".join(heads + parts)


def _exports(text: str) -> list[tuple[str, str]]:
    """Return what a module exports: kinds and names."""
    return [(each["kind"], each["name"]) for each in _EXPORT.finditer(text)]


def _closure(folder: Path, entry: str) -> list[str]:
    """Return the paths of a module and of all that it imports, each after what it imports itself."""
    order: list[str] = []
    open_: list[str] = []

    def visit(path: str) -> None:
        if path in open_:
            raise ValueError(f"{path}: imports itself by way of {', '.join(open_[open_.index(path) + 1 :])}")
        if path in order:
            return
        open_.append(path)
        for found in () if path.startswith("vendor/") else _IMPORT.finditer((folder / path).read_text("utf-8")):
            visit(_resolved(path, found["place"]))
        order.append(open_.pop())

    visit(entry)
    return order


def _linked(folder: Path, path: str, names: dict[str, str], outside: dict[str, str]) -> str:
    """Return a module's text with its imports taken from the joined modules, or from `outside`, which is added to."""

    def link(found: re.Match[str]) -> str:
        target = _resolved(path, found["place"])
        source = names.get(target) or outside.setdefault(target, f"$o{len(outside)}")
        if found["names"] is None:
            return ""
        wanted = found["names"].removeprefix("* as ")
        if found["names"] == wanted and target in names:
            changing = {name for kind, name in _exports((folder / target).read_text("utf-8")) if kind == "let"}
            if changing & set(re.findall(r"\w+", wanted)):
                raise ValueError(f"{path}: it would have a copy of what changes in {target}; import * as one name")
        return f"const {wanted.replace(' as ', ': ')} = {source};"

    text = _IMPORT.sub(link, (folder / path).read_text("utf-8"))
    other = _OTHER.search(_EXPORT.sub("", text))
    if other:
        raise ValueError(f"{path}: this form cannot be joined: {other[0]}")
    return text


def _resolved(path: str, place: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), place))


def _relative(path: str, base: str) -> str:
    found = posixpath.relpath(path, base)
    return found if found.startswith(".") else f"./{found}"
