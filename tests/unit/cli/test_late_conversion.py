"""What commands say of their parameters: one style in every help text, and why a value is refused, in own words."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from tapeline.cli.command_list import COMMANDS
from tapeline.cli.main import app


def said(*arguments: str) -> str:
    return CliRunner().invoke(app, arguments).output


def test_arguments_are_capitals_and_options_have_a_type() -> None:
    text = said("odds", "--help")
    assert said("help", "odds") == text
    assert "{SYMBOL}" in text
    assert "  SYMBOL  Such as TSLA." in text
    assert "  --within <int>  " in text
    assert "--of <str>" in said("alerts", "list", "--help")
    assert "as if they had come one by one." in " ".join(said("alerts", "--help").split())  # the whole sentence


@pytest.mark.parametrize("group", [name for name, (place, _) in COMMANDS.items() if place.endswith(".app")])
def test_a_group_alone_lists_its_commands(group: str) -> None:
    assert "Commands:\n" in said(group)


def test_an_option_before_its_command_is_told_where_it_goes() -> None:
    assert "--data-dir goes after the command: tapeline models list --data-dir" in " ".join(
        said("models", "--data-dir", "my").split()
    )
    assert "goes after the command: tapeline models show --data-dir" in said("models", "--data-dir=my", "show")
    assert "goes after the command: tapeline show --data-dir" in said("--data-dir", "my", "show", "TSLA")
    assert "No such option: --foo" in said("models", "--foo")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("odds", "TSLA", "--at", "300", "--within", "25"), "'--within': '25' is not a whole number from 1 to 20"),
        (("odds", "TSLA", "--at", "x"), "'--at': 'x' is not a number"),
        (("odds", "TSLA", "--at", "-5"), "a price is above 0"),
        (("odds", "TSLA"), "give one price, such as 240"),
        (("odds", "TSLA", "240", "--at", "240"), "give one price, such as 240"),
        (("show", "TSLA", "--last", "0"), "'--last': '0' is not a whole number of at least 1"),
        (("dashboard", "--port", "x"), "'--port': 'x' is not a whole number"),
        (("train", "--on", "foo"), "'--on': 'foo' is not one of here, sagemaker"),
        (("train", "--until", "2024-13-01"), "'--until': '2024-13-01' is not a date such as 2024-01-31,"),
    ],
)
def test_a_value_that_is_refused_is_told_what_is_allowed(arguments: tuple[str, ...], why: str) -> None:
    assert why in said(*arguments)
