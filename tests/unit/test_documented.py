"""Every command and every setting is described where a user looks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from tapeline.app.config import Settings
from tapeline.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = "\n".join(path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))])


def commands() -> list[str]:
    """Each command as typed, groups included: `replay`, `models list`, ..."""
    root = typer.main.get_command(app)
    found = []
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        found += [f"{name} {sub}" for sub in getattr(command, "commands", {})] or [name]
    return found


@pytest.mark.parametrize("command", commands())
def test_every_command_is_described(command: str) -> None:
    assert f"tapeline {command}" in PAGES


@pytest.mark.parametrize("setting", sorted(Settings.model_fields))
def test_every_setting_is_described_and_has_a_text(setting: str) -> None:
    assert f"`{setting}`" in (ROOT / "README.md").read_text()
    assert Settings.model_fields[setting].description


def test_every_option_has_a_help_text() -> None:
    root = typer.main.get_command(app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        for each in getattr(command, "commands", {name: command}).values():
            assert each.help, name
            for parameter in each.params:
                text = getattr(parameter, "help", "-")
                assert text or parameter.param_type_name == "argument", (name, parameter.name)
                assert not re.search(r"(?<!\\)\[", text or ""), f"rich takes it for markup: {name}, {parameter.name}"
