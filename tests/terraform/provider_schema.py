"""Know what version 6 of the AWS provider takes, of the types that the stacks have: `provider_6.json`.

The provider itself is on Terraform's registry only. Its schema is also in the npm package `@cdktf/provider-aws`, whose
classes are generated from it; `python -m tests.terraform.provider_schema FOLDER` reads them there and writes the file
anew, after a type or a block was added to a stack:

    npm pack @cdktf/provider-aws@21.22.1 && tar xzf cdktf-provider-aws-21.22.1.tgz
    python -m tests.terraform.provider_schema package
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.terraform.hcl_blocks import Block, resources_of
from tests.terraform.running import ROOT

SCHEMA = Path(__file__).with_name("provider_6.json")
STACKS = ("delivery", "network", "services")

_ENTRY = re.compile(
    r"(\w+): \{\s+value: (?P<value>.*?),\n\s+isBlock: (?P<block>true|false),"
    r'\s+type: "(?P<type>\w+)",\s+storageClassType: "(?P<kind>\w+)"'
)

#: What is written of a body: required and optional arguments, all that can be read, blocks (those that a stack has with
#: their bodies, others null), and the blocks that are required.
Body = dict[str, Any]


class _Package:
    """Read one type of the package."""

    def __init__(self, folder: Path, kind: str) -> None:
        name = kind.replace("data.aws_", "data-aws-").removeprefix("aws_").replace("_", "-")
        own = folder / "lib" / name
        self._code = "".join(path.read_text() for path in sorted(own.glob("*.js")))
        self._types = "".join(path.read_text() for path in sorted(own.glob("*.d.ts")))

    def version(self) -> str:
        found = re.search(r"providers/hashicorp/aws/([\d.]+)/docs", self._types)
        assert found is not None
        return found[1]

    def resource(self, used: list[Block]) -> Body:
        entries = re.search(r"synthesizeHclAttributes\(\) \{\s+const attrs = \{(.*?)\n {8}\};", self._code, re.DOTALL)
        (config,) = set(re.findall(r"export interface (\w+Config) extends cdktf.TerraformMetaArguments", self._types))
        body = self._body(entries[1] if entries else "", config, used)
        body["read"] = sorted(self._read())
        return body

    def _read(self) -> set[str]:
        own = self._code[self._code.rindex("extends cdktf.Terraform") :]
        return set(re.findall(r"""(?:Attribute\(|(?:Reference|List|Map)\(this, )["'](\w+)""", own))

    def _struct(self, name: str, used: list[Block]) -> Body:
        entries = re.search(
            rf"function {name}ToHclTerraform\(.*?const attrs = \{{(.*?)\n    \}};", self._code, re.DOTALL
        )
        assert entries is not None, name
        return self._body(entries[1], name[0].upper() + name[1:], used)

    def _body(self, text: str, interface: str, used: list[Block]) -> Body:
        written = re.search(rf"export interface {interface} .*?\{{(.*?)\n\}}", self._types, re.DOTALL)
        assert written is not None, interface
        needed = {_plain(name) for name in re.findall(r"readonly (\w+):", written[1])}
        body: Body = {"required": [], "optional": [], "blocks": {}, "required_blocks": []}
        for name, value, block, _, kind in _ENTRY.findall(text):
            required = _plain(name) in needed
            if block == "false" or kind == "any":
                body["required" if required else "optional"].append(name)
                continue
            inner = [each for one in used for each in one.blocks if each.name == name]
            struct = re.search(r"(\w+)ToHclTerraform", value)
            body["blocks"][name] = self._struct(struct[1], inner) if inner and struct else None
            if required:
                body["required_blocks"].append(name)
        return body


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def used_types() -> dict[str, list[Block]]:
    """Return the blocks of each type of resource and data source in the stacks."""
    found: dict[str, list[Block]] = {}
    for stack in STACKS:
        for kind, block in resources_of(ROOT / stack):
            if "aws_" in kind:
                found.setdefault(kind, []).append(block)
    return dict(sorted(found.items()))


def main(folder: Path) -> None:
    packages = {kind: (_Package(folder, kind), used) for kind, used in used_types().items()}
    (version,) = {package.version() for package, _ in packages.values()}
    lines = [f'"provider": "{version}"']
    lines += [f'"{kind}": {json.dumps(package.resource(used))}' for kind, (package, used) in packages.items()]
    SCHEMA.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
