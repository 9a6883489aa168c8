"""Read which blocks and arguments Terraform's files have, not their values: enough to hold them against a schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

#: What Terraform itself reads in a resource; it is no argument of the provider's.
_TERRAFORMS_OWN = {"count", "for_each", "depends_on", "provider", "lifecycle", "connection", "provisioner"}

_TOKEN = re.compile(r"[ \t]+|(?P<comment>#|//|/\*)|<<-?(?P<heredoc>\w+)\n|(?P<name>[A-Za-z_][\w-]*)|(?P<any>.|\n)")

_CLOSES = {")": "(", "]": "[", "}": "{"}


@dataclass(slots=True)
class Block:
    """Hold a block: its arguments and the blocks in it, those that `dynamic` makes included."""

    name: str
    labels: tuple[str, ...] = ()
    arguments: set[str] = field(default_factory=set)
    blocks: list[Block] = field(default_factory=list)


def blocks_of(folder: Path) -> list[Block]:
    """Return the top-level blocks of all files of a stack."""
    return [block for path in sorted(folder.glob("*.tf")) for block in blocks_in(path.read_text())]


def blocks_in(text: str) -> list[Block]:
    """Return the top-level blocks of a file."""
    return _Reader(text).body(Block("")).blocks


def resources_of(folder: Path) -> Iterator[tuple[str, Block]]:
    """Yield the type of each resource and data source (`data.` stands before these), with its block."""
    for block in blocks_of(folder):
        if block.name in {"resource", "data"}:
            block.arguments -= _TERRAFORMS_OWN
            block.blocks = [inner for inner in block.blocks if inner.name not in _TERRAFORMS_OWN]
            yield ("data." if block.name == "data" else "") + block.labels[0], block


def unreadable(text: str) -> str:
    """Say what is not closed in a file, or closed twice, '' for nothing: brackets, strings, texts and comments."""
    reader, opened = _Reader(text), list[str]()
    try:
        while token := reader.next():
            if token in _CLOSES.values():
                opened.append(token)
            elif token in _CLOSES and (opened.pop() if opened else "") != _CLOSES[token]:
                return f"{token} closes nothing"
    except (AssertionError, IndexError, ValueError):
        return "a string, text or comment has no end"
    return f"{opened[-1]} is not closed" if opened else ""


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def body(self, block: Block) -> Block:
        """Read arguments and blocks up to the end of the block."""
        name, labels = "", list[str]()
        while token := self.next():
            if token == "}":
                break
            if token == "=":
                block.arguments.add(name)
                self._skip_value()
                name = ""
            elif token == "{":
                block.blocks.append(_made(self.body(Block(name, tuple(labels)))))
                name, labels = "", []
            elif token.startswith('"'):
                labels.append(token.strip('"'))
            elif token != "\n":
                name = token
        return block

    def _skip_value(self) -> None:
        """Go to the end of an argument: the first end of a line outside of all brackets."""
        depth = 0
        while token := self.next():
            depth += (token in {"(", "[", "{"}) - (token in {")", "]", "}"})
            if token == "\n" and not depth:
                return

    def next(self) -> str:
        """Return the next name, string or sign, '' at the end. Comments, blanks and heredocs are passed over."""
        while found := _TOKEN.match(self._text, self._at):
            start, self._at = self._at, found.end()
            if found["comment"]:
                end = "*/" if found["comment"] == "/*" else "\n"
                self._at = self._text.index(end, self._at) + (2 if end == "*/" else 0)
            elif found["heredoc"]:
                end_of_text = re.compile(rf"^\s*{found['heredoc']}$", re.MULTILINE).search(self._text, self._at)
                assert end_of_text is not None
                self._at = end_of_text.end()
            elif found["any"] == '"':
                self._skip_string()
                return self._text[start : self._at]
            elif found["name"] or found["any"]:
                return found[0]
        return ""

    def _skip_string(self) -> None:
        """Go behind the closing quote: an expression `${...}` may have strings of its own."""
        while (sign := self._text[self._at]) != '"':
            if sign == "\\":
                self._at += 1
            elif self._text.startswith("${", self._at) and self._text[self._at - 1] != "$":
                self._at += 2
                depth = 1
                while depth:
                    token = self.next()
                    depth += (token == "{") - (token == "}")
                continue
            self._at += 1
        self._at += 1


def _made(block: Block) -> Block:
    """Return the block that a `dynamic` one makes, other blocks as they are."""
    if block.name != "dynamic":
        return block
    (content,) = (inner for inner in block.blocks if inner.name == "content")
    return Block(block.labels[0], (), content.arguments, content.blocks)
