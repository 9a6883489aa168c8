"""What commands say of their parameters: one style in every help text, and why a value is refused, in own words."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

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
