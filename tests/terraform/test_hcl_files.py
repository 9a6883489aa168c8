"""Read the files of the stacks without Terraform: what is broken or refers to nothing is found on every machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.terraform.hcl_blocks import blocks_in, blocks_of, unreadable
from tests.terraform.provider_schema import STACKS
from tests.terraform.running import ROOT

FILES = sorted(
    path.relative_to(ROOT)
    for stack in STACKS
    for kind in ("*.tf", "*.tftest.hcl")
    for path in (ROOT / stack).rglob(kind)
)

#: How many labels each kind of top-level block has.
LABELS = {
    "check": 1, "data": 2, "import": 0, "locals": 0, "mock_provider": 1, "module": 1, "moved": 0, "output": 1,
    "override_data": 0, "override_resource": 0, "provider": 1, "removed": 0, "resource": 2, "run": 1, "terraform": 0,
    "variable": 1, "variables": 0,
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_can_be_read_and_has_blocks_that_terraform_knows(path: Path) -> None:
    text = (ROOT / path).read_text()
    assert unreadable(text) == ""
    found = [(block.name, len(block.labels)) for block in blocks_in(text)]
    assert found
    assert [each for each in found if LABELS.get(each[0]) != each[1]] == []


@pytest.mark.parametrize("stack", STACKS)
def test_what_is_referred_to_is_declared(stack: str) -> None:
    declared = set()
    for block in blocks_of(ROOT / stack):
        if block.name == "locals":
            declared |= {f"local.{name}" for name in block.arguments}
        elif block.name in {"variable", "resource", "data"}:
            prefix = {"variable": "var.", "data": "data."}.get(block.name, "")
            declared.add(prefix + ".".join(block.labels))
    text = "\n".join(path.read_text() for path in sorted((ROOT / stack).glob("*.tf")))
    text = re.sub(r"^\s*#.*", "", text, flags=re.MULTILINE)
    referred = set(re.findall(r"(?<![\w./\"-])((?:var|local)\.\w+|(?:data\.)?aws_\w+\.\w+)", text))
    assert len(referred) > 10
    assert referred - declared == set()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('a "b" {\n c = [1, 2\n}', "} closes nothing"),
        ('a "b" {\n c = "${d["e"]}"\n', "{ is not closed"),
        ('a "b" {\n c = "d\n}', "a string, text or comment has no end"),
        ("a {\n b = <<-TEXT\n }\n", "a string, text or comment has no end"),
        ('a {\n b = <<-TEXT\n }\n TEXT\n c = "${d["}"]}" # }\n}', ""),
    ],
)
def test_what_is_broken_is_seen(text: str, said: str) -> None:
    assert unreadable(text) == said
